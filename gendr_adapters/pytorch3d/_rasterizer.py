"""GenDRRasterizer, which replaces PyTorch3D's MeshRasterizer."""

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
    """PyTorch3D's MeshRasterizer on our core: it finds every face in reach of a pixel, with exact gradients.

    Args:
        cameras: PyTorch3D's, or of `gendr_adapters.cameras.to_pytorch3d`; 1 camera or as many as there are meshes.
        raster_settings: PyTorch3D's RasterizationSettings. image_size, blur_radius (NDC^2), perspective_correct,
            clip_barycentric_coords, cull_backfaces and z_clip_value mean what they do there. faces_per_pixel limits
            only the dense tensors of `GenDRFragments`, and may be None; bin_size and max_faces_per_bin are ignored.
        clip: how barycentric weights are clipped at pixels outside a face, as RenderSettings.clip ('unit' is
            SoftRas'); None: 'nonnegative' or 'none', as raster_settings.clip_barycentric_coords says.

    Faces are cut at the depth z_clip_value; what is left of a face stays one polygon. If z_clip_value is None, and the
    cameras are perspective or perspective_correct is True, faces are cut at half the smallest znear of the cameras. If
    there is no znear > 0, or z_clip_value is 0, they are cut at 0.01; PyTorch3D drops faces with a corner behind the
    camera instead. Where the cut is on screen follows from the projection of the cameras, whatever perspective_correct.
    cull_to_frustum drops faces all of whose corners are beyond one side of the image.

    The call takes Meshes in world space and returns `GenDRFragments`. As in PyTorch3D, its keyword arguments override
    cameras and raster_settings.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, RasterizationSettings
        >>> from pytorch3d.utils import ico_sphere
        >>> from gendr_adapters.pytorch3d import GenDRRasterizer
        >>> cameras = FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        >>> settings = RasterizationSettings(image_size=32, blur_radius=1e-3, faces_per_pixel=4)
        >>> GenDRRasterizer(cameras, settings)(ico_sphere(1)).pix_to_face.shape
        torch.Size([1, 32, 32, 4])
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

        Raises ValueError if there are no cameras, or their number is neither 1 nor that of the meshes; TypeError if
        they are not cameras, or on another device, or compute in another dtype than the meshes'.
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
        """The `GenDRFragments` of Meshes in world space.

        Raises what `transform` raises, and ValueError for settings out of range, or for a znear that is not finite
        where faces are cut at it.
        """
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
