"""Look-at cameras around the origin.

World: right-handed, y up. Camera and screen: x right, y up, z the depth along the view direction. Nothing is mirrored,
so a mesh that is counter-clockwise from outside shows its outside counter-clockwise on screen. (SoftRas' own camera is
left-handed and gives the mirror picture.)
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


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
    e, a = torch.deg2rad(elevation), torch.deg2rad(azimuth)
    eyes = distance[:, None] * torch.stack([e.cos() * a.sin(), e.sin(), -e.cos() * a.cos()], -1)
    forward = F.normalize(-eyes, dim=-1)
    world_up = torch.tensor([0.0, 1.0, 0.0]).expand_as(forward)
    right = F.normalize(torch.linalg.cross(forward, world_up), dim=-1)
    return Cameras(eyes, torch.stack([right, torch.linalg.cross(right, forward), forward], 1))


def project(vertices: Tensor, cameras: Cameras, half_fov: float) -> Tensor:
    """Project world vertices (V, 3) into every camera: (B, V, 3) = x, y in NDC and z the depth.

    half_fov, in degrees, is the angle between the view direction and the border of the [-1, 1] square.
    """
    x, y, z = ((vertices - cameras.eyes[:, None]) @ cameras.axes.mT).unbind(-1)
    scale = 1 / (z * math.tan(math.radians(half_fov)))
    return torch.stack([x * scale, y * scale, z], -1)
