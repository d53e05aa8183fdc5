"""A floor that goes on behind the camera, with vertices exactly in the camera's plane, through the doors that project:
it is that of the same floor a little further on. PyTorch3D's is in pytorch3d/test_near_plane.py, Kaolin's in
kaolin/test_kaolin_near_plane.py."""

import math
from collections.abc import Callable

import pytest
import torch
from support.scenes import ALL_OUTPUTS, away_from_borders, floor_around
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import Rendered, RenderSettings, gather_corners, render
from gendr_adapters import softras as sr
from gendr_adapters._camera_plane import off_camera_plane
from gendr_adapters.cameras import PinholeCamera
from gendr_adapters.redner._homogeneous_mesh import project

SIDE = 48
FOCAL = 0.25 * SIDE / 2  # pixels: the picture ends 4 times as far to the side as it is ahead
MIDDLE = SIDE / 2 + 0.3
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def pinhole(vertices: Tensor, faces: Tensor) -> Tensor:
    def rows(*values: float) -> Tensor:
        return vertices.new_tensor([values])

    eye = torch.eye(3, dtype=vertices.dtype)[None]
    camera = PinholeCamera(
        rotation=eye, translation=rows(0, 0, 0), focal=rows(FOCAL, FOCAL), principal_point=rows(MIDDLE, MIDDLE),
        image_size=SIDE,
    )  # fmt: skip
    return gather_corners(camera.project(vertices)[0], faces)


def redner(vertices: Tensor, faces: Tensor) -> Tensor:
    intrinsics = vertices.new_tensor([FOCAL, FOCAL, MIDDLE, MIDDLE])
    return project(vertices, intrinsics, faces, (SIDE, SIDE), 0.1).ndc_face_vertices()


def up(vertices: Tensor) -> Tensor:
    return vertices * vertices.new_tensor([1, -1, 1])


def perspective(vertices: Tensor, faces: Tensor) -> Tensor:
    return gather_corners(sr.functional.perspective(up(vertices)[None], math.degrees(math.atan(4)))[0], faces)


def projection(vertices: Tensor, faces: Tensor) -> Tensor:
    matrix = vertices.new_tensor([[[0.25, 0, 1.01, 0], [0, 0.25, 1.01, 0], [0, 0, 1, 0]]])
    return gather_corners(sr.functional.projection(up(vertices)[None], matrix, torch.zeros(5), 2.0)[0], faces)


CAMERAS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "pinhole": pinhole,
    "redner": redner,
    "perspective": perspective,
    "projection": projection,
}


def picture(camera: str, vertices: Tensor, faces: Tensor, near_clip: float | None = 0.1) -> Rendered:
    """With features of its own for each vertex."""
    settings = RenderSettings(near=0.05, far=1e4, near_clip=near_clip, dist_scale=1e-5, blend="hard")
    features = torch.sin(3.0 * torch.arange(len(vertices), dtype=vertices.dtype))[faces][..., None]
    corners = CAMERAS[camera](vertices, faces)
    return render(corners, SIDE, features, settings=settings, outputs=ALL_OUTPUTS)


@DTYPES
@pytest.mark.parametrize("steps", [2, 8, 40])
@pytest.mark.parametrize("camera", CAMERAS)
def test_a_floor_with_vertices_in_the_plane(camera: str, steps: int, dtype: torch.dtype) -> None:
    for half in (0.42, 4.0, 400.0):
        vertices, faces = floor_around(steps, half, dtype)
        assert (vertices[:, 2] == 0).sum() == steps + 1
        here, there = (
            vertices.clone().requires_grad_(),
            (vertices + vertices.new_tensor([0, 0, min(1e-4, 2.5e-5 * half)])).requires_grad_(),
        )
        got, expected = (picture(camera, v, faces) for v in (here, there))
        covered = expected.depth[0] > 0
        assert covered.double().mean() > 0.05
        compared = away_from_borders(covered)
        assert torch.equal((got.depth[0] > 0)[compared], covered[compared])
        inner = compared & covered
        assert_close(got.depth[0][inner], expected.depth[0][inner], rtol=1e-4, atol=0)
        same = got.face_index[0] == expected.face_index[0]
        # Enough to compare: which of two faces has a pixel on the edge between them, rounding decides.
        assert same[inner].double().mean() > 0.5
        gradients = [
            torch.autograd.grad(x.image[0, 0][inner & same].sum(), v)[0] for x, v in ((got, here), (expected, there))
        ]
        assert gradients[0].isfinite().all()
        if dtype == torch.float64:
            # But for vertices next to a pixel that is on an edge in one of both, where weights are clipped.
            far_off = (gradients[0] - gradients[1]).abs() > 1e-2 * gradients[1].abs().max()
            assert far_off.double().mean() < 0.01


@DTYPES
@pytest.mark.parametrize("camera", CAMERAS)
def test_faces_across_the_camera_plane_are_dropped_unless_cut(camera: str, dtype: torch.dtype) -> None:
    """Without near_clip, faces with a corner in the camera's plane are not drawn, nor are those with one behind it."""
    vertices, faces = floor_around(8, 4.0, dtype)
    ahead = (vertices[faces][..., 2] > 0).all(1)
    everything, some = (picture(camera, vertices, f, None) for f in (faces, faces[ahead]))
    assert torch.equal(everything.depth, some.depth) and (some.depth > 0).sum() > 100


@DTYPES
def test_depth_to_divide_by_is_never_0(dtype: torch.dtype) -> None:
    farthest = 2.0**20 if dtype == torch.float32 else 2.0**30
    x = torch.tensor([3.0, -3.0, 0.5, 3.0, 3.0, 0.0, 0.0, 1e3], dtype=dtype)
    y = torch.tensor([1.0, 1.0, -8.0, 1.0, 1.0, 0.0, 2.0, 0.0], dtype=dtype)
    z = torch.tensor([0.0, -1e-30, 1e-30, 2.0, -2e-5, 0.0, 1e-5, math.inf], dtype=dtype, requires_grad=True)
    got = off_camera_plane(x, y, z)
    expected = torch.tensor(
        [-3 / farthest, -3 / farthest, 8 / farthest, 2.0, -2e-5, -1e-20, 1e-5, math.inf], dtype=dtype
    )
    assert torch.equal(got, expected)
    assert torch.equal(*torch.autograd.grad(got.sum(), z), torch.ones_like(z))
    assert (x[:-1] / got[:-1]).abs().max() <= farthest
