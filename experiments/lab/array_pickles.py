"""Arrays in a pickle, with nothing of it run: neither NumPy nor any other module makes an object of what is in there.

All that a pickle names is replaced by stand-ins that keep what they are given; `as_array` makes an array of one, once
its type, shape and size are seen to be those of plain numbers.
"""

import io
import math
import pickle
import pickletools
import re
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from .array_files import require_regular

_NUMBERS = re.compile(r"[fiu][1248]|b1")
# Modules by the names they had.
_NOW = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "numpy.core.multiarray": "numpy._core.multiarray",
    "numpy.core.numeric": "numpy._core.numeric",
}
# Python hashes tuples within tuples by recursion, without an end: many of them would overflow its stack.
_MAX_TUPLES = 10_000


def read_pickle(path: Path) -> dict[Any, Any]:
    """The dict in a pickle, to be read with `as_array`. Raises anything for what is not a pickle, or of something
    else."""
    require_regular(path)
    data = path.read_bytes()
    _check_opcodes(data)
    found = _Standing(data).load()
    if not isinstance(found, dict):
        raise ValueError(f"a dict of arrays is expected, got {type(found).__name__}")
    return found


def as_array(value: Any, max_size: int | None = None) -> np.ndarray:
    """The array that a value from `read_pickle` stands for: NumPy's, or one in an object of chumpy or SciPy.

    max_size: that a sparse matrix may have, zeros included. Raises ValueError, also for arrays of anything but numbers.
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, _Object):
        value = value.state.get("x") if "indptr" not in value.state else _dense(value.state, max_size)
    if isinstance(value, _Array):
        return value.array()
    if isinstance(value, np.ndarray):
        return value
    kind = "an object that is not known" if isinstance(value, _Object) or value is None else type(value).__name__
    raise ValueError(f"an array is expected, got {kind}")


class _DType:
    """For numpy.dtype."""

    def __init__(self, code: Any = None, *_: Any) -> None:
        self.code, self.plain = code, True
        self.order: Any = "="

    def __setstate__(self, state: Any) -> None:
        """(version, byte order, and what structured types have)."""
        self.plain = isinstance(state, tuple) and len(state) >= 5 and state[2:5] == (None, None, None)
        self.order = state[1] if self.plain else None

    def dtype(self) -> np.dtype:
        if (
            not isinstance(self.code, str)
            or not _NUMBERS.fullmatch(self.code)
            or self.order not in ("<", ">", "=", "|")
        ):
            raise ValueError(f"an array of type {str(self.code)[:20]!r}, which holds no plain numbers")
        return np.dtype(self.code).newbyteorder(self.order)


class _Array:
    """For what numpy's _reconstruct and _frombuffer return."""

    def __init__(self) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        """(version, shape, dtype, whether in Fortran's order, bytes); the version may be missing."""
        self.state = state

    def array(self) -> np.ndarray:
        if not isinstance(self.state, tuple) or len(self.state) not in (4, 5):
            raise ValueError("an array that is not complete")
        shape, dtype, fortran, data = self.state[-4:]
        if isinstance(data, str):  # Python 2's
            data = data.encode("latin1")
        if not isinstance(dtype, _DType):
            raise ValueError("an array without a type")
        of = dtype.dtype()
        whole = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape) and len(shape) <= 32
        if not whole or not isinstance(data, bytes | bytearray):
            raise ValueError("an array that is not complete, or not of numbers")
        if math.prod(shape) * of.itemsize != len(data):
            raise ValueError(f"an array of shape {shape} and type {of} with {len(data)} bytes")
        if not data:
            return np.zeros(shape, of)
        return np.frombuffer(data, of).reshape(shape, order="F" if fortran else "C").copy()


class _Object:
    """For objects of chumpy and SciPy."""

    def __init__(self, *_: Any) -> None:
        self.state: dict[Any, Any] = {}

    def __new__(cls, *_: Any) -> "_Object":
        made = super().__new__(cls)
        made.state = {}
        return made

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}


