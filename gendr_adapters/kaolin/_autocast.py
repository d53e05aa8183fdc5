"""Meshes of Kaolin's in full precision inside torch.autocast."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import torch

from .._autocast import full_precision_by, widened

_P = ParamSpec("_P")
_R = TypeVar("_R")


def geometry(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """`full_precision`, also of a mesh among the arguments whose vertices autocast made half precision."""
    return full_precision_by(_wide, function)


def _wide(value: Any) -> Any:
    if not hasattr(value, "float_tensors_to"):
        return widened(value)
    vertices = getattr(value, "vertices", None)
    half = any(widened(x) is not x for x in (vertices if isinstance(vertices, list) else [vertices]))
    return value.float_tensors_to(torch.float32) if half else value
