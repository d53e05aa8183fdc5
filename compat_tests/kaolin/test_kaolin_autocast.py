"""Under torch.autocast every function of the door computes in float32, forward and backward."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from kaolin_meshes import ASSIGNMENTS, HEIGHT, WIDTH, camera, lights, materials, octahedron, random, uv_mesh
from torch import Tensor

from gendr_adapters import RenderSettings
from gendr_adapters.cameras import from_kaolin, to_kaolin
from gendr_adapters.kaolin import dibr_rasterization, dibr_soft_mask, rasterize, render_mesh, soft_render
from gendr_adapters.kaolin._interpolation import mesh_rasterize_interpolate_nvdiffrast

LOW = pytest.mark.parametrize("low", [torch.bfloat16, torch.float16], ids=str)
CORNERS = torch.cat([random(1, 9, 3, 2, seed=1) * 1.6 - 0.8, -1 - random(1, 9, 3, 1, seed=2)], 3).float()
SOFT = RenderSettings(dist_scale=3e-3, gamma=3e-3, background_eps=0.02)


class Scene:
    """What a mesh, a camera and lights are made of, float32 leaves; of Kaolin's types, made of them."""

    def __init__(self, kaolin: Any) -> None:
        self.vertices = octahedron().float().requires_grad_()
        self.pictures = [m.diffuse_texture for m in materials(kaolin) if m.diffuse_texture is not None]
        view = camera(kaolin)
        self.pose = view.extrinsics.view_matrix().float().requires_grad_()
        self.lights = lights(kaolin)
        self.leaves = [self.vertices, self.pose, self.lights.amplitude.requires_grad_()]
        extrinsics = kaolin.render.camera.CameraExtrinsics.from_view_matrix(
            self.pose, dtype=torch.float32, requires_grad=True
        )
        self.camera = kaolin.render.camera.Camera(extrinsics, view.intrinsics.to(torch.float32))
        mesh = uv_mesh(kaolin, materials=materials(kaolin), material_assignments=ASSIGNMENTS)
        self.mesh = mesh.float_tensors_to(torch.float32)
        self.mesh.vertices = self.vertices


def _render_mesh(scene: Scene) -> list[Tensor]:
    pictures = render_mesh(scene.camera, scene.mesh, scene.lights, extra_passes=("alpha", "depth", "normals_camera"))
    return list(pictures.values())


def _there_and_back(scene: Scene) -> list[Tensor]:
    return [from_kaolin(to_kaolin(from_kaolin(scene.camera))).project(scene.vertices)]


SCENES: dict[str, Callable[[Scene], list[Tensor]]] = {
    "render_mesh": _render_mesh,
    "backend cuda": lambda s: list(render_mesh(s.camera, s.mesh, s.lights, backend="cuda").values()),
    "soft_render": lambda s: [soft_render(s.camera, s.mesh, SOFT, s.lights)],
    "interpolation": lambda s: [
        x for x in mesh_rasterize_interpolate_nvdiffrast(s.mesh, s.camera, None) if x is not None
    ],
    "cameras": _there_and_back,
}


def gradients(results: list[Tensor], leaves: list[Tensor]) -> list[Tensor]:
    real = [x for x in results if x.requires_grad]
    assert real and all(x.dtype == torch.float32 for x in real)
    loss = torch.stack([(x * torch.linspace(0.5, 1.5, x.numel()).view_as(x)).sum() for x in real]).sum()
    return list(torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True))


@LOW
@pytest.mark.parametrize("name", SCENES)
def test_meshes_and_cameras(kaolin: Any, name: str, low: torch.dtype) -> None:
    scene = Scene(kaolin)
    wanted = SCENES[name](scene)
    of_wanted = gradients(wanted, scene.leaves)
    scene = Scene(kaolin)
    with torch.autocast("cpu", dtype=low):
        found = SCENES[name](scene)
        of_found = gradients(found, scene.leaves)
    assert of_wanted[0].any() and of_wanted[1].any()
    for a, b in zip([*found, *of_found], [*wanted, *of_wanted], strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6 * max(1.0, float(b.detach().abs().max())))


@LOW
@pytest.mark.parametrize("name", SCENES)
def test_a_mesh_that_autocast_made(kaolin: Any, name: str, low: torch.dtype) -> None:
    """Vertices in half precision are taken for float32; outside autocast they are refused."""
    scene = Scene(kaolin)
    made = scene.vertices.detach().to(low).requires_grad_()
    scene.vertices = made.detach().float().requires_grad_()
    scene.mesh.vertices = scene.vertices
    wanted = SCENES[name](scene)
    scene = Scene(kaolin)
    scene.vertices = scene.mesh.vertices = made
    with torch.autocast("cpu", dtype=low):
        found = SCENES[name](scene)
        gradient = gradients(found, [made])[0]
    assert all(map(torch.equal, found, wanted)) and gradient.any() and gradient.dtype == low
    with pytest.raises(TypeError, match="float32"):
        SCENES[name](scene)


def _dibr(x: Tensor, **more: Any) -> list[Tensor]:
    normals = torch.ones(1, x.shape[1], dtype=x.dtype)
    return list(dibr_rasterization(HEIGHT, WIDTH, x[..., 2], x[..., :2], x, normals, **more)[:2])


PLAIN: dict[str, Callable[[Tensor], list[Tensor]]] = {
    "rasterize": lambda x: [rasterize(HEIGHT, WIDTH, x[..., 2], x[..., :2], x)[0]],
    "dibr": _dibr,
    "dibr soft": lambda x: _dibr(x, occlusion="soft"),
    "soft_mask": lambda x: [dibr_soft_mask(x[..., :2], torch.full((1, HEIGHT, WIDTH), -1))],
}


@LOW
@pytest.mark.parametrize("name", PLAIN)
def test_corners(name: str, low: torch.dtype) -> None:
    """float32 stays exact; what autocast made is taken for float32, and its gradient goes back."""
    x = CORNERS.clone().requires_grad_()
    wanted = PLAIN[name](x)
    (gradient,) = gradients(wanted, [x])
    made = CORNERS.to(low).requires_grad_()
    of_made = PLAIN[name](made.detach().float().requires_grad_())
    with torch.autocast("cpu", dtype=low):
        found = PLAIN[name](x)
        assert all(map(torch.equal, found, wanted)) and torch.equal(gradients(found, [x])[0], gradient)
        assert gradient.any()
        found = PLAIN[name](made)
        assert all(map(torch.equal, found, of_made))
        assert gradients(found, [made])[0].any()
