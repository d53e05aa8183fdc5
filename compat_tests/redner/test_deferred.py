"""render_deferred and its lights, by the formulas written out."""

import math

import numpy as np
import pytest
import torch
from pyredner_scenes import POSITION, SIZE, channel_value, look, scene, tensor
from redner_scenes import assert_gradient_of_integral, smooth_weights
from torch import Tensor
from torch.testing import assert_close

import gendr_adapters.redner as pyredner
from gendr_adapters.redner._samples import stratified_offsets

pytestmark = pytest.mark.slow

LIGHTS = {
    "ambient": lambda: pyredner.AmbientLight(tensor([0.4, 0.5, 0.6])),
    "directional": lambda: pyredner.DirectionalLight(tensor([0.3, -0.5, 2.0]), tensor([1.0, 0.5, 2.0])),
    "point": lambda: pyredner.PointLight(tensor([0.5, 1.5, -2.0]), tensor([4.0, 5.0, 6.0])),
    "spot": lambda: pyredner.SpotLight(
        tensor([0.5, 1.5, -2.0]), tensor([-0.2, -0.5, 1.5]), tensor([3.0]), tensor([4.0, 5.0, 6.0])
    ),
}


def lit(name: str, position: np.ndarray, normal: np.ndarray, albedo: np.ndarray) -> np.ndarray:
    """The light reflected, from one of LIGHTS."""
    if name == "ambient":
        return np.array([0.4, 0.5, 0.6]) * albedo
    if name == "directional":
        towards = -np.array([0.3, -0.5, 2.0]) / np.linalg.norm([0.3, -0.5, 2.0])
        return np.array([1.0, 0.5, 2.0]) * max(0, towards @ normal) * albedo / math.pi
    away = np.array([0.5, 1.5, -2.0]) - position
    distance = np.linalg.norm(away)
    light = np.array([4.0, 5.0, 6.0]) * max(0, away @ normal / distance) * albedo / math.pi
    if name == "point":
        return light / distance**2
    axis = np.array([-0.2, -0.5, 1.5])
    return light * max(0, -away @ axis / distance / np.linalg.norm(axis)) ** 3


@pytest.mark.parametrize("names", [*([name] for name in LIGHTS), list(LIGHTS)], ids=lambda names: " ".join(names))
def test_each_sample_is_lit(names: list[str]) -> None:
    world = scene()
    found = pyredner.render_deferred(world, [LIGHTS[name]() for name in names], alpha=True, seed=6)
    offsets = stratified_offsets(4, torch.Generator().manual_seed(6)).tolist()
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            values = []
            for right, down in offsets:
                seen = look(world, column + right, row + down)
                if seen is None:
                    values.append(np.zeros(4))
                    continue
                at = [channel_value(world, c, seen) for c in ("position", "shading_normal", "diffuse_reflectance")]
                values.append(np.append(sum(lit(name, *at) for name in names), 1.0))
            np.testing.assert_allclose(found[row, column].detach(), np.mean(values, 0), atol=1e-9)
    assert found[..., :3].max() > 0.05


def test_samples_on_a_grid() -> None:
    """sample_pixel_center: the same as all pixel centres of a picture twice as large, averaged."""
    lights = [light() for light in LIGHTS.values()]
    found = pyredner.render_deferred(scene(), lights, aa_samples=2, sample_pixel_center=True)
    large = scene(resolution=(2 * SIZE[0], 2 * SIZE[1]))
    finer = pyredner.render_deferred(large, lights, aa_samples=1)
    assert_close(found, finer.view(SIZE[0], 2, SIZE[1], 2, 3).mean((1, 3)))


def test_light_of_a_user_class_gets_three_dimensions() -> None:
    class Fog:
        def render(self, position: Tensor, normal: Tensor, albedo: Tensor) -> Tensor:
            assert position.dim() == normal.dim() == albedo.dim() == 3
            return albedo * position.norm(dim=-1, keepdim=True).view(*albedo.shape[:2], 1)

    world = scene()
    world.shapes[0].vertices = world.shapes[0].vertices.clone().requires_grad_()
    picture = pyredner.render_deferred(world, [Fog()], aa_samples=1)
    buffer = pyredner.render_g_buffer(world, ["position", "diffuse_reflectance"])
    assert_close(picture, buffer[..., 3:] * buffer[..., :3].norm(dim=-1, keepdim=True))
    picture.sum().backward()


