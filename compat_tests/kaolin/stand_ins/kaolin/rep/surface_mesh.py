"""Test double of kaolin.rep.SurfaceMesh."""

import copy
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..ops.mesh import average_face_vertex_features, face_normals, index_vertices_by_faces, vertex_tangents

_TENSORS = (
    "vertices faces normals uvs face_uvs_idx face_normals_idx material_assignments vertex_normals vertex_tangents "
    "vertex_colors vertex_features face_normals face_uvs face_vertices face_tangents face_colors face_features "
    "transform"
).split()
_SET = (*_TENSORS, "materials")
# What each attribute that is not set can be computed from; the first row that is there counts.
_SOURCES: dict[str, list[tuple[str, ...]]] = {
    "face_vertices": [("vertices", "faces")],
    "face_normals": [("normals", "face_normals_idx"), ("vertex_normals", "faces"), ("vertices", "faces")],
    "face_uvs": [("uvs", "face_uvs_idx")],
    "face_features": [("vertex_features", "faces")],
    "face_colors": [("vertex_colors", "faces")],
    "face_tangents": [("vertex_tangents", "faces")],
    "vertex_normals": [("face_normals", "faces")],
    "vertex_features": [("face_features", "faces")],
    "vertex_colors": [("face_colors", "faces")],
    "vertex_tangents": [("face_vertices", "face_uvs", "vertex_normals", "faces")],
}


class Batching(str, Enum):
    NONE, FIXED, LIST = "NONE", "FIXED", "LIST"


