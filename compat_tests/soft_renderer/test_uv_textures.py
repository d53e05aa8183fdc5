"""Meshes with texture_type 'uv': pictures, light, gradients and batches, against what is known of them otherwise."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from soft_scenes import DOORS, FACES, exactly, numbers
from torch import Tensor
from torch.autograd import gradcheck
from torch.testing import assert_close

import gendr_adapters.gendr as gendr
import gendr_adapters.softras as sr
from gendr_adapters import RenderSettings, TextureMaps, render
from gendr_adapters._soft_renderer import rasterizing
from gendr_adapters.reference import render as reference_render

SIZE = 20
HARD: dict[Any, dict[str, Any]] = {
    sr: {"dist_func": "hard", "aggr_func_rgb": "hard", "aggr_func_alpha": "hard", "fill_back": True},
    gendr: {"dist_func": "hard", "aggr_rgb_func": "hard", "aggr_alpha_func": "hard", "double_side": True},
}
# No face is out of reach, as there is none for the reference.
SOFT: dict[Any, dict[str, Any]] = {
    sr: {"sigma_val": 1e-2, "dist_eps": 1e-13, "gamma_val": 1e-1, "far": 5, "fill_back": True},
    gendr: {"dist_scale": 5e-2, "aggr_rgb_gamma": 1e-1, "far": 5, "double_side": True},
}


def vertices_in_the_picture(n: int = 2) -> Tensor:
    """At depths of 2 to 4."""
    return numbers(10, n, 6, 3) * 0.9 + exactly([0.0, 0.0, 3.0])


def some_maps(n: int | None = 2, **how: Any) -> TextureMaps:
    """n: of meshes that have a map and uvs each; None: one for all."""
    of_meshes = () if n is None else (n,)
    return TextureMaps(numbers(20, *of_meshes, 5, 4, 3).abs(), (numbers(21, *of_meshes, 5, 3, 2) + 1) / 2, **how)


def mesh_of(textures: Any, n: int = 2, vertices: Tensor | None = None) -> sr.Mesh:
    vertices = vertices_in_the_picture(n) if vertices is None else vertices
    return sr.Mesh(vertices, FACES.expand(n, 5, 3), textures, texture_type="uv")


def rasterizer(door: Any, texture_type: str = "uv", **arguments: Any) -> Any:
    make = sr.SoftRasterizer if door is sr else gendr.GenDR
    return make(image_size=SIZE, texture_type=texture_type, **arguments)


def lit(door: Any, mesh: sr.Mesh, **arguments: Any) -> sr.Mesh:
    mode = {"light_mode": mesh.texture_type} if door is sr else {}
    lighting = door.Lighting(**mode, **{**LAMP, **arguments})
    lighting.directionals.append(door.DirectionalLighting(0.3, [0.2, 0.9, 0.4], [-0.5, 0.1, -1.0]))
    return lighting(mesh)


LAMP: dict[str, Any] = {
    "intensity_ambient": 0.25,
    "color_directionals": [1.0, 0.5, 0.25],
    "directions": [0.3, 2.0, -1.0],
}


@DOORS
@pytest.mark.parametrize("how", [{}, {"align_corners": True, "padding": "repeat"}, {"filter": "nearest"}], ids=str)
def test_pictures_are_the_references(door: Any, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the specification of the core, with the settings that the door has for other textures."""
    asked: list[RenderSettings] = []

    def remember(*arguments: Any, **keywords: Any) -> Any:
        asked.append(keywords["settings"])
        return render(*arguments, **keywords)

    monkeypatch.setattr(rasterizing, "render", remember)
    mesh = mesh_of(some_maps(**how))
    rasterizer(door, "surface", **SOFT[door])(sr.Mesh(mesh.vertices, mesh.faces))
    found = rasterizer(door, **SOFT[door])(mesh)
    for i in range(2):
        textures = mesh.textures._replace(maps=mesh.textures.maps[i], uvs=mesh.textures.uvs[i])
        expected = reference_render(mesh.face_vertices[i], (SIZE, SIZE), textures, settings=asked[0])
        assert expected.image is not None and expected.alpha is not None
        assert_close(found[i, :3], expected.image.squeeze(0), rtol=0, atol=1e-9)
        assert_close(found[i, 3], expected.alpha.squeeze(0), rtol=0, atol=1e-9)


