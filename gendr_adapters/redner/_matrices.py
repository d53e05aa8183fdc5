"""Matrices that move points."""

import torch
from torch import Tensor

from .._autocast import full_precision
from .._known import has_numbers
from .._products import times
from ._arguments import vector


@full_precision
def gen_look_at_matrix(pos: Tensor, look: Tensor, up: Tensor) -> Tensor:
    """The cam_to_world matrix (4, 4) of a camera at pos that looks at look.

    Its columns are the camera's axes to the right, up and ahead, and pos.

    Args:
        pos, look, up: tensors (3,), world units, float32 or float64; they may have gradients.
    Raises:
        TypeError: no such tensors. ValueError: another shape; look equals pos; up is 0 or along the view direction.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> pos, up = torch.tensor([0.0, 0.0, 4.0]), torch.tensor([0.0, 1.0, 0.0])
        >>> matrix = pyredner.gen_look_at_matrix(pos, torch.zeros(3), up)
        >>> matrix.shape, matrix[:3, 3].tolist()
        (torch.Size([4, 4]), [0.0, 0.0, 4.0])
    """
    pos = vector("pos", pos, 3)
    look, up = vector("look", look, 3).to(pos), vector("up", up, 3).to(pos)
    ahead = _direction(look - pos, "look_at must not be the camera's position")
    right = torch.linalg.cross(ahead, _direction(up, "up must not be 0"))
    right = _direction(right, "up must not be along the direction of view")
    rotation = torch.stack([right, torch.linalg.cross(right, ahead), ahead, pos], 1)
    return torch.cat([rotation, rotation.new_tensor([[0, 0, 0, 1]])])


@full_precision
def gen_rotate_matrix(angles: Tensor) -> Tensor:
    """The rotation matrix R (3, 3) = Rz Ry Rx of three angles; points are rotated by p @ R.T.

    As in redner, positive angles rotate counter-clockwise about z, seen from the tip of the axis, and clockwise about x
    and y.

    Args:
        angles: tensor (3,), about x, y and z, radians; it may have a gradient.
    Raises:
        TypeError, ValueError: another type or shape.

    Example:
        >>> import math, torch
        >>> import gendr_adapters.redner as pyredner
        >>> quarter = pyredner.gen_rotate_matrix(torch.tensor([0.0, 0.0, math.pi / 2]))
        >>> rotated = torch.tensor([1.0, 0.0, 0.0]) @ quarter.T
        >>> torch.allclose(rotated, torch.tensor([0.0, 1.0, 0.0]), atol=1e-6)
        True
    """
    x, y, z = vector("angles", angles, 3).unbind()
    one, zero = torch.ones_like(x), torch.zeros_like(x)

    def matrix(*entries: Tensor) -> Tensor:
        return torch.stack(entries).view(3, 3)

    about_x = matrix(one, zero, zero, zero, x.cos(), x.sin(), zero, -x.sin(), x.cos())
    about_y = matrix(y.cos(), zero, -y.sin(), zero, one, zero, y.sin(), zero, y.cos())
    about_z = matrix(z.cos(), -z.sin(), zero, z.sin(), z.cos(), zero, zero, zero, one)
    return times(about_z, times(about_x.mT, about_y))


def _direction(v: Tensor, otherwise: str) -> Tensor:
    length = v.norm()
    if has_numbers(length) and not float(length.detach()) > 1e-10:
        raise ValueError(f"{otherwise}, got a vector of length {float(length.detach()):g} for it")
    return v / length
