"""Arguments as the originals take them, tensors, arrays or plain numbers, brought to one form beside the points or
faces they go with."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from .._inputs import moved

Numbers: TypeAlias = Tensor | np.ndarray | Sequence[float] | Sequence[Sequence[float]]
Scalar: TypeAlias = float | Tensor | np.ndarray


def check_choices(module: object, choices: Mapping[str, tuple[str, ...]]) -> None:
    """Raises ValueError unless the module's attributes of these names are among their choices."""
    for name, allowed in choices.items():
        if (value := getattr(module, name)) not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def check_points(name: str, points: Tensor) -> None:
    """Raises TypeError or ValueError unless points are (N, V, 3)."""
    if not isinstance(points, Tensor) or not points.is_floating_point():
        raise TypeError(f"{name} must be a floating-point tensor, got {_kind(points)}")
    if points.dim() != 3 or points.shape[2] != 3:
        raise ValueError(f"{name} must be (N, V, 3), got shape {tuple(points.shape)}")


def rows_of(name: str, value: Numbers, length: int, like: Tensor) -> Tensor:
    """(1, length) or (N, length), N = len(like), of the dtype and device of `like`, with the gradient of `value`."""
    rows = _tensor(name, value, like)
    if rows.dim() == 1:
        rows = rows[None]
    if rows.dim() != 2 or rows.shape[1] != length or not _fits(len(rows), len(like)):
        raise ValueError(f"{name} must be ({length},) or (N, {length}), N = {len(like)}, got shape {_shape(value)}")
    return rows


def vectors(name: str, value: Numbers, like: Tensor) -> Tensor:
    """`rows_of` three."""
    return rows_of(name, value, 3, like)


def scalar_of(name: str, value: Scalar, like: Tensor) -> Tensor | float:
    """A number as it is; a tensor or array of shape () or (N,) as (1, 1) or (N, 1)."""
    if isinstance(value, Real):
        return float(value)
    values = _tensor(name, value, like)
    if values.dim() > 1 or not _fits(values.numel(), len(like)):
        raise ValueError(f"{name} must be a number or (N,), N = {len(like)}, got shape {_shape(value)}")
    return values.reshape(-1, 1)


def _fits(count: int, n: int) -> bool:
    """Whether `count` rows go with n: each to its own, or one of them to all of the others."""
    return count == n or count == 1 or (n == 1 and count > 0)


def _tensor(name: str, value: Numbers | Scalar, like: Tensor) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(like)
    try:
        return moved(torch.as_tensor(np.asarray(value), dtype=like.dtype, device="cpu"), like)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a tensor, an array or numbers, got {value!r}") from error


def _shape(value: object) -> tuple[int, ...]:
    return tuple(value.shape) if isinstance(value, Tensor) else np.asarray(value).shape


def _kind(value: object) -> str:
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
