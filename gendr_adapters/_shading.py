"""TextureMaps and Lighting, checked and packed for the op of `render`."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ._inputs import as_index, check_real, check_same
from ._native import structs
from .shading import Lighting, TextureMaps

_MAX_TEXELS = 2**31


class Faces(NamedTuple):
    """Faces as `render` got them: packed, with the leading shape that values of each face must have."""

    vertices: Tensor
    leading: tuple[int, ...]
    n_images: int


class PackedMaps(NamedTuple):
    maps: Tensor
    uvs: Tensor
    map_index: Tensor | None
    sampling: list[int]


def pack_maps(textures: TextureMaps, faces: Faces) -> PackedMaps:
    maps, uvs, map_index, *how = textures
    like = faces.vertices
    for name, value in (("maps", maps), ("uvs", uvs)):
        check_real(f"TextureMaps.{name}", value)
        check_same(f"TextureMaps.{name}", value, like)
    if maps.dim() not in (3, 4) or 0 in maps.shape:
        raise ValueError(f"TextureMaps.maps must be (H, W, C) or (M, H, W, C), not empty, got {_shape(maps)}")
    maps = maps if maps.dim() == 4 else maps[None]
    n_maps = maps.shape[0]
    if n_maps * maps.shape[1] * maps.shape[2] >= _MAX_TEXELS:
        raise ValueError(f"TextureMaps.maps must have less than 2^31 texels together, got {_shape(maps)}")
    if map_index is None and n_maps not in (1, faces.n_images):
        raise ValueError(
            f"{n_maps} maps for {faces.n_images} images need TextureMaps.map_index, the map of each face; without it "
            "there must be one map, or one for each image"
        )
    if map_index is not None:
        map_index = _packed_index(map_index, faces)
    return PackedMaps(maps, _of_corners("TextureMaps.uvs", uvs, 2, faces), map_index, _sampling(*how))


def _packed_index(index: Tensor, faces: Faces) -> Tensor:
    index = as_index("TextureMaps.map_index", index)
    if index.device != faces.vertices.device:
        raise TypeError(f"TextureMaps.map_index is on {index.device}, face_vertices on {faces.vertices.device}")
    if tuple(index.shape) not in (faces.leading, faces.leading[-1:]):
        raise ValueError(f"TextureMaps.map_index must be {faces.leading}, one map for each face, got {_shape(index)}")
    return index.expand(faces.leading).reshape(-1)


def _sampling(filter: object, padding: object, align_corners: object) -> list[int]:
    numbers = []
    for name, value, allowed in (("filter", filter, structs.FILTERS), ("padding", padding, structs.PADDINGS)):
        if not isinstance(value, str) or value not in allowed:
            raise ValueError(f"TextureMaps.{name} must be one of {', '.join(allowed)}, got {value!r}")
        numbers.append(allowed[value])
    if not isinstance(align_corners, bool):
        raise TypeError(f"TextureMaps.align_corners must be True or False, got {align_corners!r}")
    return [*numbers, int(align_corners)]


def _of_corners(name: str, values: Tensor, n: int, faces: Faces) -> Tensor:
    """(F_total, 3, n)."""
    shape = (*faces.leading, 3, n)
    if tuple(values.shape) not in (shape, shape[-3:]):
        raise ValueError(f"{name} must be {shape}, to match face_vertices, got {_shape(values)}")
    return values.expand(shape).reshape(-1, 3, n)


def pack_lighting(lighting: Lighting, n_channels: int, faces: Faces) -> tuple[Tensor, Tensor]:
    """Return surface (F, 3, 6) and the rows of gendr_lighting (csrc/include/gendr.h)."""
    like, n_images = faces.vertices, faces.n_images

    def checked(name: str, value: Any, *shape: int) -> Tensor:
        """(1 or B, *shape)"""
        check_real(f"Lighting.{name}", value)
        check_same(f"Lighting.{name}", value, like)
        rows = value[None] if value.dim() == len(shape) else value
        if rows.dim() != len(shape) + 1 or rows.shape[0] not in (1, n_images) or tuple(rows.shape[1:]) != shape:
            raise ValueError(f"Lighting.{name} must be {shape} or {(n_images, *shape)}, got {_shape(value)}")
        return rows

    surface = []
    for name in ("positions", "normals"):
        value = getattr(lighting, name)
        check_real(f"Lighting.{name}", value)
        check_same(f"Lighting.{name}", value, like)
        surface.append(_of_corners(f"Lighting.{name}", value, 3, faces))
    lights = lighting.light_positions
    parts = [
        checked("camera_position", lighting.camera_position, 3),
        _shininess(lighting.shininess, n_images, like),
        checked("ambient", lighting.ambient, n_channels),
    ]
    if lights is None:
        if lighting.diffuse is not None or lighting.specular is not None:
            raise ValueError("Lighting.diffuse and specular need light_positions; got light_positions=None")
    else:
        check_real("Lighting.light_positions", lights)
        n_lights = lights.shape[-2] if lights.dim() in (2, 3) else 0
        positions = checked("light_positions", lights, n_lights, 4)
        none = positions.new_zeros(1, n_lights, n_channels)
        colours = [
            none if colour is None else checked(name, colour, n_lights, n_channels)
            for name, colour in (("diffuse", lighting.diffuse), ("specular", lighting.specular))
        ]
        rows = max(x.shape[0] for x in (positions, *colours))
        parts.append(torch.cat([x.expand(rows, -1, -1) for x in (positions, *colours)], 2).flatten(1))
    n_rows = max(part.shape[0] for part in parts)
    return torch.cat(surface, 2), torch.cat([part.expand(n_rows, -1) for part in parts], 1)


def _shininess(value: float | Tensor, n_images: int, like: Tensor) -> Tensor:
    """(1 or B, 1)"""
    if not isinstance(value, Tensor):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"Lighting.shininess must be a number or a tensor, got {type(value).__name__}")
        if not 0 <= value < float("inf"):
            raise ValueError(f"Lighting.shininess must be a number >= 0, got {value}")
        return like.new_full((1, 1), value)
    check_real("Lighting.shininess", value)
    check_same("Lighting.shininess", value, like)
    rows = value.reshape(1) if value.dim() == 0 else value
    if rows.dim() != 1 or rows.shape[0] not in (1, n_images):
        raise ValueError(f"Lighting.shininess must be () or ({n_images},), got {_shape(value)}")
    return rows[:, None]


def _shape(value: Tensor) -> str:
    return f"shape {tuple(value.shape)}"