@DOORS
def test_light_is_that_of_surface_textures(door: Any) -> None:
    """One texel a face and a map of one are the same, in any light; also in one without differences or below 0."""
    colours = numbers(30, 2, 3).abs()
    for lamp in ({}, {"intensity_directionals": 0.0}, {"intensity_ambient": -2.0}):
        pictures = []
        for texture_type in ("surface", "uv"):
            textures: Any = colours[:, None, None].expand(2, 5, 1, 3)
            if texture_type == "uv":
                textures = some_maps()._replace(maps=colours[:, None, None])
            mesh = sr.Mesh(numbers(10, 2, 6, 3) * 0.8, FACES.expand(2, 5, 3), textures, texture_type=texture_type)
            lit_mesh = lit(door, lit(door, mesh, **lamp), **lamp)
            mesh = door.LookAt()(lit_mesh) if door is gendr else sr.Transform("look_at")(lit_mesh)
            pictures.append(rasterizer(door, texture_type, **SOFT[door])(mesh))
        assert pictures[0][:, :3].std() > 1e-3
        assert_close(pictures[1], pictures[0], rtol=0, atol=1e-12)


@DOORS
def test_light_multiplies_the_map(door: Any) -> None:
    """Hard: a pixel shows its face's texel times its face's light."""
    mesh = mesh_of(some_maps())
    plain = rasterizer(door, **HARD[door])(mesh)
    _, face = (
        plain,
        rasterizer(door, "vertex", **HARD[door])(
            sr.Mesh(
                mesh.face_vertices.flatten(1, 2),
                torch.arange(15).view(1, 5, 3).expand(2, 5, 3),
                torch.arange(1.0, 6.0, dtype=torch.float64).repeat_interleave(3)[None, :, None].expand(2, 15, 3),
                texture_type="vertex",
            )
        ),
    )
    number = face[:, 0].round().long()
    lighting = lit(door, mesh).textures.light
    light = torch.cat([torch.zeros(2, 1, 3, dtype=torch.float64), lighting], 1)
    of_pixel = torch.stack([light[i][number[i]] for i in range(2)]).permute(0, 3, 1, 2)
    shown = rasterizer(door, **HARD[door])(lit(door, mesh_of(some_maps())))
    assert number.unique().numel() > 3
    assert_close(shown[:, :3], plain[:, :3] * of_pixel, rtol=0, atol=1e-12)


def softras_picture(mesh: sr.Mesh, **arguments: Any) -> Tensor:
    renderer = sr.SoftRenderer(image_size=12, camera_mode="look_at", gradient="exact", anti_aliasing=False, **arguments)
    return renderer(mesh.vertices, mesh.faces, mesh.textures, texture_type="uv")


def gendr_picture(mesh: sr.Mesh, **arguments: Any) -> Tensor:
    mesh = gendr.LookAt()(gendr.Lighting()(mesh))
    return gendr.GenDR(image_size=12, gradient="exact", texture_type="uv", **arguments)(mesh)


@DOORS
@pytest.mark.parametrize("n", [1, 2])
def test_gradients_are_derivatives(door: Any, n: int) -> None:
    """To the map, uvs and vertices, in the light that falls on these."""
    picture: Callable[..., Tensor] = softras_picture if door is sr else gendr_picture
    textures = some_maps(n)
    # Far enough in the map that no difference crosses from one texel to the next.
    uvs = (0.3 + 0.05 * numbers(22, n, 5, 3, 2)).requires_grad_()
    maps, vertices = textures.maps.requires_grad_(), (numbers(10, n, 6, 3) * 0.6).requires_grad_()
    wide: dict[str, Any] = (
        {"sigma_val": 1e-2, "gamma_val": 1.0} if door is sr else {"dist_scale": 0.3, "aggr_rgb_gamma": 1.0}
    )
    if door is gendr:
        wide["dist_func"] = "logistic"

    def shown(maps: Tensor, uvs: Tensor, vertices: Tensor) -> Tensor:
        return picture(mesh_of(TextureMaps(maps, uvs), n, vertices), **wide)

    assert gradcheck(shown, (maps, uvs, vertices), fast_mode=True)


def test_gradients_to_lamps() -> None:
    def shown(intensity: Tensor, colour: Tensor, direction: Tensor) -> Tensor:
        mesh = lit(
            gendr, mesh_of(some_maps()), intensity_ambient=intensity, color_directionals=colour, directions=direction
        )
        return rasterizer(gendr, **SOFT[gendr])(mesh)

    at = [exactly(0.3), exactly([1.0, 0.4, 0.2]), exactly([0.3, 1.0, -0.6])]
    assert gradcheck(shown, [x.requires_grad_() for x in at])


