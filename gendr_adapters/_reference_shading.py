"""What each pair of a pixel and a face shows in the reference (`gendr_adapters.reference`): texture maps and light.

Written directly from the definitions in `gendr_adapters.shading`, in plain torch with autograd. weights: (..., 3) of
the corners of the faces. face: (...), which face."""

import torch
from torch import Tensor

from .shading import Lighting, TextureMaps


def interpolate(at_corners: Tensor, weights: Tensor, face: Tensor) -> Tensor:
    """Interpolate values (F, 3, D) at the corners: (..., D)."""
    return (weights[..., None] * at_corners[face]).sum(-2)


def show_maps(textures: TextureMaps, weights: Tensor, face: Tensor) -> Tensor:
    """Texels at the pairs of one image: (..., C). Without an index there is one map."""
    maps = textures.maps if textures.maps.dim() == 4 else textures.maps[None]
    number = torch.zeros_like(face) if textures.map_index is None else textures.map_index[face]
    u, v = interpolate(textures.uvs, weights, face).unbind(-1)
    x, y = _place(u, maps.shape[2], textures), _place(1 - v, maps.shape[1], textures)
    if textures.filter == "nearest":
        return _texel(maps, number, y.round(), x.round(), textures)
    left, top = x.detach().floor(), y.detach().floor()
    across, down = (x - left)[..., None], (y - top)[..., None]
    rows = [
        (1 - across) * _texel(maps, number, row, left, textures)
        + across * _texel(maps, number, row, left + 1, textures)
        for row in (top, top + 1)
    ]
    return (1 - down) * rows[0] + down * rows[1]


def _place(s: Tensor, n: int, textures: TextureMaps) -> Tensor:
    """Position in texels, where 0 is the centre of the first of n texels; within the map or just beside it."""
    first, span = (0.0, n - 1) if textures.align_corners else (-0.5, n)
    if textures.padding == "repeat":
        s = s - s.detach().floor()
    elif textures.padding == "reflection":
        s = 1 - (s - 2 * (s.detach() / 2).floor() - 1).abs()
    place = first + s * span
    return place.clamp(0, n - 1) if textures.padding in ("border", "reflection") else place


def _texel(maps: Tensor, number: Tensor, row: Tensor, column: Tensor, textures: TextureMaps) -> Tensor:
    height, width = maps.shape[1:3]
    row, column = row.long(), column.long()
    within = (row >= 0) & (row < height) & (column >= 0) & (column < width)
    if textures.padding == "repeat":
        texel = maps[number, row % height, column % width]
    else:
        texel = maps[number, row.clamp(0, height - 1), column.clamp(0, width - 1)]
    return torch.where(within[..., None], texel, torch.zeros_like(texel)) if textures.padding == "zeros" else texel


def shine_on(texels: Tensor, lighting: Lighting, weights: Tensor, face: Tensor) -> Tensor:
    """The colours (..., C) of texels (..., C) under the lights of one image. The lighting has no batch axis."""
    point = interpolate(lighting.positions, weights, face)
    normal = _unit(interpolate(lighting.normals, weights, face))
    view = _unit(lighting.camera_position - point)
    light, highlights = lighting.ambient.expand_as(texels), torch.zeros_like(texels)
    lamps = lighting.light_positions if lighting.light_positions is not None else texels.new_zeros(0, 4)
    for i, lamp in enumerate(lamps):
        towards = _unit(lamp[:3] - lamp[3] * point)
        cosine = (normal * towards).sum(-1, keepdim=True)
        if lighting.diffuse is not None:
            light = light + lighting.diffuse[i] * cosine.clamp(min=0)
        if lighting.specular is not None:
            mirrored = 2 * cosine * normal - towards
            base = torch.where(cosine > 0, (view * mirrored).sum(-1, keepdim=True), 0).clamp(min=0)
            seen = base > 0
            # 0^0 = 1, and no gradient at 0.
            power = torch.where(seen, base, torch.ones_like(base)) ** lighting.shininess
            nothing = torch.as_tensor(lighting.shininess == 0, dtype=base.dtype, device=base.device)
            highlights = highlights + lighting.specular[i] * torch.where(seen, power, nothing)
    return texels * light + highlights


def _unit(vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors, dim=-1, eps=1e-6)
