"""GenDRRasterizer: stands where PyTorch3D's MeshRasterizer stands."""

import math
from dataclasses import replace
from numbers import Real
from typing import Any

import torch
from pytorch3d.renderer import MeshRasterizer, RasterizationSettings
from pytorch3d.structures import Meshes
from torch import Tensor

from .._camera_plane import off_camera_plane
from .._numbers import plain
from ._autocast import geometry
from ._cameras import check_cameras
from ._fragments import GenDRFragments
from ._meshes import checked_blur_radius, checked_faces_per_pixel, project_meshes

# Where faces are cut if neither the settings nor the camera know a near plane, in the unit of the world.
DEFAULT_Z_CLIP = 1e-2
# PyTorch3D's cameras divide by no depth closer to 0 than this, in the unit of the world.
_MIN_DEPTH = 1e-10


class GenDRRasterizer(MeshRasterizer):
    """PyTorch3D's MeshRasterizer on our core: every face in reach of a pixel, however many, and true gradients.

    Args:
        cameras, raster_settings: as MeshRasterizer; image_size, blur_radius (squared NDC), perspective_correct,
            clip_barycentric_coords, cull_backfaces and z_clip_value mean what they do there. faces_per_pixel limits
            the dense view alone (see GenDRFragments), and may be None; bin_size and max_faces_per_bin change nothing.
        clip: which weights a face has at pixels outside of it, a rule of RenderSettings.clip ('unit' is SoftRas');
            None: as raster_settings.clip_barycentric_coords says, 'nonnegative' or 'none'.

    Faces are cut at z_clip_value; without one, where the cameras are perspective ones or perspective_correct is True,
    at half the cameras' smallest znear; without a znear, or with one that is not above 0, or with a z_clip_value of 0,
    at 0.01, where PyTorch3D drops faces with a corner behind the camera. Where a face is cut is the cameras'
    projection's matter, whatever perspective_correct. A cut face is one polygon. cull_to_frustum drops faces all of
    whose corners are beyond one side of the picture.

    Everything can be overridden by keyword arguments of forward, as in PyTorch3D.
    """

    def __init__(
        self,
        cameras: Any = None,
        raster_settings: RasterizationSettings | None = None,
        *,
        clip: str | None = None,
    ) -> None:
        super().__init__(cameras, raster_settings)
        self.clip = clip

    @geometry
    def transform(self, meshes_world: Any, **kwargs: Any) -> Any:
        """Meshes in PyTorch3D's NDC (x left, y up, z view depth), from Meshes in world space.

        Raises ValueError without cameras, or with neither one nor as many as meshes; TypeError if they are none, or on
        another device.
        """
        if not isinstance(meshes_world, Meshes):
            raise TypeError(f"meshes must be PyTorch3D's Meshes, got {type(meshes_world).__name__}")
        cameras: Any = kwargs.get("cameras", self.cameras)
        check_cameras(cameras, type(self).__name__)
        if len(cameras) not in (1, len(meshes_world)):
            raise ValueError(
                f"{len(meshes_world)} meshes need 1 camera or {len(meshes_world)}, got {len(cameras)}; for several "
                "views of one mesh pass meshes.extend(len(cameras))"
            )
        if torch.device(cameras.device) != torch.device(meshes_world.device):
            raise TypeError(
                f"meshes are on {meshes_world.device}, cameras on {cameras.device}: move one of them, e.g. "
                "renderer.to(meshes.device)"
            )
        if meshes_world.isempty():
            return meshes_world
        computed_in, given = cameras.get_world_to_view_transform(**kwargs).dtype, meshes_world.verts_padded().dtype
        if computed_in != given:
            raise TypeError(
                f"meshes are {given}, the cameras compute in {computed_in}: convert one of them; PyTorch3D's cameras "
                "are for float32, those of to_pytorch3d for the dtype of its camera"
            )
        if kwargs.get("eps") is None:
            kwargs["eps"] = _MIN_DEPTH
        projected = super().transform(meshes_world, **kwargs)
        if _projection_of(cameras, perspective_correct=True) == "orthographic":
            return projected
        x, y, z = projected.verts_padded().unbind(2)
        divided_by = torch.where(z < 0, z.clamp(max=-_MIN_DEPTH), z.clamp(min=_MIN_DEPTH))
        away = off_camera_plane(x * divided_by, y * divided_by, z)
        return projected.update_padded(torch.stack([x * (divided_by / away), y * (divided_by / away), away], 2))

    @geometry
    def forward(self, meshes_world: Any, **kwargs: Any) -> GenDRFragments:
        """GenDRFragments of Meshes in world space. Raises as `transform`, and ValueError for settings out of range, and
        for a znear that is not finite where faces are cut by it."""
        settings: Any = kwargs.get("raster_settings", self.raster_settings)
        if not isinstance(settings, RasterizationSettings):
            raise TypeError(f"raster_settings must be RasterizationSettings, got {type(settings).__name__}")
        projected = self.transform(meshes_world, **kwargs)
        cameras: Any = kwargs.get("cameras", self.cameras)
        perspective = settings.perspective_correct
        if perspective is None:
            perspective = cameras.is_perspective()
        projection = _projection_of(cameras, perspective)
        clipped = settings.clip_barycentric_coords
        if clipped is None:
            clipped = checked_blur_radius(settings.blur_radius) > 0
        return GenDRFragments._of(
            project_meshes(
                projected,
                image_size=settings.image_size,
                blur_radius=settings.blur_radius,
                perspective_correct=perspective,
                clip=self.clip or ("nonnegative" if clipped else "none"),
                cull_backfaces=settings.cull_backfaces,
                near_clip=_near_clip(settings, cameras, perspective or projection == "perspective"),
                projection=projection,
                cull_to_frustum=settings.cull_to_frustum,
            ),
            checked_faces_per_pixel(settings.faces_per_pixel),
        )


def _projection_of(cameras: Any, perspective_correct: bool) -> str:
    """As in RenderSettings. Cameras of a program's own need not say; then perspective_correct does."""
    try:
        divided = cameras.is_perspective()
    except (AttributeError, NotImplementedError):
        divided = perspective_correct
    return "perspective" if divided else "orthographic"


def _near_clip(settings: RasterizationSettings, cameras: Any, clipped: bool) -> float | None:
    z_clip = plain(settings.z_clip_value)
    if isinstance(z_clip, Real) and z_clip == 0 and clipped:
        return DEFAULT_Z_CLIP
    if z_clip is not None or not clipped:
        return z_clip
    znear = cameras.get_znear()
    if isinstance(znear, Tensor):
        znear = znear.min().item()
    if znear is None:
        return DEFAULT_Z_CLIP
    if not math.isfinite(znear):
        raise ValueError(f"the cameras' znear must be finite, got {znear}; or set z_clip_value")
    return znear / 2 if znear > 0 else DEFAULT_Z_CLIP


def copy_of(rasterizer: MeshRasterizer) -> GenDRRasterizer:
    """Ours, with the cameras and a copy of the settings of PyTorch3D's."""
    return GenDRRasterizer(rasterizer.cameras, replace(rasterizer.raster_settings))
