"""The cameras of both doors as modules: what they make of vertices and meshes, how their eyes are set, refusals."""

import math
from typing import Any

import numpy as np
import pytest
import slow_cameras as slow
import torch
from soft_scenes import DOORS, exactly, numbers, some_eyes, some_matrix, some_mesh
from torch import Tensor
from torch.autograd import gradcheck

import gendr_adapters.gendr as gendr
import gendr_adapters.gendr.transform as gendr_transform
import gendr_adapters.softras as sr


def through(camera: Any, vertices: Tensor) -> Tensor:
    """Where a camera of either door sees vertices; GenDR's must leave the mesh it is given alone."""
    if isinstance(camera, gendr_transform.Transform):
        mesh = some_mesh("vertex", len(vertices), vertices=vertices)
        seen = camera(mesh)
        assert mesh.vertices is vertices and seen is not mesh
        assert seen.textures is mesh.textures and seen.faces is mesh.faces and seen.texture_type == "vertex"
        return seen.vertices
    return camera(vertices)


@DOORS
@pytest.mark.parametrize("perspective", [True, False])
def test_look_at(door: Any, perspective: bool) -> None:
    vertices, eyes = numbers(10, 3, 6, 3), some_eyes(3)
    camera = door.LookAt(perspective, 25, 0.75, eyes)
    seen = [[slow.look_at(p, eye) for p in image] for image, eye in zip(vertices.tolist(), eyes.tolist(), strict=True)]
    if perspective:
        expected = exactly([[slow.perspective(p, 25) for p in image] for image in seen])
    else:
        expected = exactly([[[0.75 * x, 0.75 * y, z] for x, y, z in image] for image in seen])
    torch.testing.assert_close(through(camera, vertices), expected, rtol=0, atol=1e-12)
    assert camera.eyes is eyes


@DOORS
def test_look(door: Any) -> None:
    """The originals' Look always fails, for want of an `up`."""
    vertices, eyes, directions = numbers(10, 2, 6, 3), some_eyes(2), exactly([[0.1, -0.2, 1.0], [0.0, 0.3, 0.8]])
    camera = door.Look(directions, True, 40, eye=eyes)
    rows = zip(vertices.tolist(), eyes.tolist(), directions.tolist(), strict=True)
    expected = [[slow.perspective(slow.look(p, e, d, (0, 1, 0)), 40) for p in image] for image, e, d in rows]
    torch.testing.assert_close(through(camera, vertices), exactly(expected), rtol=0, atol=1e-12)


@DOORS
def test_projection(door: Any) -> None:
    vertices, P, distortion = numbers(10, 2, 6, 3), some_matrix(2), numbers(6, 2, 5) / 2
    rows = list(zip(vertices.tolist(), P.tolist(), distortion.tolist(), strict=True))
    for given, bend in ((P, distortion), (P.numpy(), distortion.numpy())):
        expected = [[slow.projection(p, matrix, k, 2.5) for p in image] for image, matrix, k in rows]
        seen = through(door.Projection(given, bend, 2.5), vertices)
        torch.testing.assert_close(seen, exactly(expected), rtol=0, atol=1e-12)
    expected = [[slow.projection(p, matrix, [0] * 5, 512) for p in image] for image, matrix, _ in rows]
    torch.testing.assert_close(through(door.Projection(P), vertices), exactly(expected), rtol=0, atol=1e-12)
    assert through(door.Projection(P), vertices.float()).dtype == torch.float32


@DOORS
@pytest.mark.parametrize("angle", [30, 20.0, np.float64(45)])
def test_default_eye(door: Any, angle: float) -> None:
    """[-1, 1] at z = -1 fills the picture."""
    corner = exactly([[[1.0, 1.0, -1.0]] * 6])
    for camera in (door.LookAt(viewing_angle=angle), door.Look(viewing_angle=angle)):
        depth = 1 / math.tan(math.radians(angle))
        torch.testing.assert_close(through(camera, corner)[0, 0], exactly([1.0, 1.0, depth]))
        assert list(camera.eyes) == pytest.approx([0, 0, -1 - depth])
    camera = door.LookAt(viewing_angle=torch.tensor([angle, angle], dtype=torch.float64))
    torch.testing.assert_close(through(camera, corner.expand(2, 6, 3))[:, 0, 0], exactly([1.0, 1.0]))