class _Named:
    """For what is only named: numpy.ndarray, object."""

    def __init__(self, *_: Any) -> None:
        raise pickle.UnpicklingError("it calls something that makes no array")

    def __setstate__(self, state: Any) -> NoReturn:
        raise pickle.UnpicklingError("it changes something that is no array")


class _Standing(pickle.Unpickler):
    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), encoding="latin1")
        self.room = len(data)

    def find_class(self, module: str, name: str) -> Any:
        module = _NOW.get(module, module)
        known = {
            "numpy.ndarray": _Named,
            "builtins.object": _Named,
            "numpy.dtype": _DType,
            "numpy._core.multiarray._reconstruct": lambda *_: _Array(),
            "numpy._core.multiarray.scalar": _scalar,
            "numpy._core.numeric._frombuffer": _from_buffer,
            "copyreg._reconstructor": lambda of, *_: of(),
            "builtins.bytes": lambda: b"",
            "_codecs.encode": self._encoded,
        }
        if f"{module}.{name}" in known:
            return known[f"{module}.{name}"]
        if module.split(".")[0] == "chumpy" or (module.startswith("scipy.sparse") and name == "csc_matrix"):
            return _Object
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no array")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("it refers to something outside of it")

    def _encoded(self, text: Any, encoding: Any = None) -> bytes:
        """How old protocols write bytes; each once, so that all are no more than the file."""
        if encoding != "latin1" or not isinstance(text, str):
            raise pickle.UnpicklingError("it calls _codecs.encode for something else than bytes")
        self.room -= len(text)
        if self.room < 0:
            raise pickle.UnpicklingError("it has more bytes than fit into it")
        return text.encode("latin1")


def _scalar(dtype: Any = None, data: Any = b"") -> _Array:
    made = _Array()
    made.state = (), dtype, False, data
    return made


def _from_buffer(data: Any = b"", dtype: Any = None, shape: Any = None, order: Any = None) -> _Array:
    made = _Array()
    made.state = shape, dtype, order == "F", data
    return made


def _dense(state: dict[Any, Any], max_size: int | None) -> np.ndarray:
    """A csc_matrix: of each column, the rows and values from one of its pointers to the next."""
    shape = state.get("_shape", state.get("shape"))
    if not isinstance(shape, tuple) or len(shape) != 2 or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("a sparse matrix without a shape")
    if max_size is not None and math.prod(shape) > max_size:
        raise ValueError(f"a sparse matrix of shape {shape}, which has more than {max_size} numbers")
    pointers, rows, values = (as_array(state.get(key)) for key in ("indptr", "indices", "data"))
    if not all(x.ndim == 1 for x in (pointers, rows, values)) or {pointers.dtype.kind, rows.dtype.kind} - set("iu"):
        raise ValueError("a sparse matrix whose parts are no lists of integers and numbers")
    counts = np.diff(pointers.astype(np.int64))
    fits = len(pointers) == shape[1] + 1 and pointers[0] == 0 and (counts >= 0).all() and len(rows) == len(values)
    if not fits or pointers[-1] != len(rows) or (len(rows) and not 0 <= rows.min() <= rows.max() < shape[0]):
        raise ValueError("a sparse matrix whose parts do not fit together")
    dense = np.zeros(shape)
    np.add.at(dense, (rows.astype(np.int64), np.repeat(np.arange(shape[1]), counts.astype(np.int64))), values)
    return dense


def _check_opcodes(data: bytes) -> None:
    """Raise ValueError for a pickle that would take the stack or the memory away, or that ends too soon."""
    tuples = kept = 0
    for opcode, argument, _ in pickletools.genops(data):
        tuples += opcode.name.startswith("TUPLE")
        if opcode.name == "MEMOIZE" or "PUT" in opcode.name:
            # A list as long as the largest number is made of these.
            if isinstance(argument, int) and argument > kept:
                raise ValueError("it numbers its objects with gaps, as no pickle does")
            kept += 1
        if tuples > _MAX_TUPLES:
            raise ValueError(f"more than {_MAX_TUPLES} tuples, which arrays do not need")