class SurfaceMesh:
    """Triangles: one mesh (NONE), several with the same faces (FIXED), or lists of tensors (LIST)."""

    Batching: TypeAlias = Batching

    def __init__(
        self,
        vertices: Any,
        faces: Any,
        normals: Any = None,
        uvs: Any = None,
        face_uvs_idx: Any = None,
        face_normals_idx: Any = None,
        material_assignments: Any = None,
        materials: Any = None,
        vertex_normals: Any = None,
        vertex_tangents: Any = None,
        vertex_colors: Any = None,
        vertex_features: Any = None,
        face_normals: Any = None,
        face_uvs: Any = None,
        face_vertices: Any = None,
        face_tangents: Any = None,
        face_colors: Any = None,
        face_features: Any = None,
        transform: Any = None,
        strict_checks: bool = True,
        unset_attributes_return_none: bool = True,
        allow_auto_compute: bool = True,
    ) -> None:
        given = locals()
        self.unset_attributes_return_none, self.allow_auto_compute = unset_attributes_return_none, allow_auto_compute
        if isinstance(vertices, list) or (not isinstance(faces, list) and faces.dim() == 3):
            self.batching = Batching.LIST
        else:
            self.batching = Batching.FIXED if vertices.dim() == 3 else Batching.NONE
        for name in _SET:
            if given[name] is not None:
                setattr(self, name, given[name])

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in (*_SET, "batching", "unset_attributes_return_none", "allow_auto_compute"):
            raise AttributeError(f"SurfaceMesh has no attribute {name!r}")
        super().__setattr__(name, value)

    def __len__(self) -> int:
        return 1 if self.batching is Batching.NONE else len(self.vertices)

    def __getitem__(self, i: int) -> "SurfaceMesh":
        if not i < len(self):
            raise IndexError(f"mesh {i} of {len(self)}")
        return self if self.batching is Batching.NONE else SurfaceMesh(**{k: self._one(k, i) for k in self._given()})

    def has_attribute(self, name: str) -> bool:
        return name in vars(self)

    def has_or_can_compute_attribute(self, name: str) -> bool:
        """Whatever allow_auto_compute says."""
        return self.has_attribute(name) or self._source(name) is not None

    def get_attributes(self, only_tensors: bool = False) -> list[str]:
        settings = [] if only_tensors else ["batching", "allow_auto_compute", "unset_attributes_return_none"]
        return settings + [name for name in (_TENSORS if only_tensors else _SET) if self.has_attribute(name)]

    def __getattr__(self, name: str) -> Any:
        """Only called for what is not set: compute it. It is kept, unless it has a gradient."""
        if name not in _SET:
            raise AttributeError(f"SurfaceMesh has no attribute {name!r}")
        if not self.allow_auto_compute or not self.has_or_can_compute_attribute(name):
            if self.unset_attributes_return_none:
                return None
            raise AttributeError(f"{name} is not set, and cannot be computed")
        if self.batching is Batching.NONE:
            value = self._computed(name)
        else:
            value = _join([getattr(self[i], name) for i in range(len(self))], self.batching, name)
        if not any(x.requires_grad for x in (value if isinstance(value, list) else [value])):
            setattr(self, name, value)
        return value

    def getattr_batched(self, name: str, batching: Batching) -> Any:
        return _join([getattr(self[i], name) for i in range(len(self))], batching, name)

    @classmethod
    def cat(cls, meshes: Sequence["SurfaceMesh"], fixed_topology: bool = True) -> "SurfaceMesh":
        """What all meshes have set."""
        batching = Batching.FIXED if fixed_topology else Batching.LIST
        shared = [name for name in _SET if all(mesh.has_attribute(name) for mesh in meshes)]
        every = [mesh[i] for mesh in meshes for i in range(len(mesh))]
        return cls(**{name: _join([getattr(mesh, name) for mesh in every], batching, name) for name in shared})

    def to_batched(self) -> "SurfaceMesh":
        """In place."""
        values = {name: self.getattr_batched(name, Batching.FIXED) for name in self._given()}
        self.batching = Batching.FIXED
        for name, value in values.items():
            setattr(self, name, value)
        return self

    def to(self, *where: Any) -> "SurfaceMesh":
        return self._apply(lambda x: x.to(*where), _TENSORS)

    def float_tensors_to(self, dtype: torch.dtype) -> "SurfaceMesh":
        return self._apply(lambda x: x.to(dtype) if x.is_floating_point() else x, _TENSORS)

    def _apply(self, function: Callable[[Tensor], Tensor], names: Sequence[str]) -> "SurfaceMesh":
        out = copy.copy(self)
        for name in self._given():
            if name in names:
                value = getattr(self, name)
                setattr(out, name, [function(x) for x in value] if isinstance(value, list) else function(value))
        return out

    def _given(self) -> list[str]:
        return [name for name in _SET if self.has_attribute(name)]

    def _one(self, name: str, i: int) -> Any:
        value = getattr(self, name)
        return value if self.batching is Batching.FIXED and name == "faces" else value[i]

    def _source(self, name: str) -> tuple[str, ...] | None:
        for row in _SOURCES.get(name, ()):
            others = [x for x in row if x not in ("vertices", "faces")]
            # Flat normals make vertex normals, not the other way round.
            able = self.has_attribute if name == "face_normals" else self.has_or_can_compute_attribute
            if name in ("face_features", "face_colors", "vertex_features", "vertex_colors"):
                able = self.has_attribute
            if all(able(x) for x in others):
                return row
        return None

    def _computed(self, name: str) -> Tensor:
        source = self._source(name)
        assert source is not None
        if name == "vertex_tangents":
            return vertex_tangents(self.faces, self.face_vertices, self.face_uvs, self.vertex_normals)
        if name.startswith("vertex_"):
            values = getattr(self, source[0])[None]
            return average_face_vertex_features(self.faces, values, len(self.vertices))[0]
        if name == "face_normals" and source[0] == "vertices":
            return face_normals(self.face_vertices[None], unit=True)[0, :, None].repeat(1, 3, 1)
        index = getattr(self, source[1])
        return index_vertices_by_faces(getattr(self, source[0])[None], index.clamp(min=0))[0]


def _join(values: list[Any], batching: Batching, name: str) -> Any:
    if batching is Batching.LIST or name == "materials":
        return values
    return values[0] if name == "faces" else torch.stack(values)
