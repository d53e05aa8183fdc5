"""Test double of kaolin.ops.mesh."""

import torch
from torch import Tensor
from torch.nn.functional import normalize


def index_vertices_by_faces(vertices_features: Tensor, faces: Tensor) -> Tensor:
    """(B, V, C), (F, 3) -> (B, F, 3, C)."""
    return vertices_features[:, faces]


def face_normals(face_vertices: Tensor, unit: bool = False) -> Tensor:
    """(B, F, 3, 3) -> (B, F, 3), counter-clockwise."""
    a, b, c = face_vertices.unbind(2)
    normals = torch.linalg.cross(b - a, c - a)
    return normals / (normals.norm(dim=2, keepdim=True) + 1e-10) if unit else normals


def average_face_vertex_features(faces: Tensor, face_features: Tensor, num_vertices: int | None = None) -> Tensor:
    """(F, 3), (B, F, 3, C) -> (B, V, C): the mean over the corners at each vertex."""
    n = int(faces.max()) + 1 if num_vertices is None else num_vertices
    corners = face_features.flatten(1, 2)
    sums = corners.new_zeros(len(corners), n, corners.shape[2]).index_add(1, faces.flatten().long(), corners)
    counts = torch.bincount(faces.flatten(), minlength=n).clamp(min=1)
    return sums / counts[:, None]


def vertex_tangents(faces: Tensor, face_vertices: Tensor, face_uvs: Tensor, vertex_normals: Tensor) -> Tensor:
    """(V, 3): where u grows, summed over the faces at each vertex, at right angles to the normal."""
    a, b, c = face_vertices.unbind(1)
    (u1, v1), (u2, v2) = ((face_uvs[:, k] - face_uvs[:, 0]).unbind(1) for k in (1, 2))
    area = u1 * v2 - v1 * u2
    area = torch.where(area > 0, area.clamp(min=1e-6), area.clamp(max=-1e-6))
    tangents = ((b - a) * v2[:, None] - (c - a) * v1[:, None]) / area[:, None]
    at_corners = tangents[:, None].expand(-1, 3, -1).flatten(0, 1)
    tangents = normalize(torch.zeros_like(vertex_normals).index_add(0, faces.flatten().long(), at_corners), dim=1)
    return normalize(tangents - (tangents * vertex_normals).sum(1, keepdim=True) * vertex_normals, dim=1)


def uniform_laplacian(num_vertices: int, faces: Tensor) -> Tensor:
    """(V, V), dense: -1 on the diagonal, 1 / (number of neighbours) at each neighbour."""
    joined = torch.zeros(num_vertices, num_vertices, device=faces.device)
    joined[faces.flatten(), faces.roll(1, 1).flatten()] = 1.0
    joined[faces.roll(1, 1).flatten(), faces.flatten()] = 1.0
    joined = joined / joined.sum(1, keepdim=True).clamp(min=1)
    return joined.fill_diagonal_(-1.0)


__all__ = [
    "average_face_vertex_features",
    "face_normals",
    "index_vertices_by_faces",
    "uniform_laplacian",
    "vertex_tangents",
]
