"""PyTorch3D's meshes as our core takes them, and what RasterizationSettings asks of them."""

import math
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from .._inputs import image_shape
from .._numbers import plain
from .._projected_meshes import ProjectedMeshes
from .._rendering import gather_corners
from .._visibility import NO_NEAR, leave_out
from ..settings import RenderSettings


def project_meshes(
    meshes: Any,
    *,
    image_size: int | list[int] | tuple[int, int],
    blur_radius: float,
    perspective_correct: bool,
    clip: str,
    cull_backfaces: bool,
    near_clip: float | None,
    projection: str,
    cull_to_frustum: bool,
) -> ProjectedMeshes:
    """From meshes with vertices in PyTorch3D's NDC (x left, y up, z view depth). Faces that no pixel sees are NaN.

    clip, projection: of RenderSettings. The other arguments, and what is raised: rasterize_meshes.
    """
    size = _image_shape(image_size)
    near_clip = plain(near_clip)
    if near_clip is not None and (not _is(Real, near_clip) or not 0 <= near_clip < math.inf):
        raise ValueError(f"z_clip_value must be a depth >= 0 or None, got {near_clip!r}")
    if near_clip == 0:  # where projected x and y are infinite
        near_clip = None if perspective_correct else NO_NEAR
    settings = RenderSettings.pytorch3d(
        blur_radius=checked_blur_radius(blur_radius),
        near_clip=near_clip,
        projection=projection,
        clip=clip,
        perspective_correct=bool(perspective_correct),
        cull="back" if cull_backfaces else "none",
    )
    if meshes.isempty():  # of which PyTorch3D packs nothing, not even how many there are
        verts = meshes.verts_padded()
        offsets = verts.new_zeros(len(meshes) + 1, dtype=torch.int64)
        return ProjectedMeshes(verts.new_zeros(0, 3, 3), offsets, size, settings)
    x, y, z = meshes.verts_packed().unbind(1)
    face_vertices = gather_corners(torch.stack([-x, y, z], 1), meshes.faces_packed())
    hidden = _unseen(face_vertices.detach(), size, projection == "perspective", near_clip, cull_to_frustum)
    counts = meshes.num_faces_per_mesh()
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return ProjectedMeshes(leave_out(face_vertices, hidden), offsets, size, settings)


def checked_faces_per_pixel(value: Any) -> int | None:
    """Raises ValueError unless it is an int >= 1, which may be a tensor's, or None."""
    number = plain(value)
    if number is not None and (not _is(Integral, number) or number < 1):
        raise ValueError(f"faces_per_pixel must be an int >= 1, or None for all faces, got {number!r}")
    return number


def checked_blur_radius(value: Any) -> float:
    """Raises ValueError unless it is a number >= 0, which may be a tensor's."""
    number = plain(value)
    if not _is(Real, number) or not 0 <= number < math.inf:
        raise ValueError(f"blur_radius must be a squared distance in NDC, >= 0, got {value!r}")
    return float(number)


def _is(number: type, value: object) -> bool:
    return isinstance(value, number) and not isinstance(value, bool)


def _image_shape(image_size: Any) -> tuple[int, int]:
    """As image_shape, but an invalid pair is a ValueError, as in PyTorch3D."""
    if isinstance(image_size, (tuple, list)):
        image_size = [plain(side) for side in image_size]
        if len(image_size) != 2 or not all(_is(Integral, side) for side in image_size):
            raise ValueError(f"image_size must be an int or (H, W), two ints, got {tuple(image_size)}")
    return image_shape(plain(image_size))


def _unseen(
    face_vertices: Tensor, size: tuple[int, int], projected: bool, near_clip: float | None, cull_to_frustum: bool
) -> Tensor:
    """(F,) bool: faces that no pixel sees: of no area, or beyond a side of the picture."""
    x, y, z = face_vertices.unbind(2)
    area2 = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (y[:, 1] - y[:, 0]) * (x[:, 2] - x[:, 0])
    whole = (z >= (near_clip or 0.0)).all(1)  # of a face that is cut, this is not the area that is seen
    hidden = whole & (area2 == 0)
    if cull_to_frustum:
        # Beyond a side of the picture, x > half: behind the camera the projected x has the wrong sign, x z has not.
        scale = z if projected else torch.ones_like(z)
        for along, half in ((x, size[1] / min(size)), (y, size[0] / min(size))):
            hidden |= (along * scale > half * scale).all(1) | (along * scale < -half * scale).all(1)
    return hidden
