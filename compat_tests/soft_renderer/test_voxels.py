"""Voxels against the four passes of the originals, one voxel after the other; and against shapes that are known."""

import numpy as np
import pytest
import torch
import voxel_reference
from mesh_shapes import icosahedron, soup
from support.devices import DEVICES

from gendr_adapters import data
from gendr_adapters._soft_renderer import voxels
from gendr_adapters._soft_renderer.meshes import Mesh
from gendr_adapters._soft_renderer.voxels import voxelization


def assert_as_reference(corners, size, device="cpu"):
    """corners: (N, F, 3, 3) in voxels."""
    found = voxelization(corners.to(device), size, normalize=True).cpu()
    assert found.dtype == torch.int32 and found.shape == (len(corners), size, size, size)
    for mesh, expected in zip(found.numpy(), corners.numpy(), strict=True):
        np.testing.assert_array_equal(mesh, voxel_reference.occupied(expected, size))
    return found


@DEVICES
@pytest.mark.parametrize("size", [1, 2, 3, 8, 13])
@pytest.mark.parametrize("seed", range(3))
def test_closed_meshes_as_the_reference(size, seed, device):
    generator = torch.Generator().manual_seed(seed)
    vertices, faces = zip(*(icosahedron(generator) for _ in range(2)), strict=True)
    corners = torch.stack([v[f] for v, f in zip(vertices, faces, strict=True)])
    # The second one sticks out.
    corners = (corners * torch.tensor([0.35, 0.6])[:, None, None, None] + 0.5) * size
    assert_as_reference(corners, size, device)


@pytest.mark.parametrize("seed", range(3))
def test_soups_as_the_reference(seed):
    vertices, faces = soup(torch.Generator().manual_seed(seed), 9, 14)
    assert_as_reference((vertices[0][faces] * 0.3 + 0.5) * 10, 10)


def test_corners_on_the_grid_and_faces_seen_edge_on_as_the_reference():
    # Whole numbers: a grid line through every corner, planes that lie in the grid, faces without area.
    corners = torch.randint(-1, 8, (4, 12, 3, 3), generator=torch.Generator().manual_seed(0)).double()
    corners[:, 3, :, 1] = 4
    corners[:, 4, 2] = corners[:, 4, 1]
    corners[:, 5, 1:] = corners[:, 5, :1]
    assert_as_reference(corners, 7)


def test_closed_box_is_filled_and_open_box_is_not():
    corners = torch.tensor([[x, y, z] for x in (2.3, 6.6) for y in (1.2, 5.5) for z in (3.4, 7.7)], dtype=torch.float64)
    quads = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = torch.tensor([face for a, b, c, d in quads for face in ((a, b, c), (a, c, d))])
    box = assert_as_reference(corners[faces][None], 10)[0]
    expected = torch.zeros(10, 10, 10, dtype=torch.int32)
    expected[2:7, 1:6, 3:8] = 1
    assert torch.equal(box, expected)
    no_lid = assert_as_reference(corners[faces[2:]][None], 10)[0]
    assert no_lid[2:7, 3, 5].tolist() == [0, 0, 0, 0, 1]


def test_a_way_out_is_found_round_corners():
    # A wall of triangles with a winding corridor: outside through one door only.
    size = 9
    maze = np.ones((size, size, size), bool)
    path = [
        (4, 0, 4),
        (4, 1, 4),
        (4, 2, 4),
        (3, 2, 4),
        (2, 2, 4),
        (2, 2, 5),
        (2, 2, 6),
        (2, 3, 6),
        (2, 4, 6),
        (3, 4, 6),
    ]
    path += [
        (4, 4, 6),
        (5, 4, 6),
        (5, 4, 5),
        (5, 4, 4),
        (5, 5, 4),
        (5, 6, 4),
        (4, 6, 4),
        (3, 6, 4),
        (3, 6, 3),
        (3, 6, 2),
    ]
    for cell in [*path, (6, 1, 1)]:
        maze[cell] = False
    outside = voxels._outside(torch.from_numpy(maze)[None])[0].numpy()
    np.testing.assert_array_equal(outside, voxel_reference._outside(maze))
    assert outside[3, 6, 2] and not outside[6, 1, 1]


