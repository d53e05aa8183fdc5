"""Where SoftRas' and GenDR's cameras see points: against loops in plain Python, and gradients against differences."""

import math
from typing import Any

import numpy as np
import pytest
import slow_cameras as slow
import torch
from soft_scenes import DOORS, each, exactly, numbers, some_eyes, some_matrix
from torch import Tensor
from torch.autograd import gradcheck

import gendr_adapters.gendr.transform as gendr_transform
import gendr_adapters.softras as sr


@DOORS
@pytest.mark.parametrize("n", [1, 2, 3, 4])  # at 3 the originals' cross product runs along the images
@pytest.mark.parametrize("a_row_each", [False, True])
def test_look_at(door: Any, n: int, a_row_each: bool) -> None:
    rows = n if a_row_each else 1
    points, eye, at, up = numbers(0, n, 5, 3), some_eyes(rows), numbers(2, rows, 3), numbers(3, rows, 3)
    if not a_row_each:
        eye, at, up = eye[0], at[0], up[0]
    expected = [
        [slow.look_at(p, *camera) for p in image]
        for image, *camera in zip(points.tolist(), each(n, eye), each(n, at), each(n, up), strict=True)
    ]
    got = door.functional.look_at(points, eye, at, up)
    torch.testing.assert_close(got, exactly(expected), rtol=0, atol=1e-13)
    inputs = [x.clone().requires_grad_() for x in (points, eye, at, up)]
    assert gradcheck(door.functional.look_at, inputs)


@DOORS
def test_look_at_only_rotates(door: Any) -> None:
    points, eyes = numbers(0, 2, 5, 3), some_eyes(2)
    rows = zip(points.tolist(), eyes.tolist(), strict=True)
    expected = [[slow.rotate_at(p, eye) for p in image] for image, eye in rows]
    got = door.functional.look_at(points, eyes, only_rotate=True)
    torch.testing.assert_close(got, exactly(expected), rtol=0, atol=1e-13)


@DOORS
@pytest.mark.parametrize("n", [1, 3])
def test_look(door: Any, n: int) -> None:
    points, eye, direction, up = numbers(0, n, 5, 3), some_eyes(n), numbers(2, n, 3), numbers(3, n, 3)

    def expected(ups: Tensor) -> Tensor:
        cameras = zip(points.tolist(), eye.tolist(), direction.tolist(), each(n, ups), strict=True)
        return exactly([[slow.look(p, *camera) for p in image] for image, *camera in cameras])

    torch.testing.assert_close(door.functional.look(points, eye, direction, up), expected(up), rtol=0, atol=1e-13)
    upwards = exactly([0, 1, 0])
    torch.testing.assert_close(door.functional.look(points, eye, direction), expected(upwards), rtol=0, atol=1e-13)
    assert gradcheck(door.functional.look, [x.clone().requires_grad_() for x in (points, eye, direction, up)])


@pytest.mark.parametrize(
    "of", [list, tuple, np.float64, lambda x: np.array(x, np.float32), lambda x: torch.tensor(x).double(), torch.tensor]
)
def test_eyes_of_any_kind_take_the_vertices_dtype(of: Any) -> None:
    given: Any = np.array if of is np.float64 else of
    for dtype in (torch.float32, torch.float64):
        points = numbers(0, 2, 5, 3).to(dtype)
        eye, at, up = (0.25, 1.0, -2.5), (0.0, 0.5, 0.25), (0.0, 1.0, 0.125)  # exact in float32
        expected = sr.functional.look_at(points, *(torch.tensor(v, dtype=dtype) for v in (eye, at, up)))
        got = sr.functional.look_at(points, given(eye), given(at), given(up))
        assert got.dtype == dtype and torch.equal(got, expected)
        rows = sr.functional.look_at(points, given([eye, eye]), given([at, at]), given([up, up]))
        torch.testing.assert_close(rows, expected)


def test_one_mesh_seen_from_several_eyes() -> None:
    points, eyes = numbers(0, 1, 5, 3), some_eyes(4)
    expected = torch.cat([sr.functional.look_at(points, eye) for eye in eyes])
    torch.testing.assert_close(sr.functional.look_at(points, eyes), expected, rtol=0, atol=1e-14)


