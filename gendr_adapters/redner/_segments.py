"""Line segments of the picture: edges of a mesh as they are seen, cut at the near plane and at the picture's border."""

from typing import NamedTuple

import torch
from torch import Tensor

from .._rendering import gather_corners
from ._homogeneous_mesh import HomogeneousMesh


class Segments(NamedTuple):
    """N segments. Those of a vertex pair (i, j, j) are what the near plane leaves of the edge from i to j; those of
    (i, j, k) with is_cut are where the near plane cuts the face, from its edge i j to its edge i k.

    vertices: (N, 3) int64. is_cut: (N,) bool. begin, end: (N,), how much of it is inside the picture, in [0, 1].
    start, along: (N, 2), where it starts and how far it goes, pixels, float64. length: (N,), of the part inside.
    """

    vertices: Tensor
    is_cut: Tensor
    begin: Tensor
    end: Tensor
    start: Tensor
    along: Tensor
    length: Tensor

    def pick(self, index: Tensor) -> "Segments":
        return Segments(*(field[index] for field in self))


def visible_segments(mesh: HomogeneousMesh, edges: Tensor) -> Segments:
    """The parts of edges (E, 2) in front of the near plane and inside the picture, and where the near plane cuts faces.
    mesh: in float64, without gradients."""
    cut = _cut_faces(mesh)
    vertices = torch.cat([torch.cat([edges, edges[:, 1:]], 1), cut])
    is_cut = torch.arange(vertices.shape[0], device=edges.device) >= edges.shape[0]
    in_front = is_cut | (mesh.vertices[:, 2][edges_of(vertices)] >= mesh.near).any(1)
    vertices, is_cut = vertices[in_front], is_cut[in_front]
    start, stop = endpoints(mesh.vertices, vertices, is_cut, mesh.near)
    along = stop - start
    begin, end = _inside_picture(start, along, mesh.image_size)
    length = (end - begin).clamp(min=0) * along.norm(dim=1)
    segments = Segments(vertices, is_cut, begin, end, start, along, length)
    return segments.pick((length > 0) & length.isfinite())


def edges_of(vertices: Tensor) -> Tensor:
    return vertices[:, :2]


def endpoints(homogeneous: Tensor, vertices: Tensor, is_cut: Tensor, near: float) -> tuple[Tensor, Tensor]:
    """Start and end (N, 2) of segments in the picture, pixels, with gradients to the homogeneous vertices (V, 3) that
    repeat bit for bit."""
    i, j, k = gather_corners(homogeneous, vertices).unbind(1)
    start = _where_rows(is_cut | (i[:, 2] < near), _at_near(i, j, near), i)
    stop = _where_rows(j[:, 2] < near, _at_near(i, j, near), j)
    stop = _where_rows(is_cut, _at_near(i, k, near), stop)
    return start[:, :2] / start[:, 2:], stop[:, :2] / stop[:, 2:]


def _where_rows(condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    return torch.where(condition[:, None], yes, no)


def _at_near(a: Tensor, b: Tensor, near: float) -> Tensor:
    """Where the lines from a to b (N, 3) are at the near plane; a, where they do not cross it."""
    rise = b[:, 2] - a[:, 2]
    crosses = (a[:, 2] < near) != (b[:, 2] < near)
    share = torch.where(crosses, (near - a[:, 2]) / torch.where(crosses, rise, torch.ones_like(rise)), 0.0)
    return a + share[:, None] * (b - a)


def _cut_faces(mesh: HomogeneousMesh) -> Tensor:
    """(K, 3): the faces with corners on both sides of the near plane, beginning with the corner that is alone there."""
    behind = (mesh.vertices[:, 2] < mesh.near)[mesh.faces]
    cut = behind.any(1) & ~behind.all(1)
    faces, behind = mesh.faces[cut], behind[cut]
    alone = behind == (behind.sum(1) == 1)[:, None]
    first = alone.long().argmax(1)
    around = (first[:, None] + torch.arange(3, device=first.device)) % 3
    return faces.gather(1, around)


def _inside_picture(start: Tensor, along: Tensor, image_size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """From where to where start + t along, t in [0, 1], is inside the picture (Liang & Barsky, 1984)."""
    height, width = image_size
    begin, end = torch.zeros_like(start[:, 0]), torch.ones_like(start[:, 0])
    for axis, side in ((0, width), (1, height)):
        position, step = start[:, axis], along[:, axis]
        moves = step != 0
        safe = torch.where(moves, step, 1.0)
        low, high = (0 - position) / safe, (side - position) / safe
        outside = ~moves & ((position < 0) | (position > side))
        enter = torch.where(moves, torch.minimum(low, high), -torch.inf)
        leave = torch.where(moves, torch.maximum(low, high), torch.inf)
        begin = torch.maximum(begin, enter)
        end = torch.where(outside, -1.0, torch.minimum(end, leave))
    return begin, end