@DOORS
def test_set_eyes(door: Any) -> None:
    vertices, distances, angles = numbers(10, 3, 6, 3), numbers(1, 3) + 3, 80 * numbers(2, 2, 3)
    camera = door.LookAt(viewing_angle=20)
    camera.set_eyes_from_angles(distances, *angles)
    eyes = exactly([slow.on_sphere(*row) for row in zip(distances.tolist(), *angles.tolist(), strict=True)])
    torch.testing.assert_close(camera.eyes, eyes, rtol=0, atol=1e-13)
    expected = through(door.LookAt(viewing_angle=20, eye=eyes), vertices)
    torch.testing.assert_close(through(camera, vertices), expected, rtol=0, atol=1e-12)
    camera.set_eyes(eyes.numpy())
    torch.testing.assert_close(through(camera, vertices), expected, rtol=0, atol=1e-13)
    assert camera.eyes.shape == (3, 3)


@DOORS
def test_gradients_reach_eyes_and_angle(door: Any) -> None:
    def seen(vertices: Tensor, eyes: Tensor, angle: Tensor, scale: Tensor) -> Tensor:
        near, far = door.LookAt(True, angle, eye=eyes), door.LookAt(False, 30, scale, eyes)
        return torch.cat([through(near, vertices), through(far, vertices)])

    inputs = numbers(10, 2, 6, 3), some_eyes(2), exactly([20.0, 30.0]), exactly(0.7)
    assert gradcheck(seen, [x.clone().requires_grad_() for x in inputs])


def test_parameters_of_a_camera_are_parameters() -> None:
    camera = sr.LookAt(eye=torch.nn.Parameter(torch.tensor([0.0, 1.0, -3.0])))
    assert [p.shape for p in camera.parameters()] == [(3,)]
    camera.set_eyes((0, 0, -3))
    assert camera.eyes == (0, 0, -3) and not list(camera.parameters())
    camera.set_eyes(torch.nn.Parameter(torch.zeros(2, 3)))
    assert [p.shape for p in camera.parameters()] == [(2, 3)]


def test_transform_chooses_the_camera() -> None:
    vertices, eyes, P = numbers(10, 2, 6, 3), some_eyes(2), some_matrix(2)
    direction, bend = exactly([0.1, 0.2, 0.9]), numbers(6, 5) / 2
    rest = {"perspective": False, "viewing_angle": 20, "viewing_scale": 0.5, "eye": eyes, "camera_direction": direction}
    for transform, camera in (
        (sr.Transform("look_at", **rest), sr.LookAt(False, 20, 0.5, eyes)),
        (sr.Transform("look", **rest), sr.Look(direction, False, 20, 0.5, eyes)),
        (sr.Transform("projection", P, bend, 2.5), sr.Projection(P, bend, 2.5)),
    ):
        mesh = some_mesh("surface", vertices=vertices)
        assert transform(mesh) is mesh
        assert torch.equal(mesh.vertices, camera(vertices))
        mesh.reset_()
        assert torch.equal(mesh.vertices, vertices)


def test_transform_sets_eyes() -> None:
    for mode in ("look", "look_at"):
        transform = sr.Transform(mode)
        transform.set_eyes_from_angles(2.732, 30, 45)
        assert transform.eyes == pytest.approx(slow.on_sphere(2.732, 30, 45))
        eyes = some_eyes(2)
        transform.set_eyes(eyes)
        assert transform.eyes is eyes and transform.transformer.eyes is eyes
    fixed = sr.Transform("projection", some_matrix(1))
    for ask in (lambda: fixed.set_eyes((0, 0, 1)), lambda: fixed.set_eyes_from_angles(1, 2, 3), lambda: fixed.eyes):
        with pytest.raises(ValueError, match="'projection' has no eyes"):
            ask()


def test_transform_of_a_user_class() -> None:
    class Flip(gendr_transform.Transform):
        def transform(self, vertices: Tensor) -> Tensor:
            return -vertices

    mesh = some_mesh("vertex")
    assert torch.equal(Flip()(mesh).vertices, -mesh.vertices)
    with pytest.raises(NotImplementedError, match="Transform does not say"):
        gendr_transform.Transform()(mesh)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sr.Transform("lookat"), "camera_mode must be 'projection', 'look' or 'look_at', got 'lookat'"),
        (lambda: sr.Transform(), r"P must be a projection matrix \(N, 3, 4\), .*, got None"),
        (lambda: sr.SoftRenderer(), r"P must be a projection matrix"),
        (lambda: sr.Projection(torch.ones(3, 4)), r"got \(3, 4\)"),
        (lambda: gendr.Projection(np.ones((2, 4, 4))), r"got \(2, 4, 4\)"),
        (
            lambda: sr.Projection(some_matrix(2))(numbers(0, 3, 5, 3)),
            r"P and dist_coeffs must have N rows .* got 2, 1 for 3",
        ),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
