"""What the tests of the SoftRas and GenDR doors are run on: random numbers, eyes, matrices and meshes, float64."""

from typing import Any

import pytest
import torch
from torch import Tensor

import gendr_adapters.gendr as gendr
import gendr_adapters.softras as sr

DOORS = pytest.mark.parametrize("door", [sr, gendr], ids=["softras", "gendr"])
FACES = torch.tensor([[0, 1, 2], [2, 1, 3], [3, 4, 0], [0, 2, 4], [4, 5, 1]])


def numbers(seed: int, *shape: int) -> Tensor:
    """In [-1, 1], float64."""
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1


def some_eyes(n: int, seed: int = 1) -> Tensor:
    return numbers(seed, n, 3) + exactly([0.0, 1.0, -3.0])


def exactly(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def each(n: int, values: Tensor) -> list[list[float]]:
    """A row an image, of (3,), (1, 3) or (n, 3)."""
    return values.reshape(-1, values.shape[-1]).expand(n, -1).tolist()


def some_matrix(n: int) -> Tensor:
    P = numbers(5, n, 3, 4) / 4
    return P + exactly([[1.2, 0, 0.2, 0], [0, 0.9, 0.1, 0], [0, 0, 1, 3]])


def some_mesh(texture_type: str, n: int = 2, vertices: Tensor | None = None, textures: Tensor | None = None) -> sr.Mesh:
    """N meshes of 6 vertices and 5 faces, with 2 x 2 texels a face or a colour a vertex."""
    vertices = numbers(10, n, 6, 3) if vertices is None else vertices
    if textures is None:
        textures = numbers(11, n, *((5, 4, 3) if texture_type == "surface" else (6, 3))).abs()
    return sr.Mesh(vertices, FACES.expand(n, 5, 3), textures, texture_res=2, texture_type=texture_type)
