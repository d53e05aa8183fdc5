"""Rotations in forms that suit optimisers, as matrices."""

import torch
import torch.nn.functional as F
from torch import Tensor

from ._autocast import full_precision
from ._inputs import check_real

# For squared angles below this, the next term of the series is below the rounding of float64.
_SMALL = 1e-4


@full_precision
def axis_angle_to_matrix(axis_angle: Tensor) -> Tensor:
    """Convert axis-angle vectors to rotation matrices. SMPL's poses are such vectors.

    The length of a vector is the angle, its direction the axis. R = I + sin(a) / a K + (1 - cos(a)) / a^2 K^2, where K
    is the cross product with the vector (Rodrigues' formula). All derivatives are right at angle 0, too.

    Args:
        axis_angle: (..., 3), radians, float32 or float64.
    Returns:
        (..., 3, 3). matrix @ point rotates a point.
    Raises:
        TypeError, ValueError: another dtype or shape.

    >>> import torch
    >>> from gendr_adapters import axis_angle_to_matrix
    >>> quarter = axis_angle_to_matrix(torch.tensor([0.0, 0.0, torch.pi / 2]))
    >>> (quarter @ torch.tensor([1.0, 0.0, 0.0])).round().abs().tolist()  # x becomes y
    [0.0, 1.0, 0.0]
    """
    _check("axis_angle", axis_angle, 3)
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    squared = (axis_angle * axis_angle).sum(-1)[..., None, None]
    outer = axis_angle[..., :, None] * axis_angle[..., None, :]
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    # K^2 = v v^T - a^2 I; (1 - cos a) / a^2 by the half angle, which keeps its digits.
    return identity + _sinc(squared) * cross + 0.5 * _sinc(squared / 4).square() * (outer - squared * identity)


@full_precision
def rotation_6d_to_matrix(rotation_6d: Tensor) -> Tensor:
    """Convert 6D rotations to rotation matrices. A 6D rotation is the first two rows, which are made orthonormal here.

    The function is continuous, so networks can learn it. It is the same as PyTorch3D's function of this name
    (Gram-Schmidt).
    Source: Zhou et al., "On the Continuity of Rotation Representations in Neural Networks", CVPR 2019.

    Args:
        rotation_6d: (..., 6), the first row, then the second row, float32 or float64. They may have any length except 0
            and must not be parallel.
    Returns:
        (..., 3, 3).
    Raises:
        TypeError, ValueError: another dtype or shape.

    >>> import torch
    >>> from gendr_adapters import rotation_6d_to_matrix
    >>> rotation_6d_to_matrix(torch.tensor([2.0, 0.0, 0.0, 1.0, 3.0, 0.0])).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    _check("rotation_6d", rotation_6d, 6)
    first, second = rotation_6d[..., :3], rotation_6d[..., 3:]
    x = F.normalize(first, dim=-1)
    y = F.normalize(second - (x * second).sum(-1, keepdim=True) * x, dim=-1)
    return torch.stack([x, y, torch.linalg.cross(x, y)], -2)


def _sinc(squared: Tensor) -> Tensor:
    """sin(a) / a of a^2."""
    small = squared < _SMALL
    angle = torch.where(small, 1.0, squared).sqrt()
    series = 1 - squared / 6 * (1 - squared / 20 * (1 - squared / 42))
    return torch.where(small, series, angle.sin() / angle)


def _check(name: str, value: Tensor, width: int) -> None:
    check_real(name, value)
    if value.dim() < 1 or value.shape[-1] != width:
        raise ValueError(f"{name} must be (..., {width}), got shape {tuple(value.shape)}")