@DOORS
@pytest.mark.parametrize("degrees", [True, False])
def test_points_from_angles(door: Any, degrees: bool) -> None:
    distance, elevation, azimuth = numbers(0, 4) + 3, 80 * numbers(1, 4), 180 * numbers(2, 4)
    expected = [slow.on_sphere(*row) for row in zip(*(x.tolist() for x in (distance, elevation, azimuth)), strict=True)]
    unit = 1.0 if degrees else math.pi / 180
    got = door.functional.get_points_from_angles(distance, elevation * unit, azimuth * unit, degrees)
    torch.testing.assert_close(got, exactly(expected), rtol=0, atol=1e-13)
    for row, point in zip(zip(distance.tolist(), elevation.tolist(), azimuth.tolist(), strict=True), got, strict=True):
        one = door.functional.get_points_from_angles(row[0], row[1] * unit, row[2] * unit, degrees=degrees)
        assert isinstance(one, tuple) and one == pytest.approx(point.tolist(), abs=1e-12)
    inputs = [x.clone().requires_grad_() for x in (distance, elevation, azimuth)]
    assert gradcheck(door.functional.get_points_from_angles, inputs)


def test_points_from_angles_broadcast() -> None:
    azimuths = 180 * numbers(0, 3)
    expected = exactly([slow.on_sphere(2.5, 30, a) for a in azimuths.tolist()])
    for given in (azimuths, azimuths.numpy()):
        got = sr.functional.get_points_from_angles(exactly(2.5), 30, given)
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-13)
    assert sr.functional.get_points_from_angles(torch.tensor(2.5), 30, 0.0).shape == (3,)
    assert sr.functional.get_points_from_angles(2, np.float64(30), np.int64(7)) == pytest.approx(
        slow.on_sphere(2, 30, 7)
    )


@pytest.mark.parametrize("perspective", [sr.functional.perspective, gendr_transform.perspective])
def test_perspective(perspective: Any) -> None:
    points = numbers(0, 2, 5, 3) + exactly([0.0, 0.0, 3.0])
    angles = exactly([20.0, 35.0])
    for angle in (20.0, np.float64(20), angles[0], angles, angles.numpy()):
        wide = torch.as_tensor(angle).expand(2).tolist()
        expected = [[slow.perspective(p, a) for p in image] for image, a in zip(points.tolist(), wide, strict=True)]
        got = perspective(points, angle)
        torch.testing.assert_close(got, exactly(expected), rtol=0, atol=1e-13)
    assert torch.equal(perspective(points), perspective(points, angle=30.0))
    assert gradcheck(perspective, [points.requires_grad_(), angles.requires_grad_()])
    assert perspective(points.float(), angles).dtype == torch.float32


@pytest.mark.parametrize("orthogonal", [sr.functional.orthogonal, gendr_transform.orthogonal])
def test_orthogonal(orthogonal: Any) -> None:
    points, scales = numbers(0, 2, 5, 3), exactly([0.5, 1.5])
    for scale in (0.5, scales[0], scales):
        wide = torch.as_tensor(scale).expand(2).tolist()
        expected = [[[x * s, y * s, z] for x, y, z in image] for image, s in zip(points.tolist(), wide, strict=True)]
        torch.testing.assert_close(orthogonal(points, scale), exactly(expected))
    assert gradcheck(orthogonal, [points.requires_grad_(), scales.requires_grad_()])


@pytest.mark.parametrize("rows", [1, 3])
def test_projection_with_distortion(rows: int) -> None:
    points, P, distortion = numbers(0, 3, 5, 3), some_matrix(rows), numbers(6, rows, 5) / 2
    expected = [
        [slow.projection(p, matrix, bend, 1.5) for p in image]
        for image, matrix, bend in zip(
            points.tolist(), P.expand(3, 3, 4).tolist(), distortion.expand(3, 5).tolist(), strict=True
        )
    ]
    got = sr.functional.projection(points, P, distortion, 1.5)
    torch.testing.assert_close(got, exactly(expected), rtol=0, atol=1e-12)
    inputs = [x.clone().requires_grad_() for x in (points, P, distortion)]
    assert gradcheck(lambda *x: sr.functional.projection(*x, 1.5), inputs)


