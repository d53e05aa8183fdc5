"""Closed solids of a few faces: counter-clockwise seen from outside in a right-handed world, y up."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

Vector = tuple[float, float, float]


class Solid(NamedTuple):
    """vertices (V, 3), faces (F, 3) int64, colours (F, 3) in [0, 1]."""

    vertices: Tensor
    faces: Tensor
    colours: Tensor


def box(low: Vector, high: Vector, colour: Vector) -> Solid:
    """The box between two corners."""
    ends = torch.tensor([low, high], dtype=torch.float32)
    bits = torch.arange(8)
    vertices = torch.stack([ends[(bits >> axis) & 1, axis] for axis in range(3)], 1)
    quads = torch.tensor([[0, 4, 6, 2], [1, 3, 7, 5], [0, 1, 5, 4], [2, 6, 7, 3], [0, 2, 3, 1], [4, 5, 7, 6]])
    return _coloured(vertices, torch.cat([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]), colour)


def frustum(base: Vector, top: Vector, base_radius: float, top_radius: float, colour: Vector, sides: int = 20) -> Solid:
    """A cone cut off, between the centres of its two ends; a radius may be 0."""
    centres = torch.tensor([base, top], dtype=torch.float32)
    along = torch.nn.functional.normalize(centres[1] - centres[0], dim=0)
    helper = torch.eye(3)[int(along.abs().argmin())]
    u = torch.nn.functional.normalize(torch.linalg.cross(helper, along), dim=0)
    v = torch.linalg.cross(along, u)
    angle = torch.arange(sides) * (2 * math.pi / sides)
    ring = angle.cos()[:, None] * u + angle.sin()[:, None] * v
    vertices = torch.cat([centres[0] + base_radius * ring, centres[1] + top_radius * ring, centres])
    here, there = torch.arange(sides), (torch.arange(sides) + 1) % sides
    base_centre, top_centre = torch.full((2, sides), 2 * sides) + torch.tensor([[0], [1]])
    faces = [
        torch.stack([here, there, there + sides], 1),
        torch.stack([here, there + sides, here + sides], 1),
        torch.stack([there, here, base_centre], 1),
        torch.stack([here + sides, there + sides, top_centre], 1),
    ]
    return _coloured(vertices, torch.cat(faces), colour)


def prism(outline: list[tuple[float, float]], low: float, high: float, colour: Vector) -> Solid:
    """A convex outline of points (x, y), counter-clockwise, drawn out along z."""
    n = len(outline)
    flat = torch.tensor(outline, dtype=torch.float32)
    vertices = torch.cat([torch.cat([flat, flat.new_full((n, 1), z)], 1) for z in (high, low)])
    here, there = torch.arange(n), (torch.arange(n) + 1) % n
    fan = torch.stack([torch.zeros(n - 2, dtype=torch.long), here[1:-1], here[2:]], 1)
    sides = [torch.stack([here, here + n, there + n], 1), torch.stack([here, there + n, there], 1)]
    return _coloured(vertices, torch.cat([fan, fan.flip(1) + n, *sides]), colour)


def joined(solids: list[Solid]) -> Solid:
    """All of them as one, centred, its bounding box's diagonal 1, as ShapeNet's objects are."""
    counts = [len(solid.vertices) for solid in solids]
    firsts = [sum(counts[:i]) for i in range(len(counts))]
    vertices = torch.cat([solid.vertices for solid in solids])
    low, high = vertices.amin(0), vertices.amax(0)
    vertices = (vertices - (low + high) / 2) / (high - low).norm()
    faces = torch.cat([solid.faces + first for solid, first in zip(solids, firsts, strict=True)])
    return Solid(vertices, faces, torch.cat([solid.colours for solid in solids]))


def _coloured(vertices: Tensor, faces: Tensor, colour: Vector) -> Solid:
    return Solid(vertices, faces, torch.tensor(colour, dtype=torch.float32).expand(len(faces), 3))
