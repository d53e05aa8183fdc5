"""The 24 views of every object in the NMR ShapeNet files, through SoftRas' camera."""

import torch
from torch import Tensor

import gendr_adapters.softras as sr
import gendr_adapters.softras.functional as srf

COUNT = 24
IMAGE_SIZE = 64
VIEWING_ANGLE = 15.0
DISTANCE = 2.732
ELEVATION = 30.0


def eyes_of(views: Tensor) -> Tensor:
    """Where the cameras of views (N,), integers in [0, 24), stand: (N, 3)."""
    azimuths = -360.0 / COUNT * views.float()
    eyes = srf.get_points_from_angles(torch.full_like(azimuths, DISTANCE), ELEVATION, azimuths)
    assert isinstance(eyes, Tensor)
    return eyes


def hard_renderer(eyes: Tensor, ambient: float, lamp: float, direction: tuple[float, float, float]) -> sr.Renderer:
    """Anti-aliased pictures as of a camera, before black."""
    return sr.Renderer(
        IMAGE_SIZE,
        camera_mode="look_at",
        viewing_angle=VIEWING_ANGLE,
        eye=eyes,
        light_intensity_ambient=ambient,
        light_intensity_directionals=lamp,
        light_directions=direction,
    )
