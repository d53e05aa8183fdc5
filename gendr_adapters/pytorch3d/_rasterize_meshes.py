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
    """The nearest faces of each pixel, as pytorch3d.renderer.mesh.rasterize_meshes.rasterize_meshes, for any K.

    Args:
        meshes: Meshes of N meshes, vertices in PyTorch3D's NDC (x left, y up) with their view depth as z; float32 or
            float64.
        image_size: side of a square image or (H, W), pixels.
        blur_radius: how far from a face it is still found, NDC^2, >= 0.
        faces_per_pixel: K >= 1, without an upper limit; None: the largest number of faces at a pixel.
        bin_size, max_faces_per_bin: ignored: there are no bins that could overflow.
        perspective_correct, clip_barycentric_coords, cull_backfaces: as in PyTorch3D.
        z_clip_value: depth at which faces are cut; what is left of a face stays one polygon (csrc/core/cut_face.h). If
            it is None, or 0 with perspective_correct, a face with a corner at or behind the camera's plane is dropped.
        cull_to_frustum: drop faces all of whose corners are beyond one side of the image.
        projection: the projection that x and y of the vertices come from, 'perspective' or 'orthographic'; z_clip_value
            and cull_to_frustum use it. None: 'perspective' if perspective_correct, as in PyTorch3D.

    Returns:
        (pix_to_face, zbuf, bary_coords, dists): (N, H, W, K), bary_coords (N, H, W, K, 3). pix_to_face, int64, are the
        faces of each pixel by depth, then by number; numbers run through all meshes. dists are squared distances,
        NDC^2, negative inside the face. All are -1 where there are fewer than K faces. zbuf, bary_coords and dists have
        gradients to the vertices.

    Raises:
        ValueError, TypeError: arguments that are out of range or of another type.

    Example:
        >>> import torch
        >>> from pytorch3d.structures import Meshes
        >>> from gendr_adapters.pytorch3d import rasterize_meshes
        >>> vertices = torch.tensor([[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]])
        >>> meshes = Meshes(verts=[vertices], faces=[torch.tensor([[0, 1, 2]])])
        >>> pix_to_face, zbuf, bary_coords, dists = rasterize_meshes(meshes, image_size=32, faces_per_pixel=2)
        >>> pix_to_face[0, 16, 16].tolist(), bary_coords.shape
        ([0, -1], torch.Size([1, 32, 32, 2, 3]))
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
