"""Points in or near the plane of the camera, where x / z is not finite.

`render` cuts a face in space, and it needs only x z and y z of the corners for that. So the cut is right however far
out a projected corner is. But if x / z is not finite, the whole face is lost."""

import torch
from torch import Tensor

# The largest projected coordinate. A larger limit makes the gradient to z noisier, because of the rounding of floats of
# that size; a smaller limit moves points further, by 1 / limit of their distance to the side.
_FARTHEST = {torch.float32: 2.0**20, torch.float64: 2.0**30}


def off_camera_plane(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """Return the depth to divide by, and to hand to `render`, for points that are projected to x / z and y / z in NDC.

    It is z, but at least 2^-20 (float64: 2^-30) of the larger of |x| and |y| away from 0, with the sign of z. A depth
    of 0 counts as behind the camera; `render` draws a face with such a corner only if the face is cut. The gradient to
    z is that of z."""
    least = torch.maximum(x.abs(), y.abs()).detach() / _FARTHEST[z.dtype]
    least = least.clamp(min=1e-20)
    moved = torch.where(z > 0, least, -least)
    return z + torch.where(z.abs() < least, moved - z, 0.0).detach()