@DOORS
def test_one_mesh_seen_by_several_cameras(door: Any) -> None:
    """Shares its map and light, and its map has all pictures' gradients."""
    eyes = exactly([[0.0, 1.0, -3.0], [1.0, 0.0, -3.0], [-1.0, 1.0, -2.5]])

    def picture(textures: TextureMaps, eyes: Tensor) -> Tensor:
        mesh = lit(door, mesh_of(textures, 1, numbers(10, 1, 6, 3)))
        if door is sr:
            mesh = sr.Transform("look_at", eye=eyes)(mesh)
        else:
            mesh = gendr.LookAt(eye=eyes)(mesh)
        return rasterizer(door, **SOFT[door])(mesh)

    for shared in (some_maps(None), some_maps(1), some_maps(1, map_index=torch.zeros(1, 5, dtype=torch.int64))):
        map_ = shared.maps.clone().requires_grad_()
        together = picture(shared._replace(maps=map_), eyes)
        singly = torch.cat([picture(shared._replace(maps=map_), eye[None]) for eye in eyes])
        assert_close(together, singly, rtol=0, atol=1e-14)
        gradients = [torch.autograd.grad(x.square().sum(), map_)[0] for x in (together, singly)]
        assert gradients[0].any()
        assert_close(*gradients)


@DOORS
def test_a_map_for_each_face(door: Any) -> None:
    maps = some_maps(3)
    index = torch.tensor([0, 2, 1, 1, 0])
    textures = TextureMaps(maps.maps, some_maps(2).uvs, index)
    found = rasterizer(door, **HARD[door])(mesh_of(textures))
    singly = [rasterizer(door, **HARD[door])(mesh_of(TextureMaps(maps.maps[i], textures.uvs))) for i in range(3)]
    assert all(((found - single).abs().amax(1) < 1e-12).any() for single in singly)
    assert (torch.stack([(found - single).abs().amax(1) for single in singly]).amin(0) < 1e-12).all()


@DOORS
def test_backgrounds_and_anti_aliasing(door: Any) -> None:
    background = numbers(40, 2, 3, SIZE, SIZE).abs()
    mesh = lit(door, mesh_of(some_maps()))
    found = rasterizer(door, **SOFT[door], background_color=background)(mesh)
    black, white = (rasterizer(door, **SOFT[door], background_color=colour)(mesh) for colour in ([0, 0, 0], [1, 1, 1]))
    share = (white - black)[:, :3]
    assert_close(found[:, :3], black[:, :3] + share * background, rtol=0, atol=1e-12)
    fine = rasterizer(door, **SOFT[door], anti_aliasing=True)
    assert fine(mesh).shape == (2, 4, SIZE, SIZE)
    colour, depth = rasterizer(door, **SOFT[door])(mesh, return_depth=True)
    assert torch.equal(colour, black) and depth.shape == (2, SIZE, SIZE)


def test_fill_back_shows_the_same_texture_behind() -> None:
    mesh, turned = mesh_of(some_maps()), mesh_of(some_maps())
    mesh.fill_back_()
    assert mesh.num_faces == 10 and mesh.textures.uvs.shape == (2, 10, 3, 2)
    one_sided = {**HARD[sr], "fill_back": False}
    assert_close(rasterizer(sr, **one_sided)(mesh), rasterizer(sr, **HARD[sr])(turned), rtol=0, atol=1e-12)
    bright = lit(sr, mesh_of(some_maps(None, map_index=torch.zeros(5, dtype=torch.int64))))
    bright.fill_back_()
    assert bright.textures.light.shape == (2, 10, 3) and bright.textures.textures.map_index.shape == (10,)
    expected = rasterizer(sr, **HARD[sr])(lit(sr, mesh_of(some_maps(None))))
    assert_close(rasterizer(sr, **one_sided)(bright), expected, rtol=0, atol=1e-12)


def test_reset_takes_the_light_away() -> None:
    textures = some_maps()
    mesh = lit(sr, mesh_of(textures))
    assert mesh.textures is not textures and mesh.textures.textures is textures
    mesh.reset_()
    assert mesh.textures is textures


def test_meshes_are_white_unless_told() -> None:
    mesh = sr.Mesh(vertices_in_the_picture(), FACES.expand(2, 5, 3), texture_type="uv")
    assert torch.equal(
        rasterizer(sr, **HARD[sr])(mesh),
        rasterizer(sr, "surface", **HARD[sr])(sr.Mesh(mesh.vertices, mesh.faces)),
    )
    assert mesh.texture_res == 1


def test_meshes_without_faces() -> None:
    none = TextureMaps(exactly([[[1.0, 1.0, 1.0]]]), torch.zeros(0, 3, 2, dtype=torch.float64))
    mesh = sr.Mesh(vertices_in_the_picture(), torch.zeros(2, 0, 3, dtype=torch.int64), none, texture_type="uv")
    assert not rasterizer(sr, **SOFT[sr])(lit(sr, mesh)).any()


def test_face_with_nan_does_not_darken_the_others() -> None:
    vertices, textures = numbers(10, 2, 6, 3) * 0.8, some_maps()
    wild = vertices.clone()
    wild[:, 5] = torch.nan  # of the last face alone
    pictures = []
    for mesh in (
        mesh_of(textures, 2, wild),
        sr.Mesh(vertices, FACES[:4].expand(2, 4, 3), textures._replace(uvs=textures.uvs[:, :4]), texture_type="uv"),
    ):
        pictures.append(rasterizer(gendr, **SOFT[gendr])(gendr.LookAt()(lit(gendr, mesh))))
    assert_close(pictures[0], pictures[1], rtol=0, atol=1e-12)
    nowhere = gendr.LookAt()(lit(gendr, mesh_of(textures, 2, torch.full_like(wild, torch.nan))))
    assert not rasterizer(gendr, **SOFT[gendr])(nowhere).any()


