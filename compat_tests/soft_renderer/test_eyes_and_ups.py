"""N eyes on one mesh, and cameras that look along up: straight down, straight up."""

from typing import Any

import pytest
import torch
from soft_scenes import DOORS, exactly, numbers, some_eyes, some_matrix, some_mesh
from torch import Tensor
from torch.autograd import gradcheck

import gendr_adapters.gendr as gendr
import gendr_adapters.softras as sr
from gendr_adapters.cameras import from_softras_look_at


def softras_picture(mesh: sr.Mesh, eyes: Any, **more: Any) -> Tensor:
    arguments = {"sigma_val": 1e-2, "gamma_val": 0.1, "camera_mode": "look_at", "eye": eyes, "gradient": "exact"}
    renderer = sr.SoftRenderer((8, 10), **{**arguments, **more})
    return renderer(mesh.vertices, mesh.faces, mesh.textures, texture_type=mesh.texture_type)


def gendr_picture(mesh: sr.Mesh, eyes: Any, **more: Any) -> Tensor:
    arguments = {"dist_func": "logistic", "dist_scale": 5e-2, "aggr_rgb_gamma": 0.1, "gradient": "exact"}
    camera = {name: more.pop(name) for name in ("viewing_angle", "up") if name in more}
    renderer = gendr.GenDR((8, 10), texture_type=mesh.texture_type, double_side=True, **{**arguments, **more})
    return renderer(gendr.LookAt(eye=eyes, **camera)(gendr.Lighting()(mesh)))


PICTURES = {"softras": softras_picture, "gendr": gendr_picture}
EITHER = pytest.mark.parametrize("door", PICTURES)
N = 4


