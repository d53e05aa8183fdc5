"""What we read of Kaolin's SurfaceMesh: vertices, faces, materials, and what the corners of its faces carry."""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .._inputs import check_real, check_same, kind
from .._rendering import gather_corners

_MESH = ("vertices", "faces", "has_attribute", "has_or_can_compute_attribute", "__len__", "__getitem__")


class CornerAttributes(NamedTuple):
    """Of all faces; None: the mesh has none.

    normals: (F, 3, 3), as stored or computed, of any length. uvs: (F, 3, 2). tangents: (F, 3, 3).
    features: (F, 3, C). material: (F,) int64, numbers of materials; those of none are -1.
    """

    normals: Tensor
    uvs: Tensor | None
    tangents: Tensor | None
    features: Tensor | None
    material: Tensor


def unbatched(mesh: Any) -> list[Any]:
    """The meshes of a batch, each as a copy of its own: what a SurfaceMesh computes it keeps, here not in the user's.

    Raises TypeError for what is not a kaolin.rep.SurfaceMesh, ValueError for faces that are no triangles.
    """
    missing = [name for name in _MESH if not hasattr(mesh, name)]
    if missing:
        raise TypeError(f"mesh must be a kaolin.rep.SurfaceMesh, got {type(mesh).__name__} without {missing[0]}")
    meshes = [copy.copy(mesh[i]) for i in range(len(mesh))]
    if not meshes:
        raise ValueError("mesh must be one mesh or more, got a batch of none")
    meshes = [m.as_transformed() if m.has_attribute("transform") else m for m in meshes]
    for m in meshes:
        check_real("mesh.vertices", m.vertices)
        check_same("mesh.vertices", m.vertices, meshes[0].vertices, "the first mesh's vertices")
        if not isinstance(m.faces, Tensor) or m.faces.dim() != 2 or m.faces.shape[1] != 3:
            raise ValueError(f"mesh.faces must be triangles, (F, 3), got {kind(m.faces)}")
    return meshes


def corner_attributes(mesh: Any, smooth: bool, material: Tensor) -> CornerAttributes:
    """Raises ValueError for a mesh without normals.

    smooth: normals and tangents as Kaolin's backend 'nvdiffrast' takes them: where a mesh has no normals, the mean
    of the faces around a vertex; else as its backend 'cuda': then each face has its own.
    """
    faces = mesh.faces.long()

    def value(name: str) -> Tensor | None:
        """None, too, where the mesh said that it could compute it, and then could not."""
        return getattr(mesh, name) if mesh.has_or_can_compute_attribute(name) else None

    normals: Tensor | None
    if smooth and (stored := value("normals")) is not None and (index := value("face_normals_idx")) is not None:
        normals = gather_corners(stored, index.long())
    elif smooth and not mesh.has_attribute("face_normals") and (at_vertices := value("vertex_normals")) is not None:
        normals = gather_corners(at_vertices, faces)
    else:
        normals = value("face_normals")
    if normals is None:
        raise ValueError("mesh has no normals, and cannot compute any: see its face_normals_idx and allow_auto_compute")
    if smooth and (at_vertices := value("vertex_tangents")) is not None:
        tangents: Tensor | None = gather_corners(at_vertices, faces)
    else:
        tangents = value("face_tangents")
    return CornerAttributes(normals, value("face_uvs"), tangents, value("face_features"), material)


def joined(attributes: Sequence[CornerAttributes], dtype: torch.dtype) -> CornerAttributes:
    """Of all meshes, one after the other. What only some of them have is 0 for the others."""

    def join(name: str) -> Tensor | None:
        parts = [getattr(a, name) for a in attributes]
        there = [part for part in parts if part is not None]
        if not there:
            return None
        if len(widths := {part.shape[2] for part in there}) > 1:
            raise ValueError(f"meshes of one batch must have {name} of one width, got {sorted(widths)}")
        filled = [
            there[0].new_zeros(a.normals.shape[0], *there[0].shape[1:]) if part is None else part
            for a, part in zip(attributes, parts, strict=True)
        ]
        return torch.cat(filled).to(dtype)

    normals, uvs, tangents, features = (join(name) for name in CornerAttributes._fields[:4])
    assert normals is not None
    return CornerAttributes(normals, uvs, tangents, features, torch.cat([a.material for a in attributes]))
