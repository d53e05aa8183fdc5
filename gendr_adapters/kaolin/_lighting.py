"""Light of spherical Gaussians on points of a surface, by Kaolin's own functions."""

import importlib
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ._materials import Surface


class Lights(NamedTuple):
    """L spherical Gaussians. amplitude, direction: (L, 3). sharpness: (L,)."""

    amplitude: Tensor
    direction: Tensor
    sharpness: Tensor


# Kaolin has code for more lights on CUDA only.
_LIGHTS_AT_A_TIME = 7


def unbatched_reduced_sg_inner_product(
    amplitude: Tensor,
    direction: Tensor,
    sharpness: Tensor,
    other_amplitude: Tensor,
    other_direction: Tensor,
    other_sharpness: Tensor,
) -> Tensor:
    """(P, 3): products of P spherical Gaussians with L others, summed over these:
    kaolin.render.lighting.sg.unbatched_reduced_sg_inner_product, on any device, for any P and L.

    Args:
        amplitude, direction: (P, 3). sharpness: (P,). other_amplitude, other_direction: (L, 3). other_sharpness: (L,).
    """
    sg = importlib.import_module("kaolin.render.lighting.sg")
    one, others = (amplitude, direction, sharpness), (other_amplitude, other_direction, other_sharpness)
    if amplitude.is_cuda and amplitude.shape[0] and other_amplitude.shape[0] > _LIGHTS_AT_A_TIME:
        return sg.UnbatchedReducedSgInnerProduct.apply(*one, *others)
    total = torch.zeros_like(amplitude)
    for some in zip(*(x.split(_LIGHTS_AT_A_TIME) for x in others), strict=True):
        total = total + sg.unbatched_sg_inner_product(*one, *some).sum(1)
    return total


def lights_of(lighting: Any) -> Lights:
    """Those of Kaolin's SgLightingParameters; None: its default. Raises TypeError for anything else."""
    if lighting is None:
        lighting = importlib.import_module("kaolin.render.easy_render").default_lighting()
    if missing := [name for name in Lights._fields if not isinstance(getattr(lighting, name, None), Tensor)]:
        raise TypeError(
            f"lighting must be a kaolin.render.lighting.SgLightingParameters, got {type(lighting).__name__} without "
            f"{missing[0]}"
        )
    return Lights(*(getattr(lighting, name) for name in Lights._fields))


def shine(lighting: Lights, surface: Surface, to_camera: Tensor) -> tuple[Tensor, Tensor]:
    """(P, 3), twice: diffuse and specular light towards the camera, at P points. to_camera: (P, 3), unit vectors."""
    if not to_camera.shape[0]:  # Kaolin's functions refuse none
        return torch.zeros_like(surface.albedo), torch.zeros_like(surface.albedo)
    kaolin = importlib.import_module("kaolin.render.lighting")
    normals = F.normalize(surface.normals, dim=1)
    # Seen from the edge, or without a normal, there is no halfway vector: 0 / 0. Nothing is reflected there.
    reflects = ((normals * to_camera).sum(1) != 0)[:, None]
    facing = torch.where(reflects, normals, to_camera)
    lights = [x.to(to_camera) for x in lighting]
    diffuse = specular = torch.zeros_like(surface.albedo)
    n = lights[0].shape[0] if to_camera.is_cuda else _LIGHTS_AT_A_TIME
    for some in zip(*(x.split(max(n, 1)) for x in lights), strict=True):
        diffuse = diffuse + kaolin.sg_diffuse_inner_product(*some, normals, surface.albedo)
        specular = specular + kaolin.sg_warp_specular_term(
            *some, facing, surface.roughness, to_camera, surface.specular
        )
    return diffuse, torch.where(reflects, specular, 0.0)
