"""The CPU core of another machine in the place of this one's: a server under an emulator makes the calls.

A request is the kind of the call, the function's name and its arguments; texts and arrays come after their size in
bytes, numbers are 64 bits wide, little-endian. Arrays cross both ways; the workspace, too, which one call may leave to
the next.
"""

import atexit
import ctypes
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any

from gendr_adapters._native import structs

NOT_CROSSING = ("poll", "stream")  # pointers to functions, and to what a GPU has


class CrossCore:
    """Stands for the ctypes.CDLL of a library: it has the functions that the package calls on a CPU.

    n_calls: how many calls with a struct have been made.
    """

    def __init__(self, command: list[str], library: Path) -> None:
        self._server = subprocess.Popen([*command, str(library)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._server.stdin is not None and self._server.stdout is not None
        self._requests, self._answers = self._server.stdin, self._server.stdout
        self._lock = Lock()
        atexit.register(self.close)
        self.n_calls = 0

    def close(self) -> None:
        if not self._requests.closed:
            self._server.communicate()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        result, arguments = structs.FUNCTIONS[name]
        if result is ctypes.c_char_p:
            return lambda number=0: self._text(name, number)
        if result is ctypes.c_int64 and not arguments:
            return lambda: self._integer(name)
        if result is ctypes.c_double:
            return lambda *numbers: self._quantile(name, numbers)
        if len(arguments) == 1 and result is not None:
            kind = "size" if result is ctypes.c_size_t else "status"
            return lambda reference: self._call(kind, name, reference._obj)
        raise AttributeError(f"{name} is not called across machines")

    def _call(self, kind: str, name: str, call: structs.Call) -> int:
        sizes: dict[int, int] = {}
        for kept in call._kept:
            tensor: Any = kept
            sizes[tensor.data_ptr()] = max(sizes.get(tensor.data_ptr(), 0), tensor.numel() * tensor.element_size())
        sent = type(call).from_buffer_copy(call)
        raw = bytearray(sent)
        buffers: list[tuple[int, int]] = []  # address, size
        places = []
        for place, field, address in _pointers(sent):
            struct.pack_into("<Q", raw, place, 0)
            if address and field not in NOT_CROSSING:
                buffers.append((address, sizes[address]))
                struct.pack_into("<Q", raw, place, len(buffers))
                places.append(place)
        request = [_counted(kind.encode()), _counted(name.encode()), _number(len(buffers))]
        for address, size in buffers:
            request.append(_counted(ctypes.string_at(address, size)))
        request += [_counted(bytes(raw)), _number(len(places)), *map(_number, places)]
        with self._lock:
            self._send(request)
            (result,) = struct.unpack("<Q", self._receive(8))
            for address, size in buffers:
                ctypes.memmove(address, self._receive(size), size)
            self.n_calls += kind == "status"
        return int(result)

    def _text(self, name: str, number: int) -> bytes | None:
        with self._lock:
            self._send([_counted(b"text"), _counted(name.encode()), _number(number)])
            (size,) = struct.unpack("<q", self._receive(8))
            return None if size < 0 else self._receive(size)

    def _integer(self, name: str) -> int:
        """Of this process's last call, whichever thread made it: the server has one thread."""
        with self._lock:
            self._send([_counted(b"number"), _counted(name.encode())])
            return int(struct.unpack("<q", self._receive(8))[0])

    def _quantile(self, name: str, numbers: tuple[float, ...]) -> float:
        with self._lock:
            self._send([_counted(b"quantile"), _counted(name.encode()), struct.pack("<q3d", *numbers)])
            return float(struct.unpack("<d", self._receive(8))[0])

    def _send(self, parts: list[bytes]) -> None:
        self._requests.write(b"".join(parts))
        self._requests.flush()

    def _receive(self, size: int) -> bytes:
        received = self._answers.read(size)
        if len(received) < size:
            raise RuntimeError(f"the server on the other machine ended, with status {self._server.wait()}")
        return received


def _number(value: int) -> bytes:
    return struct.pack("<q", value)


def _counted(content: bytes) -> bytes:
    return _number(len(content)) + content


def _pointers(part: ctypes.Structure, start: int = 0) -> Iterator[tuple[int, str, int | None]]:
    """Place, name and value of every pointer in a struct and the structs in it."""
    for name, kind in part._fields_:  # type: ignore[misc]
        place = start + getattr(type(part), name).offset
        if kind is ctypes.c_void_p:
            yield place, name, getattr(part, name)
        elif issubclass(kind, ctypes.Structure):
            yield from _pointers(getattr(part, name), place)
