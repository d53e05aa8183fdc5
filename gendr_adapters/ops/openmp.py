"""torch's OpenMP, on whose threads the CPU core works, too.

After torch has used them, they look for more work for some milliseconds, each on a processor. Threads of the core's own
would get half of these processors.
"""

import ctypes
import os
import re
from pathlib import Path

import torch

_OPENMP = re.compile(r"lib(gomp|iomp5|omp)\b.*\.so.*")


def gomp_parallel() -> int | None:
    """The address of GOMP_parallel in the OpenMP that torch works with; None if there is none, or it cannot be told
    from others in the process. GNU's, LLVM's and Intel's have it."""
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
    """The OpenMP libraries in this process. Linux; elsewhere none is found."""
    try:
        lines = Path("/proc/self/maps").read_text().splitlines()
    except OSError:
        return set()
    paths = (Path(line.split(maxsplit=5)[5]) for line in lines if line.count("/") > 1)
    return {path for path in paths if _OPENMP.fullmatch(path.name)}


def _is_torchs(path: Path) -> bool:
    package = Path(torch.__file__).parent
    return any(folder in path.parents for folder in (package, package.with_name("torch.libs")))