@EITHER
@pytest.mark.parametrize("texture_type", ["surface", "vertex"])
def test_one_mesh_seen_by_several_eyes(door: str, texture_type: str) -> None:
    """The pictures of one eye after the other; gradients are their sums."""
    picture, eyes = PICTURES[door], some_eyes(N)
    results = []
    for together in (True, False):
        mesh = some_mesh(texture_type, n=1)
        inputs = [x.clone().requires_grad_() for x in (mesh.vertices, mesh.textures, eyes)]
        mesh.vertices, mesh.textures = inputs[:2]
        image = picture(mesh, inputs[2]) if together else torch.cat([picture(mesh, eye) for eye in inputs[2]])
        results.append([image, *torch.autograd.grad((image * numbers(20, *image.shape)).sum(), inputs)])
    assert results[0][0].shape == (N, 4, 8, 10) and results[0][1].shape == (1, 6, 3)
    for got, expected in zip(*results, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


@EITHER
def test_arguments_with_one_row_for_each_eye(door: str) -> None:
    """Scales, backgrounds, angles and ups (N,) beside one mesh and N eyes."""
    scale, gamma = ("sigma_val", "gamma_val") if door == "softras" else ("dist_scale", "aggr_rgb_gamma")
    each: dict[str, Tensor] = {
        scale: exactly([1e-2, 2e-2, 3e-2, 4e-2]),
        gamma: exactly([0.1, 0.2, 0.3, 0.4]),
        "background_color": numbers(1, N, 3).abs(),
        "viewing_angle": exactly([20.0, 25.0, 30.0, 35.0]),
        "up": numbers(2, N, 3) + exactly([0.0, 2.0, 0.0]),
    }
    eyes = some_eyes(N)
    got = PICTURES[door](some_mesh("surface", n=1), eyes, **each)
    for i in range(N):
        one = {name: values[i : i + 1] for name, values in each.items()}
        torch.testing.assert_close(got[i : i + 1], PICTURES[door](some_mesh("surface", n=1), eyes[i], **one))
    for name, values in each.items():  # on one eye, too, each of them makes N pictures, or is refused
        if name in ("viewing_angle", "up"):
            assert len(PICTURES[door](some_mesh("surface", n=1), eyes[0], **{name: values})) == N
        else:
            with pytest.raises(ValueError, match=name):
                PICTURES[door](some_mesh("surface", n=1), eyes[0], **{name: values})


def test_transform_expands_the_mesh_until_reset() -> None:
    mesh = some_mesh("surface", n=1)
    textures = mesh.textures
    sr.Transform("look_at", eye=some_eyes(N))(mesh)
    assert (mesh.batch_size, len(mesh.faces), len(mesh.textures)) == (N, N, N)
    mesh.reset_()
    assert (mesh.batch_size, len(mesh.faces)) == (1, 1) and mesh.textures is textures
    sr.Transform("projection", some_matrix(N), numbers(3, N, 5))(mesh)
    assert mesh.face_vertices.shape == (N, 5, 3, 3)


@EITHER
def test_numbers_that_do_not_fit_each_other(door: str) -> None:
    with pytest.raises(ValueError, match=r"eye must be \(3,\) or \(N, 3\), N = 2, got shape \(4, 3\)"):
        PICTURES[door](some_mesh("surface", n=2), some_eyes(4))
    with pytest.raises(ValueError, match=r"angle must be a number or \(N,\), N = 4, got shape \(3,\)"):
        PICTURES[door](some_mesh("surface", n=1), some_eyes(4), viewing_angle=torch.full((3,), 30.0))
    with pytest.raises(ValueError, match="eye, at and up must have N rows or 1, for N meshes or 1, got 4, 1, 3 for 1"):
        PICTURES[door](some_mesh("surface", n=1), some_eyes(4), up=torch.ones(3, 3))


@pytest.mark.parametrize("texture_type", ["surface", "vertex"])
def test_textures_that_do_not_fit_are_not_repeated(texture_type: str) -> None:
    """Set anew, one mesh's for all or one face's for all: Lighting multiplies, and would have repeated them."""
    one = (1, 5, 4, 3) if texture_type == "surface" else (1, 6, 3)
    for shape in (one, (2, 1, *one[2:])):
        for light in (gendr.Lighting(), sr.Lighting(texture_type)):
            mesh = some_mesh(texture_type)
            mesh.textures = torch.ones(shape, dtype=torch.float64)
            with pytest.raises(ValueError, match=r"textures must be of 2 x . .*, got shape"):
                light(mesh)
    corners, rest = some_mesh("surface").face_vertices, {"texture_type": texture_type}
    texels = torch.ones(1, 5, 3 if texture_type == "vertex" else 4, 3, dtype=torch.float64)
    for draw in (sr.functional.soft_rasterize, gendr.functional.render):
        with pytest.raises(ValueError, match=r"textures must be of 2 x 5 faces, as face_vertices, got shape \(1, 5"):
            draw(corners, texels, 8, **rest)
        with pytest.raises(TypeError, match=r"textures is torch.float32, face_vertices is torch.float64"):
            draw(corners, texels.expand(2, -1, -1, -1).float(), 8, **rest)


def test_lights_that_do_not_fit_each_other() -> None:
    for door in (sr, gendr):
        light = torch.zeros(1, 5, 3, dtype=torch.float64)
        with pytest.raises(ValueError, match="light_intensity and light_color must have N rows .* got 2, 3 for 1"):
            door.functional.ambient_lighting(light, torch.ones(2), torch.ones(3, 3))
        with pytest.raises(ValueError, match="2 meshes, the light is of 1"):
            door.functional.directional_lighting(light, light, torch.ones(2))
        with pytest.raises(TypeError, match="normals is torch.float32, light is torch.float64"):
            door.functional.directional_lighting(light, light.float())


# Up along the view.

UPS = {"+y": [0.0, 1, 0], "-y": [0.0, -1, 0], "+z": [0.0, 0, 1], "-z": [0.0, 0, -1], "+x": [1.0, 0, 0]}


@DOORS
@pytest.mark.parametrize("elevation", [90, -90])
@pytest.mark.parametrize("azimuth", [0, 45, -170])
@pytest.mark.parametrize("of", ["numbers", "float32", "float64"])
def test_straight_down_is_the_limit_of_nearby_elevations(door: Any, elevation: int, azimuth: int, of: str) -> None:
    points = numbers(0, 2, 5, 3).to(torch.float32 if of == "float32" else torch.float64)

    def angle(value: float) -> Any:
        return value if of == "numbers" else torch.full((2,), value, dtype=points.dtype)

    def seen(elevation: float) -> Tensor:
        camera = door.LookAt()
        camera.set_eyes_from_angles(angle(3.0), angle(elevation), angle(azimuth))
        return camera.transform(points)

    torch.testing.assert_close(seen(elevation), seen(elevation * (1 - 1e-4)), rtol=0, atol=2e-3)


@DOORS
@pytest.mark.parametrize("sign", [1, -1])
def test_eyes_alone_look_as_from_azimuth_0(door: Any, sign: int) -> None:
    points = numbers(0, 2, 5, 3)
    limit = door.functional.look_at(points, door.functional.get_points_from_angles(3, 89.99 * sign, 0))
    for eye in ((0, 3 * sign, 0), exactly([0, 3 * sign, 0]), door.functional.get_points_from_angles(3, 90 * sign, 70)):
        torch.testing.assert_close(door.functional.look_at(points, eye), limit, rtol=0, atol=2e-3)
        torch.testing.assert_close(door.functional.look(points, eye, (0, -sign, 0)), limit, rtol=0, atol=2e-3)
    x_axis = door.functional.look_at(exactly([[[1, 0, 0]]]), (0, 3 * sign, 0))[0, 0]
    torch.testing.assert_close(x_axis, exactly([1, 0, 3]))


@DOORS
@pytest.mark.parametrize("up", UPS)
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("length", [1.0, 1e-6, 1e6])
def test_any_up_along_the_view(door: Any, up: str, sign: int, length: float) -> None:
    """The camera is upright to some axis, its three axes are of length 1 and at right angles."""
    towards = exactly(UPS[up])
    axes = door.functional.look_at(torch.eye(3, dtype=torch.float64)[None], sign * towards, up=length * towards)[0]
    rotation = axes - exactly([0, 0, 1])  # the eye is one unit away
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3, dtype=torch.float64))
    assert torch.linalg.det(rotation).item() == pytest.approx(1)
    tilted = exactly(UPS[up]) * sign + 1e-3 * exactly(UPS[up]).roll(1).abs() * -1
    near = door.functional.look_at(torch.eye(3, dtype=torch.float64)[None], tilted, up=length * towards)[0]
    torch.testing.assert_close(axes, near, rtol=0, atol=5e-3)


