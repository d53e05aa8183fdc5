"""What is said to the user: warnings that point at their line, and log records that come once."""

import logging
import sys
import warnings
from types import FrameType

_logged: set[str] = set()


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """A warning at the nearest line outside this package and torch, whose decorators are frames in some versions,
    however many functions are between."""
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in (__package__, "torch"):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)


def log_once(message: str) -> None:
    """A record of level INFO of the logger 'gendr_adapters', the first time that this process has it to say."""
    if message not in _logged:
        _logged.add(message)
        logging.getLogger(__package__).info(message)
