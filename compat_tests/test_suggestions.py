"""`suggest`: settings that show a scene, with edges as soft as its faces allow."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import gendr_adapters.gendr as gendr
from gendr_adapters import Mesh, RenderSettings, data, gather_corners, load_mesh, render, suggest
from gendr_adapters.utils.cameras import orbit, project


def projected(name: str, distance: float, scale: float = 1.0) -> Mesh:
    mesh = load_mesh(data.path(name))
    camera = orbit(torch.tensor([distance]), torch.tensor([20.0]), torch.tensor([30.0]))
    return Mesh(project(mesh.vertices * scale, camera, 18.0)[0], mesh.faces)


def corners_of(mesh: Mesh) -> Tensor:
    return gather_corners(mesh.vertices, mesh.faces)


def softness(settings: RenderSettings, size: int) -> float:
    assert isinstance(settings.dist_scale, float)
    return math.sqrt(settings.dist_scale) * size / 2


@pytest.mark.parametrize("name", ["sphere_642.obj", "teapot.obj", "spot.obj"])
@pytest.mark.parametrize(("distance", "scale"), [(4.0, 1.0), (0.4, 0.1), (4000.0, 1000.0)])
@pytest.mark.parametrize("size", [64, 256])
def test_suggested_settings_show_the_scene(name: str, distance: float, scale: float, size: int) -> None:
    """All of it, in its outline: soft edges move that by half a pixel or so, for faces of any size."""
    corners = corners_of(projected(name, distance, scale))
    settings = suggest(corners, size)
    depth = corners[..., 2]
    extent = (depth.max() - depth.min()).item()
    assert 0 < settings.near < depth.min() and depth.max() < settings.far
    assert settings.far - settings.near < 2 * extent
    assert 0.005 * extent < settings.gamma * (settings.far - settings.near) < 0.02 * extent
    alpha = render(corners, size, settings=settings, outputs=("alpha",)).alpha
    hard = render(corners, size, settings=RenderSettings.sharp(alpha_range="all"), outputs=("alpha",)).alpha
    border = (hard - torch.nn.functional.max_pool2d(hard, 3, 1, 1)).abs().sum()  # pixels just outside
    assert hard.sum() > 100 and (alpha.sum() - hard.sum()).abs() < 0.8 * border
    wide = render(corners, size, settings=settings.replace(dist_scale=16 * settings.dist_scale)).alpha
    assert wide.sum() - hard.sum() > border  # what 4 times the softness would do


def test_suggested_softness_goes_with_the_faces() -> None:
    """Never wider than a pixel, nor so narrow that no pixel has a gradient."""
    mesh = projected("sphere_642.obj", 4.0)
    widths = [softness(suggest(corners_of(mesh), size), size) for size in (16, 128, 1024)]
    assert widths[0] == pytest.approx(0.25, rel=0.05) and widths[2] == pytest.approx(1.0, rel=0.05)
    assert widths[0] < widths[1] < widths[2]


def test_suggestion_for_a_mesh_is_that_for_its_corners() -> None:
    mesh = projected("teapot.obj", 3.0)
    expected = repr(suggest(corners_of(mesh), (48, 64)))
    assert repr(suggest(mesh, (48, 64))) == expected
    assert repr(suggest(Mesh(mesh.vertices[None], mesh.faces.int()), (48, 64))) == expected
    assert repr(suggest(corners_of(mesh).double().requires_grad_(), (48, 64))) == expected
    of_door = gendr.LookAt(viewing_angle=20)(gendr.Mesh.from_obj(data.path("airplane.obj")))
    assert repr(suggest(of_door, 64)) == repr(suggest(of_door.face_vertices, 64))


def test_suggestion_for_a_flat_scene_leaves_room() -> None:
    flat = torch.tensor([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]]])
    settings = suggest(flat, 64)
    assert settings.near < 1.96 and settings.far > 2.04


def test_suggestion_ignores_what_is_not_seen() -> None:
    corners = corners_of(projected("teapot.obj", 3.0))
    seen = repr(suggest(corners, 64))
    unseen = corners[:5].clone()
    unseen[0, 0] = torch.nan
    unseen[1, 2, 2] = -1.0
    unseen[2, :, 0] += 50
    unseen[3, :, 1] -= 50
    unseen[4, :, 2] = 0
    unseen[2:4, :, 2] = 99
    assert repr(suggest(torch.cat([unseen, corners]), 64)) == seen
    in_the_corner = corners[:1] * 0 + torch.tensor([1.5, 0.0, 99.0])
    assert suggest(torch.cat([in_the_corner, corners]), (64, 128)).far > 99  # the picture spans [-2, 2]
    assert suggest(torch.cat([in_the_corner, corners]), (128, 64)).far < 99


ONE = torch.tensor([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]]])


@pytest.mark.parametrize(
    ("scene", "error", "words"),
    [
        (torch.zeros(0, 3, 3), ValueError, "the scene has no faces"),
        (torch.zeros(2, 0, 3, 3), ValueError, "the scene has no faces"),
        (ONE * torch.nan, ValueError, "no face of the scene has corners that are all finite"),
        (ONE * torch.tensor([1.0, 1.0, -1.0]), ValueError, "all 1 faces have corners at or behind the camera.*is -2"),
        (ONE + torch.tensor([3.0, 0, 0]), ValueError, r"outside the picture: they span x from 2.5 to 3.5.*\+-1"),
        (
            Mesh(ONE[0] - 2, torch.tensor([[0, 1, 2]])),
            ValueError,
            "the mesh has vertices at or behind the camera.*project",
        ),
        (ONE.to("meta"), ValueError, "suggest needs tensors with values"),
        (ONE.half(), TypeError, "face_vertices must be float32 or float64"),
        (ONE[0], ValueError, r"face_vertices must be \(F, 3, 3\)"),
        (ONE.tolist(), TypeError, "scene must be a tensor, face_vertices, or a mesh with vertices and faces, got list"),
        (Mesh(ONE[0], torch.tensor([[0.0, 1, 2]])), TypeError, "faces must be an int64 or int32 tensor"),
        (Mesh(ONE[0].tolist(), torch.tensor([[0, 1, 2]])), TypeError, "scene.vertices must be a tensor"),
    ],
)
def test_suggestion_refuses(scene: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        suggest(scene, 64)
    with pytest.raises(TypeError, match="image_size must be"):
        suggest(ONE, "64")


def test_suggestion_inside_a_compiled_function() -> None:
    """Dynamo leaves it alone; the graph breaks there."""
    compiled = torch.compile(lambda x: render(x, 16, settings=suggest(x * 1, 16)).alpha, backend="eager")
    assert torch.equal(compiled(ONE), render(ONE, 16, settings=suggest(ONE, 16)).alpha)
