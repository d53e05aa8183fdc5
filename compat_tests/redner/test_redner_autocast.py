"""Under torch.autocast the door to redner computes in float32, and takes what autocast made of it for float32."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import gendr_adapters.redner as pyredner

LOW = pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
VERTICES = torch.tensor([[-0.8, -0.7, 2.0], [0.9, -0.5, 2.5], [0.1, 0.8, 3.0], [-0.6, 0.7, 2.25]])
INDICES = torch.tensor([[0, 1, 2], [0, 2, 3]])
COLOURS = torch.linspace(0, 1, 12).view(4, 3)
EYE, AT, UP, FOV = (
    torch.tensor([0.1, 0.0, -1.0]),
    torch.tensor([0.0, 0, 2]),
    torch.tensor([0.0, 1, 0]),
    torch.tensor([50.0]),
)


def scene(vertices: Tensor, eye: Tensor, fov: Tensor, colours: Tensor, later: bool = False) -> pyredner.Scene:
    camera = pyredner.Camera(position=eye, look_at=AT, up=UP, fov=fov, resolution=(8, 10))
    material = pyredner.Material(use_vertex_color=True)
    item = pyredner.Object(vertices, INDICES, material, colors=colours)
    if later:
        item.vertices, camera.position, camera.fov = vertices, eye, fov
    return pyredner.Scene(camera, objects=[item])


def deferred(vertices: Tensor, eye: Tensor, fov: Tensor, colours: Tensor, *light: Tensor) -> Tensor:
    lights = [pyredner.PointLight(light[0], light[1]), pyredner.AmbientLight(light[1])]
    lights += [
        pyredner.DirectionalLight(light[2], light[1]),
        pyredner.SpotLight(light[0], light[2], light[3], light[1]),
    ]
    return pyredner.render_deferred(scene(vertices, eye, fov, colours), lights, alpha=True, seed=1)


def buffer(vertices: Tensor, eye: Tensor, fov: Tensor, colours: Tensor) -> Tensor:
    wanted = [pyredner.channels.position, pyredner.channels.vertex_color]
    return pyredner.render_g_buffer(scene(vertices, eye, fov, colours, later=True), wanted, seed=1)


SCENE = [VERTICES, EYE, FOV, COLOURS]
LIGHTS = [torch.tensor([1.0, 1, -1]), torch.tensor([0.5, 0.75, 1]), torch.tensor([0.1, -0.2, 1]), torch.tensor([2.0])]
CALLS: dict[str, tuple[Callable[..., Any], list[Tensor]]] = {
    "render_deferred": (deferred, [*SCENE, *LIGHTS]),
    "render_g_buffer": (buffer, SCENE),
    "render_albedo": (lambda *x: pyredner.render_albedo(scene(*x), True, seed=1), SCENE),
    "depth renderer": (
        lambda v, k: pyredner.get_depth_renderer(4, seed=1)(v, INDICES, k, (10, 8)),
        [VERTICES, torch.tensor([9.0, 9.0, 5.0, 4.0])],
    ),
    "max normals": (lambda v: pyredner.compute_vertex_normal(v, INDICES), [VERTICES]),
    "cotangent normals": (lambda v: pyredner.compute_vertex_normal(v, INDICES, "cotangent"), [VERTICES]),
    "gen_look_at_matrix": (pyredner.gen_look_at_matrix, [EYE, AT, UP]),
    "gen_rotate_matrix": (pyredner.gen_rotate_matrix, [torch.tensor([0.1, 0.2, 0.3])]),
    "world_to_cam": (lambda p: pyredner.Camera(p, AT, UP, FOV).world_to_cam, [EYE]),
    "Texture": (lambda t, uv: pyredner.Texture(t).sample(uv), [COLOURS.view(2, 2, 3), COLOURS[:, :2]]),
}


def result_and_gradients(call: Callable[..., Tensor], inputs: list[Tensor]) -> list[Tensor]:
    inputs = [x.clone().requires_grad_() for x in inputs]
    result = call(*inputs)
    weights = torch.linspace(0.5, 1.5, result.numel()).view_as(result)
    return [result.detach(), *torch.autograd.grad((result * weights).sum(), inputs)]


@LOW
@pytest.mark.parametrize("name", CALLS)
def test_float32_stays_what_it_is(name: str, low: torch.dtype) -> None:
    call, inputs = CALLS[name]
    expected = result_and_gradients(call, inputs)
    with torch.autocast("cpu", dtype=low):
        got = result_and_gradients(call, inputs)
    assert expected[0].any() and all(torch.equal(*pair) for pair in zip(got, expected, strict=True))


@LOW
@pytest.mark.parametrize("name", CALLS)
def test_half_precision_from_autocast_is_converted(name: str, low: torch.dtype) -> None:
    call, inputs = CALLS[name]
    given = [x.to(low).requires_grad_() for x in inputs]
    expected = call(*(x.detach().float() for x in given))
    with torch.autocast("cpu", dtype=low):
        got = call(*given)
        got.square().sum().backward()
    assert got.dtype == torch.float32 and torch.equal(got, expected)
    assert given[0].grad is not None and given[0].grad.dtype == low


@LOW
@pytest.mark.parametrize("name", CALLS)
def test_half_precision_is_refused_outside(name: str, low: torch.dtype) -> None:
    call, inputs = CALLS[name]
    for i in range(len(inputs)):
        with pytest.raises(TypeError, match=f"must be float32 or float64, got {low}"):
            call(*(x.to(low) if i == j else x for j, x in enumerate(inputs)))
