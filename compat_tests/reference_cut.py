"""A face cut at the near plane, straight from its definition, with autograd: its corners in space, clipped edge by edge
(Sutherland and Hodgman), projected, and weights by inverting the matrix of the corners.

It shares no formula with csrc/core/cut_polygon.h, which has closed forms on the screen."""

from typing import NamedTuple

import torch
from torch import Tensor


class CutFace(NamedTuple):
    """One face at P pixels; d2 is squared, not signed. corners: (n, 2), n = 3 or 4, on the screen."""

    corners: Tensor
    double_area: Tensor
    d2: Tensor
    inside: Tensor
    closed: Tensor
    weights: Tensor  # (P, 3)
    depth: Tensor  # (P,); 0 where the face's plane is not seen


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _clipped(points: Tensor, depth: float) -> Tensor:
    """What lies at z >= depth of the polygon with these corners (3, 3)."""
    kept = []
    for k in range(3):
        here, there = points[k], points[(k + 1) % 3]
        if here[2] >= depth:
            kept.append(here)
        if (here[2] >= depth) != (there[2] >= depth):
            t = (here[2] - depth) / (here[2] - there[2])
            kept.append(here + t * (there - here))
    return torch.stack(kept)


def _nearest(pixels: Tensor, corners: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance (P,) to the outline of a polygon (n, 2), and its nearest points (P, 2)."""
    edge = corners.roll(-1, 0) - corners
    away = pixels[:, None] - corners
    length2 = (edge * edge).sum(-1)
    proper = length2 > 0
    t = (away * edge).sum(-1) / torch.where(proper, length2, torch.ones_like(length2))
    points = corners + torch.where(proper, t, torch.zeros_like(t)).clamp(0, 1)[..., None] * edge
    d2, nearest = (pixels[:, None] - points).square().sum(-1).min(-1)
    return d2, points[torch.arange(len(pixels)), nearest]


def cut_face(face: Tensor, pixels: Tensor, near_clip: float, perspective: bool, clip: str) -> CutFace | None:
    """face: (3, 3), x and y on the screen, with corners on both sides of near_clip. None: nothing is left of it."""
    z = face[:, 2:]
    corners = _clipped(torch.cat([face[:, :2] * z, z], 1) if perspective else face, near_clip)
    if perspective:
        corners = corners[:, :2] / corners[:, 2:]
    corners = corners[:, :2]
    following = corners.roll(-1, 0)
    double_area = _cross(corners, following).sum()
    longest2 = (following - corners).square().sum(-1).max()
    if not double_area.abs() > 2 * torch.finfo(face.dtype).eps * longest2:
        return None
    sides = double_area.sign() * _cross(following - corners, pixels[:, None] - corners)
    proper = (following != corners).any(-1)  # an edge of no length has no outer side
    inside = ((sides > 0) | ~proper).all(-1)
    d2, nearest = _nearest(pixels, corners)
    points = pixels if clip == "none" else torch.where(inside[:, None], pixels, nearest)
    ones = torch.ones_like(z)
    matrix = torch.cat([face[:, :2] * z, z] if perspective else [face[:, :2], ones], 1)
    b = torch.linalg.solve(matrix.T, torch.cat([points, torch.ones_like(points[:, :1])], 1).T).T
    total = b.sum(-1)
    seen = total > 0
    scale = torch.where(seen, 1 / torch.where(seen, total, torch.ones_like(total)), torch.zeros_like(total))
    weights = b * scale[:, None]
    depth = scale if perspective else weights @ z[:, 0]
    return CutFace(corners, double_area, d2, inside, inside | (d2 == 0), weights, depth)
