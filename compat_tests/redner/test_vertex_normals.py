"""compute_vertex_normal against loops over corners."""

import math

import numpy as np
import pytest
import torch
from redner_scenes import Mesh, cube, doubled, soup, square

from gendr_adapters.redner import compute_vertex_normal


def slow_max(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    normals = np.zeros_like(vertices)
    for face in faces:
        for k in range(3):
            here = vertices[face[k]]
            one, two = vertices[face[(k + 1) % 3]] - here, vertices[face[(k + 2) % 3]] - here
            cross = np.cross(one, two)
            lengths = np.linalg.norm(one) * np.linalg.norm(two)
            angle = math.acos(np.clip(one @ two / lengths, -1, 1))
            normals[face[k]] += cross / np.linalg.norm(cross) * math.sin(angle) / lengths
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def slow_cotangent(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    sums = np.zeros_like(vertices)
    for face in faces:
        for k in range(3):
            here, i, j = face[k], face[(k + 1) % 3], face[(k + 2) % 3]
            one, two = vertices[i] - vertices[here], vertices[j] - vertices[here]
            cotangent = 1 / math.tan(math.acos(one @ two / np.linalg.norm(one) / np.linalg.norm(two)))
            sums[i] += cotangent * (vertices[j] - vertices[i])
            sums[j] += cotangent * (vertices[i] - vertices[j])
    largest = slow_max(vertices, faces)
    normals = []
    for total, fallback in zip(sums, largest, strict=True):
        length = np.linalg.norm(total)
        side = 1 if total @ fallback > 0 else -1
        normals.append(side * total / length if length > 0.05 else fallback)
    return np.array(normals)


def bumpy() -> Mesh:
    mesh = cube(1.0, (0.0, 0.0, 0.0))
    generator = torch.Generator().manual_seed(2)
    return Mesh(mesh.vertices + 0.2 * torch.rand(8, 3, generator=generator, dtype=torch.float64), mesh.faces)


@pytest.mark.parametrize("mesh", [bumpy(), soup(5, 0), doubled(bumpy()), square(1.0, 0.0)], ids=range(4))
def test_max(mesh: Mesh) -> None:
    found = compute_vertex_normal(mesh.vertices, mesh.faces.int())
    np.testing.assert_allclose(found, slow_max(mesh.vertices.numpy(), mesh.faces.numpy()), atol=1e-9)


@pytest.mark.parametrize("scale", [1.0, 0.03, 0.002])
def test_cotangent(scale: float) -> None:
    """Small meshes have the normals of 'max', at all or at some of their vertices. (Of a flat or open mesh the sum lies
    in the surface, where rounding decides on its side.)"""
    vertices, faces = scale * bumpy().vertices, bumpy().faces
    found = compute_vertex_normal(vertices, faces, "cotangent")
    np.testing.assert_allclose(found, slow_cotangent(vertices.numpy(), faces.numpy()), atol=1e-9)
    assert torch.allclose(found, compute_vertex_normal(vertices, faces)) == (scale == 0.002)


def test_normals_point_to_where_faces_are_counter_clockwise() -> None:
    mesh = cube(1.0, (0.0, 0.0, 0.0))
    outwards = torch.nn.functional.normalize(mesh.vertices, dim=1)
    assert ((compute_vertex_normal(mesh.vertices, mesh.faces) * outwards).sum(1) > 0.9).all()
    assert ((compute_vertex_normal(mesh.vertices, mesh.faces.flip(1)) * outwards).sum(1) < -0.9).all()


@pytest.mark.parametrize("scheme", ["max", "cotangent"])
def test_vertices_without_area(scheme: str) -> None:
    vertices = torch.tensor([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]], requires_grad=True)
    found = compute_vertex_normal(vertices, torch.tensor([[0, 1, 2], [1, 1, 2]]), scheme)
    assert found.tolist() == [[0, 0, 1]] * 4
    found.sum().backward()
    assert vertices.grad is not None and vertices.grad.isfinite().all()


@pytest.mark.parametrize("scheme", ["max", "cotangent"])
def test_gradients(scheme: str) -> None:
    mesh = bumpy()
    torch.autograd.gradcheck(
        lambda vertices: compute_vertex_normal(vertices, mesh.faces, scheme), mesh.vertices.clone().requires_grad_()
    )


def test_bad_input() -> None:
    mesh = bumpy()
    with pytest.raises(ValueError, match="weighting_scheme 'area'"):
        compute_vertex_normal(mesh.vertices, mesh.faces, "area")
    with pytest.raises(ValueError, match="from 0 to 7"):
        compute_vertex_normal(mesh.vertices, mesh.faces + 1)
    with pytest.raises(TypeError, match="int64, int32, int16 or uint8"):
        compute_vertex_normal(mesh.vertices, mesh.faces.double())
