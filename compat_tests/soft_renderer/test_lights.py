"""Light against loops in plain Python: the functions, and both doors' Lighting on meshes."""

from typing import Any

import numpy as np
import pytest
import slow_cameras as slow
import torch
from soft_scenes import DOORS, each, exactly, numbers, some_mesh
from torch import Tensor
from torch.autograd import gradcheck

import gendr_adapters.gendr as gendr
import gendr_adapters.softras as sr


def slowly_lit(mesh: sr.Mesh, ambient: Any, lamps: Any) -> Tensor:
    """The textures in the light: ambient and lamps as those of slow_cameras.light, one set for each of the meshes."""
    lit = []
    scene = zip(mesh.vertices.tolist(), mesh.faces.tolist(), mesh.textures.tolist(), ambient, lamps, strict=True)
    for vertices, faces, textures, base, directionals in scene:
        if mesh.texture_type == "surface":
            normals = [slow.surface_normal([vertices[i] for i in face]) for face in faces]
            texels = textures
        else:
            normals = slow.vertex_normals(vertices, faces)
            texels = [[colour] for colour in textures]
        lights = [slow.light(normal, base, directionals) for normal in normals]
        pairs = zip(texels, lights, strict=True)
        lit.append([[[c * x for c, x in zip(t, light, strict=True)] for t in own] for own, light in pairs])
    return exactly(lit).reshape(mesh.textures.shape)


@DOORS
@pytest.mark.parametrize("n", [1, 2, 3, 5])  # at 5, the number of faces, the originals mix up faces and meshes
@pytest.mark.parametrize("a_row_each", [False, True])
def test_functions(door: Any, n: int, a_row_each: bool) -> None:
    rows = n if a_row_each else 1
    normals = torch.nn.functional.normalize(numbers(0, n, 5, 3), dim=-1)
    colours, direction = numbers(1, 2, rows, 3).abs(), numbers(2, rows, 3)
    intensity = numbers(3, 2, n).abs() if a_row_each else exactly([[0.4] * n, [0.7] * n])
    given = list(intensity) if a_row_each else [0.4, 0.7]
    light = torch.zeros(n, 5, 3, dtype=torch.float64)
    assert door.functional.ambient_lighting(light, given[0], colours[0]) is light
    assert door.functional.directional_lighting(light, normals, given[1], colours[1], direction) is light
    expected = [
        [slow.light(normal, (a, ambient), [(b, lamp, towards)]) for normal in image]
        for image, a, b, ambient, lamp, towards in zip(
            normals.tolist(), *intensity.tolist(), *(each(n, x) for x in (*colours, direction)), strict=True
        )
    ]
    torch.testing.assert_close(light, exactly(expected), rtol=0, atol=1e-14)


@DOORS
def test_gradients_of_functions(door: Any) -> None:
    normals = torch.nn.functional.normalize(numbers(0, 2, 5, 3), dim=-1)

    def light(normals: Tensor, *lamps: Tensor) -> Tensor:
        total = door.functional.ambient_lighting(torch.zeros_like(normals), *lamps[:2])
        return door.functional.directional_lighting(total, normals, *lamps[2:])

    lamps = [numbers(1, 2).abs(), numbers(2, 2, 3), numbers(3).abs(), numbers(4, 3), numbers(5, 2, 3)]
    assert gradcheck(light, [x.clone().requires_grad_() for x in (normals, *lamps)])


@DOORS
def test_defaults_and_kinds_of_functions(door: Any) -> None:
    normals = torch.tensor([[[0.0, 1.0, 0.0], [0.0, -1.0, 0.0], [0.6, 0.8, 0.0]]])
    light = door.functional.directional_lighting(door.functional.ambient_lighting(torch.zeros(1, 3, 3)), normals)
    torch.testing.assert_close(light[0], torch.tensor([[1.0] * 3, [0.5] * 3, [0.9] * 3]))
    for kind in (list, tuple, np.array, torch.tensor):
        other = door.functional.ambient_lighting(torch.zeros(1, 3, 3), 0.5, kind([1.0, 1.0, 1.0]))
        other = door.functional.directional_lighting(other, normals, 0.5, kind([1, 1, 1]), kind([0, 1, 0]))
        assert torch.equal(other, light) and other.dtype == torch.float32


