"""torch's OpenMP, whose threads the CPU core uses, too.

After torch has used its threads, they wait for more work for some milliseconds and keep their processors busy. If the
core had its own threads, they would get only half of these processors.
"""

import ctypes
import os
import re
from pathlib import Path

import torch

_OPENMP = re.compile(r"lib(gomp|iomp5|omp)\b.*\.so.*")


def gomp_parallel() -> int | None:
    """The address of GOMP_parallel in the OpenMP library that torch uses. None if there is none, or if several
    libraries are loaded and it is unclear which one torch uses. The libraries of GNU, LLVM and Intel have this
    function."""
    if not torch.backends.openmp.is_available():
        return None
    loaded = _loaded()
    brought_along = [path for path in loaded if _is_torchs(path)]
    if len(brought_along or loaded) != 1:
        return None
    (path,) = brought_along or loaded
    try:
        library = ctypes.CDLL(str(path), mode=os.RTLD_NOLOAD | os.RTLD_LAZY)
        return ctypes.cast(library.GOMP_parallel, ctypes.c_void_p).value
    except (OSError, AttributeError):
        return None


def _loaded() -> set[Path]:
    """The OpenMP libraries in this process. Works on Linux; on other systems the result is empty."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return set()
    paths = (Path(line.split(maxsplit=5)[5]) for line in lines if line.count("/") > 1)
    return {path for path in paths if _OPENMP.fullmatch(path.name)}


def _is_torchs(path: Path) -> bool:
    package = Path(torch.__file__).parent
    return any(folder in path.parents for folder in (package, package.with_name("torch.libs")))
