"""Is a Mesh one: types, shapes, indices and numbers."""

import torch
from torch import Tensor

from .._inputs import as_index, check_real
from ._mesh import Mesh


def check_mesh(mesh: Mesh) -> None:
    """Raise TypeError for what is not a Mesh of tensors; ValueError for shapes that do not fit, an index out of range,
    or numbers that are not finite in float32."""
    if not isinstance(mesh, Mesh):
        raise TypeError(f"mesh must be a gendr_adapters.Mesh, got {type(mesh).__name__}")
    check_real("vertices", mesh.vertices)
    if mesh.vertices.dim() != 2:
        raise ValueError(f"vertices must be (V, 3), got shape {tuple(mesh.vertices.shape)}")
    faces = as_index("faces", mesh.faces)
    if faces.dim() != 2 or faces.shape[1] != 3:
        raise ValueError(f"faces must be (F, 3), got shape {tuple(faces.shape)}")
    n_faces, n_vertices = len(faces), len(mesh.vertices)
    _check_part("vertices", mesh.vertices, (n_vertices, 3))
    _check_part("uvs", mesh.uvs, (n_faces, 3, 2))
    _check_part("vertex_colours", mesh.vertex_colours, (n_vertices, 3))
    _check_part("normals", mesh.normals, (n_faces, 3, 3))
    if n_faces and not 0 <= int(faces.min()) <= int(faces.max()) < n_vertices:
        raise ValueError(f"faces must be in [0, {n_vertices}), got {int(faces.min())} to {int(faces.max())}")
    if mesh.texture is not None:
        if mesh.texture.dim() != 3 or 0 in mesh.texture.shape:
            raise ValueError(f"texture must be (H, W, 3), got shape {tuple(mesh.texture.shape)}")
        _check_part("texture", mesh.texture, (*mesh.texture.shape[:2], 3))
        if mesh.uvs is None:
            raise ValueError("the mesh has a texture but no uvs, so the faces have no texture coordinates")


def _check_part(name: str, value: Tensor | None, shape: tuple[int, ...]) -> None:
    if value is None:
        return
    check_real(name, value)
    if tuple(value.shape) != shape:
        raise ValueError(f"{name} must be {shape}, got shape {tuple(value.shape)}")
    finite = torch.isfinite(value.detach().float())
    if not bool(finite.all()):
        raise ValueError(f"{name} must be finite in float32, got {int((~finite).sum())} numbers that are not")