def test_projection_has_a_gradient_on_the_axis() -> None:
    """Where r = 0 the originals' square root has none."""
    points = torch.zeros(1, 1, 3, dtype=torch.float64, requires_grad=True)
    P = exactly([[[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 2]]])
    assert gradcheck(lambda p: sr.functional.projection(p, P, numbers(6, 5), 1.5), [points])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f, p: f.look_at(p[0], (0, 0, 1)), ValueError, r"vertices must be \(N, V, 3\), got shape \(5, 3\)"),
        (lambda f, p: f.look_at([[1.0]], (0, 0, 1)), TypeError, "vertices must be a tensor, got list"),
        (lambda f, p: f.look_at(p, (0, 1)), ValueError, r"eye must be \(3,\) or \(N, 3\), N = 2, got shape \(2,\)"),
        (lambda f, p: f.look_at(p, torch.ones(3, 3)), ValueError, r"eye .* N = 2, got shape \(3, 3\)"),
        (lambda f, p: f.look_at(p, "above"), TypeError, "eye must be a tensor, an array or numbers, got 'above'"),
        (lambda f, p: f.look_at(p, (0, 0, 1), at=(0, 0, 1)), ValueError, "eye and at must be apart"),
        (lambda f, p: f.look_at(p, (0, 0, 1), up=(0, 0, 0)), ValueError, "up must not be 0"),
        (lambda f, p: f.look_at(p, [(0, 0, 1), (0, 2, 0)], [(0, 0, 0), (0, 2, 0)]), ValueError, "must be apart"),
        (lambda f, p: f.look(p, (0, 0, 1), (0, 0, 0)), ValueError, "direction and up must not be 0"),
        (
            lambda f, p: f.look_at(p[:1], torch.ones(2, 3), torch.zeros(3, 3)),
            ValueError,
            "eye, at and up must have N rows or 1, for N meshes or 1, got 2, 3, 1 for 1",
        ),
        (lambda f, p: f.look(p[:1], torch.ones(2, 3), torch.ones(3, 3)), ValueError, "got 2, 3, 1 for 1"),
        (lambda f, p: f.get_points_from_angles(torch.ones(2), torch.ones(3), 0), ValueError, r"shapes \(2,\), \(3,\)"),
        (lambda f, p: f.get_points_from_angles("far", 1, 2), TypeError, "got str, int, int"),
    ],
)
@DOORS
def test_refusals(door: Any, call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(door.functional, numbers(0, 2, 5, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f, p: f.perspective(p, torch.ones(3)), r"angle must be a number or \(N,\), N = 2, got shape \(3,\)"),
        (lambda f, p: f.orthogonal(p[0], 1.0), r"vertices must be \(N, V, 3\)"),
        (lambda f, p: f.projection(p, torch.ones(2, 4, 4), [0.0] * 5, 1), r"P must be .*\(2, 4, 4\)"),
        (lambda f, p: f.projection(p, torch.ones(2, 3, 4), [0.0] * 4, 1), r"dist_coeffs must be \(5,\) or \(N, 5\)"),
        (lambda f, p: f.projection(p, torch.ones(2, 3, 4), [0.0] * 5, 0), r"orig_size must be > 0, .*, got 0"),
        (lambda f, p: f.projection(p, torch.ones(2, 3, 4), [0.0] * 5, (4, 5, 6)), r"got \(4, 5, 6\)"),
        (
            lambda f, p: f.projection(p[:1], torch.ones(2, 3, 4), torch.ones(3, 5), 1),
            "P and dist_coeffs must have N rows or 1, for N meshes or 1, got 2, 3 for 1",
        ),
    ],
)
def test_refusals_of_projections(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call(sr.functional, numbers(0, 2, 5, 3))


def test_numbers_that_are_not_finite_pass() -> None:
    """A program that has lost its eyes sees it in its loss."""
    seen = sr.functional.look_at(numbers(0, 2, 5, 3), torch.tensor([[float("nan")] * 3, [0.0, 0.0, -2.0]]))
    assert seen[0].isnan().all() and seen[1].isfinite().all()
