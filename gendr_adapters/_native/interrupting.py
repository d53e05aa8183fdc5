"""Ctrl-C, and whatever else signals do, while a native call lasts.

Python runs signal handlers between its own instructions, on the main thread. So the library calls back now and then;
a handler runs as the callback does. What it raises stops the call, and is raised again where the call was made.
"""

import ctypes
from collections.abc import Iterator
from ctypes import byref, c_int, c_void_p
from threading import get_ident, main_thread
from typing import Any

from .structs import Call


def call(function: Any, arguments: Call) -> int:
    """function(arguments), a function of a native library: its status.

    Raises what a signal handler raises in the meantime, within a tenth of a second or so; a handler that returns does
    not change the call.
    """
    if get_ident() != main_thread().ident:
        return int(function(byref(arguments)))
    poll = _idle.pop() if _idle else _Poll()
    arguments.stopped_by(poll.address)
    status = int(function(byref(arguments)))
    if not poll.raised:
        _idle.append(poll)
        return status
    error = poll.raised.pop()
    try:
        raise error
    finally:
        del error, poll  # which its traceback would keep


class _Poll:
    """A gendr_poll. Each call has its own, because a handler may make calls, too."""

    def __init__(self) -> None:
        self.raised: list[BaseException] = []  # by the last handler that did
        # A function of Python would raise what a handler raises before its first instruction, where it cannot catch it;
        # a generator that goes on is inside its try.
        answers = _answers(self.raised)
        next(answers)
        self._callback = ctypes.CFUNCTYPE(c_int)(answers.__next__)
        self.address = ctypes.cast(self._callback, c_void_p).value


def _answers(raised: list[BaseException]) -> Iterator[int]:
    """Whether the call is to stop, again and again: what raises in the meantime, a signal handler, says so."""
    answer = 0
    while True:
        try:
            while True:
                yield answer
        except GeneratorExit:
            return
        except BaseException as error:
            raised[:], answer = [error], 1


_idle: list[_Poll] = []
