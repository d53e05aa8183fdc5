"""Lights of deferred rendering, on Lambertian surfaces, without shadows: classes with a method `render`."""

import math
from typing import Any

import torch
from torch import Tensor

from .._autocast import full_precision, widened
from .._inputs import check_real
from ._arguments import FullPrecision, vector
from ._normals import unit


class DeferredLight(FullPrecision):
    """The base class of lights. A light of your own needs the method render(position, normal, albedo).

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> class Sky(pyredner.DeferredLight):
        ...     def render(self, position, normal, albedo):
        ...         return albedo * (1 + normal[..., 1:2]) / 2
        >>> Sky().render(torch.zeros(1, 3), normal=torch.tensor([[0.0, 1.0, 0.0]]), albedo=torch.ones(1, 3))
        tensor([[1., 1., 1.]])
    """

    def render(self, position: Tensor, normal: Tensor, albedo: Tensor) -> Tensor:
        """The light (..., 3) that surfaces reflect to the camera.

        position, normal, albedo: (..., 3), world coordinates, unit normals and diffuse reflectance of what is seen.
        """
        raise NotImplementedError(f"{type(self).__name__} needs a method render(position, normal, albedo)")


class AmbientLight(DeferredLight):
    """Light from all directions: intensity times albedo.

    intensity: tensor (3,) or (1,), red, green, blue, float32 or float64; it may have a gradient. Another type or shape
        raises TypeError or ValueError.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> light = pyredner.AmbientLight(intensity=torch.tensor([0.5, 0.5, 0.5]))
        >>> light.render(torch.zeros(1, 3), normal=torch.tensor([[0.0, 0.0, 1.0]]), albedo=torch.ones(1, 3))
        tensor([[0.5000, 0.5000, 0.5000]])
    """

    def __init__(self, intensity: Tensor) -> None:
        self.intensity = _intensity(intensity)

    @full_precision
    def render(self, position: Tensor, normal: Tensor, albedo: Tensor) -> Tensor:
        return self.intensity.to(albedo) * albedo


class PointLight(DeferredLight):
    """A point light: intensity max(0, cos) / d^2 times albedo / pi.

    d is the distance to the light, and cos the cosine between the normal and the direction to it.

    position: tensor (3,), world units.
    intensity: as for `AmbientLight`.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> light = pyredner.PointLight(position=torch.tensor([0.0, 0.0, 2.0]), intensity=torch.full((3,), 4.0))
        >>> light.render(torch.zeros(1, 3), normal=torch.tensor([[0.0, 0.0, 1.0]]), albedo=torch.ones(1, 3))
        tensor([[0.3183, 0.3183, 0.3183]])
    """

    def __init__(self, position: Tensor, intensity: Tensor) -> None:
        self.position, self.intensity = vector("position", position, 3), _intensity(intensity)

    @full_precision
    def render(self, position: Tensor, normal: Tensor, albedo: Tensor) -> Tensor:
        towards = self.position.to(position) - position
        squared = towards.square().sum(-1, keepdim=True)
        squared = torch.where(squared > 0, squared, 1.0)  # at the light itself towards is 0
        return self.intensity.to(albedo) * _cosine(unit(towards), normal) * (albedo / math.pi) / squared


class DirectionalLight(DeferredLight):
    """Parallel light: intensity max(0, cos) times albedo / pi.

    cos is the cosine between the normal and the direction to the light.

    direction: tensor (3,), in which the light travels, of any length but 0.
    intensity: as for `AmbientLight`.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> light = pyredner.DirectionalLight(direction=torch.tensor([0.0, 0.0, -1.0]), intensity=torch.ones(3))
        >>> light.render(torch.zeros(1, 3), normal=torch.tensor([[0.0, 0.0, 1.0]]), albedo=torch.ones(1, 3))
        tensor([[0.3183, 0.3183, 0.3183]])
    """

    def __init__(self, direction: Tensor, intensity: Tensor) -> None:
        self.direction, self.intensity = vector("direction", direction, 3), _intensity(intensity)

    @full_precision
    def render(self, position: Tensor, normal: Tensor, albedo: Tensor) -> Tensor:
        towards = -unit(self.direction).to(normal)
        return self.intensity.to(albedo) * _cosine(towards, normal) * (albedo / math.pi)


class SpotLight(DeferredLight):
    """A spot light: intensity max(0, cos) max(0, c)^spot_exponent times albedo / pi.

    cos is the cosine between the normal and the direction to the light, c that between spot_direction and the direction
    from the light. It does not fall off with the distance.

    position: tensor (3,), world units.
    spot_direction: tensor (3,), where the light is strongest, of any length but 0.
    spot_exponent: tensor of one number; a larger one makes the spot narrower.
    intensity: as for `AmbientLight`.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> position, ahead = torch.tensor([0.0, 0.0, 2.0]), torch.tensor([0.0, 0.0, -1.0])
        >>> light = pyredner.SpotLight(position, ahead, spot_exponent=torch.tensor(3.0), intensity=torch.ones(3))
        >>> light.render(torch.zeros(1, 3), normal=torch.tensor([[0.0, 0.0, 1.0]]), albedo=torch.ones(1, 3))
        tensor([[0.3183, 0.3183, 0.3183]])
    """

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
