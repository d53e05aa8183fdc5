"""With `pytest --moved`: every float32 coordinate that reaches the core moves by its last bit.

Another processor rounds otherwise, by about as much. So a test that passes here and fails with --moved hangs on the
rounding of one machine. Tests of points exactly on an edge, say, are right to fail: they are marked exact_coordinates.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from gendr_adapters._native.structs import Call


@torch.no_grad()
def moved(coordinates: Tensor) -> Tensor:
    """A neighbouring float32, above or below as a hash of the number itself says: shared corners stay together."""
    if coordinates.dtype != torch.float32:
        return coordinates
    bits = coordinates.contiguous().view(torch.int32)
    step = ((bits.long() * 2654435761 >> 16) & 1) * 2 - 1
    neighbours = (bits + step.to(torch.int32)).view(torch.float32)
    return torch.where(coordinates.isfinite() & (coordinates.abs() > 1e-30), neighbours, coordinates)


@contextmanager
def moved_coordinates() -> Iterator[None]:
    """Where a call gets its pointers: the one way of eager and compiled programs, of every thread. The backward call,
    which is given the saved coordinates, sees the same ones moved. JAX has another way, so nothing moves there."""
    point = Call.point

    def point_to_moved(call: Call, names: Sequence[str], tensors: Sequence[Any], part: Any = None) -> None:
        pairs = zip(names, tensors, strict=True)
        tensors = [moved(x) if name == "face_vertices" and isinstance(x, Tensor) else x for name, x in pairs]
        point(call, names, tensors, part)

    with patch.object(Call, "point", point_to_moved):
        yield
