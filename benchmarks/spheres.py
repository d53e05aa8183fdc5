"""Spheres of triangles, with numpy alone: a machine lent for a measurement has little else."""

import numpy as np
import torch

from gendr_adapters import Mesh


def icosphere(subdivisions: int, radius: float) -> Mesh:
    """20 * 4^subdivisions faces of nearly one size: each face of an icosahedron cut in four, again and again."""
    g = (1 + 5**0.5) / 2  # the corners of three golden rectangles
    rectangle = np.array([[-1, g, 0], [1, g, 0], [-1, -g, 0], [1, -g, 0]])
    vertices = np.concatenate([rectangle, np.roll(rectangle, 1, 1), np.roll(rectangle, 2, 1)])
    vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    faces = _hull(vertices)
    for _ in range(subdivisions):
        vertices, faces = _subdivide(vertices, faces)
    return _mesh(vertices, faces, radius)


def uv_sphere(rings: int, radius: float) -> Mesh:
    """8 * rings^2 faces: `rings` circles between the poles, of 4 * rings vertices each."""
    n = 4 * rings
    polar = np.linspace(0, np.pi, rings + 2)[1:-1, None]
    around = np.arange(n) * (2 * np.pi / n)
    x, z = np.sin(polar) * np.cos(around), -np.sin(polar) * np.sin(around)
    circles = np.stack(np.broadcast_arrays(x, np.cos(polar), z), -1).reshape(-1, 3)
    vertices = np.concatenate([[[0, 1, 0]], circles, [[0, -1, 0]]])
    here = np.arange(n)
    there = (here + 1) % n
    faces = [np.stack([np.zeros_like(here), 1 + here, 1 + there], 1)]
    for ring in range(rings - 1):
        upper, lower = 1 + ring * n, 1 + (ring + 1) * n
        faces.append(np.stack([upper + here, lower + here, lower + there], 1))
        faces.append(np.stack([upper + here, lower + there, upper + there], 1))
    last = 1 + (rings - 1) * n
    faces.append(np.stack([last + here, np.full_like(here, len(vertices) - 1), last + there], 1))
    return _mesh(vertices, np.concatenate(faces), radius)


def _hull(vertices: np.ndarray) -> np.ndarray:
    """The faces of an icosahedron: all triples of neighbours, counter-clockwise seen from outside."""
    near = vertices @ vertices.T > 0.4  # cos 63.4 degrees = 0.447 to a neighbour; a corner is near itself, too
    faces = []
    for a, b, c in np.argwhere(near[:, :, None] & near[:, None, :] & near[None, :, :]):
        if a < b and a < c and np.linalg.det(vertices[[a, b, c]]) > 0.1:
            faces.append((a, b, c))
    return np.array(faces)


def _subdivide(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each face becomes four, whose new corners are the middles of its edges, moved out to the unit sphere."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]], 2).reshape(-1, 2)
    unique, of_edge = np.unique(edges[:, 0] * len(vertices) + edges[:, 1], return_inverse=True)
    middles = vertices[unique // len(vertices)] + vertices[unique % len(vertices)]
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    a, b, c = faces.T
    ab, bc, ca = len(vertices) + of_edge.reshape(-1, 3).T
    children = np.stack([[a, ab, ca], [ab, b, bc], [ca, bc, c], [ab, bc, ca]])  # (4, 3, F)
    return np.concatenate([vertices, middles]), children.transpose(2, 0, 1).reshape(-1, 3)


def _mesh(vertices: np.ndarray, faces: np.ndarray, radius: float) -> Mesh:
    return Mesh(torch.tensor(radius * vertices, dtype=torch.float32), torch.tensor(faces, dtype=torch.int64))
