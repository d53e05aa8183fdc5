"""Arrays in files of users: any fault of a file is a ValueError that names it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

_KINDS = {"f": "floating-point numbers", "i": "integers", "u": "unsigned integers"}


@contextmanager
def failing_as(said: str) -> Iterator[None]:
    """Every error in here is a ValueError that begins with what is said.

    A damaged file raises anything: zipfile's, zlib's and struct's own errors, NotImplementedError for a compression
    that there is not, MemoryError for an array that says it is larger than there is room."""
    try:
        yield
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise ValueError(f"{said}: {reason}") from error


def read_npz(path: Path, keys: list[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, or those of the keys that it has. Objects are not unpickled."""
    require_regular(path)
    # A stream of our own: np.load leaves its own open where a file is no archive.
    with path.open("rb") as stream:
        file = np.load(stream, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise ValueError("one array (.npy), where an archive of arrays (.npz) should be")
        with file:
            return {key: _member(file, key) for key in file.files if keys is None or key in keys}


def read_npy_or_npz(path: Path, key: str) -> np.ndarray:
    """The array of an .npy file, or the one of this name in an .npz file."""
    require_regular(path)
    with path.open("rb") as stream:
        found = np.load(stream, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return found
        with found:
            return _member(found, key)


def _member(file: np.lib.npyio.NpzFile, key: str) -> np.ndarray:
    found = file[key]
    if not isinstance(found, np.ndarray):  # NumPy returns the bytes of what is not an array
        raise ValueError(f"{key} is no array")
    return found


def require_regular(path: Path) -> None:
    """Raise FileNotFoundError, or ValueError for folders, devices and pipes, which can block or never end."""
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    if not path.is_file():
        raise ValueError(f"{path} is no regular file")


def require_numbers(name: str, array: np.ndarray, kinds: str = "fiu") -> None:
    """Raise ValueError for an array of anything else than numbers of these kinds: f, i and u, as NumPy calls them."""
    if array.dtype.kind not in kinds:
        wanted = " or ".join(_KINDS[kind] for kind in kinds)
        raise ValueError(f"{name} must hold {wanted}, got {array.dtype}")


def finite_float32(name: str, array: np.ndarray) -> np.ndarray:
    """Numbers as float32. Raises ValueError for other things, and numbers that are not finite then."""
    require_numbers(name, array)
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(array, np.float32).reshape(array.shape)  # 0-d would become 1-d
    if not np.isfinite(values).all():
        raise ValueError(f"{name} must be finite in float32")
    return values
