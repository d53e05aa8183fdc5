"""Pictures and gradients on a GPU, or on the emulated CUDA core, against those of the CPU core."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pyredner_scenes import scene, tensor
from redner_scenes import INTRINSICS, cube, joined, square
from support.devices import cpu_core
from torch import Tensor
from torch.testing import assert_close

import gendr_adapters.redner as pyredner
from gendr_adapters import RenderSettings

Rendered = tuple[Tensor, list[Tensor]]


def depth(settings: RenderSettings | None) -> Callable[[str], Rendered]:
    mesh = joined(cube(0.6, (0.1, 0.1, 3.0)), square(1.1, 4.0))

    def rendered(device: str) -> Rendered:
        leaves = [mesh.vertices.to(device).requires_grad_(), tensor(INTRINSICS).to(device).requires_grad_()]
        renderer = pyredner.get_depth_renderer(4, seed=1, settings=settings)
        return renderer(leaves[0], mesh.faces.to(device), leaves[1], (16, 12)), leaves

    return rendered


def lit_by_point(device: str) -> Rendered:
    light = pyredner.PointLight(tensor([0.5, 1.5, -2.0]).requires_grad_(), tensor([4.0, 5.0, 6.0]))
    return deferred(device, [light], [light.position])


def lit_by_the_core(device: str) -> Rendered:
    ambient = pyredner.AmbientLight(tensor([0.4, 0.5, 0.6]).requires_grad_())
    sun = pyredner.DirectionalLight(tensor([0.3, -0.5, 2.0]).requires_grad_(), tensor([1.0, 0.5, 2.0]))
    return deferred(device, [ambient, sun], [ambient.intensity, sun.direction])


def deferred(device: str, lights: list[Any], of_lights: list[Tensor]) -> Rendered:
    """The camera and the lights stay on the CPU."""
    world = scene()
    for shape in world.shapes:
        for name in ("vertices", "indices", "normals", "uvs", "colors"):
            if (value := getattr(shape, name)) is not None:
                setattr(shape, name, value.detach().to(device))
    texels = world.materials[1].diffuse_reflectance.texels.to(device).requires_grad_()
    world.materials[1].diffuse_reflectance.texels = texels
    world.camera.position.requires_grad_()
    leaves = [shape.vertices.requires_grad_() for shape in world.shapes]
    picture = pyredner.render_deferred(world, lights, alpha=True, seed=1)
    return picture, [*leaves, world.camera.position, *of_lights, texels]


SOFT = RenderSettings(dist_scale=0.01, gamma=0.1, near=1.0, far=6.0)


@pytest.mark.cuda
@pytest.mark.parametrize(
    "rendered",
    [depth(None), depth(SOFT), lit_by_point, lit_by_the_core],
    ids=["depth", "soft depth", "deferred", "deferred, in the core"],
)
def test_pictures_and_gradients_are_those_of_the_cpu(rendered: Callable[[str], Rendered], device: str) -> None:
    found: list[Any] = []
    for where in (device, "cpu"):
        if where == "cpu" and found:
            with cpu_core():
                picture, leaves = rendered(where)
                picture.square().sum().backward()
        else:
            picture, leaves = rendered(where)
            assert picture.device.type == torch.device(device).type
            picture.square().sum().backward()
        found.append([picture.detach().cpu(), *(leaf.grad.cpu() for leaf in leaves if leaf.grad is not None)])
    assert len(found[0]) == len(found[1]) > 2
    for one, other in zip(*found, strict=True):
        assert_close(one, other, rtol=1e-7, atol=1e-7)
