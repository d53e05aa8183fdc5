"""What users of this door pass, checked. Errors say what was got and what is allowed."""

import math
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from .._autocast import full_precision, widened
from .._inputs import check_real, kind
from .._known import has_numbers
from ..settings import check_number

_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.uint8)


class FullPrecision:
    """What has tensors for attributes, which may be set anew: those that autocast made are float32 here."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, widened(value))


@full_precision
def rows(name: str, value: Any, width: int, like: Tensor | None = None) -> Tensor:
    """A float32 or float64 tensor (n, width); of like's dtype and device, if that is given."""
    check_real(name, value)
    if value.dim() != 2 or value.shape[1] != width:
        raise ValueError(f"{name} must be (n, {width}), got shape {tuple(value.shape)}")
    return value if like is None else value.to(like)


@full_precision
def vector(name: str, value: Any, size: int) -> Tensor:
    """A float32 or float64 tensor (size,)."""
    check_real(name, value)
    if value.shape != (size,):
        raise ValueError(f"{name} must be a tensor of shape ({size},), got shape {tuple(value.shape)}")
    return value


def face_indices(name: str, value: Any, n_vertices: int, like: Tensor, base: int = 0) -> Tensor:
    """(m, 3) int64 on like's device, counted from 0, each of the n_vertices."""
    if not isinstance(value, Tensor) or value.dtype not in _INTEGERS:
        raise TypeError(f"{name} must be a tensor of int64, int32, int16 or uint8, got {kind(value)}")
    if value.dim() != 2 or value.shape[1] != 3:
        raise ValueError(f"{name} must be (m, 3), got shape {tuple(value.shape)}")
    faces = value.to(device=like.device, dtype=torch.int64) - base
    if faces.numel() and has_numbers(faces):
        low, high = (int(x) for x in faces.aminmax())
        if low < 0 or high >= n_vertices:
            raise ValueError(
                f"{name} must be from {base} to {n_vertices - 1 + base}, as there are {n_vertices} vertices, got "
                f"{low + base} to {high + base}"
            )
    return faces


def whole(name: str, value: Any, least: int) -> int:
    """An int that is at least `least`."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{name} must be an int, got {type(value).__name__}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}")
    return int(value)


def number(name: str, value: Any, *, positive: bool) -> float:
    """A finite float, > 0 if positive, else >= 0."""
    result = check_number(name, value)
    if not math.isfinite(result) or result < 0 or (positive and result == 0):
        raise ValueError(f"{name} must be finite and {'> 0' if positive else '>= 0'}, got {value}")
    return result