@DOORS
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("way", ["angles", "eyes"])
def test_gradients_are_finite_there(door: Any, dtype: torch.dtype, way: str) -> None:
    points = numbers(0, 3, 5, 3).to(dtype)
    angles = torch.tensor([[3.0, 90.0, 20.0], [2.5, -90.0, 0.0], [3.0, 30.0, 0.0]], dtype=dtype)
    camera = door.LookAt()
    given = (angles if way == "angles" else door.functional.get_points_from_angles(*angles.T)).requires_grad_()
    camera.set_eyes_from_angles(*given.T) if way == "angles" else camera.set_eyes(given)
    up = torch.tensor([0.0, 1.0, 0.0], dtype=dtype, requires_grad=True)
    if way == "eyes":
        camera.up = up
    camera.transform(points).square().sum().backward()
    assert given.grad is not None and given.grad.isfinite().all() and (given.grad[:2] != 0).any(1).all()
    assert way == "angles" or (up.grad is not None and up.grad.isfinite().all())


@DOORS
def test_gradients_to_angles_are_derivatives_there(door: Any) -> None:
    points = numbers(0, 1, 5, 3)

    def seen(distance: Tensor, azimuth: Tensor) -> Tensor:
        camera = door.LookAt()
        camera.set_eyes_from_angles(distance, exactly(90.0), azimuth)
        return camera.transform(points)

    assert gradcheck(seen, (exactly(3.0).requires_grad_(), exactly(20.0).requires_grad_()))


@DOORS
def test_up_of_the_cameras(door: Any) -> None:
    vertices, eyes, ups = numbers(10, 2, 6, 3), some_eyes(2), numbers(4, 2, 3)
    direction = exactly([0.1, -0.2, 1.0])
    for up in (ups, ups[0].tolist(), ups[0].numpy()):
        expected = door.functional.look_at(vertices, eyes, up=up)
        camera = door.LookAt(eye=eyes, perspective=False, up=up)
        assert camera.up is up and torch.equal(camera.transform(vertices), expected)
        along = door.Look(direction, eye=eyes, perspective=False, up=up)
        assert torch.equal(along.transform(vertices), door.functional.look(vertices, eyes, direction, up))
        camera.up = None
        assert torch.equal(camera.transform(vertices), door.functional.look_at(vertices, eyes))


def test_up_of_the_renderers_arrives() -> None:
    up = [0.0, 0.0, 1.0]
    for make in (sr.SoftRenderer, sr.Renderer, sr.Transform):
        for mode in ("look", "look_at"):
            made: Any = make(camera_mode=mode, up=up)
            assert (made if make is sr.Transform else made.transform).transformer.up is up


def test_another_camera_for_the_same_view() -> None:
    camera = from_softras_look_at(exactly([0.0, 3.0, 0.0]), exactly([0.0, 0, 0]), exactly([0.0, 1, 0]), image_size=2)
    points = numbers(0, 1, 5, 3)
    seen = sr.functional.perspective(sr.functional.look_at(points, (0, 3, 0)))
    at = camera.project(points)
    torch.testing.assert_close(at[..., :2] if at.shape[-1] == 3 else at, seen[..., :2], rtol=0, atol=1e-12)
