"""What points of a surface are made of: Kaolin's PBRMaterial, read as its easy_render reads it."""

import importlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .._inputs import kind
from .._known import as_list
from .._warnings import warn_caller

_VALUES = ("diffuse_color", "specular_color", "metallic_value", "roughness_value")
_MATERIAL = (*_VALUES, "is_specular_workflow", "chw")
# The maps, and how many channels each may have. A single one is grey; a fourth is not seen.
_MAPS = {
    "diffuse_texture": (1, 3, 4),
    "specular_texture": (1, 3),
    "metallic_texture": (1, 3),
    "roughness_texture": (1,),
    "normals_texture": (3, 4),
}
_DIELECTRIC = 0.04  # specular reflectance of what is no metal (glTF 2.0, appendix B)
_ROUGHNESS, _MIN_ROUGHNESS = 0.5, 1e-3


class Map(NamedTuple):
    """A picture (C, h, w) to be looked up. wrap: it repeats, as in nvdiffrast, and has a border of one texel from the
    other side; else its border goes on, as in kaolin.render.mesh.texture_mapping."""

    picture: Tensor
    wrap: bool

    @classmethod
    def of(cls, picture: Tensor, wrap: bool) -> "Map":
        return cls(F.pad(picture[None], (1, 1, 1, 1), mode="circular")[0] if wrap else picture, wrap)

    def at(self, uvs: Tensor) -> Tensor:
        """(P, C), bilinear, at uvs (P, 2); v = 0 is the first row, texel 0 has its centre at 1 / (2 w)."""
        if self.wrap:
            with_border = uvs.new_tensor([self.picture.shape[2], self.picture.shape[1]])
            uvs = (uvs * (with_border - 2) + 1) / with_border
        at = (2 * uvs - 1)[None, None]
        return F.grid_sample(self.picture[None], at, padding_mode="border", align_corners=False)[0, :, 0].T


class Material(NamedTuple):
    """What is read of a PBRMaterial. values: (1, C) each, those that it has; maps: those that are seen."""

    is_specular_workflow: bool
    values: dict[str, Tensor]
    maps: dict[str, Map]


class Surface(NamedTuple):
    """P points. albedo, specular: (P, 3). roughness: (P,). normals: (P, 3), in the world, of any length."""

    albedo: Tensor
    specular: Tensor
    roughness: Tensor
    normals: Tensor


def material_lists(meshes: Sequence[Any], custom: Any) -> list[list[Any]]:
    """The materials of each mesh: custom ones, one list for all meshes or a list of lists; else its own; else Kaolin's
    default material."""
    if not custom:
        lists = [m.materials for m in meshes]
    elif isinstance(custom[0], (list, tuple)):
        if len(custom) != len(meshes):
            raise ValueError(
                f"custom_materials must be one list for all meshes, or {len(meshes)} lists, got {len(custom)} lists"
            )
        lists = list(custom)
    else:
        lists = [custom] * len(meshes)
    default = None
    for i, materials in enumerate(lists):
        if not materials:
            default = default or importlib.import_module("kaolin.render.easy_render").default_material()
            lists[i] = [default.to(meshes[i].vertices.device)]
        for material in lists[i]:
            if missing := [name for name in _MATERIAL if not hasattr(material, name)]:
                raise TypeError(
                    f"materials must be kaolin.render.materials.PBRMaterial, got {type(material).__name__} without "
                    f"{missing[0]}"
                )
    return lists


def number_materials(meshes: Sequence[Any], lists: list[list[Any]], custom: Any) -> tuple[list[Any], list[Tensor]]:
    """All different materials, and for each mesh which of them its faces have, (F,) int64; -1: none.

    custom: material assignments for all meshes, (F,), or one for each, (B, F) or a list; None: the meshes' own, or the
    first material for all faces.
    """
    if custom is None:
        assignments = [m.material_assignments for m in meshes]
    elif isinstance(custom, Tensor) and custom.dim() == 1:
        assignments = [custom] * len(meshes)
    elif len(custom) != len(meshes):
        raise ValueError(
            f"custom_material_assignments must be (F,) for all meshes, or {len(meshes)} of them, got {len(custom)}"
        )
    else:
        assignments = list(custom)
    known: dict[int, int] = {}
    materials: list[Any] = []
    numbered: list[Tensor] = []
    for mesh, own, assigned in zip(meshes, lists, assignments, strict=True):
        for material in own:
            if id(material) not in known:
                known[id(material)] = len(materials)
                materials.append(material)
        n_faces, device = mesh.faces.shape[0], mesh.vertices.device
        if assigned is None:
            assigned = torch.zeros(n_faces, dtype=torch.int64, device=device)
        elif not isinstance(assigned, Tensor) or assigned.shape != (n_faces,) or assigned.is_floating_point():
            raise ValueError(f"material assignments must be integers ({n_faces},), one a face, got {kind(assigned)}")
        # The last entry is for faces whose assignment names no material.
        table = torch.tensor([*(known[id(material)] for material in own), -1], device=device)
        assigned = assigned.long()
        valid = (assigned >= 0) & (assigned < len(own))
        numbered.append(table[torch.where(valid, assigned, len(own))])
    return materials, numbered