@pytest.mark.parametrize("texture_type", ["surface", "vertex"])
@pytest.mark.parametrize("door", ["softras", "gendr"])
@pytest.mark.parametrize("n", [2, 3])  # at 3 the originals' cross product runs along the meshes
def test_lighting(door: str, texture_type: str, n: int) -> None:
    arguments: dict[str, Any] = {
        "intensity_ambient": 0.3,
        "color_ambient": (0.9, 0.8, 0.7),
        "intensity_directionals": 0.6,
        "color_directionals": numbers(6, n, 3).abs(),
        "directions": numbers(7, n, 3),
    }
    softras = door == "softras"
    lighting: Any = sr.Lighting(texture_type, **arguments) if softras else gendr.Lighting(**arguments)
    second = (0.4, (0.2, 0.5, 1.0), (0.6, 0.0, -0.8))
    lighting.directionals.append((sr if softras else gendr).DirectionalLighting(*second))
    first = zip(arguments["color_directionals"].tolist(), arguments["directions"].tolist(), strict=True)
    lamps = [[(0.6, colour, direction), second] for colour, direction in first]
    mesh = some_mesh(texture_type, n)
    expected, before = slowly_lit(mesh, [(0.3, (0.9, 0.8, 0.7))] * n, lamps), mesh.textures
    lit = lighting(mesh)
    torch.testing.assert_close(lit.textures, expected, rtol=0, atol=1e-13)
    assert lit.texture_type == texture_type and torch.equal(lit.vertices, mesh.vertices)
    assert (lit is mesh) == softras
    if not softras:
        assert mesh.textures is before


@pytest.mark.parametrize("texture_type", ["surface", "vertex"])
def test_gradients_of_lighting(texture_type: str) -> None:
    def lit(vertices: Tensor, textures: Tensor, colour: Tensor, direction: Tensor) -> Tensor:
        mesh = some_mesh(texture_type, vertices=vertices, textures=textures)
        return gendr.Lighting(0.3, (1, 1, 1), 0.7, colour, direction)(mesh).textures

    mesh = some_mesh(texture_type)
    inputs = mesh.vertices, mesh.textures, numbers(6, 3), numbers(7, 2, 3)
    assert gradcheck(lit, [x.clone().requires_grad_() for x in inputs])


def test_lit_twice_is_lit_twice_until_reset() -> None:
    """SoftRas' Lighting works on the mesh itself."""
    mesh, lighting = some_mesh("surface"), sr.Lighting(intensity_directionals=0.0)
    before = mesh.textures.clone()
    torch.testing.assert_close(lighting(lighting(mesh)).textures, before / 4)
    mesh.reset_()
    assert torch.equal(mesh.textures, before)


def test_modules_keep_their_arguments() -> None:
    for door in (sr, gendr):
        ambient, lamp = door.AmbientLighting(0.25, (1, 0, 0)), door.DirectionalLighting(0.5, (0, 1, 0), (0, 0, 1))
        light = lamp(ambient(torch.zeros(1, 1, 3)), torch.tensor([[[0.0, 0.0, 1.0]]]))
        assert light.tolist() == [[[0.25, 0.5, 0.0]]]
        ambient.light_intensity, lamp.light_direction = 0.5, (0, 0, -1)
        light = lamp(ambient(torch.zeros(1, 1, 3)), torch.tensor([[[0.0, 0.0, 1.0]]]))
        assert light.tolist() == [[[0.5, 0.0, 0.0]]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sr.Lighting("face"), "light_mode must be 'surface', 'vertex' or 'uv', got 'face'"),
        (lambda: sr.Lighting("vertex")(some_mesh("surface")), "for 'vertex' textures, the mesh has 'surface'"),
        (
            lambda: sr.functional.ambient_lighting(torch.zeros(2, 3)),
            r"light must be a tensor \(N, K, 3\), got \(2, 3\)",
        ),
        (
            lambda: sr.functional.ambient_lighting(torch.zeros(2, 4, 3), 0.5, torch.ones(3, 3)),
            r"light_color must be \(3,\) or \(N, 3\), N = 2, got shape \(3, 3\)",
        ),
        (lambda: sr.Lighting("surface", 0.5, torch.ones(2, 3))(some_mesh("surface", 1)), "2 meshes, the light is of 1"),
        (
            lambda: sr.functional.directional_lighting(torch.zeros(2, 4, 3), torch.zeros(2, 5, 3)),
            r"normals must be of the shape of light, \(2, 4, 3\), got shape \(2, 5, 3\)",
        ),
    ],
)
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
