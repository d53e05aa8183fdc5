"""'uv' textures: pictures that the core looks up at every pixel by the corners' uv, and the light on the faces."""

from typing import Any, NamedTuple, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from .._inputs import check_real
from ..shading import Lighting, TextureMaps

# What a mesh may have: a tensor with 'surface' and 'vertex', TextureMaps or LitMaps with 'uv'. A union would have every
# caller ask which.
Textures: TypeAlias = Any

# The core takes vectors that are shorter for no directions: it divides them by this.
_SHORTEST = 1e-6


class LitMaps(NamedTuple):
    """textures: as they are without light. light: (N, F, 3), red, green, blue, which multiply what each face shows."""

    textures: TextureMaps
    light: Tensor


def white_maps(n_faces: int, like: Tensor) -> TextureMaps:
    return TextureMaps(like.new_ones(1, 1, 3), like.new_zeros(n_faces, 3, 2))


def check_uv_textures(textures: Textures, n_meshes: int, n_faces: int) -> None:
    """Raises TypeError, ValueError unless they go with so many meshes and faces; `gendr_adapters.render` looks at the
    rest."""
    plain = textures.textures if isinstance(textures, LitMaps) else textures
    if not isinstance(plain, TextureMaps):
        raise TypeError(
            "textures must be a gendr_adapters.TextureMaps(maps, uvs) with texture_type 'uv', got "
            f"{type(textures).__name__}"
        )
    for name, value in (("maps", plain.maps), ("uvs", plain.uvs)):
        check_real(f"TextureMaps.{name}", value)
    if plain.maps.dim() not in (3, 4) or plain.maps.shape[-1] != 3:
        raise ValueError(f"TextureMaps.maps must be (H, W, 3) or (M, H, W, 3), got shape {tuple(plain.maps.shape)}")
    per_face: list[tuple[str, Tensor, tuple[int, ...]]] = [("TextureMaps.uvs", plain.uvs, (n_faces, 3, 2))]
    if isinstance(plain.map_index, Tensor):
        per_face.append(("TextureMaps.map_index", plain.map_index, (n_faces,)))
    for name, value, shape in per_face:
        if tuple(value.shape) not in (shape, (n_meshes, *shape)):
            raise ValueError(f"{name} must be {shape} or {(n_meshes, *shape)}, got shape {tuple(value.shape)}")
    if isinstance(textures, LitMaps) and tuple(textures.light.shape) != (n_meshes, n_faces, 3):
        raise ValueError(
            f"the textures were lit for faces {tuple(textures.light.shape[:2])}, the mesh has {(n_meshes, n_faces)}"
        )


def for_meshes(textures: TextureMaps | LitMaps, n: int) -> TextureMaps | LitMaps:
    """Those of one mesh, for n."""
    if isinstance(textures, LitMaps):
        return LitMaps(_each(textures.textures, lambda x: _expanded(x, n)), _expanded(textures.light, n))
    return _each(textures, lambda x: _expanded(x, n))


def seen_from_behind_too(textures: TextureMaps | LitMaps) -> TextureMaps | LitMaps:
    """For faces that are followed by the same with their corners in reverse order."""
    plain = textures.textures if isinstance(textures, LitMaps) else textures
    index = plain.map_index
    plain = plain._replace(
        uvs=torch.cat([plain.uvs, plain.uvs.flip(-2)], -3),
        map_index=None if index is None else torch.cat([index, index], -1),
    )
    return LitMaps(plain, textures.light.repeat(1, 2, 1)) if isinstance(textures, LitMaps) else plain


def lit(textures: TextureMaps | LitMaps, light: Tensor) -> LitMaps:
    """Multiplied with light (N, F, 3); lit before, they are darker twice."""
    if isinstance(textures, LitMaps):
        return LitMaps(textures.textures, textures.light * light)
    return LitMaps(textures, light)


def features_of(textures: TextureMaps | LitMaps, zeros: int = 0) -> tuple[TextureMaps, Lighting | None]:
    """As `gendr_adapters.render` takes them, with that number of channels of 0 appended."""
    plain, light = textures if isinstance(textures, LitMaps) else (textures, None)
    plain = plain._replace(maps=F.pad(plain.maps, (0, zeros)))
    return plain, None if light is None or light.shape[-2] == 0 else _multiplied_by(light, zeros)


def _multiplied_by(light: Tensor, zeros: int) -> Lighting:
    """The Lighting that multiplies a face's texels with light (N, F, 3), of any sign.

    The core's light depends on directions alone, except for normals n so short that it divides them by 1e-6. Then a
    directional light along axis c gives n_c / 1e-6, where that is positive: three of them, each for one channel, give
    back any colour that is written as

        light_c = ambient_c + s n_c / 1e-6,    ambient < light for all faces,  |n| < 1e-6.
    """
    # Of faces that are no numbers, and so not seen, the others' light does not depend.
    known, seen = light.detach().isfinite(), light.detach()
    low, high = torch.where(known, seen, torch.inf).amin(1), torch.where(known, seen, -torch.inf).amax(1)
    low, high = (torch.where(x.isfinite(), x, 0.0) for x in (low, high))
    span = (high - low).amax(1)
    span = torch.where(span > 0, span, 1.0)[:, None]
    ambient, scale = low - span, 4 * span  # so light - ambient is from 1/4 to 1/2 of the scale, |n| below 0.9e-6
    normals = (light - ambient[:, None]) / scale[:, None] * _SHORTEST
    normals = normals[:, :, None].expand(-1, -1, 3, -1)
    axes = torch.eye(3, 4, dtype=light.dtype, device=light.device)
    nowhere = torch.zeros_like(normals)
    return Lighting(
        nowhere,
        normals,
        nowhere[0, 0, 0],
        F.pad(ambient, (0, zeros)),
        axes,
        F.pad(axes[:, :3] * scale[:, None], (0, zeros)),
    )


def _each(textures: TextureMaps, function: Any) -> TextureMaps:
    """function of what is of faces, where it has a row a mesh."""
    uvs, index = textures.uvs, textures.map_index
    if uvs.dim() == 4:
        uvs = function(uvs)
    if index is not None and index.dim() == 2:
        index = function(index)
    return textures._replace(uvs=uvs, map_index=index)


def _expanded(values: Tensor, n: int) -> Tensor:
    return values.expand(n, *values.shape[1:])
