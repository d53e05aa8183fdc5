"""Textures and lights in the core, in one pass over the faces, against the same shaders fragment by fragment."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import pytest
import torch
from door_scenes import GAMMA, SIGMA, SIZE, cameras_of, gradients, renderer_of
from pytorch3d.renderer import (
    AmbientLights,
    DirectionalLights,
    Materials,
    PointLights,
    TexturesAtlas,
    TexturesUV,
    TexturesVertex,
)
from pytorch3d.structures import Meshes
from pytorch3d.utils import ico_sphere
from torch import Tensor

from gendr_adapters.pytorch3d import GenDRBlendParams, GenDRFlatShader, GenDRPhongShader, _shaders
from gendr_adapters.pytorch3d._core_shading import BeyondTheCore

SHADERS = pytest.mark.parametrize("shader", [GenDRPhongShader, GenDRFlatShader])
LIGHTS = {"point": PointLights, "directional": DirectionalLights, "ambient": AmbientLights}
TEXTURES = ("vertex", "atlas", "uv", "shared map", "maps of two sizes", "grey map")


class Scene:
    """Two spheres of 80 and 20 faces, each with its own camera; whatever has a gradient is a leaf, by name.

    n_lights, n_materials: 1, or 2 for others in the second picture. uv: how maps are sampled."""

    def __init__(
        self,
        textures: str = "vertex",
        lights: str = "point",
        n_lights: int = 2,
        n_materials: int = 2,
        dtype: torch.dtype = torch.float64,
        **uv: Any,
    ) -> None:
        generator = torch.Generator().manual_seed(0)

        def leaf(low: float, high: float, *shape: int) -> Tensor:
            values = low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)
            return values.float().to(dtype).requires_grad_()

        spheres = [ico_sphere(1), ico_sphere(0)]
        self.faces = [sphere.faces_packed() for sphere in spheres]
        self.leaves = leaves = {}
        for i, sphere in enumerate(spheres):
            wobble = leaf(0.0, 0.15, len(sphere.verts_packed()), 3).detach()
            leaves[f"verts {i}"] = (0.8 * sphere.verts_packed().to(dtype) + wobble + 0.2 * i).requires_grad_()
        self.kind, self.sampling = textures, uv
        for i, verts in enumerate(list(leaves.values())):
            if textures == "vertex":
                leaves[f"colours {i}"] = leaf(0, 1, len(verts), 3)
            elif textures == "atlas":
                leaves[f"colours {i}"] = leaf(0, 1, len(self.faces[i]), 4, 4, 3)
            else:
                leaves[f"uvs {i}"] = leaf(-0.4, 1.4, len(verts), 2)
                size = {"maps of two sizes": (6 + 2 * i, 9 - i)}.get(textures, (8, 7))
                if i == 0 or textures != "shared map":
                    leaves[f"colours {i}"] = leaf(0, 1, *size, 1 if textures == "grey map" else 3)
        self.light = LIGHTS[lights]
        names = ["ambient_color"] if lights == "ambient" else ["ambient_color", "diffuse_color", "specular_color"]
        self.of_lights = {name: leaf(0, 1, n_lights, 3) for name in names}
        if lights != "ambient":
            self.of_lights["location" if lights == "point" else "direction"] = leaf(-2, 2, n_lights, 3)
        self.of_materials = {f"{name}_color": leaf(0, 1, n_materials, 3) for name in ("ambient", "diffuse", "specular")}
        self.of_materials["shininess"] = leaf(2, 8, n_materials)
        leaves |= {f"lights' {name}": x for name, x in self.of_lights.items()}
        leaves |= {f"materials' {name}": x for name, x in self.of_materials.items()}
        self.cameras = cameras_of(dtype=dtype)
        self.cameras.T = leaves["T"] = self.cameras.T.to(dtype).clone().requires_grad_()
        self.cameras.R = self.cameras.R.to(dtype)
        self.blend = {"sigma": leaf(SIGMA, 2 * SIGMA, 2), "gamma": leaf(GAMMA, 2 * GAMMA, 2)}
        leaves |= self.blend
        leaves["background"] = leaf(0, 1, 2, 3)

    def textures(self) -> Any:
        colours = [x for name, x in self.leaves.items() if name.startswith("colours")]
        if self.kind == "vertex":
            return TexturesVertex(colours)
        if self.kind == "atlas":
            return TexturesAtlas(colours)
        maps = colours[0].expand(2, -1, -1, -1) if self.kind == "shared map" else colours
        return TexturesUV(maps, self.faces, [self.leaves[f"uvs {i}"] for i in range(2)], **self.sampling)

    def draw(self, shader: Any, settings: dict[str, Any] | None = None, **call: Any) -> Tensor:
        meshes = Meshes([self.leaves[f"verts {i}"] for i in range(2)], self.faces, self.textures())
        scene = {
            "cameras": self.cameras,
            "lights": self.light(**self.of_lights),
            "materials": Materials(**self.of_materials),
            "blend_params": GenDRBlendParams(**self.blend, background_color=self.leaves["background"]),
        }
        return renderer_of(shader(**scene), self.cameras, **(settings or {}))(meshes, **call)  # type: ignore[no-any-return]


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
        torch.testing.assert_close(a, b, rtol=0, atol=share * float(b.abs().max()), msg=lambda m, name=name: name + m)


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
def test_before_a_picture(lights: str, textures: str, shader: Any) -> None:
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
