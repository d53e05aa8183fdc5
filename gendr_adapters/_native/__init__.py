"""The native libraries: found and loaded at first use, so `import gendr_adapters` works without them.

libgendr_cpu.so is always built. libgendr_cuda<major>.so is built if nvcc was found, and is loaded for the first CUDA
tensor.
"""

import ctypes
import json
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ..distributions import DISTRIBUTIONS
from ..t_conorms import T_CONORMS
from . import driver, elf, structs

FOLDER = Path(__file__).parent
# Values of GENDR_ISA: the best instruction set that the CPU core may use. 64-bit ARM has only "neon".
INSTRUCTION_SETS = ("baseline", "avx2", "avx512", "neon")


class NativeLibraryError(RuntimeError):
    """A native library is missing, has another version, or failed."""


def library(device_type: str = "cpu") -> ctypes.CDLL:
    """Return the loaded library for a device type ('cpu' or 'cuda'), with its functions declared.

    Raises NativeLibraryError if it cannot be loaded; the message says what to do. Raises ValueError if the environment
    variable GENDR_ISA is not the name of an instruction set.
    """
    return _library(device_type)


@cache
def _library(device_type: str) -> ctypes.CDLL:
    wish = os.environ.get("GENDR_ISA")
    if wish and wish not in INSTRUCTION_SETS:
        raise ValueError(f"GENDR_ISA must be one of {', '.join(INSTRUCTION_SETS)}, or unset, got {wish!r}")
    lib = load(library_path(device_type))
    lib.gendr_work_on(_parallel())
    _loaded.append(lib)
    return lib


_parallel: Callable[[], int | None] = lambda: None  # noqa: E731 (it is replaced)
_loaded: list[ctypes.CDLL] = []


def work_on_threads_of(parallel: Callable[[], int | None]) -> None:
    """Let the libraries, those loaded and those to come, work on a framework's threads. parallel() is the address of a
    gendr_parallel (csrc/include/gendr.h) on these; None: it has none, or none is known."""
    global _parallel
    _parallel = parallel
    for lib in _loaded:
        lib.gendr_work_on(parallel())


def library_path(device_type: str = "cpu") -> Path:
    """Path of the library for a device type. Raises NativeLibraryError if it was not built."""
    if not FOLDER.is_dir():
        raise NativeLibraryError(
            f"{FOLDER} is not a folder: gendr_adapters was imported from an archive, but a native library cannot be "
            "loaded from an archive. Install the wheel with pip, or unpack the archive."
        )
    if device_type == "cuda":
        return _cuda_library_path()
    path = FOLDER / f"libgendr_{device_type}.so"
    if not path.exists():
        raise NativeLibraryError(
            f"the native library {path} is missing: this copy of gendr_adapters was not built. "
            "Run `pip install .` in the repository (it needs a C++17 compiler)."
        )
    return path


def _cuda_library_path() -> Path:
    """The newest library whose CUDA version the driver supports. torch's own CUDA version does not matter: each library
    contains its own runtime.
    """
    names = re.compile(r"libgendr_cuda(\d+)\.so")
    majors = {int(name[1]): path for path in FOLDER.iterdir() if (name := names.fullmatch(path.name))}
    failure = FOLDER / "libgendr_cuda_failed.txt"
    if not majors and failure.exists():
        raise NativeLibraryError(
            "this copy of gendr_adapters has no CUDA core, because its compilation failed when the package was built:\n"
            f"{failure.read_text()}\nCorrect this and run `GENDR_CUDA=1 pip install .` in the repository. CPU tensors "
            "can be rendered."
        )
    if not majors:
        raise NativeLibraryError(
            "this copy of gendr_adapters was built without CUDA: no nvcc was found, or GENDR_CUDA=0 was set. Install "
            "the CUDA toolkit or set CUDACXX to its nvcc, and run `GENDR_CUDA=1 pip install .` in the repository. CPU "
            "tensors can be rendered."
        )
    served = driver.cuda_major() or max(majors)
    # If the driver supports none of them, load the oldest: its error says what it needs.
    return majors[max((major for major in majors if major <= served), default=min(majors))]


def cuda_build() -> dict[str, Any]:
    """What the build wrote about the CUDA library: 'nvcc' (version), 'architectures', 'ptx', 'flags', 'kernels'."""
    path = library_path("cuda").with_suffix(".json")
    try:
        description: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise NativeLibraryError(
            f"{path}, a file that the build wrote for the CUDA core, cannot be read: {error}. Run `pip install .` again"
        ) from error
    return description


def load(path: Path) -> ctypes.CDLL:
    """Load the library at `path`, check that it fits this package, and declare its functions."""
    try:
        if damage := elf.damage(path):
            raise NativeLibraryError(f"the native library {path} {damage}: run `pip install .` again")
        lib = ctypes.CDLL(str(path))
    except OSError as error:
        why = (path.is_file() and elf.foreign(path)) or error
        raise NativeLibraryError(f"the native library {path} does not load: {why}") from error
    if not hasattr(lib, "gendr_abi_version"):
        raise NativeLibraryError(f"{path} is not a library of gendr_adapters: run `pip install .` again")
    version = lib.gendr_abi_version()
    if version != structs.ABI_VERSION:
        raise NativeLibraryError(
            f"{path} has ABI version {version}, this package needs {structs.ABI_VERSION}: run `pip install .` again"
        )
    if missing := [name for name in structs.FUNCTIONS if not hasattr(lib, name)]:
        raise NativeLibraryError(
            f"{path} lacks {', '.join(missing)}: it was not built from the sources of this package. "
            "Run `pip install .` again"
        )
    for name, (result, arguments) in structs.FUNCTIONS.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    for function, names in ((lib.gendr_distribution_name, DISTRIBUTIONS), (lib.gendr_t_conorm_name, T_CONORMS)):
        if _names(function) != list(names):
            raise NativeLibraryError(
                f"{path} was not built from the sources of this package: run `pip install .` again"
            )
    return lib


def _names(function: Callable[[int], bytes | None]) -> list[str]:
    names: list[str] = []
    while (name := function(len(names))) is not None:
        names.append(name.decode())
    return names


def check(status: int, lib: ctypes.CDLL) -> None:
    """Raise an exception for a return code of `lib`: ValueError for invalid arguments, NativeLibraryError for other
    errors."""
    if status == structs.OK:
        return
    message = lib.gendr_last_error().decode()
    raise (ValueError if status == structs.INVALID_ARGUMENT else NativeLibraryError)(message)


def isa(device_type: str = "cpu") -> str:
    """The instruction set that the kernels use: one of INSTRUCTION_SETS, or 'cuda'."""
    return str(library(device_type).gendr_isa().decode())
