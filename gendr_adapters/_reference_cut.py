"""A face cut at the near plane, directly from the definition, with autograd: its corners in space are clipped edge by
edge (Sutherland and Hodgman) and projected; values are interpolated on the resulting polygon.

It shares no formula with csrc/core/cut_polygon.h, which has closed forms on the screen.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor


class CutFace(NamedTuple):
    """One face at P pixels. d2 is the squared distance without a sign. corners: (n, 2), n = 3 or 4, on the screen."""

    corners: Tensor
    double_area: Tensor
    d2: Tensor
    inside: Tensor
    closed: Tensor
    weights: Tensor  # (P, 3)
    depth: Tensor  # (P,); 0 where the face's plane is not seen


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def clipped(points: Tensor, depth: float) -> Tensor:
    """The part at z >= depth of a triangle with corners (3, D), whose third coordinate is z. The other D - 1
    coordinates change linearly along its edges. The first corner of the result is in front and follows one that is not.
    """
    nearer = (points[:, 2] < depth).tolist()
    first = next(k for k in range(3) if nearer[k - 1] and not nearer[k])
    kept = []
    for k in range(first, first + 3):
        here, there = points[k % 3], points[(k + 1) % 3]
        if not nearer[k % 3]:
            kept.append(here)
        if nearer[k % 3] != nearer[(k + 1) % 3]:
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
    t = torch.where(proper, t, torch.zeros_like(t)).clamp(0, 1)[..., None]
    # Use the corner itself for t = 1, so that both of its edges give the same bits.
    points = torch.where(t == 1, corners.roll(-1, 0), corners + t * edge)
    d2, nearest = (pixels[:, None] - points).square().sum(-1).min(-1)
    return d2, points[torch.arange(len(pixels)), nearest]


def _area(corners: Tensor) -> Tensor:
    """Twice the area of a triangle (3, 2), divided by the square of its longest edge."""
    edge = corners.detach().roll(-1, 0) - corners.detach()
    return _cross(edge[0], edge[1]).abs() / edge.square().sum(-1).max()


def _affine(points: Tensor, corners: Tensor, values: Tensor) -> Tensor:
    """The affine function with the values (3, D) at corners (3, 2), at points (P, 2)."""
    matrix = torch.cat([corners, torch.ones_like(corners[:, :1])], 1)
    return torch.cat([points, torch.ones_like(points[:, :1])], 1) @ torch.linalg.solve(matrix, values)


def _interpolated(points: Tensor, corners: Tensor, values: Tensor) -> Tensor:
    """Interpolate values (n, D) at the corners (n, 2) of a polygon, at points (P, 2). The function is affine in a
    triangle; for four corners, it is affine on each side of the diagonal from corner 0 to corner 2."""
    # If a corner of the face is on the plane, one of the two triangles is a segment.
    halves = [[0, 1, 2], [0, 2, 3]][: len(corners) - 2]
    areas = [_area(corners[half]).item() for half in halves]
    least = min(2 * torch.finfo(corners.dtype).eps, max(areas))
    halves = [half for half, area in zip(halves, areas, strict=True) if area >= least]
    first, *rest = [_affine(points, corners[half], values[half]) for half in halves]
    if not rest:
        return first
    second = rest[0]
    across = corners[2] - corners[0]
    side = _cross(across, points - corners[0]) * _cross(across, corners[1] - corners[0])
    return torch.where((side < 0)[:, None], second, first)


def cut_face(face: Tensor, pixels: Tensor, s: Any) -> CutFace | None:
    """Cut a face (3, 3), x and y on the screen, that has corners on both sides of s.near_clip. None: nothing is left of
    it."""
    z = face[:, 2:]
    projected = s.projection == "perspective"
    in_space = torch.cat([face[:, :2] * z, z] if projected else [face], 1)
    polygon = clipped(torch.cat([in_space, torch.eye(3, dtype=face.dtype)], 1), s.near_clip)
    corners, depths, shares = polygon[:, :2], polygon[:, 2:3], polygon[:, 3:]
    if projected:
        corners = corners / depths
    following = corners.roll(-1, 0)
    double_area = _cross(corners, following).sum()
    longest2 = (following - corners).square().sum(-1).max()
    if not double_area.abs() > 2 * torch.finfo(face.dtype).eps * longest2:
        return None
    sides = double_area.sign() * _cross(following - corners, pixels[:, None] - corners)
    proper = (following != corners).any(-1)  # an edge of no length has no outer side
    inside = ((sides > 0) | ~proper).all(-1)
    d2, nearest = _nearest(pixels, corners)
    # On the outline up to rounding, as in reference._on_outline. The positions of the corners are rounded, too.
    touch = 6 * torch.finfo(face.dtype).eps
    edge, away, place = (x.detach().abs() for x in (following - corners, pixels[:, None] - corners, corners))
    slack = touch * (edge * (away + place).flip(-1)).sum(-1)
    near = d2.detach().sqrt() <= touch * (edge.square().sum(-1).sqrt().max() + place.sum(-1).max())
    closed = inside | (near & ((sides.detach() >= -slack) | ~proper).all(-1))
    points = pixels if s.clip == "none" else torch.where(inside[:, None], pixels, nearest)
    inverse = _interpolated(points, corners, 1 / depths)[:, 0]
    weights = _interpolated(points, corners, shares / depths if s.perspective_correct else shares)
    total = weights.sum(-1)
    seen = total > 0
    weights = torch.where(seen[:, None], weights / torch.where(seen, total, torch.ones_like(total))[:, None], 0.0)
    depth = torch.where(seen, 1 / torch.where(seen, inverse, 1.0), 0.0) if s.clip == "unit" else weights @ z[:, 0]
    return CutFace(corners, double_area, d2, inside, closed, weights, depth)
