"""`full_precision`: functions that compute in full precision inside torch.autocast."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import torch
from torch import Tensor

from ._exact_gradients import ExactGradients
from ._inputs import HALF_DTYPES

_P = ParamSpec("_P")
_R = TypeVar("_R")

_DEVICES = ("cpu", "cuda")


def full_precision(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Make a function ignore torch.autocast. bfloat16 has 8 bits, so it distinguishes only 256 positions in an image.

    Inside autocast the arguments are `widened` to float32, and gradients are `ExactGradients`. One exception: in code
    that torch.compile traces, matrix products must use `_products.times` to get exact gradients. Outside autocast
    nothing changes, and half precision is refused."""
    return full_precision_by(widened, function)


def full_precision_by(widen: Callable[[Any], Any], function: Callable[_P, _R]) -> Callable[_P, _R]:
    """`full_precision` with another function to widen arguments, which also knows the objects of a door."""

    @wraps(function)
    def wrapper(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        if not autocasting():
            return function(*args, **kwargs)
        args_, kwargs_ = tuple(map(widen, args)), {name: widen(value) for name, value in kwargs.items()}
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            if torch.compiler.is_compiling():
                return function(*args_, **kwargs_)
            with ExactGradients():
                return function(*args_, **kwargs_)

    return cast(Callable[_P, _R], wrapper)


def autocasting() -> bool:
    return torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")


def widened(value: Any) -> Any:
    """Convert half-precision tensors to float32 if autocast is on for their device, with gradients.

    Tensors in tuples and lists are converted, too. Everything else is returned unchanged.
    """
    if isinstance(value, Tensor):
        half = (
            value.dtype in HALF_DTYPES
            and value.device.type in _DEVICES
            and torch.is_autocast_enabled(value.device.type)
        )
        return value.float() if half else value
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*[widened(x) for x in value])
    if type(value) in (tuple, list):
        return type(value)([widened(x) for x in value])
    return value
