"""Lambert shading with one lamp that moves with the camera."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .cameras import Cameras

AMBIENT = 0.45
# Over the viewer's left shoulder: towards the lamp, in camera axes (right, up, forward).
LAMP = (-0.4, 0.6, -0.7)


def light(normals: Tensor, camera: Cameras) -> Tensor:
    """Brightness in [0, 1] of surfaces with the given world normals (..., 3): (..., 1). One camera only."""
    towards_lamp = F.normalize(torch.tensor(LAMP), dim=0) @ camera.axes[0]
    lambert = (F.normalize(normals, dim=-1) @ towards_lamp).clamp(min=0)
    return (AMBIENT + (1 - AMBIENT) * lambert)[..., None]
