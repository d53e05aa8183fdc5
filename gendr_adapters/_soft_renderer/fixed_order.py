"""Rows of a table gathered and added up in a fixed order, so that results and gradients repeat bit for bit.

The native operators take indices in threes, the corners of faces; here any number of them goes.
"""

import torch.nn.functional as F
from torch import Tensor

from .. import ops
from .._rendering import gather_corners


def gather_rows(values: Tensor, index: Tensor) -> Tensor:
    """values[:, index] of values (N, V, C) and index (M,) int64: (N, M, C)."""
    return gather_corners(values, _in_threes(index)).flatten(1, 2)[:, : len(index)]


def sum_rows(values: Tensor, index: Tensor, count: int) -> Tensor:
    """Rows of values (N, M, C) added to rows index (M,) int64 of zeros (N, count, C)."""
    padded = F.pad(values, (0, 0, 0, -len(index) % 3)).unflatten(1, (-1, 3))
    return ops.apply("scatter_corners", padded, _in_threes(index), count)


def _in_threes(index: Tensor) -> Tensor:
    return F.pad(index, (0, -len(index) % 3)).view(-1, 3)
