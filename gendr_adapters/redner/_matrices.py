"""Matrices that move points."""

import torch
from torch import Tensor

from .._autocast import full_precision
from .._known import has_numbers
from .._products import times
from ._arguments import vector


@full_precision
def gen_look_at_matrix(pos: Tensor, look: Tensor, up: Tensor) -> Tensor:
    """(4, 4), from the coordinates of a camera at pos (3,) that looks at look (3,) to the world's: its columns are the
    axes to the right, up and ahead, and pos.

    Raises:
        ValueError: look is pos, or up is 0 or along the direction of view.
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
    """(3, 3): Rz Ry Rx of three angles (3,), radians; points are turned by p @ R.T. As in redner, positive
    angles turn counter-clockwise about z, seen from the axis' tip, and clockwise about x and y."""
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
