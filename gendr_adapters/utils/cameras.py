"""Look-at cameras around the origin.

World: right-handed, y up. Camera and screen: x right, y up, z the depth along the view direction. Nothing is mirrored,
so a mesh that is counter-clockwise from outside shows its outside counter-clockwise on screen. (SoftRas' own camera is
left-handed and gives the mirror picture.)
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gendr_adapters._soft_renderer.look_at import get_points_from_angles, view_axes
from gendr_adapters._soft_renderer.projections import perspective


class Cameras(NamedTuple):
    """B cameras: positions (B, 3) and the rows right, up, forward of their rotations (B, 3, 3)."""

    eyes: Tensor
    axes: Tensor


def look_at_origin(distance: Tensor, elevation: Tensor, azimuth: Tensor) -> Cameras:
    """Place cameras on spheres around the origin.

    Args:
        distance: (B,) world units.
        elevation: (B,) degrees above the horizon, within (-90, 90).
        azimuth: (B,) degrees; 0 is on the negative z axis, 90 on the positive x axis (SoftRas' convention).
    """
    eyes = get_points_from_angles(distance, elevation, azimuth)
    assert isinstance(eyes, Tensor)
    mirrored = view_axes(-eyes, torch.tensor([[0.0, 1.0, 0.0]]))
    return Cameras(eyes, mirrored * torch.tensor([[-1.0], [1.0], [1.0]]))


def project(vertices: Tensor, cameras: Cameras, half_fov: float) -> Tensor:
    """Project world vertices (V, 3) into every camera: (B, V, 3) = x, y in NDC and z the depth.

    half_fov, in degrees, is the angle between the view direction and the border of the [-1, 1] square.
    """
    return perspective((vertices - cameras.eyes[:, None]) @ cameras.axes.mT, half_fov)
