"""Synthetic heads: a made-up population and its morphable model.

The way is that of the Basel model, with invention instead of scans: many heads with the same mesh, their mean, and
the principal components of how they differ.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .morphable import MorphableModel, principal_components

RADII = (76.0, 108.0, 94.0)  # of the ellipsoid before it gets a face, mm
# Bumps: middle (across, up) and half-widths, as shares of the radii in the picture from ahead; height, mm, ahead. With
# a middle that is not at 0 across there are two.
BUMPS = {
    "bridge": (0.0, 0.10, 0.10, 0.24, 9.0),
    "nose": (0.0, -0.13, 0.13, 0.11, 17.0),
    "nostril": (0.15, -0.19, 0.09, 0.07, 6.0),
    "brow": (0.34, 0.31, 0.24, 0.08, 5.0),
    "socket": (0.34, 0.15, 0.19, 0.13, -10.0),
    "eyeball": (0.35, 0.13, 0.12, 0.08, 6.0),
    "cheek": (0.50, -0.14, 0.20, 0.17, 6.0),
    "philtrum": (0.0, -0.32, 0.22, 0.10, 4.0),
    "upper lip": (0.0, -0.41, 0.23, 0.040, 5.0),
    "lower lip": (0.0, -0.51, 0.20, 0.045, 6.0),
    "chin": (0.0, -0.78, 0.26, 0.14, 11.0),
}

# Stains: as bumps, but with a colour in linear light. The later covers the earlier.
STAINS = {
    "blush": (0.52, -0.16, 0.22, 0.17, (0.60, 0.28, 0.20)),
    "brow": (0.36, 0.30, 0.22, 0.040, None),  # of the hair's colour
    "eyeball": (0.35, 0.13, 0.150, 0.060, (0.75, 0.74, 0.72)),
    "iris": (0.35, 0.13, 0.072, 0.051, (0.05, 0.10, 0.12)),  # round: 5.5 mm both ways
    "upper lip": (0.0, -0.42, 0.25, 0.040, (0.42, 0.11, 0.10)),
    "lower lip": (0.0, -0.51, 0.21, 0.050, (0.48, 0.14, 0.12)),
}
SKIN = (0.58, 0.34, 0.235)
HAIR = (0.12, 0.065, 0.035)


def cube_sphere(n: int) -> tuple[Tensor, Tensor]:
    """Directions (6 n^2 + 2, 3) float64 and faces (12 n^2, 3), counter-clockwise from outside: a cube, n x n squares on
    each side, blown up."""
    ticks = torch.arange(-n, n + 1, 2)
    a, b = (x.reshape(-1) for x in torch.meshgrid(ticks, ticks, indexing="ij"))
    number = torch.arange(len(a)).view(n + 1, n + 1)
    p, q, r, s = (x.reshape(-1) for x in (number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]))
    square = torch.cat([torch.stack([p, q, r], 1), torch.stack([p, r, s], 1)])
    sides: list[Tensor] = []
    faces: list[Tensor] = []
    for axis in range(3):
        for sign in (1, -1):
            side = torch.stack([a * sign, b, torch.full_like(a, sign * n)], 1).roll(axis + 1, 1)
            faces.append(square + len(a) * len(sides))
            sides.append(side)
    corners, place = torch.cat(sides).unique(dim=0, return_inverse=True)
    # Equal angles instead of equal lengths on the cube: less difference in size.
    return F.normalize(torch.tan(corners.double() / n * (math.pi / 4)), dim=1), place[torch.cat(faces)]


def more_ahead(directions: Tensor) -> Tensor:
    """Directions, moved towards +z, where the face is and vertices are needed."""
    angle = torch.acos(directions[:, 2:].clamp(-1, 1))
    moved = math.pi * (angle / math.pi) ** 1.5
    around = F.normalize(directions[:, :2], dim=1)
    return torch.cat([moved.sin() * around, moved.cos()], 1)


class Population:
    """Heads of one mesh; each call of `head` invents one."""

    def __init__(self, n: int, random: torch.Generator) -> None:
        """n: see cube_sphere. random: of the CPU."""
        directions, self.faces = cube_sphere(n)
        self.directions, self.random = more_ahead(directions), random

    def head(self) -> tuple[Tensor, Tensor]:
        """Vertices (V, 3), mm, and their colours (V, 3)."""
        moved = {name: self._normal(2) * torch.tensor([0.012, 0.018]) for name in BUMPS | STAINS}
        moved["iris"] = moved["eyeball"]  # nobody squints
        return self._shape(moved), self._colours(moved)

    def _shape(self, moved: dict[str, Tensor]) -> Tensor:
        _, up, ahead = self.directions.unbind(1)
        x, y, z = (self.directions * torch.tensor(RADII) * (1 + 0.055 * self._normal(3))).unbind(1)
        x = x * (1 + (0.22 + 0.14 * self._normal()) * _rise(-up, -0.1, 0.7) * ahead)  # the jaw
        z = z - (6 + 2 * self._normal()) * _rise(ahead, 0.5, 1.0)  # faces are flatter than skulls
        for name, (*where, height) in BUMPS.items():
            bump = self._bump(where, moved[name], 1 + 0.10 * self._normal(2))
            z = z + height * (1 + 0.40 * self._normal()) * bump
        vertices = torch.stack([x, y, z], 1) + 1.6 * self._smooth(1.6) + 0.5 * self._smooth(4.0)
        return self._aligned(vertices)

    def _colours(self, moved: dict[str, Tensor]) -> Tensor:
        _, up, ahead = self.directions.unbind(1)
        tone = torch.exp(0.12 * self._normal() + 0.03 * self._normal(3))
        hair = torch.tensor(HAIR) * torch.exp(0.25 * self._normal() + 0.08 * self._normal(3))
        colours = torch.tensor(SKIN) * tone * (1 + 0.03 * self._smooth(2.0))
        for name, (*where, colour) in STAINS.items():
            stain = hair if colour is None else torch.tensor(colour) * tone.sqrt() * (1 + 0.10 * self._normal(3))
            cover = 1 - (1 - self._bump(where, moved[name], 1 + 0.08 * self._normal(2))).clamp(min=0) ** 2
            colours = torch.lerp(colours, stain.expand_as(colours), cover[:, None])
        line = 0.66 + 0.015 * self._normal() + 0.01 * self._smooth(2.0)[:, 0]
        hairy = _rise(up + 1.3 * (0.25 - ahead).clamp(min=0), line - 0.12, line + 0.12)
        return torch.lerp(colours, hair.expand_as(colours), hairy[:, None])

    def _aligned(self, vertices: Tensor) -> Tensor:
        """Moved, turned and scaled to lie as the bare ellipsoid does, as far as it can: Kabsch's way."""
        like = self.directions * torch.tensor(RADII)
        like, vertices = like - like.mean(0), vertices - vertices.mean(0)
        u, _, v = torch.linalg.svd(vertices.T @ like)
        return vertices @ (u @ v) * (like.norm() / vertices.norm())

    def _bump(self, where: list[float], moved: Tensor, wider: Tensor) -> Tensor:
        """(V,), 1 in the middle, 0 afar; mirrored, so that faces are symmetric except for the smooth rest."""
        across, up, ahead = self.directions.unbind(1)
        middle = torch.tensor(where[:2], dtype=torch.float64) + moved * torch.tensor([where[0] != 0, True])
        width = torch.tensor(where[2:]) * wider
        at = torch.stack([across.abs() if where[0] else across, up], 1)
        return torch.exp(-((at - middle) / width).square().sum(1)) * _rise(ahead, 0.0, 0.4)

    def _smooth(self, frequency: float) -> Tensor:
        """(V, 3), a random field with deviation 1: a sum of waves that are about 1 / frequency of the head long."""
        waves = frequency * self._normal(24, 3)
        phase = 2 * math.pi * torch.rand(24, dtype=torch.float64, generator=self.random)
        return torch.cos(self.directions @ waves.T + phase) @ self._normal(24, 3) / math.sqrt(12)

    def _normal(self, *size: int) -> Tensor:
        return torch.randn(size, dtype=torch.float64, generator=self.random)


def synthetic_model(n: int = 32, n_heads: int = 200, seed: int = 0) -> MorphableModel:
    """The morphable model, float32, of n_heads made-up heads with 6 n^2 + 2 vertices; n_heads - 1 components each."""
    population = Population(n, torch.Generator().manual_seed(seed))
    shapes, colours = zip(*(population.head() for _ in range(n_heads)), strict=True)
    shape, colour = (principal_components(torch.stack(samples)) for samples in (shapes, colours))
    return MorphableModel(shape, colour, population.faces)


def _rise(x: Tensor, begin: Tensor | float, end: Tensor | float) -> Tensor:
    """0 up to begin, 1 from end on, smooth between."""
    t = ((x - begin) / (end - begin)).clamp(0, 1)
    return t * t * (3 - 2 * t)
