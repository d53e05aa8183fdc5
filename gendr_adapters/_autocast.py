"""Geometry in full precision where people train in half: what `torch.autocast` must not touch."""

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
    """The function, in which torch.autocast is ignored: the 8 bits of bfloat16 tell 256 places in a picture apart.

    Inside autocast the arguments are `widened`, and gradients are `ExactGradients`, except for code that torch.compile
    traces: what is to be exact there, too, takes `_products.times`. Outside nothing changes, and half precision is
    refused as ever.
    """
    return full_precision_by(widened, function)


def full_precision_by(widen: Callable[[Any], Any], function: Callable[_P, _R]) -> Callable[_P, _R]:
    """`full_precision`, with arguments widened by a function that knows a door's own objects, too."""

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
    """Tensors of half precision as float32 where autocast is on for their device: there they are what it made of
    float32, and their gradients go back. Also those in tuples and lists; everything else is handed back as it is."""
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
