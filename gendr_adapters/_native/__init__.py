"""The native library: found and loaded at first use, so that `import gendr_adapters` works without it."""

import ctypes
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ..distributions import DISTRIBUTIONS
from ..t_conorms import T_CONORMS
from . import structs

LIBRARY = Path(__file__).with_name("libgendr_cpu.so")


class NativeLibraryError(RuntimeError):
    """The native library is missing, of another version, or failed."""


@cache
def library() -> ctypes.CDLL:
    """The loaded CPU library, its functions declared. Raises NativeLibraryError, saying what to do, if it cannot be."""
    if not LIBRARY.exists():
        raise NativeLibraryError(
            f"the native library {LIBRARY} is missing: this copy of gendr_adapters was not built. "
            "Run `pip install .` in the repository (it needs a C++17 compiler)."
        )
    try:
        lib = ctypes.CDLL(str(LIBRARY))
    except OSError as error:
        raise NativeLibraryError(f"the native library {LIBRARY} does not load: {error}") from error
    version = lib.gendr_abi_version()
    if version != structs.ABI_VERSION:
        raise NativeLibraryError(
            f"{LIBRARY} has ABI version {version}, this package needs {structs.ABI_VERSION}: run `pip install .` again"
        )
    for name, (result, arguments) in structs.FUNCTIONS.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    for function, names in ((lib.gendr_distribution_name, DISTRIBUTIONS), (lib.gendr_t_conorm_name, T_CONORMS)):
        if _names(function) != list(names):
            raise NativeLibraryError(
                f"{LIBRARY} was built from other sources than this package: run `pip install .` again"
            )
    return lib


def _names(function: Callable[[int], bytes | None]) -> list[str]:
    names: list[str] = []
    while (name := function(len(names))) is not None:
        names.append(name.decode())
    return names


def check(status: int) -> None:
    """Turn a native return code into an exception: ValueError for arguments, NativeLibraryError for the rest."""
    if status == structs.OK:
        return
    message = library().gendr_last_error().decode()
    raise (ValueError if status == structs.INVALID_ARGUMENT else NativeLibraryError)(message)


def isa() -> str:
    """The instruction set the kernels use: 'avx512', 'avx2' or 'baseline'."""
    return str(library().gendr_isa().decode())
