"""With `pytest --moved`: every float32 coordinate that reaches the core moves by its last bit.

Another processor rounds otherwise, by about as much. So a test that passes here and fails with --moved hangs on the
rounding of one machine. Tests of points exactly on an edge, say, are right to fail: they are marked exact_coordinates.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


def moved(coordinates: Tensor) -> Tensor:
    """A neighbouring float32, above or below as a hash of the number itself says: shared corners stay together."""
    if coordinates.dtype != torch.float32:
        return coordinates
    bits = coordinates.contiguous().view(torch.int32)
    step = ((bits.long() * 2654435761 >> 16) & 1) * 2 - 1
    neighbours = (bits + step.to(torch.int32)).view(torch.float32)
    return torch.where(coordinates.isfinite() & (coordinates.abs() > 1e-30), neighbours, coordinates)


class MovedCoordinates(TorchDispatchMode):
    """Below autograd, so that the backward op, which is given the saved coordinates, sees the same ones moved."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "gendr_adapters":
            names = [argument.name for argument in func._schema.arguments]
            if "face_vertices" in names:
                at = names.index("face_vertices")
                args = (*args[:at], moved(args[at]), *args[at + 1 :])
        return func(*args, **(kwargs or {}))
