"""Cameras that orbit the origin.

World: right-handed, y up. Camera and screen: x right, y up, z the depth along the view direction. Nothing is mirrored:
a mesh that is counter-clockwise from outside is counter-clockwise on screen. (SoftRas' own camera is left-handed and
gives the mirror image.)"""

from typing import NamedTuple

import torch
from torch import Tensor

from .._soft_renderer.look_at import get_points_from_angles, view_axes
from .._soft_renderer.projections import perspective


class OrbitCameras(NamedTuple):
    """B cameras: positions (B, 3) and the rows right, up, forward of their rotations (B, 3, 3)."""

    eyes: Tensor
    axes: Tensor


def orbit(distance: Tensor, elevation: Tensor, azimuth: Tensor) -> OrbitCameras:
    """Place cameras on spheres around the origin, looking at it.

    Args:
        distance: (B,) world units.
        elevation: (B,) degrees above the horizon, within (-90, 90).
        azimuth: (B,) degrees; 0 is on the negative z axis, 90 on the positive x axis (SoftRas' convention).
    """
    eyes = get_points_from_angles(distance, elevation, azimuth)
    assert isinstance(eyes, Tensor)
    mirrored = view_axes(-eyes, torch.tensor([[0.0, 1.0, 0.0]]))
    return OrbitCameras(eyes, mirrored * torch.tensor([[-1.0], [1.0], [1.0]]))


def project(vertices: Tensor, cameras: OrbitCameras, half_fov: float) -> Tensor:
    """Project world vertices into every camera.

    Args:
        vertices: (V, 3) world units.
        cameras: B of them.
        half_fov: degrees between the view direction and the border of the [-1, 1] square.
    Returns:
        (B, V, 3): x and y in NDC, z the depth in world units.
    """
    return perspective((vertices - cameras.eyes[:, None]) @ cameras.axes.mT, half_fov)
