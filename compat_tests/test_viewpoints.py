"""look_at, orbit, rotations and headlight: their formulas, their derivatives, what they refuse."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import (
    Lighting,
    Mesh,
    RenderSettings,
    axis_angle_to_matrix,
    data,
    gather_corners,
    headlight,
    load_mesh,
    look_at,
    orbit,
    render,
    rotation_6d_to_matrix,
    vertex_normals,
)
from gendr_adapters.cameras import OrthographicCamera, WeakPerspectiveCamera


def random_numbers(*shape: int, seed: int = 0) -> Tensor:
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1


# ---- cameras


def test_look_at_does_not_mirror() -> None:
    camera = look_at((0, 0, 4), field_of_view=90, image_size=(10, 20))
    points = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 1.0]])
    expected = torch.tensor([[[0.25, 0.0, 4.0], [0.0, 0.125, 4.0], [0.0, 0.0, 3.0]]])
    assert_close(camera.project(points), expected, rtol=0, atol=1e-6)
    assert camera.image_size == (10, 20) and camera.rotation.dtype == torch.float32


def test_look_at_sees_its_target_in_the_middle_and_up_upwards() -> None:
    eye, at, up = (random_numbers(5, 3, seed=seed) for seed in range(3))
    camera = look_at(eye, at, up, field_of_view=torch.linspace(20, 120, 5).double())
    seen = camera.project(torch.stack([at, at + 1e-3 * up], 1))
    assert_close(seen[:, 0, :2], torch.zeros(5, 2).double(), rtol=0, atol=1e-9)
    assert_close(seen[:, 0, 2], (at - eye).norm(dim=1))
    assert (seen[:, 1, 1] > 0).all() and (seen[:, 1, 0].abs() < 1e-9).all()
    assert_close(torch.linalg.det(camera.rotation), torch.ones(5).double())
    half = torch.deg2rad(torch.linspace(20, 120, 5).double() / 2)
    assert_close(camera.focal[:, 0], 128 / half.tan())


def test_orbit_stands_where_it_says() -> None:
    camera = orbit(3.0, [0.0, 0.0, 30.0, 90.0], [0.0, 90.0, 180.0, 0.0], at=(1.0, 2.0, 3.0))
    places = -(camera.translation[:, None] @ camera.rotation)[:, 0] - torch.tensor([1.0, 2.0, 3.0])
    root = math.sqrt(3) / 2
    expected = 3 * torch.tensor([[0, 0, 1], [1, 0, 0], [0, 0.5, -root], [0, 1, 0]])
    assert_close(places, expected, rtol=0, atol=1e-5)
    target = camera.project(torch.tensor([[1.0, 2.0, 3.0]]))[:, 0]
    assert_close(target, torch.tensor([[0.0, 0.0, 3.0]]).expand(4, 3), rtol=0, atol=1e-5)


def test_orbit_has_gradients_and_dtypes() -> None:
    distance, elevation, azimuth = (torch.tensor(x).double().requires_grad_() for x in (3.0, 20.0, 40.0))
    points = random_numbers(4, 3)
    assert torch.autograd.gradcheck(lambda *x: orbit(*x).project(points), (distance, elevation, azimuth))
    assert orbit(3.0, elevation, 40).rotation.dtype == torch.float64
    assert len(orbit(torch.ones(3), 0.0, 0.0)) == 3


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: look_at((0, 0)), ValueError, r"eye must be \(3,\) or \(N, 3\), got shape \(2,\)"),
        (lambda: look_at("here"), TypeError, "eye must be a tensor or three numbers, got 'here'"),
        (lambda: look_at((0, 0, 0)), ValueError, "eye and at must be apart"),
        (lambda: look_at((0, 0, 1), up=(0, 0, 0)), ValueError, "up must not be 0"),
        (lambda: look_at((0, 0, 1), field_of_view=180), ValueError, r"between 0 and 90 degrees, got \[90.0\]"),
        (lambda: look_at((0, 0, 1), field_of_view="wide"), TypeError, "field_of_view must be a number or a tensor"),
        (lambda: look_at(torch.ones(2, 3), torch.zeros(3, 3)), ValueError, "N cameras or of 1"),
        (lambda: look_at(torch.ones(3), torch.zeros(3).double()), TypeError, "at is torch.float64, eye is"),
        (lambda: look_at((0, 0, 1), image_size=0), ValueError, "1 to 32768"),
        (lambda: orbit("far"), TypeError, "distance must be a number, numbers or a tensor, got 'far'"),
        (lambda: orbit(1.0, [0.0] * 2, [0.0] * 3), ValueError, "must broadcast"),
        (lambda: orbit(0.0), ValueError, "eye and at must be apart"),
    ],
)  # fmt: skip
def test_bad_viewpoints(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


# ---- rotations


def test_axis_angle_is_the_matrix_exponential() -> None:
    for size in (0.0, 1e-8, 1e-3, 0.0099, 0.0101, 1.0, math.pi, 7.0):
        vector = size * F.normalize(random_numbers(6, 3), dim=1)
        cross = torch.linalg.cross(vector[:, None].expand(6, 3, 3), torch.eye(3).double().expand(6, 3, 3)).mT
        assert_close(axis_angle_to_matrix(vector), torch.matrix_exp(cross), rtol=0, atol=1e-13)
        found = axis_angle_to_matrix(vector.float())
        assert_close(found.double(), axis_angle_to_matrix(vector.float().double()), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [0.0, 1e-3, 1.0, math.pi])
def test_axis_angle_derivatives(size: float) -> None:
    """First and second, at angle 0, too."""
    vector = (size * F.normalize(random_numbers(2, 3), dim=1)).requires_grad_()
    assert torch.autograd.gradcheck(axis_angle_to_matrix, vector)
    assert torch.autograd.gradgradcheck(axis_angle_to_matrix, vector)


def test_rotation_6d() -> None:
    rotations = axis_angle_to_matrix(3 * random_numbers(5, 3))
    assert_close(rotation_6d_to_matrix(rotations[:, :2].flatten(1)), rotations)
    any_numbers = random_numbers(5, 6).requires_grad_()
    found = rotation_6d_to_matrix(any_numbers)
    assert_close(found @ found.mT, torch.eye(3).double().expand(5, 3, 3))
    assert_close(torch.linalg.det(found), torch.ones(5).double())
    assert torch.autograd.gradcheck(rotation_6d_to_matrix, any_numbers)
    transforms = pytest.importorskip("pytorch3d.transforms")
    assert_close(found, transforms.rotation_6d_to_matrix(any_numbers))


@pytest.mark.parametrize(("function", "width"), [(axis_angle_to_matrix, 3), (rotation_6d_to_matrix, 6)])
def test_bad_rotations(function: Callable[[Any], Tensor], width: int) -> None:
    with pytest.raises(ValueError, match=rf"must be \(\.\.\., {width}\), got shape \(2, 4\)"):
        function(torch.zeros(2, 4))
    with pytest.raises(TypeError, match="must be a tensor, got list"):
        function([0.0] * width)
    assert function(torch.ones(2, 4, width)).shape == (2, 4, 3, 3)


# ---- light


def ball() -> Mesh:
    return load_mesh(data.path("sphere_642.obj"), textures=False)._replace(normals=None)


def lit(mesh: Mesh, camera: Any, **options: Any) -> Tensor:
    settings = RenderSettings(
        distribution="hard",
        near=-100,
        far=100,
        perspective_correct=False,
        clip="nonnegative",
        cull="back",
        blend="hard",
    )
    corners = gather_corners(camera.project(mesh.vertices), mesh.faces)
    light = headlight(mesh, camera, **options)
    image = render(corners, camera.image_size, mesh.features(len(camera)), settings=settings, lighting=light).image
    assert image is not None
    return image


def cameras_of_every_kind() -> list[Any]:
    pinhole = orbit(6.0, [10.0, -40.0], [30.0, 200.0], image_size=32)
    weak = WeakPerspectiveCamera(
        scale=torch.full((1,), 0.6), translation=torch.zeros(1, 2), rotation=pinhole.rotation, image_size=32
    )
    return [pinhole, weak, weak.to_orthographic()]


@pytest.mark.parametrize("kind", range(3))
def test_headlight_is_lamberts_law_from_the_camera(kind: int) -> None:
    """A grey ball is brightest in its middle, which faces the camera, and darker outwards by the cosine."""
    camera = cameras_of_every_kind()[kind]
    image = lit(ball(), camera)[:, 0]
    assert image.shape == (2, 32, 32)
    assert_close(image[:, 15:17, 15:17], torch.full((2, 2, 2), 0.7), rtol=0, atol=0.02)
    if kind:
        radius = 0.6 * ball().vertices.norm(dim=1).mean()
        x = (2 * torch.arange(32) + 1 - 32) / 32 / radius
        cosine = (1 - x[:, None] ** 2 - x**2).clamp(min=0).sqrt()
        inner = cosine > 0.5
        assert_close(image[:, inner], (0.7 * (0.35 + 0.65 * cosine[inner])).expand(2, -1), rtol=0, atol=0.03)


def test_headlight_options_and_gradients() -> None:
    mesh, (pinhole, *_) = ball(), cameras_of_every_kind()
    assert_close(lit(mesh, pinhole, ambient=1, diffuse=0)[:, :, 16, 16], torch.full((2, 3), 0.7))
    shiny = lit(mesh, pinhole, specular=0.5, shininess=8) - lit(mesh, pinhole)
    assert shiny[:, :, 15:17, 15:17].mean() > 0.4 and shiny[:, :, 16, 2].abs().max() < 0.01
    own = mesh._replace(normals=gather_corners(-vertex_normals(mesh.vertices, mesh.faces), mesh.faces))
    assert_close(lit(own, pinhole)[0, 0, 16, 16], torch.tensor(0.35 * 0.7))  # turned away from the light
    leaf = mesh.vertices.clone().requires_grad_()
    light = headlight(mesh._replace(vertices=leaf), pinhole)
    assert isinstance(light, Lighting) and light.normals.shape == (2, 1280, 3, 3)
    (gradient,) = torch.autograd.grad(light.normals.sum(), leaf)
    assert gradient.isfinite().all() and gradient.any()


def test_bad_headlights() -> None:
    camera = look_at((0, 0, 3))
    with pytest.raises(TypeError, match="mesh must be a gendr_adapters.Mesh, got Tensor"):
        headlight(torch.ones(3), camera)
    with pytest.raises(TypeError, match="camera must be one of gendr_adapters.cameras, got str"):
        headlight(ball(), "camera")
    with pytest.raises(ValueError, match="diffuse must be >= 0, got -1"):
        headlight(ball(), camera, diffuse=-1)
    assert OrthographicCamera is type(cameras_of_every_kind()[2])
