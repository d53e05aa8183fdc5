"""Ctrl-C and other signals during a native call.

Python runs signal handlers between its own instructions, on the main thread. So the library calls back from time to
time, and a handler runs during the callback. If the handler raises an exception, the call stops, and the exception is
raised where the call was made.
"""

import ctypes
from collections.abc import Iterator
from ctypes import byref, c_int, c_void_p
from threading import get_ident, main_thread
from typing import Any

from .structs import Call


def call(function: Any, arguments: Call) -> int:
    """Call a function of a native library, function(arguments), and return its status.

    If a signal handler raises an exception in the meantime, it is raised within about a tenth of a second. A handler
    that returns does not change the call."""
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
        del error, poll  # else the traceback would keep them


class _Poll:
    """A gendr_poll. Each call has its own, because a handler may make calls, too."""

    def __init__(self) -> None:
        self.raised: list[BaseException] = []  # the exception of the last handler that raised one
        # Not a plain function: a handler may run before the function's first instruction, where the function cannot
        # catch its exception. A generator that continues is already inside its try block.
        answers = _answers(self.raised)
        next(answers)
        self._callback = ctypes.CFUNCTYPE(c_int)(answers.__next__)
        self.address = ctypes.cast(self._callback, c_void_p).value


def _answers(raised: list[BaseException]) -> Iterator[int]:
    """Yield whether the call must stop, for each callback. An exception that is raised meanwhile, by a signal handler,
    means that it must."""
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