def test_float32_light() -> None:
    """A little of it, over much of it: to a few roundings of all of it."""
    pictures = []
    for texture_type in ("surface", "uv"):
        mesh = sr.Mesh(
            vertices_in_the_picture().float(),
            FACES.expand(2, 5, 3),
            TextureMaps(torch.ones(1, 1, 3), torch.rand(5, 3, 2)) if texture_type == "uv" else torch.ones(2, 5, 1, 3),
            texture_type=texture_type,
        )
        pictures.append(rasterizer(gendr, texture_type, **HARD[gendr])(lit(gendr, mesh, intensity_ambient=50.0)))
    assert pictures[1].dtype == torch.float32 and pictures[1][:, 0].unique().numel() > 3
    assert_close(pictures[1], pictures[0], rtol=1e-6, atol=0)


def test_gradients_of_maps_repeat_bit_for_bit_and_reference_is_the_default() -> None:
    """SoftRas' own gradient holds the weights of colour constant, which maps do not ask for."""
    found: dict[str, Tensor] = {}
    for gradient in ("reference", "exact"):
        for _ in range(2):
            map_ = some_maps().maps.requires_grad_()
            mesh = mesh_of(some_maps()._replace(maps=map_))
            picture = rasterizer(sr, **SOFT[sr], **({} if gradient == "reference" else {"gradient": gradient}))(mesh)
            picture.square().sum().backward()
            assert map_.grad is not None and torch.equal(found.setdefault(gradient, map_.grad), map_.grad)
    assert_close(found["reference"], found["exact"])


MAPS = some_maps()
BAD = {
    "a tensor": (TypeError, "TextureMaps.*got Tensor", lambda: mesh_of(numbers(1, 2, 5, 4, 3))),
    "maps of one channel": (ValueError, r"\(H, W, 3\)", lambda: mesh_of(MAPS._replace(maps=MAPS.maps[..., :1]))),
    "no tensor": (TypeError, "maps must be a tensor", lambda: mesh_of(MAPS._replace(maps=[1.0]))),
    "uvs of other faces": (ValueError, r"uvs must be \(5, 3, 2\)", lambda: mesh_of(MAPS._replace(uvs=MAPS.uvs[:, :4]))),
    "uvs of other meshes": (ValueError, "uvs must be", lambda: mesh_of(MAPS._replace(uvs=numbers(1, 3, 5, 3, 2)))),
    "index of other faces": (
        ValueError,
        "map_index must be",
        lambda: mesh_of(MAPS._replace(map_index=torch.zeros(4, dtype=torch.int64))),
    ),
    "maps with 'surface'": (
        TypeError,
        "tensor",
        lambda: sr.Mesh(vertices_in_the_picture(), FACES.expand(2, 5, 3), MAPS),
    ),
    "an unknown type": (
        ValueError,
        "'surface', 'vertex' or 'uv'",
        lambda: sr.Mesh(vertices_in_the_picture(), FACES.expand(2, 5, 3), texture_type="uvs"),
    ),
    "light for others": (
        ValueError,
        "light is for 'surface'",
        lambda: sr.Lighting()(mesh_of(MAPS)),
    ),
    "another rasteriser": (TypeError, "of texture_type 'uv'", lambda: rasterizer(sr, "surface")(mesh_of(MAPS))),
    "another mesh": (
        TypeError,
        "TextureMaps",
        lambda: rasterizer(sr)(sr.Mesh(vertices_in_the_picture(), FACES.expand(2, 5, 3))),
    ),
    "float32 maps": (TypeError, "maps", lambda: rasterizer(sr)(mesh_of(MAPS._replace(maps=MAPS.maps.float())))),
    "an unknown padding": (ValueError, "padding", lambda: rasterizer(sr)(mesh_of(MAPS._replace(padding="wrap")))),
    "a map too few": (
        ValueError,
        "map_index",
        lambda: rasterizer(sr)(mesh_of(MAPS._replace(maps=numbers(1, 3, 5, 4, 3)))),
    ),
    "light of other faces": (ValueError, "lit for faces", lambda: _relit()),
}


def _relit() -> None:
    mesh = lit(sr, mesh_of(MAPS))
    mesh.textures = mesh.textures._replace(light=mesh.textures.light[:, :4])


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str) -> None:
    error, message, call = BAD[name]
    with pytest.raises(error, match=message):
        call()
