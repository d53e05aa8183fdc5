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
            # From the nearer one, so that of two edges in one place the points are, too.
            start, end = (here, there) if nearer[k % 3] else (there, here)
            kept.append(start + (start[2] - depth) / (start[2] - end[2]) * (end - start))
    return torch.stack(kept)


def _nearest(pixels: Tensor, corners: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance (P,) to the outline of a polygon (n, 2), and how much of each corner is in its nearest points
    (P, n)."""
    edge = corners.roll(-1, 0) - corners
    away = pixels[:, None] - corners
    length2 = (edge * edge).sum(-1)
    proper = length2 > 0
    t = (away * edge).sum(-1) / torch.where(proper, length2, torch.ones_like(length2))
    t = torch.where(proper, t, torch.zeros_like(t)).clamp(0, 1)
    # From a corner the same for both its edges.
    offset = torch.where((t == 1)[..., None], away.roll(-1, 1), away - t[..., None] * edge)
    d2, nearest = offset.square().sum(-1).min(-1)
    one_hot = torch.nn.functional.one_hot(nearest, len(corners)).to(t.dtype)
    along = one_hot * t
    return d2, one_hot - along + along.roll(1, dims=-1)


def _double_area(corners: Tensor) -> Tensor:
    """Signed, of a polygon (n, 2), as triangles that meet in corner 0: differences of nearby corners are exact."""
    spokes = corners[1:] - corners[0]
    return _cross(spokes[:-1], spokes[1:]).sum()


def _area(corners: Tensor) -> Tensor:
    """Twice the area of a triangle (3, 2), divided by the square of its longest edge."""
    edge = corners.detach().roll(-1, 0) - corners.detach()
    return _cross(edge[0], edge[1]).abs() / edge.square().sum(-1).max()


def _affine(points: Tensor, corners: Tensor, values: Tensor) -> Tensor:
    """At points (P, 2), the affine function with these values (3, D) at corners (3, 2): by barycentrics, whose
    differences of nearby points are exact, as coordinates of a face that is small and far from the origin are not."""
    start, across = corners.roll(-1, 0), corners.roll(-2, 0) - corners.roll(-1, 0)
    opposite = _cross(across, points[:, None] - start)
    return (opposite / _cross(across[0], across[1])) @ values


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
    double_area = _double_area(corners)
    longest2 = (following - corners).square().sum(-1).max()
    if not double_area.abs() > 2 * torch.finfo(face.dtype).eps * longest2:
        return None
    sides = double_area.sign() * _cross(following - corners, pixels[:, None] - corners)
    proper = (following != corners).any(-1)  # an edge of no length has no outer side
    inside = ((sides > 0) | ~proper).all(-1)
    d2, in_nearest = _nearest(pixels, corners)
    # On the outline up to rounding, as in reference._on_outline; the corners themselves are rounded where they lie.
    touch = 6 * torch.finfo(face.dtype).eps
    edge, away, place = (x.detach().abs() for x in (following - corners, pixels[:, None] - corners, corners))
    slack = touch * (edge * (away + place).flip(-1)).sum(-1)
    near = d2.detach().sqrt() <= touch * (edge.square().sum(-1).sqrt().max() + place.sum(-1).max())
    closed = inside | (near & ((sides.detach() >= -slack) | ~proper).all(-1))

    def values(at_corners: Tensor) -> Tensor:
        """(P, D), of (n, D), at the pixels, or where they are bound to the face, at its points nearest to them."""
        at_pixels = _interpolated(pixels, corners, at_corners)
        bound = ~inside if s.clip != "none" else torch.zeros_like(inside)
        return torch.where(bound[:, None], in_nearest @ at_corners, at_pixels)

    inverse = values(1 / depths)[:, 0]
    weights = values(shares / depths if s.perspective_correct else shares)
    total = weights.sum(-1)
    seen = total > 0
    weights = torch.where(seen[:, None], weights / torch.where(seen, total, torch.ones_like(total))[:, None], 0.0)
    depth = torch.where(seen, 1 / torch.where(seen, inverse, 1.0), 0.0) if s.clip == "unit" else weights @ z[:, 0]
    return CutFace(corners, double_area, d2, inside, closed, weights, depth)
