"""What is seen at any points of a picture, not only at pixel centres: exactly, and without gradients."""

from typing import NamedTuple

import torch
from torch import Tensor

from .._known import as_list
from .._rendering import gather_corners
from .._visibility import NO_FAR, NO_NEAR
from ..settings import RenderSettings
from ._homogeneous_mesh import HomogeneousMesh

# In pixels: a pixel whose centre is this close to a face's bounding box may hold points of the face. Half a pixel, and
# more than what boxes and points lose by rounding.
_BOX_REACH = 0.51
# In pixels, by how much faces' bounding boxes are widened, for rounding.
_BOX_SLACK = 1e-6
# Pairs of points and candidates that are tested in one go: some hundred bytes each.
_PAIRS_AT_ONCE = 2**20


class Hits(NamedTuple):
    """The nearest face at N points. face: (N,) int64, -1 where there is none. weights: (N, 3), of its corners'
    features, perspective-correct; they sum to 1. depth: (N,). Where there is no face both are 0."""

    face: Tensor
    weights: Tensor
    depth: Tensor


class PointQueries:
    """Answers which face is nearest at points of the picture of a mesh.

    The candidates of a point are the faces whose bounding boxes touch its pixel; they are found once, by our core.
    """

    def __init__(self, mesh: HomogeneousMesh) -> None:
        self._mesh = mesh = mesh.in_double()
        homogeneous = gather_corners(mesh.vertices, mesh.faces)
        self._planes = torch.linalg.cross(homogeneous.roll(-1, 1), homogeneous.roll(-2, 1))
        self._volume = (homogeneous[:, 0] * self._planes[:, 0]).sum(1)
        settings = RenderSettings(
            reach_shape="box",
            reach=_BOX_REACH * 2 / min(mesh.image_size),
            min_coverage=0.0,
            near=NO_NEAR,
            far=NO_FAR,
            near_clip=mesh.near,
        )
        self._low, self._high = _boxes(homogeneous, mesh.near)
        found = mesh.projected(settings).find_fragments()
        self._offsets, self._face = found.offsets, found.face

    def pixel_of(self, points: Tensor) -> Tensor:
        """(N,) int64: row times W plus column of the pixels that points (N, 2) lie in; those outside of the picture
        count to the nearest."""
        height, width = self._mesh.image_size
        column, row = points.floor().long().unbind(1)
        return row.clamp(0, height - 1) * width + column.clamp(0, width - 1)

    def nearest(self, points: Tensor, pixel: Tensor | None = None) -> Hits:
        """The faces nearest to the camera.

        Args:
            points: (N, 2) float64, (right, down) in pixels from the picture's top left corner.
            pixel: (N,), the pixels that hold them, of `pixel_of`; points may be up to 0.005 pixels outside of them.
        """
        pixel = self.pixel_of(points) if pixel is None else pixel
        first = self._offsets[pixel]
        counts = self._offsets[pixel + 1] - first
        block = (counts.cumsum(0) - counts) // _PAIRS_AT_ONCE
        sizes = as_list(torch.unique_consecutive(block, return_counts=True)[1]) or [0]
        blocks = zip(first.split(sizes), counts.split(sizes), points.split(sizes), strict=True)
        found = [self._nearest_of(*block) for block in blocks]
        return Hits(*(torch.cat(field) for field in zip(*found, strict=True)))

    def _nearest_of(self, first: Tensor, counts: Tensor, points: Tensor) -> Hits:
        """`nearest` for points whose candidates are `counts` in a row, from `first` on."""
        n = points.shape[0]
        point = torch.arange(n, device=points.device).repeat_interleave(counts)
        before = counts.cumsum(0) - counts
        face = self._face[torch.arange(point.shape[0], device=points.device) + (first - before)[point]]
        at = points[point]
        inside = (at >= self._low.index_select(0, face)) & (at <= self._high.index_select(0, face))
        near = inside.all(1).nonzero()[:, 0]
        point, face = point[near], face[near]
        _, depth = self._intersect(face, at[near])
        nearest = depth.new_full((n,), torch.inf).scatter_reduce(0, point, depth, "amin")
        # Of faces at the same depth the first, for any order of the candidates.
        n_faces = self._volume.shape[0]
        wins = depth.isfinite() & (depth == nearest[point])
        winner = face.new_full((n,), n_faces).scatter_reduce(0, point, torch.where(wins, face, n_faces), "amin")
        hit = winner < n_faces
        of = hit.nonzero()[:, 0]
        weights, depths = self._intersect(winner[of], points[of])
        return Hits(
            torch.where(hit, winner, -1),
            weights.new_zeros(n, 3).index_copy(0, of, weights),
            depths.new_zeros(n).index_copy(0, of, depths),
        )

    def _intersect(self, face: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Weights (M, 3) of the corners of faces (M,), and depth (M,), where the rays through points (M, 2) meet them;
        depth infinity where they do not, beyond near.

        With the corners P_k = (z u, z v, z) and the ray z (u, v, 1), sum_k w_k P_k = z (u, v, 1) has, by Cramer's rule,
        the weights w_k ~ c_k = (u, v, 1) . (P_i x P_j) and the depth z = P_0 . (P_1 x P_2) / sum c. The point is inside
        where no two c_k differ in sign. (Olano & Greer, "Triangle Scan Conversion using 2D Homogeneous Coordinates",
        1997.)
        """
        planes = self._planes.index_select(0, face)
        u, v = points[:, :1], points[:, 1:]
        c = planes[:, :, 0] * u + planes[:, :, 1] * v + planes[:, :, 2]
        total = c[:, 0] + c[:, 1] + c[:, 2]
        low, high = c.aminmax(dim=1)
        safe = torch.where(total == 0, 1.0, total)
        depth = self._volume.index_select(0, face) / safe
        seen = ((low >= 0) | (high <= 0)) & (total != 0) & (depth >= self._mesh.near)
        return c / safe[:, None], torch.where(seen, depth, torch.inf)


def _boxes(homogeneous: Tensor, near: float) -> tuple[Tensor, Tensor]:
    """(F, 2) both: between which pixel coordinates faces with homogeneous corners (F, 3, 3) can be seen; without bounds
    for those that have a corner nearer than near."""
    whole = (homogeneous[:, :, 2] >= near).all(1)[:, None]
    at = homogeneous[:, :, :2] / torch.where(whole, homogeneous[:, :, 2], 1.0)[:, :, None]
    low, high = at.aminmax(dim=1)
    return torch.where(whole, low - _BOX_SLACK, -torch.inf), torch.where(whole, high + _BOX_SLACK, torch.inf)
