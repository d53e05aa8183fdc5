"""rasterize_meshes, as PyTorch3D's function of that name."""

from typing import Any

from torch import Tensor

from ._autocast import geometry
from ._fragments import dense_view, most_at_a_pixel
from ._meshes import checked_faces_per_pixel, project_meshes


@geometry
def rasterize_meshes(
    meshes: Any,
    image_size: int | list[int] | tuple[int, int] = 256,
    blur_radius: float = 0.0,
    faces_per_pixel: int | None = 8,
    bin_size: int | None = None,
    max_faces_per_bin: int | None = None,
    perspective_correct: bool = False,
    clip_barycentric_coords: bool = False,
    cull_backfaces: bool = False,
    z_clip_value: float | None = None,
    cull_to_frustum: bool = False,
    *,
    projection: str | None = None,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The nearest faces of each pixel: pytorch3d.renderer.mesh.rasterize_meshes.rasterize_meshes, without its limits.

    Args:
        meshes: Meshes of N meshes, vertices in PyTorch3D's NDC (x left, y up) with their view depth as z; float32 or
            float64.
        image_size: side of a square image or (H, W), pixels. blur_radius: squared NDC, >= 0.
        faces_per_pixel: K >= 1, of any size; None: as many as there are at the pixel that has most.
        bin_size, max_faces_per_bin: accepted, and without effect: there are no bins to overflow.
        perspective_correct, clip_barycentric_coords, cull_backfaces: as in PyTorch3D.
        z_clip_value: depth at which faces are cut; what is left of a face is one polygon (csrc/core/cut_face.h). With
            None, or 0 if perspective_correct, a face with a corner at or behind the camera's plane is dropped.
        cull_to_frustum: drop faces all of whose corners are beyond one side of the picture.
        projection: what made x and y of the vertices, which these two want to know: 'perspective' or 'orthographic';
            None: as perspective_correct says, as in PyTorch3D.

    Returns:
        (pix_to_face, zbuf, bary_coords, dists), of shape (N, H, W, K), bary_coords (N, H, W, K, 3): the faces of each
        pixel by depth, then by number, counted through all meshes; -1 where there are fewer. int64, and real numbers
        with gradients to the vertices. dists are squared distances in NDC^2, negative inside.

    Raises:
        ValueError, TypeError: arguments that are out of range or of another type.
    """
    if projection is None:
        projection = "perspective" if perspective_correct else "orthographic"
    k = checked_faces_per_pixel(faces_per_pixel)
    projected = project_meshes(
        meshes,
        image_size=image_size,
        blur_radius=blur_radius,
        perspective_correct=perspective_correct,
        clip="nonnegative" if clip_barycentric_coords else "none",
        cull_backfaces=cull_backfaces,
        near_clip=z_clip_value,
        projection=projection,
        cull_to_frustum=cull_to_frustum,
    )
    return dense_view(projected, k or most_at_a_pixel(projected.detach().count_fragments()))
