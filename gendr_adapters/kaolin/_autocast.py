"""Meshes of Kaolin's in full precision inside torch.autocast."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

import torch

from .._autocast import full_precision, widened

_F = TypeVar("_F", bound=Callable[..., Any])


def geometry(function: _F) -> _F:
    """`full_precision`, also of a mesh among the arguments whose vertices autocast made half precision."""
    precise = full_precision(function)

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return precise(*map(_widen, args), **{name: _widen(value) for name, value in kwargs.items()})

    return cast(_F, wrapper)


def _widen(value: Any) -> Any:
    if not hasattr(value, "float_tensors_to"):
        return value
    vertices = getattr(value, "vertices", None)
    half = any(widened(x) is not x for x in (vertices if isinstance(vertices, list) else [vertices]))
    return value.float_tensors_to(torch.float32) if half else value
