"""Lights of deferred rendering, on Lambertian surfaces, without shadows.

Each has render(position, normal, albedo), tensors (..., 3) of what is seen, world coordinates and unit normals, that
returns the light (..., 3) it adds. A class of your own needs no more than that.
"""

import math
from typing import Any

import torch
from torch import Tensor

from .._autocast import full_precision, widened
from .._inputs import check_real
from ._arguments import FullPrecision, vector
from ._normals import unit


class DeferredLight(FullPrecision):
    """What lights have in common."""

    def render(self, position: Tensor, normal: Tensor, albedo: Tensor) -> Tensor:
        """The light (..., 3) reflected to the camera."""
        raise NotImplementedError(f"{type(self).__name__} needs a method render(position, normal, albedo)")


class AmbientLight(DeferredLight):
    """Light from everywhere: intensity times albedo. intensity: (3,) or (1,)."""

    def __init__(self, intensity: Tensor) -> None:
        self.intensity = _intensity(intensity)

    @full_precision
    def render(self, position: Tensor, normal: Tensor, albedo: Tensor) -> Tensor:
        return self.intensity.to(albedo) * albedo


class PointLight(DeferredLight):
    """Light from position (3,): intensity (3,) max(0, cos) / d^2 times albedo / pi, d the distance."""

    def __init__(self, position: Tensor, intensity: Tensor) -> None:
        self.position, self.intensity = vector("position", position, 3), _intensity(intensity)

    @full_precision
    def render(self, position: Tensor, normal: Tensor, albedo: Tensor) -> Tensor:
        towards = self.position.to(position) - position
        squared = towards.square().sum(-1, keepdim=True)
        squared = torch.where(squared > 0, squared, 1.0)  # at the light itself towards is 0
        return self.intensity.to(albedo) * _cosine(unit(towards), normal) * (albedo / math.pi) / squared


class DirectionalLight(DeferredLight):
    """Light that goes in direction (3,), of any length: intensity (3,) max(0, cos) times albedo / pi."""

    def __init__(self, direction: Tensor, intensity: Tensor) -> None:
        self.direction, self.intensity = vector("direction", direction, 3), _intensity(intensity)

    @full_precision
    def render(self, position: Tensor, normal: Tensor, albedo: Tensor) -> Tensor:
        towards = -unit(self.direction).to(normal)
        return self.intensity.to(albedo) * _cosine(towards, normal) * (albedo / math.pi)


class SpotLight(DeferredLight):
    """Light from position (3,), strongest in spot_direction (3,): intensity (3,) max(0, cos) times albedo / pi, times
    max(0, c)^spot_exponent, c the cosine to the spot's direction. It does not fall off with the distance."""

    def __init__(self, position: Tensor, spot_direction: Tensor, spot_exponent: Tensor, intensity: Tensor) -> None:
        self.position, self.intensity = vector("position", position, 3), _intensity(intensity)
        self.spot_direction = vector("spot_direction", spot_direction, 3)
        check_real("spot_exponent", widened(spot_exponent))
        if spot_exponent.numel() != 1:
            raise ValueError(f"spot_exponent must be one number, got shape {tuple(spot_exponent.shape)}")
        self.spot_exponent = spot_exponent

    @full_precision
    def render(self, position: Tensor, normal: Tensor, albedo: Tensor) -> Tensor:
        towards = unit(self.position.to(position) - position)
        along = _cosine(towards, -unit(self.spot_direction).to(position))
        lit = along > 0
        share = torch.where(lit, torch.where(lit, along, 1.0) ** self.spot_exponent.to(along), 0.0)
        return self.intensity.to(albedo) * share * _cosine(towards, normal) * (albedo / math.pi)


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1, keepdim=True).clamp(min=0)


@full_precision
def _intensity(value: Any) -> Tensor:
    check_real("intensity", value)
    if value.shape not in ((3,), (1,)):
        raise ValueError(f"intensity must be a tensor of shape (3,) or (1,), got shape {tuple(value.shape)}")
    return value
