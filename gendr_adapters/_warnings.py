"""Warnings that point at the user's line."""

import sys
import warnings
from types import FrameType


def warn_caller(message: str) -> None:
    """A UserWarning at the nearest line outside this package, however many functions and decorators are between."""
    frame: FrameType | None = sys._getframe(1)
    level = 2
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        frame = frame.f_back
        level += 1
    warnings.warn(message, UserWarning, stacklevel=level)
