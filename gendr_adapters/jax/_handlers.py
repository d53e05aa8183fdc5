"""The library of handlers for XLA (csrc/jax/handlers.cpp), where it was built."""

import ctypes
import re
from functools import cache
from pathlib import Path

import jax

from .. import _native
from .._native import structs
from ._threads import n_threads

PREFIX = "gendr_jax_"
_NAMES = (
    "render_forward",
    "render_backward",
    "gather_corners",
    "scatter_corners",
    "find_fragments",
    "fragments_backward",
)
# gendr_jax_core, in its order.
_FUNCTIONS = (
    "gendr_last_error",
    "gendr_forward_workspace_size",
    "gendr_render_forward",
    "gendr_backward_workspace_size",
    "gendr_render_backward",
    "gendr_gather_corners",
    "gendr_corners_workspace_size",
    "gendr_scatter_corners",
    "gendr_fragments_workspace_size",
    "gendr_count_fragments",
    "gendr_fill_fragments",
    "gendr_fragments_backward",
)


class _Core(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in _FUNCTIONS]


@cache
def missing() -> str | None:
    """None: XLA knows the handlers. Otherwise why it does not, as a part of a sentence.

    Raises NativeLibraryError if the core cannot be loaded.
    """
    core = _native.library()
    path = _native.FOLDER / "libgendr_jax.so"
    if not path.is_file():
        return f"{path} was not built"
    try:
        library = ctypes.CDLL(str(path))
        version, built_for = library.gendr_jax_abi_version(), library.gendr_jax_xla_version()
        handlers = {PREFIX + name: jax.ffi.pycapsule(getattr(library, PREFIX + name)) for name in _NAMES}
    except (OSError, AttributeError) as error:
        return f"{path} does not load: {error}"
    if version != structs.ABI_VERSION:
        return f"{path} has ABI version {version}, and this package {structs.ABI_VERSION}"
    # XLA takes handlers of its own version and of older ones. Once a newer one is registered, every use of jax fails.
    found = _xla_version()
    if built_for // 1000 != found // 1000 or built_for > found:
        return f"{path} was built for another jaxlib than the one that is installed"
    addresses = [ctypes.cast(getattr(core, name), ctypes.c_void_p) for name in _FUNCTIONS]
    library.gendr_jax_connect(ctypes.byref(_Core(*addresses)), n_threads())
    for target, handler in handlers.items():
        jax.ffi.register_ffi_target(target, handler, platform="cpu")
    return None


def _xla_version() -> int:
    """That of the installed jaxlib, as its headers have it; 0: there are none."""
    header = Path(jax.ffi.include_dir()) / "xla/ffi/api/c_api.h"
    text = header.read_text() if header.is_file() else ""
    numbers = [re.search(rf"#define XLA_FFI_API_{part} (\d+)", text) for part in ("MAJOR", "MINOR")]
    major, minor = [int(number[1]) if number else 0 for number in numbers]
    return major * 1000 + minor
