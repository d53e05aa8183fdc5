"""Helpers for numbers."""

import math
from typing import Any


def is_finite(value: float) -> bool:
    """math.isfinite in a form that torch.compile traces without a graph break if numbers are dynamic (dynamic=True)."""
    return -math.inf < value < math.inf


def plain(value: Any) -> Any:
    """The number in a tensor or NumPy array with one element, which PyTorch3D and Kaolin accept as a number. Other
    values are returned unchanged."""
    shape = getattr(value, "shape", None)
    one = isinstance(shape, tuple) and math.prod(shape) == 1 and hasattr(value, "item")
    return value.item() if one else value
