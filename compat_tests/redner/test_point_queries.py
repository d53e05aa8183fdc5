"""Point queries against a ray caster."""

from typing import Any

import numpy as np
import pytest
import torch
from ray_caster import cast, opencv_ray
from redner_scenes import INTRINSICS, Mesh, cube, joined, soup, square, triangle
from torch import Tensor

from gendr_adapters.redner import _point_queries
from gendr_adapters.redner._homogeneous_mesh import HomogeneousMesh, project
from gendr_adapters.redner._point_queries import PointQueries

SIZE = (12, 16)
NEAR = 0.3


def projected(mesh: Mesh, dtype: torch.dtype = torch.float64) -> HomogeneousMesh:
    intrinsics = torch.tensor(INTRINSICS, dtype=dtype)
    return project(mesh.vertices.to(dtype), intrinsics, mesh.faces, SIZE, NEAR)


def random_points(n: int, seed: int) -> torch.Tensor:
    height, width = SIZE
    return torch.rand(n, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * torch.tensor(
        [width, height]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "mesh",
    [
        pytest.param(joined(triangle(), square(3.0, 4.0)), id="triangle"),
        pytest.param(cube(0.7, (0.3, 0.1, 3.0)), id="cube"),
        *(pytest.param(soup(12, seed), id=f"soup-{seed}") for seed in range(6)),
    ],
)
def test_nearest_face_is_the_ray_casters(mesh: Mesh) -> None:
    points = random_points(300, 0)
    found = PointQueries(projected(mesh)).nearest(points)
    triangles = mesh.vertices[mesh.faces].numpy()
    n_hits = 0
    for i, (u, v) in enumerate(points.tolist()):
        hit = cast(*opencv_ray(u, v, np.array(INTRINSICS)), triangles, NEAR)
        assert found.face[i] == (-1 if hit is None else hit.face)
        if hit is None:
            assert found.weights[i].tolist() == [0, 0, 0] and found.depth[i] == 0
            continue
        n_hits += 1
        np.testing.assert_allclose(found.weights[i], hit.weights, atol=1e-9)
        np.testing.assert_allclose(found.depth[i], hit.along, rtol=1e-9)
    assert n_hits > 50


def test_points_beside_an_edge_see_its_two_sides() -> None:
    """However close, as the boundary term asks: not what the pixel's centre sees."""
    mesh = projected(joined(square(1.0, 2.0), square(9.0, 5.0)))
    edge_u = INTRINSICS[0] * 1.0 / 2.0 + INTRINSICS[2]
    points = torch.tensor([[edge_u - 1e-9, 5.3], [edge_u + 1e-9, 5.3]], dtype=torch.float64)
    found = PointQueries(mesh).nearest(points)
    torch.testing.assert_close(found.depth, torch.tensor([2.0, 5.0], dtype=torch.float64), rtol=1e-12, atol=0)


def test_equal_depths_give_the_first_face() -> None:
    mesh = projected(joined(square(1.0, 2.0), square(1.0, 2.0)))
    assert PointQueries(mesh).nearest(torch.tensor([[8.5, 5.2], [7.0, 6.8]], dtype=torch.float64)).face.max() < 2


def test_float32_meshes_are_looked_at_in_float64() -> None:
    found = PointQueries(projected(triangle(), torch.float32)).nearest(random_points(5, 1))
    assert found.weights.dtype == found.depth.dtype == torch.float64


def test_points_outside_belong_to_the_nearest_pixel() -> None:
    queries = PointQueries(projected(triangle()))
    points = torch.tensor([[-1e-6, 3.5], [16.0 + 1e-6, 12.5], [0.5, 0.5]], dtype=torch.float64)
    assert queries.pixel_of(points).tolist() == [3 * 16, 12 * 16 - 1, 0]


def test_a_mesh_without_faces() -> None:
    mesh = projected(Mesh(triangle().vertices, torch.zeros(0, 3, dtype=torch.int64)))
    assert PointQueries(mesh).nearest(random_points(4, 2)).face.tolist() == [-1] * 4


def test_many_pairs_are_looked_at_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that memory does not grow with the candidates of all points; nor are faces asked whose box is elsewhere."""
    mesh, points = projected(soup(12, 0)), random_points(300, 0)
    expected = PointQueries(mesh).nearest(points)
    sizes: list[int] = []
    intersect = PointQueries._intersect

    def recorded(self: PointQueries, face: torch.Tensor, at: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        sizes.append(len(face))
        return intersect(self, face, at)

    monkeypatch.setattr(PointQueries, "_intersect", recorded)
    PointQueries(mesh).nearest(points)
    together = sum(sizes)
    sizes.clear()
    monkeypatch.setattr(_point_queries, "_PAIRS_AT_ONCE", 40)
    found = PointQueries(mesh).nearest(points)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)
    assert sum(sizes) == together and max(sizes) <= 40 + 12 < together / 10


def test_only_faces_whose_box_holds_the_point_are_intersected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many small faces in one pixel, that is few of them."""
    n = 20
    rows, columns = torch.meshgrid(torch.arange(n), torch.arange(n), indexing="ij")
    at = torch.stack([columns, rows, torch.zeros_like(rows)], 2).view(-1, 1, 3) * 0.004 + torch.tensor([0.0, 0.0, 2.0])
    corners = at.double() + torch.tensor([[0.0, 0, 0], [0.003, 0, 0], [0, 0.003, 0]], dtype=torch.float64)
    mesh = projected(Mesh(corners.view(-1, 3), torch.arange(3 * n * n).view(-1, 3)))
    sizes: list[int] = []
    intersect = PointQueries._intersect

    def counted(self: PointQueries, face: Tensor, at: Tensor) -> Any:
        sizes.append(len(face))
        return intersect(self, face, at)

    monkeypatch.setattr(PointQueries, "_intersect", counted)
    middles = mesh.vertices.view(-1, 3, 3).mean(1)
    found = PointQueries(mesh).nearest(middles[:, :2] / middles[:, 2:])
    assert found.face.tolist() == list(range(n * n)) and sizes == [n * n, n * n]
