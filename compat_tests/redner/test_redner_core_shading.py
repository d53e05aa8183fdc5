"""What the core draws, against the same interpolated for each sample and computed with torch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from pyredner_scenes import camera, objects, picture_texture, scene, tensor
from torch import Tensor
from torch.testing import assert_close

import gendr_adapters.redner as pyredner
from gendr_adapters.redner import _deferred, _g_buffer
from gendr_adapters.redner._core_shading import core_drawing

pytestmark = pytest.mark.slow

Draws = list[bool]


@contextmanager
def drawing(monkeypatch: pytest.MonkeyPatch, by_core: bool) -> Iterator[Draws]:
    """Whether each picture of the block was drawn by the core; with by_core=False none is."""
    drawn: Draws = []

    def choose(*arguments: Any) -> Any:
        found = core_drawing(*arguments) if by_core else None
        drawn.append(found is not None)
        return found

    with monkeypatch.context() as patch:
        for module in (_deferred, _g_buffer):
            patch.setattr(module, "core_drawing", choose)
        yield drawn


def lights() -> list[pyredner.DeferredLight]:
    return [
        pyredner.AmbientLight(tensor([0.4, 0.5, 0.6])),
        pyredner.DirectionalLight(tensor([0.3, -0.5, 2.0]), tensor([1.0, 0.5, 2.0])),
        pyredner.DirectionalLight(tensor([-3.0, 0.2, 2.0]), tensor([0.7])),
        pyredner.AmbientLight(tensor([0.1])),
    ]


def leaves_of(world: pyredner.Scene, lamps: list[Any]) -> list[Tensor]:
    """All there is that has a gradient, made a leaf where it is."""
    found = []

    def leaf(of: Any, name: str) -> None:
        value = getattr(of, name)
        if value is not None and not value.requires_grad:
            setattr(of, name, value.detach().clone().requires_grad_())
            found.append(getattr(of, name))

    for shape in world.shapes:
        for name in ("vertices", "normals", "uvs", "colors"):
            leaf(shape, name)
    for material in world.materials:
        for texture in (material.diffuse_reflectance, material.roughness, material.generic_texture):
            if texture is not None:
                leaf(texture, "texels")
                leaf(texture, "uv_scale")
    for light in lamps:
        for name in set(vars(light)) & {"intensity", "direction", "position"}:
            leaf(light, name)
    for name in ("position", "look_at", "fov"):
        leaf(world.camera, name)
    return found


def two_sizes() -> pyredner.Scene:
    """Pictures of two sizes, two of them alike; a material that none of the faces has, of a third."""
    things = objects()
    things[2].material.diffuse_reflectance = pyredner.Texture(picture_texture()[:2], tensor([-1.5, 0.7]))
    things[0].material = pyredner.Material(picture_texture().flip(0))
    things[0].uvs = things[0].vertices[:, :2] * 3
    world = pyredner.Scene(camera(), objects=things)
    world.materials.append(pyredner.Material(picture_texture()[:1]))
    return world


def short_normals() -> pyredner.Scene:
    world = scene()
    assert world.shapes[0].normals is not None
    world.shapes[0].normals = world.shapes[0].normals * 1e-9
    return world


SCENES = {"all kinds": scene, "pictures of two sizes": two_sizes, "short normals": short_normals}


def assert_alike(
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[], pyredner.Scene],
    picture: Callable[[pyredner.Scene, list[Any]], Tensor],
) -> None:
    """Pictures, and gradients to everything."""
    found = []
    for by_core in (True, False):
        world, lamps = make(), lights()
        leaves = leaves_of(world, lamps)
        with drawing(monkeypatch, by_core) as drawn:
            shown = picture(world, lamps)
        assert drawn == [by_core]
        weights = torch.linspace(0.5, 2.0, shown.numel(), dtype=shown.dtype).view_as(shown)
        found.append((shown, torch.autograd.grad((shown * weights).sum(), leaves, allow_unused=True)))
    (shown, grads), (expected, expected_grads) = found
    assert_close(shown, expected, rtol=1e-10, atol=1e-12)
    assert shown.any()
    for grad, wanted in zip(grads, expected_grads, strict=True):
        if wanted is not None and wanted.any():
            assert grad is not None
            assert_close(grad, wanted, rtol=1e-8, atol=1e-10 * float(wanted.abs().max()))
        else:
            assert grad is None or not grad.any()


@pytest.mark.parametrize("alpha", [False, True], ids=["colour", "and alpha"])
@pytest.mark.parametrize("make", SCENES.values(), ids=SCENES)
def test_deferred(monkeypatch: pytest.MonkeyPatch, make: Callable[[], pyredner.Scene], alpha: bool) -> None:
    assert_alike(monkeypatch, make, lambda world, lamps: pyredner.render_deferred(world, lamps, alpha=alpha, seed=3))


@pytest.mark.parametrize("make", SCENES.values(), ids=SCENES)
def test_albedo(monkeypatch: pytest.MonkeyPatch, make: Callable[[], pyredner.Scene]) -> None:
    assert_alike(monkeypatch, make, lambda world, lamps: pyredner.render_albedo(world, True, (4, 2), 5))


@pytest.mark.parametrize(
    "wanted",
    [
        ["roughness"],
        ["alpha", "generic_texture", "triangle_id", "alpha", "generic_texture"],
        ["diffuse_reflectance", "roughness"],
    ],
    ids=" ".join,
)
def test_g_buffers_of_reflectances(monkeypatch: pytest.MonkeyPatch, wanted: list[str]) -> None:
    assert_alike(monkeypatch, scene, lambda world, lamps: pyredner.render_g_buffer(world, wanted, (4, 2), 5))


class DimLight(pyredner.AmbientLight):
    def render(self, position: Tensor, normal: Tensor, albedo: Tensor) -> Tensor:
        return super().render(position, normal, albedo) / 2


def overridden() -> pyredner.AmbientLight:
    light = pyredner.AmbientLight(tensor([1.0]))
    light.render = lambda position, normal, albedo: albedo / 2  # type: ignore[method-assign]
    return light


OTHER_LIGHTS: dict[str, Callable[[], Any]] = {
    "point": lambda: pyredner.PointLight(tensor([0.5, 1.5, -2.0]), tensor([4.0])),
    "spot": lambda: pyredner.SpotLight(
        tensor([0.5, 1.5, -2.0]), tensor([-0.2, -0.5, 1.5]), tensor([3.0]), tensor([4.0])
    ),
    "a class of its own": lambda: DimLight(tensor([1.0])),
    "a method of its own": overridden,
}


@pytest.mark.parametrize("name", OTHER_LIGHTS)
def test_other_lights_are_not_the_cores(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with drawing(monkeypatch, True) as drawn:
        pyredner.render_deferred(scene(), [*lights(), OTHER_LIGHTS[name]()], aa_samples=1)
    assert drawn == [False]


def test_other_channels_and_many_sizes_are_not_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    things = objects() + objects()[1:]
    for i, thing in enumerate(things):
        thing.material = pyredner.Material(torch.rand(2, i + 1, 3, dtype=torch.float64))
    with drawing(monkeypatch, True) as drawn:
        pyredner.render_albedo(pyredner.Scene(camera(), objects=things), num_samples=1)
        pyredner.render_g_buffer(scene(), ["position", "diffuse_reflectance"])
        pyredner.render_g_buffer(scene(), ["shape_id", "alpha"])
    assert drawn == [False] * 3


def test_no_lights_and_no_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    with drawing(monkeypatch, True) as drawn:
        assert not pyredner.render_deferred(scene(), [], aa_samples=1).any()
        world = scene()
        for shape in world.shapes:
            shape.indices = shape.indices[:0]
            shape.uv_indices = shape.normal_indices = None
        assert not pyredner.render_albedo(world, num_samples=1).any()
    assert drawn == [True, False]


def test_gradients_are_derivatives() -> None:
    """Of pictures without moving edges."""

    def shown(texels: Tensor, uvs: Tensor, normals: Tensor, direction: Tensor, vertices: Tensor) -> Tensor:
        world, lamps = scene(), lights()
        world.materials[1].diffuse_reflectance = pyredner.Texture(texels, tensor([1.0, 2.0]))
        world.shapes[1].uvs, world.shapes[0].normals, lamps[1].direction = uvs, normals, direction
        world.shapes[1].vertices = vertices
        return pyredner.render_deferred(world, lamps, aa_samples=1, use_primary_edge_sampling=False)

    wall, box = objects()[1], objects()[0]
    assert wall.uvs is not None and box.normals is not None
    at = [picture_texture(), wall.uvs, box.normals, tensor([0.3, -0.5, 2.0]), wall.vertices]
    torch.autograd.gradcheck(shown, [value.clone().requires_grad_() for value in at], fast_mode=True)


def test_float32_and_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for by_core, autocast in ((True, True), (True, False), (False, False)):
        world, lamps = scene(torch.float32), lights()
        with drawing(monkeypatch, by_core) as drawn, torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            found.append(pyredner.render_deferred(world, lamps, seed=3))
        assert drawn == [by_core] and found[-1].dtype == torch.float32
    assert torch.equal(found[0], found[1])
    assert_close(found[1], found[2], rtol=1e-4, atol=1e-5)
