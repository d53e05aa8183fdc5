"""Test double of kaolin.render.lighting.sg: spherical Gaussians G(v) = a exp(s (v . d - 1)).

L lights: amplitude (L, 3), direction (L, 3), unit, sharpness (L,). P points: normal (P, 3), unit, and so on.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize


class SgLightingParameters:
    def __init__(self, amplitude: Any = 3.0, direction: Any = (1.0, 0.0, 0.0), sharpness: Any = 5.0) -> None:
        self.direction = normalize(torch.as_tensor(direction, dtype=torch.float32).reshape(-1, 3), dim=1)
        lights = next(
            (len(x.reshape(-1, width)) for x, width in ((amplitude, 3), (direction, 3), (sharpness, 1)) if _is(x)), 1
        )
        self.amplitude = amplitude.reshape(-1, 3) if _is(amplitude) else _filled(amplitude, lights, 3)
        self.sharpness = sharpness.reshape(-1) if _is(sharpness) else _filled(sharpness, lights)

    def to(self, *where: Any) -> "SgLightingParameters":
        return SgLightingParameters(self.amplitude.to(*where), self.direction.to(*where), self.sharpness.to(*where))


def _is(value: Any) -> bool:
    return isinstance(value, Tensor)


def _filled(value: Any, *shape: int) -> Tensor:
    return torch.tensor(value, dtype=torch.float32).expand(shape).contiguous()


def sg_direction_from_azimuth_elevation(azimuth: Tensor, elevation: Tensor) -> Tensor:
    across = elevation.cos()
    return torch.stack([across * azimuth.sin(), elevation.sin(), across * azimuth.cos()], -1)


def unbatched_sg_inner_product(
    amplitude: Tensor,
    direction: Tensor,
    sharpness: Tensor,
    other_amplitude: Tensor,
    other_direction: Tensor,
    other_sharpness: Tensor,
) -> Tensor:
    """(P, L, 3): the integrals of the products of each with each of the others."""
    s1, s2 = sharpness[:, None, None], other_sharpness[None, :, None]
    middle = (s1 * direction[:, None] + s2 * other_direction[None]).norm(dim=2, keepdim=True)
    height = torch.exp(middle - s1 - s2) * amplitude[:, None] * other_amplitude[None]
    return 2 * math.pi * height * (1 - torch.exp(-2 * middle)) / middle


def unbatched_reduced_sg_inner_product(
    amplitude: Tensor,
    direction: Tensor,
    sharpness: Tensor,
    other_amplitude: Tensor,
    other_direction: Tensor,
    other_sharpness: Tensor,
) -> Tensor:
    """(P, 3): their sum. As Kaolin's it takes fewer than 8 lights and at least one point where there is no CUDA."""
    if len(other_sharpness) >= 8 or len(sharpness) == 0:
        raise RuntimeError("Kaolin calls a compiled function here, which needs CUDA")
    products = unbatched_sg_inner_product(
        amplitude, direction, sharpness, other_amplitude, other_direction, other_sharpness
    )
    return products.sum(1)


def sg_irradiance_inner_product(amplitude: Tensor, direction: Tensor, sharpness: Tensor, normal: Tensor) -> Tensor:
    """(P, 3): light on a surface, the cosine's lobe being a Gaussian, too."""
    lobe = normal.new_full((len(normal), 3), 1.17), normal, normal.new_full((len(normal),), 2.133)
    return unbatched_reduced_sg_inner_product(*lobe, amplitude, direction, sharpness).clamp(min=0)


def sg_diffuse_inner_product(
    amplitude: Tensor, direction: Tensor, sharpness: Tensor, normal: Tensor, albedo: Tensor
) -> Tensor:
    return sg_irradiance_inner_product(amplitude, direction, sharpness, normal) * albedo / math.pi


def sg_warp_specular_term(
    amplitude: Tensor,
    direction: Tensor,
    sharpness: Tensor,
    normal: Tensor,
    roughness: Tensor,
    view: Tensor,
    spec_albedo: Tensor,
) -> Tensor:
    """(P, 3), of roughness (P,), view (P, 3), from the surface to the eye, and spec_albedo (P, 3)."""
    m2 = roughness.square()
    n_v = (normal * view).sum(1)
    mirrored = 2 * n_v[:, None] * normal - view
    sharp = 2 / m2 / (4 * n_v.clamp(min=1e-4))
    lobe = (1 / (math.pi * m2))[:, None].expand(-1, 3), mirrored, sharp
    light = unbatched_reduced_sg_inner_product(*lobe, amplitude, direction, sharpness)
    half = mirrored + view
    half = half / half.square().sum(1, keepdim=True).sqrt()  # 0 / 0 for a surface seen from its edge, as in Kaolin
    n_l, n_v, l_h = (normal * mirrored).sum(1).clamp(0, 1), n_v.clamp(0, 1), (mirrored * half).sum(1).clamp(0, 1)
    seen = 1 / ((n_l + (m2 + (1 - m2) * n_l**2).sqrt()) * (n_v + (m2 + (1 - m2) * n_v**2).sqrt()))
    fresnel = spec_albedo + (1 - spec_albedo) * (1 - l_h)[:, None] ** 5
    return (light * (seen * n_l)[:, None] * fresnel).clamp(min=0)
