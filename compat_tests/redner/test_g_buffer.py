"""render_g_buffer and render_albedo against the ray caster."""

from typing import Any

import numpy as np
import pytest
import torch
from pyredner_scenes import SIZE, camera, channel_value, look, objects, picture_texture, scene, tensor
from redner_scenes import assert_gradient_of_integral, smooth_weights
from torch import Tensor
from torch.testing import assert_close

import gendr_adapters.redner as pyredner
from gendr_adapters.redner._samples import stratified_offsets

pytestmark = pytest.mark.slow

CHANNELS = [channel for channel in pyredner.channels if channel.value != "radiance"]
IDS = ("shape_id", "triangle_id", "material_id")


def test_scene_of_this_file_shows_all_objects() -> None:
    found = pyredner.render_g_buffer(scene(), [pyredner.channels.shape_id, pyredner.channels.alpha])
    assert {0, 1, 2} <= set(found[..., 0].int().flatten().tolist())
    assert 10 < found[..., 1].sum() < found[..., 1].numel()


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.value)
def test_pixel_centres(channel: pyredner.channels) -> None:
    world = scene()
    found = pyredner.render_g_buffer(world, [channel])
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            seen = look(world, column + 0.5, row + 0.5)
            if seen is None:
                assert (found[row, column] == 0).all()
            else:
                np.testing.assert_allclose(
                    found[row, column].detach(), channel_value(world, channel.value, seen), atol=1e-9
                )


def test_geometry_normals_are_on_the_side_of_shading_normals() -> None:
    world, turned = scene(), scene()
    assert turned.shapes[0].normals is not None
    turned.shapes[0].normals = -turned.shapes[0].normals
    wanted = ["geometry_normal", "shape_id", "alpha"]
    found, before = (pyredner.render_g_buffer(each, wanted) for each in (turned, world))
    of_cube = (found[..., 3] == 0) & (found[..., 4] > 0)
    assert of_cube.any() and torch.equal(found[of_cube][:, :3], -before[of_cube][:, :3])
    assert torch.equal(found[~of_cube], before[~of_cube])


def test_channels_come_in_the_order_asked_for_and_are_means_of_samples() -> None:
    world = scene()
    names = ["shape_id", "position", "triangle_id", "alpha", "shading_normal", "material_id", "generic_texture"]
    found = pyredner.render_g_buffer(world, [pyredner.channels(name) for name in names], num_samples=(3, 0), seed=11)
    offsets = stratified_offsets(3, torch.Generator().manual_seed(11)).tolist()
    widths = [1, 3, 1, 1, 3, 1, 4]
    assert found.shape == (*SIZE, sum(widths))
    for row in range(SIZE[0]):
        for column in range(SIZE[1]):
            hits = [look(world, column + right, row + down) for right, down in offsets]
            for name, value in zip(names, found[row, column].split(widths), strict=True):
                values = [np.zeros(value.shape) if hit is None else channel_value(world, name, hit) for hit in hits]
                expected = np.mean(values, 0)
                if name in IDS:
                    last = [own for own, hit in zip(values, hits, strict=True) if hit is not None]
                    expected = last[-1] if last else np.zeros(1)
                np.testing.assert_allclose(value.detach(), expected, atol=1e-9)


def test_albedo() -> None:
    world = scene()
    names = [pyredner.channels.diffuse_reflectance, pyredner.channels.alpha]
    assert_close(
        pyredner.render_albedo(world, alpha=True, seed=2),
        pyredner.render_g_buffer(world, names, num_samples=(16, 4), seed=2),
        rtol=0,
        atol=0,
    )
    assert pyredner.render_albedo(world, seed=2).shape == (*SIZE, 3)


def test_channels_may_be_names() -> None:
    assert torch.equal(
        pyredner.render_g_buffer(scene(), ["depth"]), pyredner.render_g_buffer(scene(), [pyredner.channels.depth])
    )


def test_a_list_of_scenes_and_their_seeds() -> None:
    worlds = [scene(), scene(position=tensor([-0.5, 0.3, -2.5]))]
    wanted = [pyredner.channels.position]
    found = pyredner.render_g_buffer(worlds, wanted, num_samples=4, seed=[3, (4, 5)])
    for i, world in enumerate(worlds):
        assert torch.equal(found[i], pyredner.render_g_buffer(world, wanted, num_samples=4, seed=3 + i))
    assert pyredner.render_g_buffer(worlds, wanted).shape == (2, *SIZE, 3)


def test_shapes_and_materials_are_what_objects_are_made_to() -> None:
    world = scene()
    shared = pyredner.Material(tensor([0.1, 0.2, 0.3]))
    three = [
        pyredner.Object(o.vertices, o.indices, m)
        for o, m in zip(objects(), (shared, objects()[0].material, shared), strict=True)
    ]
    made = pyredner.Scene(camera(), objects=three)
    assert [shape.material_id for shape in made.shapes] == [0, 1, 0] and len(made.materials) == 2
    again = pyredner.Scene(camera(), world.shapes, world.materials, area_lights=[], envmap=None)
    assert torch.equal(pyredner.render_albedo(again, seed=0), pyredner.render_albedo(world, seed=0))


def test_float32_and_float64_may_meet() -> None:
    world = scene(position=tensor([0.7, 0.9, -3.0]).float(), fov=torch.tensor([40.0]))
    for shape in world.shapes:
        shape.vertices = shape.vertices.float()
    found = pyredner.render_g_buffer(world, ["position", "depth", "diffuse_reflectance"])
    assert found.dtype == torch.float32
    assert_close(
        found,
        pyredner.render_g_buffer(scene(), ["position", "depth", "diffuse_reflectance"]).float(),
        rtol=1e-3,
        atol=1e-3,
    )


