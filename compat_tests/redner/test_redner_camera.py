"""Camera: its conventions by the formulas written out, its attributes, what it refuses."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from pyredner_scenes import FOV, LOOK_AT, POSITION, SIZE, UP, camera, scene, slow_camera, tensor
from torch import Tensor
from torch.testing import assert_close

import gendr_adapters.redner as pyredner


def seen_at(view: pyredner.Camera, points: Tensor) -> Tensor:
    """(V, 2), pixels."""
    homogeneous = view.homogeneous_pixels(points)
    return homogeneous[:, :2] / homogeneous[:, 2:]


def test_points_on_rays_are_seen_where_the_rays_begin() -> None:
    slow = slow_camera()
    pixels = tensor([[0.0, 0.0], [14.0, 0.0], [3.2, 7.7], [7.0, 5.0], [-2.0, 12.0]])
    points = []
    for along, (u, v) in enumerate(pixels.tolist(), 1):
        origin, direction = slow.ray(u, v)
        points.append(origin + along * direction)
    assert_close(seen_at(camera(), tensor(np.array(points))), pixels)
    assert_close(camera().homogeneous_pixels(tensor(np.array(points)))[:, 2], tensor([1.0, 2, 3, 4, 5]))


def test_fov_is_of_the_width_and_row_0_is_the_top() -> None:
    view = pyredner.Camera(
        tensor([0.0, 0, 0]), tensor([0.0, 0, 1]), tensor([0.0, 1, 0]), tensor([90.0]), resolution=(50, 100)
    )
    # Looking along z with y up, x is to the left.
    points = tensor([[1.0, 0.0, 1.0], [-1.0, 0.0, 1.0], [0.0, 0.5, 1.0], [0.0, -0.5, 1.0], [0.0, 0.0, 3.0]])
    assert_close(seen_at(view, points), tensor([[0.0, 25], [100, 25], [50, 0], [50, 50], [50, 25]]))


def test_the_cubes_upper_side_is_in_upper_rows() -> None:
    found = pyredner.render_g_buffer(scene(), ["position", "alpha"])
    y, alpha = found[..., 1], found[..., 3] > 0
    assert y[alpha][:20].mean() > y[alpha][-20:].mean()


def test_matrices_instead_of_vectors_and_angle() -> None:
    plain = camera()
    half = math.tan(math.radians(FOV / 2))
    matrices = pyredner.Camera(
        cam_to_world=torch.linalg.inv(plain.world_to_cam),
        intrinsic_mat=torch.diag(tensor([1 / half, 1 / half, 1.0])),
        resolution=SIZE,
    )
    points = tensor([[0.1, 0.2, 0.3], [1.0, -0.5, 2.0]])
    assert_close(matrices.homogeneous_pixels(points), plain.homogeneous_pixels(points))
    assert_close(matrices.eye(), tensor(POSITION))
    assert_close(pyredner.gen_look_at_matrix(tensor(POSITION), tensor(LOOK_AT), tensor(UP)), matrices.cam_to_world)


def test_an_intrinsic_matrix_moves_and_skews() -> None:
    mat = tensor([[2.0, 0.3, 0.1], [0.0, 1.5, -0.2], [0.0, 0.0, 1.0]])
    view = camera(intrinsic_mat=mat, fov=None)
    x, y, z = (1.2, -0.4, 2.5)
    to_world = pyredner.gen_look_at_matrix(tensor(POSITION), tensor(LOOK_AT), tensor(UP))
    point = to_world[:3, :3] @ tensor([x, y, z]) + to_world[:3, 3]
    right, up = (2 * x + 0.3 * y) / z + 0.1, 1.5 * y / z - 0.2
    height, width = SIZE
    expected = [(right + 1) * width / 2, (height / width - up) * width / 2]
    assert_close(seen_at(view, point[None])[0], tensor(expected))


def test_a_viewport_is_a_part_of_the_picture() -> None:
    whole = pyredner.render_albedo(scene(), alpha=True, num_samples=4, seed=1)
    part = pyredner.render_albedo(scene(viewport=(2, 3, 8, 13)), alpha=True, num_samples=4, seed=1)
    assert_close(part, whole[2:8, 3:13])
    over = pyredner.render_albedo(scene(viewport=(-4, 6, 99, 99)), alpha=True, num_samples=4, seed=1)
    assert_close(over, whole[:, 6:])


def test_geometry_nearer_than_clip_near_is_not_drawn() -> None:
    depth = pyredner.render_g_buffer(scene(clip_near=3.2), ["depth", "alpha"])
    all_of_it = pyredner.render_g_buffer(scene(), ["depth", "alpha"])
    assert depth[..., 0][depth[..., 1] > 0].min() >= 3.2 > all_of_it[..., 0][all_of_it[..., 1] > 0].min()


def test_attributes_can_be_set_anew() -> None:
    view = camera(intrinsic_mat=torch.eye(3, dtype=torch.float64))
    assert torch.equal(view.intrinsic_mat, torch.eye(3, dtype=torch.float64))
    view.fov = tensor([90.0])
    assert_close(view.intrinsic_mat, torch.eye(3, dtype=torch.float64))
    view.fov = tensor([60.0])
    assert_close(view.intrinsic_mat[0, 0], tensor(3**0.5))
    view.intrinsic_mat = 2 * torch.eye(3, dtype=torch.float64)
    assert view.intrinsic_mat[0, 0] == 2
    view.intrinsic_mat = None
    from_fov: Any = view.intrinsic_mat
    assert_close(from_fov[0, 0], tensor(3**0.5))
    view.position = tensor([0.0, 0.0, -9.0])
    assert_close(view.eye(), tensor([0.0, 0.0, -9.0]))


def test_gradients_reach_the_camera() -> None:
    points = tensor([[0.1, 0.2, 0.3], [1.0, -0.5, 2.0]])
    names = ("position", "look_at", "up", "fov")

    def seen(*values: Tensor) -> Tensor:
        return camera(**dict(zip(names, values, strict=True))).homogeneous_pixels(points)

    start = [tensor(POSITION), tensor(LOOK_AT), tensor(UP), tensor([FOV])]
    torch.autograd.gradcheck(seen, tuple(value.requires_grad_() for value in start))


def test_rotations() -> None:
    """Seen from the axis' tip counter-clockwise about z, and clockwise about x and y; x first, z last."""
    x, y, z = torch.eye(3, dtype=torch.float64)
    quarter = math.pi / 2
    for angles, point, expected in (
        ([quarter, 0, 0], y, -z),
        ([0, quarter, 0], z, -x),
        ([0, 0, quarter], x, y),
        ([quarter, quarter, 0], y, x),
        ([0, quarter, quarter], z, -y),
    ):
        assert_close(pyredner.gen_rotate_matrix(tensor(angles)) @ point, expected)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"position": None}, ValueError, "cam_to_world"),
        ({"fov": None}, ValueError, "intrinsic_mat"),
        ({"fov": 45.0}, TypeError, "fov"),
        ({"fov": torch.tensor(45.0)}, ValueError, r"\(1,\)"),
        ({"position": torch.zeros(2)}, ValueError, "position"),
        ({"up": torch.zeros(3).int()}, TypeError, "up"),
        ({"clip_near": 0.0}, ValueError, "clip_near"),
        ({"resolution": (0, 5)}, ValueError, "pixels"),
        ({"resolution": 5.0}, TypeError, "image_size"),
        ({"cam_to_world": torch.eye(3)}, ValueError, r"\(4, 4\)"),
        ({"intrinsic_mat": torch.eye(4)}, ValueError, r"\(3, 3\)"),
        ({"fisheye": True}, NotImplementedError, "perspective"),
        ({"camera_type": pyredner.camera_type.panorama}, NotImplementedError, "perspective"),
        ({"camera_type": pyredner.camera_type.orthographic}, ValueError, "needs intrinsic_mat, as fov does not"),
        ({"distortion_params": torch.zeros(8)}, NotImplementedError, "distortion"),
    ],
)
def test_bad_cameras(changes, error, said) -> None:
    with pytest.raises(error, match=said):
        camera(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"look_at": tensor(POSITION)}, "look_at must not be"),
        ({"up": tensor([0.0, 0, 0])}, "up must not be 0"),
        ({"up": tensor(POSITION) - tensor(LOOK_AT)}, "along the direction"),
        ({"viewport": (3, 3, 3, 9)}, "no pixel"),
        ({"viewport": (3, 3, 3)}, "top, left"),
        ({"intrinsic_mat": torch.ones(3, 3)}, "last row"),
    ],
)
def test_cameras_that_see_nothing(changes, said) -> None:
    with pytest.raises(ValueError, match=said):
        pyredner.render_albedo(scene(**changes))


def test_orthographic_cameras_are_not_rendered() -> None:
    kind, mat = pyredner.camera_type.orthographic, torch.eye(3, dtype=torch.float64)
    with pytest.raises(NotImplementedError, match="from_redner"):
        pyredner.render_albedo(scene(camera_type=kind, intrinsic_mat=mat))
