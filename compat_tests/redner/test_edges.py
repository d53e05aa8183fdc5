"""Which edges are looked at, and how they are cut."""

import math

import pytest
import torch
from redner_scenes import INTRINSICS, Mesh, cube, doubled, joined, mesh_of, square, triangle

from gendr_adapters.redner._edges import jumping_edges
from gendr_adapters.redner._homogeneous_mesh import HomogeneousMesh, project
from gendr_adapters.redner._segments import visible_segments

SIZE = (12, 16)


def projected(mesh: Mesh, near: float = 0.3) -> HomogeneousMesh:
    return project(mesh.vertices, torch.tensor(INTRINSICS, dtype=torch.float64), mesh.faces, SIZE, near)


def edges_of(mesh: Mesh, features: torch.Tensor | None = None) -> set[frozenset[int]]:
    """The pairs of vertices, numbered by their places."""
    found = jumping_edges(projected(mesh), mesh.vertices, mesh.vertices[mesh.faces] if features is None else features)
    _, place = torch.unique(mesh.vertices, dim=0, return_inverse=True)
    pairs = [frozenset(place[pair].tolist()) for pair in found]
    assert len(pairs) == len(set(pairs)), "an edge is there twice"
    return set(pairs)


def outline(mesh: Mesh) -> set[frozenset[int]]:
    """Edges between a face that the camera is in front of and one that it is behind, of a closed mesh."""
    _, place = torch.unique(mesh.vertices, dim=0, return_inverse=True)
    faces_at: dict[frozenset[int], list[bool]] = {}
    for face in mesh.faces:
        a, b, c = mesh.vertices[face]
        towards = bool(torch.linalg.cross(b - a, c - a) @ a < 0)
        numbers = place[face].tolist()
        for k in range(3):
            faces_at.setdefault(frozenset((numbers[k], numbers[(k + 1) % 3])), []).append(towards)
    return {pair for pair, (first, second) in faces_at.items() if first != second}


@pytest.mark.parametrize("turn", [0.1, 0.4, 1.0, 2.0])
def test_closed_meshes_have_their_outline(turn: float) -> None:
    mesh = cube(0.6, (0.1, 0.1, 3.0), turn)
    assert edges_of(mesh) == outline(mesh) != set()


def test_vertices_at_one_place_are_one() -> None:
    mesh = cube(0.6, (0.1, 0.1, 3.0))
    assert edges_of(doubled(mesh)) == edges_of(mesh)


def test_edges_do_not_depend_on_the_winding() -> None:
    mesh = cube(0.6, (0.1, 0.1, 3.0))
    faces = mesh.faces.clone()
    faces[::3] = faces[::3].flip(1)
    assert edges_of(Mesh(mesh.vertices, faces)) == edges_of(mesh)
    assert edges_of(doubled(Mesh(mesh.vertices, faces))) == edges_of(mesh)


def test_an_open_mesh_has_its_border_and_no_diagonal() -> None:
    mesh = square(1.0, 2.0)
    assert len(edges_of(mesh)) == 4 and len(edges_of(triangle())) == 3


def test_edges_at_which_features_differ() -> None:
    mesh = doubled(square(1.0, 2.0))
    same = mesh.vertices[mesh.faces]
    jump = same.clone()
    jump[1] += 1
    assert len(edges_of(mesh, same)) == 4 and len(edges_of(mesh, jump)) == 5
    at_one_end = same.clone()
    at_one_end[1, 0, 0] += 1
    assert len(edges_of(mesh, at_one_end)) == 5
    across = same.clone()
    across[1, 2] += 1  # not a corner of the diagonal
    assert len(edges_of(mesh, across)) == 4


def test_edges_of_more_than_two_faces() -> None:
    mesh = mesh_of([[0, -1, 3], [0, 1, 3], [1, 0, 3], [-1, 0, 3], [0.3, 0, 2]], [[0, 1, 2], [1, 0, 3], [0, 1, 4]])
    assert frozenset(torch.unique(mesh.vertices, dim=0, return_inverse=True)[1][:2].tolist()) in edges_of(mesh)
    assert len(edges_of(mesh)) == 7


def test_faces_without_area_and_no_faces_at_all() -> None:
    point = Mesh(triangle().vertices, torch.tensor([[1, 1, 1]]))
    assert edges_of(point) == set()
    assert edges_of(Mesh(triangle().vertices, torch.zeros(0, 3, dtype=torch.int64))) == set()
    assert len(edges_of(joined(point, triangle()))) == 3


def total_length(mesh: Mesh, near: float = 0.3) -> float:
    edges = jumping_edges(projected(mesh), mesh.vertices, mesh.vertices[mesh.faces])
    return float(visible_segments(projected(mesh, near), edges).length.sum())


def test_lengths_are_in_pixels() -> None:
    f_x, f_y = INTRINSICS[:2]
    assert total_length(square(0.5, 4.0)) == pytest.approx(2 * (f_x + f_y) / 4)


def test_edges_outside_the_picture_are_ignored() -> None:
    f_x, f_y, c_x, _c_y = INTRINSICS
    shifted = Mesh(
        square(0.5, 4.0).vertices + torch.tensor([4.0 / f_x * (16 - c_x), 0, 0]).double(), square(1, 1).faces
    )
    assert total_length(shifted) == pytest.approx(f_y / 4 + 2 * f_x / 8)
    assert total_length(square(9.0, 2.0)) == 0


def test_faces_are_cut_at_the_near_plane() -> None:
    """Looked at along a wall at x = 1 from z = 1 to z = 3, cut at z = 2; its front is then the cut."""
    wall = mesh_of([[1.0, -0.5, 1], [1.0, -0.5, 6], [1.0, 0.5, 6], [1.0, 0.5, 1]], [[0, 1, 2], [0, 2, 3]])
    f_x, f_y = INTRINSICS[:2]

    def rim(depth: float) -> tuple[float, float]:
        return f_x / depth, f_y * 0.5 / depth

    (near_u, near_v), (far_u, far_v) = rim(2.0), rim(6.0)
    sides = 2 * math.hypot(near_u - far_u, near_v - far_v)
    assert total_length(wall, near=2.0) == pytest.approx(2 * near_v + 2 * far_v + sides)
    assert total_length(wall, near=7.0) == 0