def test_own_indices_of_normals_and_uvs() -> None:
    world, own = scene(), scene()
    for name in ("uvs", "normals"):
        for shape in own.shapes:
            values = getattr(shape, name)
            if values is not None:
                setattr(shape, name, values[shape.indices.long()].flatten(0, 1).flip(0))
                n = 3 * len(shape.indices)
                setattr(shape, f"{name[:-1]}_indices", torch.arange(n).flip(0).view(-1, 3).int())
    wanted = ["uv", "shading_normal", "diffuse_reflectance"]
    assert_close(pyredner.render_g_buffer(own, wanted), pyredner.render_g_buffer(world, wanted))


MOVES = {
    "vertices": lambda world, by: setattr(
        world.shapes[0], "vertices", world.shapes[0].vertices + by * tensor([1.0, 0.4, -0.3]).to(by)
    ),
    "position": lambda world, by: setattr(
        world.camera, "position", world.camera.position + by * tensor([1.0, 0.5, 1.0])
    ),
    "look_at": lambda world, by: setattr(world.camera, "look_at", world.camera.look_at + by * tensor([1.0, -0.5, 0.0])),
    "up": lambda world, by: setattr(world.camera, "up", world.camera.up + by * tensor([2.0, 0.0, 0.0])),
    "fov": lambda world, by: setattr(world.camera, "fov", world.camera.fov + 20 * by),
}


@pytest.mark.parametrize("name", MOVES)
def test_gradients_with_what_moving_edges_show(name: str) -> None:
    weights = smooth_weights(*SIZE, 7)

    def loss_with(density: int):
        def loss(parameter: Tensor, n_samples: int, seed: int) -> Tensor:
            world = scene(parameter.dtype)
            MOVES[name](world, parameter)
            wanted = ["diffuse_reflectance", "alpha", "shading_normal"]
            return (pyredner.render_g_buffer(world, wanted, (n_samples, density), seed) * weights).sum()

        return loss

    assert_gradient_of_integral(loss_with(60), loss_with(0), n_samples=2500)


def test_edge_sampling_can_be_left_out() -> None:
    found = []
    for arguments in ({"num_samples": (4, 0)}, {"num_samples": (4, 9), "use_primary_edge_sampling": False}):
        world = scene()
        vertices = world.shapes[0].vertices = world.shapes[0].vertices.clone().requires_grad_()
        pyredner.render_albedo(world, seed=1, **arguments).sum().backward()
        found.append(vertices.grad)
    assert torch.equal(*found)


def test_texels_and_uvs_have_gradients() -> None:
    def shown(texels: Tensor, uvs: Tensor) -> Tensor:
        world = scene()
        world.shapes[1].uvs = uvs
        world.materials[1].diffuse_reflectance = pyredner.Texture(texels, tensor([1.0, 2.0]))
        return pyredner.render_albedo(world, num_samples=(2, 0), seed=1)

    world = scene()
    texels = world.materials[1].diffuse_reflectance.texels.clone().requires_grad_()
    torch.autograd.gradcheck(shown, (texels, world.shapes[1].uvs.clone().requires_grad_()), fast_mode=True)


@pytest.mark.parametrize("name", ["diffuse_reflectance", "specular_reflectance", "roughness", "generic_texture"])
@pytest.mark.parametrize("wrap", [lambda x: x, pyredner.Texture], ids=["tensor", "texture"])
def test_materials_are_set_anew(name: str, wrap: Any) -> None:
    """As a loop of redner's does before each picture; to a tensor as to a Texture, with its gradient. None: default."""
    n_channels = {"roughness": 1, "generic_texture": 2}.get(name, 3)
    value = picture_texture(n_channels).requires_grad_()
    world, made = scene(), scene()
    setattr(world.materials[1], name, wrap(value))
    made.materials[1] = pyredner.Material(**{name: value})
    pictures = [pyredner.render_g_buffer(x, [name], num_samples=1, seed=1) for x in (world, made)]
    assert torch.equal(*pictures)
    assert isinstance(getattr(world.materials[1], name), pyredner.Texture)
    (gradient,) = torch.autograd.grad(pictures[0].sum(), value)
    assert gradient.any()
    setattr(world.materials[1], name, None)
    default, expected = getattr(world.materials[1], name), getattr(pyredner.Material(), name)
    assert default is expected is None or torch.equal(default.texels, expected.texels)


@pytest.mark.parametrize("channel", ["depth", "geometry_normal", "shading_normal", "position", "uv"])
def test_interior_gradients_are_derivatives(channel: str) -> None:
    """At pixel centres, none of which an edge passes by so small a step."""

    def shown(vertices: Tensor, position: Tensor) -> Tensor:
        world = scene(position=position)
        world.shapes[1].vertices = vertices
        return pyredner.render_g_buffer(world, [channel], use_primary_edge_sampling=False)

    vertices = scene().shapes[1].vertices.clone().requires_grad_()
    torch.autograd.gradcheck(shown, (vertices, tensor([0.7, 0.9, -3.0]).requires_grad_()), fast_mode=True)


def test_gradients_repeat_bit_for_bit() -> None:
    found = []
    for _ in range(4):
        world = scene()
        leaves = [shape.vertices.float().requires_grad_() for shape in world.shapes]
        for shape, leaf in zip(world.shapes, leaves, strict=True):
            shape.vertices = leaf
        texels = world.materials[1].diffuse_reflectance.texels.clone().requires_grad_()
        world.materials[1].diffuse_reflectance.texels = texels
        pyredner.render_albedo(world, alpha=True, seed=4).square().sum().backward()
        found.append([leaf.grad for leaf in (*leaves, texels)])
    for grads in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(grads, found[0], strict=True))
