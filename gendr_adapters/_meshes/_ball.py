"""The ball that a mesh is in: what a camera must see to see all of it."""

from typing import NamedTuple

import torch
from torch import Tensor


class Ball(NamedTuple):
    """middle: (3,), of the bounding box. radius: (), > 0, from there to the vertex that is farthest away."""

    middle: Tensor
    radius: Tensor


def ball_around(vertices: Tensor) -> Ball:
    """Of vertices (V, 3), V > 0; without gradients."""
    with torch.no_grad():
        middle = (vertices.amin(0) + vertices.amax(0)) / 2
        return Ball(middle, (vertices - middle).norm(dim=1).max().clamp(min=1e-12))
