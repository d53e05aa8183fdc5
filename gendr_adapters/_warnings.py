"""Messages to the user: warnings that point at the user's line, and log records that come once."""

import logging
import sys
import warnings
from types import FrameType

_logged: set[str] = set()


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the nearest line outside this package and torch, for any number of functions in between.

    torch counts as inside because its decorators are frames in some versions.
    """
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in (__package__, "torch"):
        frame = frame.f_back
        level += 1
    warnings.warn(message, category, stacklevel=level)


def log_once(message: str) -> None:
    """Log a message with level INFO to the logger 'gendr_adapters', only the first time in this process."""
    if message not in _logged:
        _logged.add(message)
        logging.getLogger(__package__).info(message)
