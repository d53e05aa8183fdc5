"""Where tests run: on the CPU core, on a GPU, or, with `pytest --emulated`, on the CUDA core emulated on the CPU; with
`pytest --aarch64` the CPU core is another machine's."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from cross.core import CrossCore
from emulator.builds import emulated_core

from gendr_adapters import Rendered, _native

# A test for every device: it takes the argument `device`, and its tensors go there.
DEVICES = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.cuda)], indirect=True)

_real_library: Callable[..., Any] = _native.library
_emulation: ctypes.CDLL | None = None


def emulate() -> None:
    """Let the emulated CUDA core do what the CPU core does else."""
    global _emulation
    _emulation = _native.load(emulated_core("device"))
    _native.library = _library


def use_cpu_core(core: CrossCore) -> None:
    """Let this core do what the CPU core does else."""
    global _real_library
    built = _real_library

    def library(device_type: str = "cpu") -> Any:
        return core if device_type == "cpu" else built(device_type)

    _real_library = library
    _native.library = _library


def is_emulated() -> bool:
    return _emulation is not None


def _library(device_type: str = "cpu") -> Any:
    return _emulation or _real_library(device_type)


@contextmanager
def cpu_core() -> Iterator[None]:
    """Within it CPU tensors are the CPU core's, emulation or not."""
    global _emulation
    before, _emulation = _emulation, None
    try:
        yield
    finally:
        _emulation = before


def why_no_cuda() -> str | None:
    """What keeps tests from running on a GPU here; None: nothing."""
    if not torch.cuda.is_available():
        return f"no GPU that torch can use (torch {torch.__version__}, CUDA {torch.version.cuda})"
    try:
        _native.library_path("cuda")
    except _native.NativeLibraryError as error:
        return f"no CUDA core: {error}"
    return None


def on_cpu(rendered: Rendered) -> Rendered:
    """The same results, with their gradients, in the CPU's memory."""
    return Rendered(*(None if x is None else x.cpu() for x in rendered))