def read_materials(
    materials: Sequence[Any], which: Tensor, like: Tensor, has_uvs: bool, wrap: bool
) -> dict[int, Material]:
    """Those of the materials that faces have, by their number. which: the faces'. like: of their dtype and device."""
    return {i: _read(materials[i], like, has_uvs, wrap) for i in as_list(which.unique()) if i >= 0}


def _read(material: Any, like: Tensor, has_uvs: bool, wrap: bool) -> Material:
    found = {name: getattr(material, name) for name in _VALUES}
    values = {name: x.to(like).reshape(1, -1) for name, x in found.items() if x is not None}
    return Material(bool(material.is_specular_workflow), values, _read_maps(material, like, has_uvs, wrap))


def _read_maps(material: Any, like: Tensor, has_uvs: bool, wrap: bool) -> dict[str, Map]:
    there = [name for name in _MAPS if getattr(material, name, None) is not None]
    if not there:
        return {}
    if not has_uvs:
        warn_caller(f"the mesh has no uvs: its material's {', '.join(there)} are not seen")
        return {}
    channels_first = material.chw()
    maps = {name: getattr(channels_first, name).to(like) for name in there}
    for name, picture in maps.items():
        if picture.shape[0] not in _MAPS[name]:
            allowed = " or ".join(map(str, _MAPS[name]))
            raise ValueError(f"{name} must have {allowed} channels, got shape {tuple(picture.shape)} (C, H, W)")
    return {name: Map.of(picture, wrap) for name, picture in maps.items()}


def surface_at(
    materials: dict[int, Material], which: Tensor, normals: Tensor, uvs: Tensor | None, tangents: Tensor | None
) -> Surface:
    """The surface at P points. which: (P,), of the materials, -1 for none (black); normals, uvs in [0, 1], tangents:
    interpolated."""
    parts, order = [], []
    for i in (-1, *materials):
        points = (which == i).nonzero()[:, 0]
        if not points.numel():
            continue
        n, uv, t = (None if x is None else x.index_select(0, points) for x in (normals, uvs, tangents))
        assert n is not None
        parts.append(_plain(n) if i < 0 else _made_of(materials[i], n, uv, t))
        order.append(points)
    if not parts:
        return _plain(normals)
    if len(parts) == 1:
        return parts[0]
    back = torch.cat(order).argsort()
    return Surface(*(torch.cat(x).index_select(0, back) for x in zip(*parts, strict=True)))


def _plain(normals: Tensor) -> Surface:
    black = torch.zeros_like(normals)
    return Surface(black, black, torch.full_like(normals[:, 0], _ROUGHNESS), normals)


def _made_of(material: Material, normals: Tensor, uvs: Tensor | None, tangents: Tensor | None) -> Surface:
    value, maps = material.values.get, {}
    if uvs is not None:
        maps = {name: found.at(uvs) for name, found in material.maps.items()}

    def first(*options: Tensor | None) -> Tensor:
        return next((x for x in options if x is not None), torch.zeros_like(normals))[:, :3].expand_as(normals)

    albedo = first(maps.get("diffuse_texture"), value("diffuse_color"))
    specular = torch.zeros_like(normals)
    if material.is_specular_workflow:
        specular = first(maps.get("specular_texture"), value("specular_color"))
    elif (metallic := maps.get("metallic_texture", value("metallic_value"))) is not None:
        specular = (1 - metallic) * _DIELECTRIC + metallic * albedo
        albedo = albedo * (1 - metallic)
    roughness = maps.get("roughness_texture", value("roughness_value"))
    if roughness is None:
        roughness = normals.new_full((1, 1), _ROUGHNESS)
    if (bent := maps.get("normals_texture")) is not None and tangents is not None:
        across = F.normalize(torch.linalg.cross(tangents, normals), dim=1)
        normals = F.normalize(bent[:, :1] * tangents - bent[:, 1:2] * across + bent[:, 2:3] * normals, dim=1)
    return Surface(albedo, specular, roughness[:, 0].clamp(min=_MIN_ROUGHNESS).expand(normals.shape[0]), normals)
