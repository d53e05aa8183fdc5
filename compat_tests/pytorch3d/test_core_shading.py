"""Textures and lights in the core, in one pass over the faces, against the same shaders fragment by fragment."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import pytest
import torch
from door_scenes import SIZE, gradients
from lit_scene import LIGHTS, TEXTURES, Scene
from support.messages import about

from gendr_adapters.pytorch3d import GenDRFlatShader, GenDRPhongShader, _shaders
from gendr_adapters.pytorch3d._core_shading import BeyondTheCore

SHADERS = pytest.mark.parametrize("shader", [GenDRPhongShader, GenDRFlatShader])


@contextmanager
def fragment_by_fragment() -> Iterator[None]:
    def refuse(*args: Any) -> None:
        raise BeyondTheCore("a test wants to see every fragment")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_shaders, "show", refuse)
        yield


@contextmanager
def in_one_pass() -> Iterator[None]:
    def refuse(*args: Any) -> None:
        raise AssertionError("shaded fragment by fragment")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_shaders, "shade_fragments", refuse)
        yield


def assert_both_ways(scene: Scene, shader: Any, share: float = 1e-8, **how: Any) -> None:
    """Pictures, and gradients to all leaves, of which some may have none."""
    with in_one_pass():
        ours = scene.draw(shader, **how)
        slopes = gradients(ours, list(scene.leaves.values()))
    with fragment_by_fragment():
        expected = scene.draw(shader, **how)
        wanted = gradients(expected, list(scene.leaves.values()))
    assert ours.dtype == expected.dtype and expected[..., 3].max() > 0.9
    torch.testing.assert_close(ours, expected, rtol=0, atol=share)
    for name, a, b in zip(scene.leaves, slopes, wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=share * float(b.abs().max()), msg=about(name))


@SHADERS
@pytest.mark.parametrize("lights", LIGHTS)
@pytest.mark.parametrize("textures", TEXTURES)
def test_textures_and_lights(textures: str, lights: str, shader: Any) -> None:
    scene = Scene(textures, lights)
    assert_both_ways(scene, shader)
    found = dict(zip(scene.leaves, gradients(scene.draw(shader), list(scene.leaves.values())), strict=True))
    unlit = {f"materials' {name}" for name in ("diffuse_color", "specular_color", "shininess") if lights == "ambient"}
    for name, slope in found.items():
        assert bool(slope.any()) == (name not in unlit), name  # else the comparison shows nothing


@pytest.mark.parametrize("n_lights, n_materials", [(1, 1), (1, 2), (2, 1)])
@pytest.mark.parametrize("lights", ["point", "directional"])
def test_one_light_or_material_for_all(lights: str, n_lights: int, n_materials: int) -> None:
    assert_both_ways(Scene("uv", lights, n_lights, n_materials), GenDRPhongShader)


@pytest.mark.parametrize(
    "sampling_mode, padding_mode, align_corners",
    product(("bilinear", "nearest"), ("border", "zeros", "reflection"), (True, False)),
)
def test_sampling(sampling_mode: str, padding_mode: str, align_corners: bool) -> None:
    """uvs are from -0.4 to 1.4."""
    how = {"sampling_mode": sampling_mode, "padding_mode": padding_mode, "align_corners": align_corners}
    assert_both_ways(Scene("uv", **how), GenDRPhongShader)


@SHADERS
@pytest.mark.parametrize("textures", ["vertex", "atlas", "uv"])
@pytest.mark.parametrize(
    "settings",
    [
        {"blur_radius": 0.0},
        {"z_clip_value": 2.5},
        {"perspective_correct": False},
        {"cull_backfaces": True},
    ],
    ids=str,
)
def test_settings(settings: dict[str, Any], textures: str, shader: Any) -> None:
    assert_both_ways(Scene(textures), shader, settings=settings)


@pytest.mark.parametrize("textures", ["vertex", "uv", "shared map"])
def test_weights_that_are_not_clipped(textures: str) -> None:
    assert_both_ways(Scene(textures), GenDRPhongShader, settings={"clip_barycentric_coords": False})


@SHADERS
@pytest.mark.parametrize("textures", ["vertex", "atlas", "uv", "shared map"])
@pytest.mark.parametrize("lights", ["point", "ambient"])
def test_meshes_before_a_picture(lights: str, textures: str, shader: Any) -> None:
    scene = Scene(textures, lights)
    scene.leaves["background"] = torch.rand(2, *SIZE, 3, dtype=torch.float64).requires_grad_()
    assert_both_ways(scene, shader)


@SHADERS
@pytest.mark.parametrize("textures", ["vertex", "atlas", "uv", "shared map"])
@pytest.mark.parametrize("picture", [False, True])
def test_a_depth_range_for_each_image(picture: bool, textures: str, shader: Any) -> None:
    scene = Scene(textures)
    if picture:
        scene.leaves["background"] = torch.rand(2, *SIZE, 3, dtype=torch.float64).requires_grad_()
    assert_both_ways(scene, shader, znear=torch.tensor([1.0, 0.2]), zfar=torch.tensor([100.0, 4.0]))


@SHADERS
@pytest.mark.parametrize("textures", TEXTURES)
def test_single_precision(textures: str, shader: Any) -> None:
    """Of lights in front: on the verge of their being seen rounding moves gradients by more."""
    scene = Scene(textures, "point", dtype=torch.float32)
    with torch.no_grad():
        scene.of_lights["location"].copy_(3 * scene.cameras.get_camera_center())
    assert_both_ways(scene, shader, 2e-3)
