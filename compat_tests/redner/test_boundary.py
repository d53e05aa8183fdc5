"""Gradients of pictures that edges move in, against finite differences of the pixels' integrals."""

import math
from collections.abc import Callable

import pytest
import torch
from redner_scenes import (
    INTRINSICS,
    Loss,
    Mesh,
    assert_gradient_of_integral,
    cube,
    doubled,
    gradients,
    joined,
    smooth_weights,
    square,
    triangle,
)
from torch import Tensor

from gendr_adapters.redner import _boundary
from gendr_adapters.redner._homogeneous_mesh import project
from gendr_adapters.redner._integral import integrate

pytestmark = pytest.mark.slow

SIZE = (12, 16)
NEAR = 0.3
WEIGHTS = smooth_weights(*SIZE, 3)

Move = Callable[[Tensor, Tensor], Tensor]


def sideways(vertices: Tensor, by: Tensor) -> Tensor:
    return vertices + by * vertices.new_tensor([1, 0.3, 0])


def away(vertices: Tensor, by: Tensor) -> Tensor:
    return vertices + by * vertices.new_tensor([0, 0, 3])


def turned(vertices: Tensor, by: Tensor) -> Tensor:
    """In the picture's plane, about a point that is not the triangle's middle."""
    x, y, z = (vertices - vertices.new_tensor([0.3, -0.2, 0])).unbind(1)
    return torch.stack([x * by.cos() - y * by.sin(), x * by.sin() + y * by.cos(), z], 1)


def one_corner(vertices: Tensor, by: Tensor) -> Tensor:
    return vertices + by * vertices.new_tensor([[0, 0, 0], [0, 0, 0], [1, 0.5, 0.2]])


def loss_of(moving: Mesh, move: Move, *others: Mesh, points: bool = True, density: float = 60.0) -> Loss:
    """moving is moved before the others; seen are camera coordinates, or else colours of the faces' corners."""
    generator = torch.Generator().manual_seed(3)

    def loss(parameter: Tensor, n_samples: int, seed: int) -> Tensor:
        still = [Mesh(other.vertices.to(parameter), other.faces) for other in others]
        mesh = joined(Mesh(move(moving.vertices.to(parameter), parameter), moving.faces), *still)
        seen = mesh.vertices[mesh.faces]
        if not points:
            colours = torch.rand(len(mesh.vertices), 3, generator=generator.manual_seed(3), dtype=torch.float64)
            seen = colours.to(parameter)[mesh.faces]
        projected = project(mesh.vertices, torch.tensor(INTRINSICS, dtype=parameter.dtype), mesh.faces, SIZE, NEAR)
        picture, _ = integrate(
            projected,
            mesh.vertices,
            seen,
            lambda values, face: values,
            n_samples=n_samples,
            edge_density=density,
            seed=seed,
        )
        return (picture * WEIGHTS).sum()

    return loss


BEHIND = square(9.0, 5.0)
CUBE = cube(0.6, (0.1, 0.1, 3.0))
BEFORE = Mesh(
    square(0.3, 1.2).vertices @ torch.tensor([[0.9, 0.2, 0], [-0.2, 0.9, 0], [0, 0, 1]]).double(),
    square(0.3, 1.2).faces,
)
PARTLY_OUT = Mesh(triangle().vertices + torch.tensor([0.9, 0.6, 0.0]), triangle().faces)
ACROSS_NEAR = Mesh(triangle().vertices + torch.tensor([[0.0, 0.4, -2.1], [0, 0.4, 0], [0, 0.2, 0]]), triangle().faces)

CASES = {
    "sideways": (triangle(), sideways, BEHIND),
    "sideways, over nothing": (triangle(), sideways),
    "away": (triangle(), away, BEHIND),
    "turned": (triangle(), turned, BEHIND),
    "one corner": (triangle(), one_corner, BEHIND),
    "partly hidden": (triangle(), sideways, BEFORE, BEHIND),
    "partly outside": (PARTLY_OUT, sideways, BEHIND),
    "partly outside, turned": (PARTLY_OUT, turned, BEHIND),
    "across the near plane": (ACROSS_NEAR, sideways, BEHIND),
    "across the near plane, away": (ACROSS_NEAR, away, BEHIND),
    "cube": (CUBE, sideways, BEHIND),
    "cube, corners of its own": (doubled(CUBE), sideways, BEHIND),
    "cube, turned": (CUBE, turned, BEHIND),
}


