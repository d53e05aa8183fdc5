"""The edges of a mesh at which the picture may jump."""

from typing import NamedTuple

import torch
from torch import Tensor

from ._homogeneous_mesh import HomogeneousMesh


class MeshEdges(NamedTuple):
    """E edges. Half-edge 3 f + k goes from corner k of face f to the next.

    first: (E,) int64, the half-edge of the first face at the edge. second: (E,), that of the second, or -1.
    n_faces: (E,), the number of faces there. place: (V,), the same number for vertices at the same place.
    """

    first: Tensor
    second: Tensor
    n_faces: Tensor
    place: Tensor


def jumping_edges(mesh: HomogeneousMesh, positions: Tensor, features: Tensor) -> Tensor:
    """(E, 2) int64, the vertices of the edges at which the picture may jump.

    These are the edges with one face or more than two; those whose two faces are on the same side of it in the picture
    (silhouettes); and those at whose ends the faces' features differ.

    Args:
        mesh: in float64, without gradients. positions: (V, 3), where the vertices are: those at the same place are one.
        features: (F, 3, C), values of the faces' corners.
    """
    edges = _mesh_edges(mesh.faces, positions)
    jumps = edges.n_faces != 2
    paired = (~jumps).nonzero()[:, 0]
    first, second = edges.first[paired], edges.second[paired]
    jumps[paired] = _same_side(mesh, first, second) | _differ(mesh.faces, edges.place, features, first, second)
    half = edges.first[jumps]
    return torch.stack([mesh.faces.view(-1)[half], mesh.faces.view(-1)[_next(half)]], 1)


def _next(half: Tensor) -> Tensor:
    """The half-edge after this one, around the face; so its start is this one's end."""
    return half - half % 3 + (half + 1) % 3


def _mesh_edges(faces: Tensor, positions: Tensor) -> MeshEdges:
    place = torch.arange(positions.shape[0], device=faces.device)
    edges = _edges_of(faces, place)
    if bool((edges.n_faces != 2).any()):  # perhaps only because vertices were doubled, for seams or flat shading
        edges = _edges_of(faces, _same_places(positions))
    return edges


def _edges_of(faces: Tensor, place: Tensor) -> MeshEdges:
    ends = place[faces]
    starts, stops = ends.reshape(-1), ends.roll(-1, 1).reshape(-1)
    half = (starts != stops).nonzero()[:, 0]
    low, high = torch.minimum(starts, stops)[half], torch.maximum(starts, stops)[half]
    key, order = (low * place.shape[0] + high).sort(stable=True)
    half = half[order]
    _, count = torch.unique_consecutive(key, return_counts=True)
    at = count.cumsum(0) - count
    second = torch.where(count > 1, half[(at + 1).clamp(max=max(half.shape[0] - 1, 0))], -1)
    return MeshEdges(half[at], second, count, place)


def _same_places(positions: Tensor) -> Tensor:
    """(V,) int64, equal for vertices whose coordinates are all equal."""
    place = torch.zeros(positions.shape[0], dtype=torch.int64, device=positions.device)
    for coordinate in positions.detach().unbind(1):
        values, number = torch.unique(coordinate, return_inverse=True)
        place = torch.unique(place * values.shape[0] + number, return_inverse=True)[1]
    return place


def _same_side(mesh: HomogeneousMesh, first: Tensor, second: Tensor) -> Tensor:
    """Whether both faces at an edge are on one side of it in the picture: whether their third corners are on one side
    of the plane through edge and camera."""
    vertex = mesh.faces.view(-1)
    a, b = mesh.vertices[vertex[first]], mesh.vertices[vertex[_next(first)]]
    plane = torch.linalg.cross(a, b)
    sides = [(plane * mesh.vertices[vertex[_next(_next(half))]]).sum(1) for half in (first, second)]
    return sides[0].sign() * sides[1].sign() >= 0


def _differ(faces: Tensor, place: Tensor, features: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Whether the features of two faces are different at an end of the edge they share. Where they are not, they agree
    all along it."""
    values, vertex = features.detach().flatten(0, 1), place[faces].view(-1)
    reverse = (vertex[first] != vertex[second])[:, None]
    starts, stops = values[second], values[_next(second)]
    other_starts = torch.where(reverse, stops, starts)
    other_stops = torch.where(reverse, starts, stops)
    return (values[first] != other_starts).any(1) | (values[_next(first)] != other_stops).any(1)
