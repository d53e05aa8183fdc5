"""Arrays of more elements than an int32 counts, in little memory: their pages are the same few again and again."""

import ctypes
import mmap
import os
from typing import Any

import numpy as np

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_FIXED, _NORESERVE, _FAILED = 0x10, 0x4000, ctypes.c_void_p(-1).value


class AliasedArray:
    """n_chunks chunks of `chunk` elements, one behind the other, which are all the same memory: what is written to one
    is in all. A multiple of the page size in bytes. Of its elements the last are at hand; who writes from its beginning
    to its end leaves there what belongs there."""

    def __init__(self, chunk: int, n_chunks: int, dtype: Any = np.float32) -> None:
        self.dtype = np.dtype(dtype)
        self.size = chunk * n_chunks
        step = chunk * self.dtype.itemsize
        assert step % mmap.PAGESIZE == 0
        self._bytes = step * n_chunks
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE
        self.address = self._map(None, self._bytes, 0, flags, -1)
        file = os.memfd_create("aliased")
        try:
            os.ftruncate(file, step)
            for i in range(n_chunks):
                self._map(
                    self.address + i * step, step, mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_SHARED | _FIXED, file
                )
        finally:
            os.close(file)

    @staticmethod
    def _map(address: int | None, size: int, protection: int, flags: int, file: int) -> int:
        found = _libc.mmap(address, size, protection, flags, file, 0)
        if found == _FAILED:
            raise OSError(ctypes.get_errno(), "mmap")
        return found

    def last(self, n: int) -> np.ndarray:
        """The last n elements, to be read and written while this lives."""
        at = self.address + (self.size - n) * self.dtype.itemsize
        return np.frombuffer((ctypes.c_char * (n * self.dtype.itemsize)).from_address(at), self.dtype)

    def close(self) -> None:
        _libc.munmap(self.address, self._bytes)