@pytest.mark.parametrize("name", CASES)
def test_points(name: str) -> None:
    moving, move, *others = CASES[name]
    assert_gradient_of_integral(loss_of(moving, move, *others), loss_of(moving, move, *others, density=0.0))


@pytest.mark.parametrize("name", ["sideways", "turned", "partly hidden", "across the near plane, away"])
def test_colours(name: str) -> None:
    moving, move, *others = CASES[name]
    loss = loss_of(moving, move, *others, points=False)
    assert_gradient_of_integral(loss, loss_of(moving, move, *others, points=False, density=0.0))


def test_colours_that_jump_within_a_surface() -> None:
    """Edges between faces of different colours are no outlines, and move what is seen all the same."""
    loss = loss_of(doubled(CUBE), turned, BEHIND, points=False)
    assert_gradient_of_integral(loss)


def test_a_hidden_triangle_has_no_gradient() -> None:
    hidden = Mesh(triangle().vertices + torch.tensor([0.0, 0.0, 5.0]), triangle().faces)
    for move in (sideways, away, turned):
        assert gradients(loss_of(hidden, move, BEHIND)).tolist() == [0] * 6


def test_many_points_are_looked_at_in_parts_and_hidden_ones_not_shaded(monkeypatch: pytest.MonkeyPatch) -> None:
    shaded: list[int] = []

    def gradient() -> Tensor:
        vertices = CUBE.vertices.clone().requires_grad_()
        projected = project(vertices, torch.tensor(INTRINSICS, dtype=torch.float64), CUBE.faces, SIZE, NEAR)
        normals = torch.arange(len(CUBE.faces)).double()[:, None, None].expand(-1, 3, 1)  # all edges are looked at

        def shade(values: Tensor, face: Tensor) -> Tensor:
            shaded.append(face.shape[1])
            return values

        picture, _ = integrate(projected, vertices, normals, shade, n_samples=1, edge_density=8.0, seed=0)
        return torch.autograd.grad((picture * WEIGHTS).sum(), vertices)[0]

    expected, (_, together) = gradient(), shaded
    edges = {frozenset(pair) for face in CUBE.faces.tolist() for pair in zip(face, face[1:] + face[:1], strict=True)}
    u, v = (f * CUBE.vertices[:, i] / CUBE.vertices[:, 2] for i, f in enumerate(INTRINSICS[:2]))
    total = sum(float(torch.hypot(u[i] - u[j], v[i] - v[j])) for i, j in edges)
    assert 0 < together < 0.75 * (2 * 8 * total), "points of hidden edges were shaded"
    shaded.clear()
    monkeypatch.setattr(_boundary, "_POINTS_AT_ONCE", 50)
    assert torch.equal(gradient(), expected)
    assert sum(shaded[1:]) == together and max(shaded[1:]) <= 100


def test_value_is_the_mean_of_the_samples() -> None:
    with_edges, without = (loss_of(triangle(), sideways, BEHIND, density=density) for density in (4.0, 0.0))
    parameter = torch.zeros((), dtype=torch.float64, requires_grad=True)
    assert torch.equal(with_edges(parameter, 4, 0), without(parameter, 4, 0))


