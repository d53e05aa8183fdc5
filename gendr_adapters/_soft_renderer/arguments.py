"""Arguments as the originals take them, tensors, arrays or plain numbers, brought to one form beside the points or
faces they go with."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from .._inputs import check_real, moved, refuse_half

Numbers: TypeAlias = Tensor | np.ndarray | Sequence[float] | Sequence[Sequence[float]]
Scalar: TypeAlias = float | Tensor | np.ndarray


def default_device() -> torch.device:
    """Where torch makes tensors: torch.get_default_device() of torch 2.5 does not know of `with torch.device(...)`."""
    return torch.empty(0).device


def check_choices(module: object, choices: Mapping[str, tuple[str, ...]]) -> None:
    """Raises ValueError unless the module's attributes of these names are among their choices."""
    for name, allowed in choices.items():
        if (value := getattr(module, name)) not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")


def check_points(name: str, points: Tensor) -> None:
    """Raises TypeError or ValueError unless points are (N, V, 3), float32 or float64."""
    check_real(name, points)
    if points.dim() != 3 or points.shape[2] != 3:
        raise ValueError(f"{name} must be (N, V, 3), got shape {tuple(points.shape)}")


def rows_of(name: str, value: Numbers, length: int, like: Tensor) -> Tensor:
    """(1, length) or (N, length), N = len(like), of the dtype and device of `like`, with the gradient of `value`."""
    rows = tensor_of(name, value, like)
    if rows.dim() == 1:
        rows = rows[None]
    if rows.dim() != 2 or rows.shape[1] != length or not _fits(len(rows), len(like)):
        raise ValueError(f"{name} must be ({length},) or (N, {length}), N = {len(like)}, got shape {_shape(value)}")
    return rows


def vectors(name: str, value: Numbers, like: Tensor) -> Tensor:
    """`rows_of` three."""
    return rows_of(name, value, 3, like)


def check_counts(what: str, n: int, *rows: Tensor | float | None) -> None:
    """Raises ValueError unless the tensors `rows`, each of one row or several, and n things go together: N of each, or
    one for all. `what` names the rows."""
    counts = [len(row) for row in rows if isinstance(row, Tensor)]
    if len({n, *counts} - {1}) > 1:
        raise ValueError(f"{what} must have N rows or 1, for N meshes or 1, got {', '.join(map(str, counts))} for {n}")


def scalar_of(name: str, value: Scalar, like: Tensor) -> Tensor | float:
    """A number as it is; a tensor or array of shape () or (N,) as (1, 1) or (N, 1)."""
    if isinstance(value, Real):
        return float(value)
    values = tensor_of(name, value, like)
    if values.dim() > 1 or not _fits(values.numel(), len(like)):
        raise ValueError(f"{name} must be a number or (N,), N = {len(like)}, got shape {_shape(value)}")
    return values.reshape(-1, 1)


def _fits(count: int, n: int) -> bool:
    """Whether `count` rows go with n: each to its own, or one of them to all of the others."""
    return count == n or count == 1 or (n == 1 and count > 0)


def tensor_of(name: str, value: Numbers | Scalar, like: Tensor) -> Tensor:
    """A tensor, array or numbers as a tensor of the dtype and device of `like`, with the gradient of `value`."""
    if isinstance(value, Tensor):
        refuse_half(name, value)
        return value.to(like)
    try:
        return moved(torch.as_tensor(np.asarray(value), dtype=like.dtype, device="cpu"), like)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a tensor, an array or numbers, got {value!r}") from error


def _shape(value: object) -> tuple[int, ...]:
    return tuple(value.shape) if isinstance(value, Tensor) else np.asarray(value).shape
