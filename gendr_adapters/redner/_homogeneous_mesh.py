"""HomogeneousMesh: triangles as the camera sees them, before the division by depth."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .._camera_plane import off_camera_plane
from .._projected_meshes import ProjectedMeshes
from .._rendering import gather_corners
from ..settings import RenderSettings


@dataclass(frozen=True, eq=False)
class HomogeneousMesh:
    """Triangles in a picture of H x W pixels.

    vertices: (V, 3), homogeneous pixel coordinates (z u, z v, z): u to the right and v down from the picture's top left
    corner, pixel i covering [i, i + 1); z the depth, > 0 in front of the camera, in the unit of the world. They are
    linear in camera coordinates, also behind the camera.
    faces: (F, 3) int64, each in [0, V). image_size: (H, W), pixels. near: depth > 0; what is nearer is not seen.
    """

    vertices: Tensor
    faces: Tensor
    image_size: tuple[int, int]
    near: float

    def projected(self, settings: RenderSettings, shifts: Tensor | None = None) -> ProjectedMeshes:
        """After the division, as our core takes it: once, or S times, each moved by one of shifts (S, 3), NDC."""
        face_vertices = self.ndc_face_vertices()[None]
        if shifts is not None:
            face_vertices = face_vertices + shifts[:, None, None]
        return ProjectedMeshes.of_equal_size(face_vertices, self.image_size, settings)

    def ndc_face_vertices(self) -> Tensor:
        """(F, 3, 3), what `gendr_adapters.render` takes: x right, y up, the shorter side spanning [-1, 1]; z depth."""
        height, width = self.image_size
        half_side = min(height, width) / 2
        x, y, z = self.vertices.unbind(1)
        away = off_camera_plane(x / half_side, y / half_side, z)
        ndc = torch.stack([(x / away - width / 2) / half_side, (height / 2 - y / away) / half_side, away], 1)
        return gather_corners(ndc, self.faces)

    def in_double(self) -> "HomogeneousMesh":
        """The same without gradients, in float64."""
        return replace(self, vertices=self.vertices.detach().double())


def project(
    points: Tensor, intrinsics: Tensor, faces: Tensor, image_size: tuple[int, int], near: float
) -> HomogeneousMesh:
    """Camera coordinates (V, 3), x right, y down, z ahead, seen with intrinsics (4,): fx, fy, cx, cy in pixels, so that
    u = fx x / z + cx and v = fy y / z + cy."""
    x, y, z = points.unbind(1)
    f_x, f_y, c_x, c_y = intrinsics.unbind(0)
    return HomogeneousMesh(torch.stack([f_x * x + c_x * z, f_y * y + c_y * z, z], 1), faces, image_size, near)