def test_light_at_the_origin_leaves_empty_pixels_at_0() -> None:
    """Upstream, empty pixels are at the origin themselves: 0 / 0."""
    world = scene()
    light = pyredner.PointLight(tensor([0.0, 0.0, 0.0]).requires_grad_(), tensor([1.0, 1.0, 1.0]))
    picture = pyredner.render_deferred(world, [light])
    picture.sum().backward()
    assert picture.isfinite().all() and light.position.grad is not None and light.position.grad.isfinite().all()


def test_lists_of_scenes_and_of_lights() -> None:
    worlds = [scene(), scene(position=tensor([-0.5, 0.3, -2.5]))]
    ambient, point = [LIGHTS["ambient"]()], [LIGHTS["point"]()]
    singles = [
        [pyredner.render_deferred(world, lights, seed=i) for i, world in enumerate(worlds)]
        for lights in (ambient, point)
    ]
    assert torch.equal(pyredner.render_deferred(worlds, ambient, seed=[0, 1]), torch.stack(singles[0]))
    mixed = pyredner.render_deferred(worlds, [ambient, point], seed=[0, 1])
    assert torch.equal(mixed, torch.stack([singles[0][0], singles[1][1]]))
    assert (pyredner.render_deferred(worlds[0], []) == 0).all()


LEAVES = {
    "ambient's intensity": lambda lights: lights[0].intensity,
    "point's position": lambda lights: lights[2].position,
    "directional's direction": lambda lights: lights[1].direction,
    "spot's direction": lambda lights: lights[3].spot_direction,
    "spot's exponent": lambda lights: lights[3].spot_exponent,
}


@pytest.mark.parametrize("name", LEAVES)
def test_gradients_to_lights(name: str) -> None:
    lights = [light() for light in LIGHTS.values()]
    leaf = LEAVES[name](lights)

    def picture(value: Tensor) -> Tensor:
        for light in lights:
            for key, own in list(vars(light).items()):
                if own is leaf or own is picture.last:  # type: ignore[attr-defined]
                    setattr(light, key, value)
        picture.last = value  # type: ignore[attr-defined]
        return pyredner.render_deferred(scene(), lights, seed=1)

    picture.last = leaf  # type: ignore[attr-defined]
    torch.autograd.gradcheck(picture, (leaf.clone().requires_grad_(),), fast_mode=True)


def test_gradients_to_colours_and_normals() -> None:
    world = scene()
    colours, normals = (getattr(world.shapes[0], name).clone().requires_grad_() for name in ("colors", "normals"))

    def picture(colours: Tensor, normals: Tensor) -> Tensor:
        world.shapes[0].colors, world.shapes[0].normals = colours, normals
        return pyredner.render_deferred(world, [light() for light in LIGHTS.values()], seed=1)

    torch.autograd.gradcheck(picture, (colours, normals), fast_mode=True)


@pytest.mark.parametrize("moved", ["vertices", "camera"])
def test_gradients_with_what_moving_edges_show(moved: str) -> None:
    """Lit means' derivatives, with smooth normals that turn as vertices move."""
    weights = smooth_weights(*SIZE, 4)
    lights = [light() for light in LIGHTS.values()]

    def loss_with(edges: bool):
        def loss(parameter: Tensor, n_samples: int, seed: int) -> Tensor:
            world = scene(parameter.dtype)
            shape = world.shapes[0]
            if moved == "vertices":
                x, y, z = shape.vertices.unbind(1)
                bent = torch.stack([x + parameter * (1 + y), y + parameter * x, z], 1)
                shape.vertices, shape.normals = bent, pyredner.compute_vertex_normal(bent, shape.indices)
            else:
                world.camera.position = tensor(POSITION) + parameter * tensor([1.0, 1.0, -1.0])
            side = math.isqrt(n_samples)
            picture = pyredner.render_deferred(
                world, lights, alpha=True, aa_samples=side, seed=seed, use_primary_edge_sampling=edges
            )
            return (picture * weights).sum()

        return loss

    assert_gradient_of_integral(loss_with(True), loss_with(False), n_samples=2500)
