"""PyTorch3D's PerspectiveCameras and OrthographicCameras in float64: its own make every pose float32."""

from typing import Any

import torch
from pytorch3d.renderer import OrthographicCameras, PerspectiveCameras
from pytorch3d.renderer.cameras import get_ndc_to_screen_transform
from pytorch3d.transforms import Transform3d
from torch import Tensor

_Cameras: Any = object  # of either kind, by the classes below


class _Double(_Cameras):
    """For points and meshes in float64. Of screen space cameras the change to NDC is as exact as float32."""

    R: Any
    T: Any

    def get_world_to_view_transform(self, **kwargs: Any) -> Transform3d:
        # As in PyTorch3D, what the call gives is kept, for the light.
        R: Tensor = kwargs.get("R", self.R)
        T: Tensor = kwargs.get("T", self.T)
        self.R, self.T = R, T
        rows = torch.cat([R.double(), T.double()[:, None]], 1)
        last = torch.eye(4, dtype=rows.dtype, device=rows.device)[:, 3:].expand(rows.shape[0], 4, 1)
        return Transform3d(matrix=torch.cat([rows, last], 2))

    def get_projection_transform(self, **kwargs: Any) -> Transform3d:
        return super().get_projection_transform(**kwargs).to(self.device, dtype=torch.float64)

    def get_ndc_camera_transform(self, **kwargs: Any) -> Transform3d:
        return super().get_ndc_camera_transform(**kwargs).to(self.device, dtype=torch.float64)

    def transform_points_screen(
        self, points: Tensor, eps: float | None = None, with_xyflip: bool = True, **kwargs: Any
    ) -> Tensor:
        size = kwargs.get("image_size", self.get_image_size())
        to_screen = get_ndc_to_screen_transform(self, with_xyflip=with_xyflip, image_size=size)
        in_ndc = self.transform_points_ndc(points, eps=eps, **kwargs)
        return to_screen.to(self.device, dtype=in_ndc.dtype).transform_points(in_ndc, eps=eps)


class DoublePerspectiveCameras(_Double, PerspectiveCameras):
    """PerspectiveCameras in float64."""


class DoubleOrthographicCameras(_Double, OrthographicCameras):
    """OrthographicCameras in float64."""
