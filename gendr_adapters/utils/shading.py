"""Lambert shading with one lamp that moves with the camera."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .cameras import OrbitCameras

AMBIENT = 0.45
# Over the viewer's left shoulder: towards the lamp, in camera axes (right, up, forward).
LAMP = (-0.4, 0.6, -0.7)


def lambert(normals: Tensor, camera: OrbitCameras) -> Tensor:
    """Brightness of surfaces, ambient light included.

    Args:
        normals: (..., 3) in world axes, of any length.
        camera: one camera.
    Returns:
        (..., 1) in [0, 1].
    """
    towards_lamp = F.normalize(torch.tensor(LAMP), dim=0) @ camera.axes[0]
    cosine = (F.normalize(normals, dim=-1) @ towards_lamp).clamp(min=0)
    return (AMBIENT + (1 - AMBIENT) * cosine)[..., None]
