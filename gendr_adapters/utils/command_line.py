"""Types for argparse: numbers within a range. Their errors say what is allowed."""

import argparse
import math


def positive_int(text: str) -> int:
    """Parse an integer >= 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"got {value}, allowed are integers from 1")
    return value


def positive_float(text: str) -> float:
    """Parse a finite number > 0."""
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"got {text}, allowed are finite numbers above 0")
    return value


def non_negative_float(text: str) -> float:
    """Parse a finite number >= 0."""
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"got {text}, allowed are finite numbers from 0")
    return value
