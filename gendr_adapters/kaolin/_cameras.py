"""What we read of Kaolin's cameras: where they see vertices, in which directions they look, and how far."""

from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .._visibility import ANY_NEAR, NO_FAR, NO_NEAR
from ..settings import RenderSettings

_EXTRINSICS = ("transform", "view_matrix")
_INTRINSICS = ("transform", "lens_type", "width", "height", "near", "far")
_PINHOLE = ("focal_x", "focal_y", "x0", "y0")


def check_camera(camera: Any) -> None:
    """Raise TypeError for what is not a kaolin.render.camera.Camera, ValueError for unsupported lenses and
    planes."""
    for part, names in (("extrinsics", _EXTRINSICS), ("intrinsics", _INTRINSICS)):
        missing = [name for name in names if not hasattr(getattr(camera, part, None), name)]
        if missing:
            raise TypeError(
                f"camera must be a kaolin.render.camera.Camera, got {type(camera).__name__} without {part}.{missing[0]}"
            )
    lens = camera.intrinsics.lens_type
    if lens not in ("pinhole", "ortho"):
        raise ValueError(f"camera must have the lens 'pinhole' or 'ortho', got {lens!r}")
    if not 0 < camera.intrinsics.near < camera.intrinsics.far:
        raise ValueError(
            f"camera must have 0 < near < far, got near {camera.intrinsics.near}, far {camera.intrinsics.far}"
        )
    if lens == "pinhole" and (missing := [name for name in _PINHOLE if not hasattr(camera.intrinsics, name)]):
        raise TypeError(f"camera has a pinhole lens without {missing[0]}")


def is_pinhole(camera: Any) -> bool:
    return bool(camera.intrinsics.lens_type == "pinhole")


def see(camera: Any, vertices: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Vertices (V, 3) of B meshes in camera space and projected, as pairs, for each of N images.

    Projected: x and y in [-1, 1] over the picture, and z as in camera space: negative in front. N is the number of
    cameras or of meshes; one camera sees all meshes, all cameras see one mesh.
    """
    n_cameras = len(camera)
    if n_cameras > 1 and len(vertices) > 1:
        pairs = (_see(camera[i], v) for i, v in enumerate(vertices))
        return [(seen[0], projected[0]) for seen, projected in pairs]
    seen, projected = _see(camera, torch.cat(vertices))
    if n_cameras > 1:
        return list(zip(seen.unbind(0), projected.unbind(0), strict=True))
    sizes = [v.shape[0] for v in vertices]
    return list(zip(seen[0].split(sizes), projected[0].split(sizes), strict=True))


def _see(camera: Any, vertices: Tensor) -> tuple[Tensor, Tensor]:
    """(C, V, 3), twice."""
    seen = camera.extrinsics.transform(vertices).reshape(len(camera), -1, 3)
    # Of a corner in the plane of the camera there is no projection; a little off it there is, and x z is the same. The
    # gradient to z is that of z.
    z, least = seen[..., 2:], 1e-6 * camera.intrinsics.near
    moved = torch.where(z.abs() < least, -least - z, 0.0).detach()
    off = torch.cat([seen[..., :2], z + moved], 2) if is_pinhole(camera) else seen
    x_y = camera.intrinsics.transform(off).reshape(seen.shape)[..., :2]
    return seen, torch.cat([x_y, off[..., 2:]], 2)


class Rays(NamedTuple):
    """Where N cameras look. view: (N, 4, 4), world to camera. lens: (N, 4), focal_x, focal_y, x0 and y0 of pinholes;
    None: orthographic. height, width: pixels."""

    view: Tensor
    lens: Tensor | None
    height: int
    width: int

    def to_camera(self, image: Tensor, pixel: Tensor) -> Tensor:
        """(P, 3): unit vectors, in the world, from what is seen at the centres of pixels (rows times width + column) of
        images back to the camera. One camera is that of all images."""
        view = self.view
        which = image if view.shape[0] > 1 else torch.zeros_like(image)
        if self.lens is None:
            return torch.nn.functional.normalize(view[:, 2, :3], dim=1).index_select(0, which)
        right = (pixel % self.width).to(view.dtype) + (0.5 - self.width / 2)
        up = (self.height / 2 - 0.5) - pixel.div(self.width, rounding_mode="floor").to(view.dtype)
        focal_x, focal_y, x0, y0 = self.lens.index_select(0, which).unbind(1)
        # x_ndc W / 2 = focal_x x / -z + x0 (camera space, z < 0 in front); the ray's far end is at z = -1.
        ahead = torch.stack([(right - x0) / focal_x, (up - y0) / focal_y, -torch.ones_like(right)], 1)
        in_world = (ahead[:, None] @ view[:, :3, :3].index_select(0, which))[:, 0]
        return -torch.nn.functional.normalize(in_world, dim=1)


def rays_of(camera: Any) -> Rays:
    view, intrinsics, lens = camera.extrinsics.view_matrix(), camera.intrinsics, None
    if is_pinhole(camera):
        numbers = (getattr(intrinsics, name).to(view.dtype).reshape(-1).expand(len(camera)) for name in _PINHOLE)
        lens = torch.stack(list(numbers), 1)
    return Rays(view, lens, intrinsics.height, intrinsics.width)


def settings_for(camera: Any, settings: RenderSettings, clipped: bool, perspective_correct: bool) -> RenderSettings:
    """The user's settings with all that the camera decides: the picture's extent, what is seen, how depth ends."""
    near, far = float(camera.intrinsics.near), float(camera.intrinsics.far)
    # Behind a pinhole things are mirrored; an orthographic camera without planes has nothing behind it.
    nearest = NO_NEAR if clipped or is_pinhole(camera) else ANY_NEAR
    # With clip 'unit' depth is perspective-correct for any weights.
    clip = settings.clip if perspective_correct or settings.clip != "unit" else "nonnegative"
    return replace(
        settings,
        half_extent=(1.0, 1.0),
        near=nearest,
        far=far if clipped else NO_FAR,
        near_clip=near if clipped else None,
        projection="perspective" if is_pinhole(camera) else "orthographic",
        softmax_range=settings.softmax_range or (near, far),
        perspective_correct=perspective_correct,
        clip=clip,
    )
