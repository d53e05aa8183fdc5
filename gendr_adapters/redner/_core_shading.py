"""Textures, and ambient and directional light on them, as the core draws samples: shaded where they are found.

What else there is (positions, normals, lights that fall off, lights of a program's own) is interpolated for each sample
and computed with torch: `SceneSurface.channels_of`, and the lights' `render`.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..shading import Lighting, TextureMaps
from ._channels import channels
from ._lighting import AmbientLight, DeferredLight, DirectionalLight
from ._normals import unit
from ._samples import render_samples
from ._scene_surface import TEXTURED, Reflectance, SceneSurface

# What is seen at offsets (S, 2) within all pixels: (S, H, W, D), 0 where there is nothing, and the faces (S, H, W), -1
# there.
DrawSamples = Callable[[Tensor], tuple[Tensor, Tensor]]

# A reflectance takes a pass over the faces for each size of its pictures; torch samples more of them faster.
_MOST_PASSES = 2


class _Part(NamedTuple):
    """faces: (F,) bool, those that a pass shows. features: of all F faces, right for these."""

    faces: Tensor
    features: Tensor | TextureMaps


def core_drawing(
    surface: SceneSurface, wanted: Sequence[channels], lights: Sequence[DeferredLight] | None = None
) -> DrawSamples | None:
    """How the core draws `wanted`: reflectances, lit by `lights` unless they are None, and alpha. None: it cannot."""
    names = list(dict.fromkeys(channel.value for channel in wanted if channel is not channels.alpha))
    if not names or not set(names) <= set(TEXTURED) or not all(_is_known(light) for light in lights or ()):
        return None
    parts = {name: _parts_of(surface, surface.reflectance(name)) for name in names}
    if not all(0 < len(passes) <= _MOST_PASSES for passes in parts.values()):
        return None
    lighting = None if lights is None else _lighting_of(surface, lights)

    def draw(offsets: Tensor) -> tuple[Tensor, Tensor]:
        drawn = {name: _draw(surface, parts[name], lighting, offsets) for name in names}
        face = next(iter(drawn.values()))[1]
        covered = (face >= 0)[..., None].to(surface.features)
        shown = [covered if channel is channels.alpha else drawn[channel.value][0] for channel in wanted]
        return torch.cat(shown, -1), face

    return draw


def _draw(
    surface: SceneSurface, parts: Sequence[_Part], lighting: Lighting | None, offsets: Tensor
) -> tuple[Tensor, Tensor]:
    """As DrawSamples, one reflectance."""
    passes = [render_samples(surface.mesh, part.features, offsets, lighting=lighting) for part in parts]
    shown, face = torch.zeros_like(passes[0][0]), passes[0][1]
    for part, (image, _) in zip(parts, passes, strict=True):
        mine = F.pad(part.faces, (0, 1))[face]  # the last one, False, for face -1
        shown = torch.where(mine[..., None], image, shown)
    return shown, face


def _parts_of(surface: SceneSurface, reflectance: Reflectance) -> list[_Part]:
    """One for the pictures of each size, and one for all materials without."""
    materials: dict[tuple[int, ...] | None, list[int]] = {}
    for i, texture in enumerate(reflectance.textures):
        is_picture = texture is not None and not texture.is_constant and not reflectance.by_color[i]
        materials.setdefault(tuple(texture.texels.shape[:2]) if texture and is_picture else None, []).append(i)
    parts = []
    for size, numbers in materials.items():
        faces = sum((surface.material == i for i in numbers), torch.zeros_like(surface.material, dtype=torch.bool))
        if faces.any():
            parts.append(_Part(faces, (_colours if size is None else _maps)(surface, reflectance, numbers)))
    return parts


def _colours(surface: SceneSurface, reflectance: Reflectance, numbers: Sequence[int]) -> Tensor:
    """(F, 3, C), at the corners."""
    colours = surface.features.new_zeros(surface.material.shape[0], 3, reflectance.width)
    for i in numbers:
        texture = reflectance.textures[i]
        if reflectance.by_color[i]:
            colours = torch.where(_are(surface, i), surface.at_corners("color"), colours)
        elif texture is not None:
            colours = torch.where(_are(surface, i), reflectance.padded(texture.texels).to(colours), colours)
    return colours


def _maps(surface: SceneSurface, reflectance: Reflectance, numbers: Sequence[int]) -> TextureMaps:
    uvs, index = surface.at_corners("uv"), torch.zeros_like(surface.material)
    maps: list[Tensor] = []
    for i in numbers:
        texture = reflectance.textures[i]
        assert texture is not None
        if texture.uv_scale is not None:
            uvs = torch.where(_are(surface, i), uvs * texture.uv_scale.to(uvs), uvs)
        index = torch.where(surface.material == i, len(maps), index)
        maps.append(reflectance.padded(texture.texels).to(uvs))
    # Our v goes up, redner's down.
    uvs = torch.stack([uvs[..., 0], 1 - uvs[..., 1]], -1)
    one = len(maps) == 1
    return TextureMaps(maps[0] if one else torch.stack(maps), uvs, None if one else index, padding="repeat")


def _are(surface: SceneSurface, material: int) -> Tensor:
    """(F, 1, 1): the faces of a material."""
    return (surface.material == material)[:, None, None]


def _is_known(light: DeferredLight) -> bool:
    """Whether it is a light with the core's formula, and not one made of it."""
    return type(light) in (AmbientLight, DirectionalLight) and "render" not in vars(light)


def _lighting_of(surface: SceneSurface, lights: Sequence[DeferredLight]) -> Lighting:
    """intensity albedo + intensity max(0, cos) albedo / pi, summed over the lights."""
    normals = surface.at_corners("normal")
    # Of any length: the core takes vectors shorter than 1e-6 for none. A face's size does not change its directions.
    length = normals.detach().abs().amax((1, 2), keepdim=True)
    normals = normals / torch.where(length > 0, length, 1.0)
    nothing = normals.new_zeros(3)
    ambient, towards, diffuse = nothing, [], []
    for light in lights:
        if isinstance(light, AmbientLight):
            ambient = ambient + light.intensity.to(normals)
        elif isinstance(light, DirectionalLight):
            towards.append(F.pad(-unit(light.direction).to(normals), (0, 1)))
            diffuse.append(light.intensity.to(normals).expand(3) / math.pi)
    lighting = Lighting(surface.at_corners("position").detach(), normals, nothing, ambient)
    if towards:
        lighting = lighting._replace(light_positions=torch.stack(towards), diffuse=torch.stack(diffuse))
    return lighting
