"""Points in the camera's plane, where division by depth shows nothing, but from where faces reach into the picture.

`render` cuts a face in space, and x z and y z of its corners are all that it needs to do so: however far out a corner
is, the cut is right. What is lost where x / z is not finite is the whole face."""

import torch
from torch import Tensor

# Points are projected no further out than this. Rounding of a float of that size, over it, is how noisy the gradient
# to z is; one over it, as a share of how far the point is to the side, is how far it is moved.
_FARTHEST = {torch.float32: 2.0**20, torch.float64: 2.0**30}


def off_camera_plane(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
    """The depth to divide by, and to hand on, of points that are seen at x / z and y / z in NDC.

    It is z, but no closer to 0 than 2^-20 (float64: 2^-30) of the larger of |x| and |y|, with the sign that it has; 0
    counts as behind the camera, where `render` draws no face that nothing cuts. The gradient to z is that of z.
    """
    least = torch.maximum(x.abs(), y.abs()).detach() / _FARTHEST[z.dtype]
    least = least.clamp(min=1e-20)
    moved = torch.where(z > 0, least, -least)
    return z + torch.where(z.abs() < least, moved - z, 0.0).detach()