def test_a_sphere_has_its_volume():
    sphere = Mesh.from_obj(data.path("sphere_642.obj"))
    radius = sphere.vertices.norm(dim=2).mean()
    found = voxelization(sphere.face_vertices / radius * 0.4 + 0.5, 48)[0]
    centre = (torch.arange(48) + 0.5) / 48 - 0.5
    distance = torch.meshgrid(centre, centre, centre, indexing="ij")
    distance = torch.stack(distance).norm(dim=0)
    assert found[distance < 0.39 - 0.02].all() and not found[distance > 0.4 + 0.02].any()


def test_units_are_the_whole_grid_unless_normalize():
    vertices, faces = icosahedron(torch.Generator().manual_seed(5))
    corners = (vertices[faces] * 0.3 + 0.5)[None]
    assert torch.equal(voxelization(corners, 16), voxelization(corners * 16, 16, normalize=True))
    mesh = Mesh(vertices * 0.4, faces)
    expected = voxel_reference.occupied((mesh.face_vertices[0] * 12 / 11 + 0.5).numpy() * 12, 12)
    np.testing.assert_array_equal(mesh.voxelize(12)[0].numpy(), expected)
    assert mesh.voxelize().shape == (1, 32, 32, 32)


def test_pieces_do_not_matter(monkeypatch):
    vertices, faces = icosahedron(torch.Generator().manual_seed(6))
    corners = (vertices[faces] * 0.4 + 0.5)[None]
    whole = voxelization(corners, 20)
    monkeypatch.setattr(voxels, "_PAIRS", 100)
    assert torch.equal(voxelization(corners, 20), whole)


def test_faces_beside_one_that_is_not_finite_count():
    vertices, faces = icosahedron(torch.Generator().manual_seed(7))
    corners = (vertices[faces] * 0.4 + 0.5)[None]
    bad = corners[:, :12].clone()
    bad[0, :3, 1] = torch.tensor([torch.nan, torch.inf, -torch.inf])[:, None]
    bad[0, 3:, 1, 2] = torch.tensor([torch.nan, torch.inf, -torch.inf]).repeat(3)
    points = bad.clone()
    points[:, :, 1] = points[:, :, 0]  # seen edge-on from everywhere
    rest = corners[:, 12:]
    assert torch.equal(voxelization(torch.cat([rest, bad], 1), 20), voxelization(torch.cat([rest, points], 1), 20))
    assert voxelization(bad, 20).sum() >= 5


def test_float32_and_gradients():
    vertices, faces = icosahedron(torch.Generator().manual_seed(8))
    corners = (vertices[faces] * 0.4 + 0.5)[None].requires_grad_()
    found = voxelization(corners, 16)
    assert not found.requires_grad
    assert (voxelization(corners.float(), 16) != found).sum() <= 2
    assert voxelization(corners[:, :0], 4).sum() == 0 and voxelization(corners[:0], 4).shape == (0, 4, 4, 4)


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"faces must be \(N, F, 3, 3\), got shape \(5, 3, 3\)"):
        voxelization(torch.zeros(5, 3, 3), 4)
    with pytest.raises(ValueError, match="size must be an int from 1, got 0"):
        voxelization(torch.zeros(1, 5, 3, 3), 0)
    with pytest.raises(TypeError, match="faces must be float32 or float64, got torch.int64"):
        voxelization(torch.zeros(1, 5, 3, 3, dtype=torch.int64), 4)
    with pytest.raises(ValueError, match="voxel_size must be from 2, got 1"):
        Mesh(torch.zeros(3, 3), torch.tensor([[0, 1, 2]])).voxelize(1)
