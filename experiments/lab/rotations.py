"""Rotations as vectors along their axis, as long as their angle in radians."""

import torch
import torch.nn.functional as F
from torch import Tensor


def rotations(vectors: Tensor) -> Tensor:
    """Rodrigues' formula, with gradients at 0, too: (..., 3) -> (..., 3, 3), which turn columns."""
    angle = (vectors.square().sum(-1) + 1e-20).sqrt()[..., None, None]
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    across = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))
    # sin(angle) / angle and (1 - cos(angle)) / angle^2
    first, second = torch.sinc(angle / torch.pi), torch.sinc(angle / (2 * torch.pi)).square() / 2
    return torch.eye(3).to(vectors) + first * across + second * (across @ across)


def random_rotations(n: int, generator: torch.Generator) -> Tensor:
    """(n, 3, 3), all rotations alike: unit quaternions from a normal distribution."""
    w, *xyz = F.normalize(torch.randn(n, 4, generator=generator), dim=1).unbind(1)
    vector = torch.stack(xyz, 1)
    sine = vector.norm(dim=1)
    return rotations(vector * (2 * torch.atan2(sine, w) / sine)[:, None])


def random_directions(n: int, generator: torch.Generator) -> Tensor:
    """(n, 3), of length 1, all directions alike."""
    return F.normalize(torch.randn(n, 3, generator=generator), dim=1)


def random_turns(n: int, degrees: tuple[float, float], generator: torch.Generator) -> Tensor:
    """(n, 3, 3), about any axis, by angles that are uniform in the range."""
    axes = random_directions(n, generator)
    low, high = degrees
    return rotations(axes * torch.deg2rad(low + (high - low) * torch.rand(n, 1, generator=generator)))


def turn_between(some: Tensor, others: Tensor) -> Tensor:
    """The least rotation from some directions (N, 3), of length 1, to others, not opposite ones: vectors (N, 3)."""
    axis = torch.linalg.cross(some, others)
    angle = torch.atan2(axis.norm(dim=1), (some * others).sum(1))
    return F.normalize(axis, dim=1) * angle[:, None]


def angles_between(some: Tensor, others: Tensor) -> Tensor:
    """Degrees, 0 to 180, of the turns from some (..., 3, 3) to others."""
    turn = some @ others.mT
    # From sine and cosine, which is good near 0 and 180 as well.
    sine = torch.stack(
        [turn[..., 2, 1] - turn[..., 1, 2], turn[..., 0, 2] - turn[..., 2, 0], turn[..., 1, 0] - turn[..., 0, 1]], -1
    )
    cosine = turn.diagonal(dim1=-2, dim2=-1).sum(-1) - 1
    return torch.rad2deg(torch.atan2(sine.norm(dim=-1), cosine))