@pytest.mark.parametrize("density", [0.3, 3.0])
def test_the_estimate_has_no_bias_for_few_points(density: float) -> None:
    """The mean over many seeds is that of many points, within four standard errors."""
    moving, move, *others = CASES["sideways"]
    few = loss_of(moving, move, *others, density=density)
    found = []
    for seed in range(200):
        parameter = torch.zeros((), dtype=torch.float64, requires_grad=True)
        found.append(torch.autograd.grad(few(parameter, 1, seed), parameter)[0])
    many = loss_of(moving, move, *others, density=400.0)
    parameter = torch.zeros((), dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(many(parameter, 1, 0), parameter)
    estimates = torch.stack(found)
    error = estimates.std() / math.sqrt(len(estimates))
    assert error < 0.08 * expected.abs()
    assert (estimates.mean() - expected).abs() < 4 * error + 1e-3 * expected.abs()


def test_a_square_moved_over_nothing_in_closed_form() -> None:
    """Over pixels that weigh alike, a square of depth d, moved sideways by s, changes nothing but its place; nearer by
    s, it covers more: its depth's integral is f_x f_y (2 h)^2 / d, whose derivative is minus that over d."""
    half, depth = 0.5, 2.0
    f_x, f_y = INTRINSICS[:2]

    def depth_loss(move: Move, density: float) -> Tensor:
        mesh = square(half, depth)
        parameter = torch.zeros((), dtype=torch.float64, requires_grad=True)
        vertices = move(mesh.vertices, parameter)
        projected = project(vertices, torch.tensor(INTRINSICS, dtype=torch.float64), mesh.faces, SIZE, NEAR)
        corners = vertices[mesh.faces][..., 2:]
        picture, _ = integrate(
            projected,
            vertices,
            corners,
            lambda values, face: values,
            n_samples=400,
            edge_density=density,
            seed=0,
        )
        return torch.autograd.grad(picture.sum(), parameter)[0]

    nearer = f_x * f_y * (2 * half) ** 2 / depth
    along = lambda vertices, by: vertices + by * vertices.new_tensor([0, 0, 1])  # noqa: E731
    across = lambda vertices, by: vertices + by * vertices.new_tensor([1, 0, 0])  # noqa: E731
    torch.testing.assert_close(depth_loss(along, 40.0), torch.tensor(-nearer / depth).double(), rtol=0.02, atol=0)
    assert depth_loss(across, 40.0).abs() < 0.02 * nearer
    area = f_x * f_y * (2 * half) ** 2 / depth**2
    torch.testing.assert_close(depth_loss(along, 0.0), torch.tensor(area).double(), rtol=0.02, atol=0)


def test_a_triangle_moved_sideways_by_quadrature() -> None:
    """Its picture is again a triangle, in which 1 / z is linear: the integral of its depth less the background's, and
    the derivative of that, without any rasterising. Corners of other depths move by other amounts."""
    corners, background = triangle().vertices, 5.0
    f_x, f_y = INTRINSICS[:2]

    def integral(by: Tensor) -> Tensor:
        x, y, z = (corners + by * corners.new_tensor([1, 0, 0])).unbind(1)
        u, v = f_x * x / z, f_y * y / z
        area = ((u[1] - u[0]) * (v[2] - v[0]) - (u[2] - u[0]) * (v[1] - v[0])).abs() / 2
        n = 200  # the midpoints of n^2 triangles, alike in area
        i, j = torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij")
        up, down = i + j < n, i + j < n - 1
        a = torch.cat([(i[up] + 1 / 3) / n, (i[down] + 2 / 3) / n]).double()
        b = torch.cat([(j[up] + 1 / 3) / n, (j[down] + 2 / 3) / n]).double()
        depth = 1 / (a / z[0] + b / z[1] + (1 - a - b) / z[2])
        return area * (depth.mean() - background)

    (expected,) = torch.autograd.functional.jacobian(integral, (torch.zeros((), dtype=torch.float64),))
    scene = joined(triangle(), BEHIND)
    parameter = torch.zeros((), dtype=torch.float64, requires_grad=True)
    moved = torch.cat([sideways_only(scene.vertices[:3], parameter), scene.vertices[3:]])
    projected = project(moved, torch.tensor(INTRINSICS, dtype=torch.float64), scene.faces, SIZE, NEAR)
    picture, _ = integrate(
        projected,
        moved,
        moved[scene.faces][..., 2:],
        lambda values, face: values,
        n_samples=400,
        edge_density=1000.0,
        seed=0,
    )
    found = torch.autograd.grad(picture.sum(), parameter)[0]
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0)


def sideways_only(vertices: Tensor, by: Tensor) -> Tensor:
    return vertices + by * vertices.new_tensor([1, 0, 0])
