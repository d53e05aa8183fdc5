"""soft_render in pieces of bounded memory against soft_render in one."""

from typing import Any

import pytest
import torch
from kaolin_meshes import ASSIGNMENTS, FACES, HEIGHT, WIDTH, camera, lights, materials, octahedron, uv_mesh
from support.allocations import peak_of_allocations
from support.messages import about
from support.pieces import count_pieces
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import RenderSettings
from gendr_adapters.kaolin import _soft_render, soft_render

SOFT = RenderSettings(dist_scale=3e-3, gamma=3e-3, background_eps=0.02)
EYES = [(1.3, 0.9, 1.9), (-0.5, 0.4, 2.8)]


class Scene:
    """Octahedra seen by two cameras, four materials with maps, two lights, and all that has a gradient."""

    def __init__(self, kaolin: Any, batched: bool = True) -> None:
        self.kaolin, self.batched = kaolin, batched
        own = materials(kaolin)
        self.leaves = {
            "vertices": octahedron(),
            "texture": own[0].diffuse_texture,
            "normals": own[1].normals_texture,
            "colour": own[2].diffuse_color,
            "amplitude": lights(kaolin).amplitude,
            "background": torch.tensor([[0.2, 0.5, 0.9], [0.9, 0.1, 0.3]][: 1 + batched], dtype=torch.float64),
            "dist_scale": torch.tensor([3e-3, 5e-3][: 1 + batched], dtype=torch.float64),
            "gamma": torch.tensor([3e-3], dtype=torch.float64),
        }
        self.leaves = {name: x.detach().clone().requires_grad_() for name, x in self.leaves.items()}

    def draw(self, max_memory: int | None = None) -> Tensor:
        kaolin, leaves = self.kaolin, self.leaves
        own, lighting = materials(kaolin), lights(kaolin)
        own[0].diffuse_texture, own[1].normals_texture = leaves["texture"], leaves["normals"]
        own[2].diffuse_color, lighting.amplitude = leaves["colour"], leaves["amplitude"]
        mesh = uv_mesh(kaolin, leaves["vertices"], materials=own, material_assignments=ASSIGNMENTS)
        cameras = [camera(kaolin, eye) for eye in EYES]
        view = kaolin.render.camera.Camera.cat(cameras) if self.batched else cameras[0]
        settings = RenderSettings(dist_scale=leaves["dist_scale"], gamma=leaves["gamma"], background_eps=0.02)
        return soft_render(view, mesh, settings, lighting, background=leaves["background"], max_memory=max_memory)

    def gradients(self, picture: Tensor) -> list[Tensor]:
        weights = torch.arange(picture.numel(), dtype=picture.dtype).sin().view_as(picture)
        return list(torch.autograd.grad((picture * weights).sum(), list(self.leaves.values())))


@pytest.fixture
def n_pieces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    return count_pieces(monkeypatch, _soft_render)


@pytest.mark.parametrize("batched", [False, True], ids=["one image", "two images"])
@pytest.mark.parametrize("max_memory", [1, 20_000, 150_000, 600_000])
def test_pieces_are_the_whole(kaolin: Any, n_pieces: list[int], max_memory: int, batched: bool) -> None:
    """The picture up to the last bits of torch's functions, gradients up to the order of sums."""
    scene = Scene(kaolin, batched)
    whole = scene.draw()
    expected = scene.gradients(whole)
    picture = scene.draw(max_memory)
    assert n_pieces[0] == 1 and n_pieces[1] > (100 if max_memory == 1 else 1)
    assert_close(picture, whole, rtol=0, atol=1e-12)
    for name, a, b in zip(scene.leaves, scene.gradients(picture), expected, strict=True):
        largest = b.abs().max().item()
        assert largest > 0, name
        bound = largest * (1e-11 if b.dtype == torch.float64 else 1e-5)
        assert_close(a, b, rtol=0, atol=bound, msg=about(name))


def test_runs_give_the_same_bits(kaolin: Any, n_pieces: list[int]) -> None:
    scene = Scene(kaolin)
    first, again = scene.draw(50_000), scene.draw(50_000)
    assert n_pieces[0] > 5 and torch.equal(first, again)
    assert all(map(torch.equal, scene.gradients(first), scene.gradients(again)))


def test_gradcheck(kaolin: Any, n_pieces: list[int]) -> None:
    settings = RenderSettings(dist_scale=3e-3, gamma=0.05, min_coverage=0.0, reach=3.0)
    plain = [kaolin.render.materials.PBRMaterial(diffuse_color=(0.8, 0.4, 0.1), metallic_value=0.5)]

    def picture(vertices: Tensor, background: Tensor) -> Tensor:
        mesh = kaolin.rep.SurfaceMesh(vertices, FACES, materials=plain)
        return soft_render(
            camera(kaolin), mesh, settings, lights(kaolin), background=background, max_memory=200_000
        )  # fmt: skip

    background = torch.tensor([0.2, 0.5, 0.9], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        picture, (octahedron().requires_grad_(), background), eps=1e-7, atol=1e-4, rtol=1e-4, fast_mode=True
    )
    assert min(n_pieces) > 3


def test_pieces_without_gradients(kaolin: Any, n_pieces: list[int]) -> None:
    scene = Scene(kaolin)
    with torch.no_grad():
        assert_close(scene.draw(50_000), scene.draw(), rtol=0, atol=1e-12)
    assert n_pieces[0] > 5


def test_meshes_out_of_sight(kaolin: Any) -> None:
    far = uv_mesh(kaolin, octahedron() + torch.tensor([19.0, 0, -13], dtype=torch.float64))
    found = soft_render(camera(kaolin), far, SOFT, background=(0.1, 0.2, 0.3), max_memory=1)
    background = torch.tensor([0.1, 0.2, 0.3, 0.0], dtype=torch.float64)
    assert torch.equal(found, background.expand(1, HEIGHT, WIDTH, 4))


def test_objects_that_change_before_backward(kaolin: Any) -> None:
    """Backward shades as forward did, or fails."""
    scene = Scene(kaolin, batched=False)
    own, lighting, view = materials(kaolin), lights(kaolin), camera(kaolin)
    vertices = octahedron().requires_grad_()

    def draw() -> Tensor:
        mesh = uv_mesh(kaolin, vertices, materials=own, material_assignments=ASSIGNMENTS)
        return soft_render(view, mesh, SOFT, lighting, max_memory=50_000)

    expected = torch.autograd.grad(draw().square().sum(), vertices)[0]
    picture = draw()
    lighting.amplitude = 3 * lighting.amplitude
    own[0].diffuse_texture = 1 - own[0].diffuse_texture
    view.extrinsics, view.intrinsics = camera(kaolin, EYES[1]).extrinsics, camera(kaolin, EYES[1]).intrinsics
    assert torch.equal(torch.autograd.grad(picture.square().sum(), vertices)[0], expected)
    assert not torch.equal(torch.autograd.grad(draw().square().sum(), vertices)[0], expected)
    picture = scene.draw(50_000)
    with torch.no_grad():
        scene.leaves["amplitude"] *= 2
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        scene.gradients(picture)


@pytest.mark.parametrize("backward_too", [False, True])
def test_autocast_is_ignored(kaolin: Any, n_pieces: list[int], backward_too: bool) -> None:
    vertices = octahedron().float().requires_grad_()
    view = camera(kaolin)
    view = kaolin.render.camera.Camera(view.extrinsics.to(torch.float32), view.intrinsics.to(torch.float32))

    def draw() -> Tensor:
        mesh = uv_mesh(kaolin, vertices, materials=materials(kaolin), material_assignments=ASSIGNMENTS)
        return soft_render(view, mesh.float_tensors_to(torch.float32), SOFT, lights(kaolin), max_memory=30_000)

    expected = draw()
    (gradient,) = torch.autograd.grad(expected.square().sum(), vertices)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        picture = draw()
        loss = picture.square().sum()
        if backward_too:
            (found,) = torch.autograd.grad(loss, vertices)
    if not backward_too:
        (found,) = torch.autograd.grad(loss, vertices)
    assert n_pieces[0] > 3 and torch.equal(picture, expected) and torch.equal(found, gradient)


def test_memory_does_not_grow_with_the_number_of_fragments(kaolin: Any) -> None:
    """A few numbers a pixel and a face apart: the same faces and pixels, the more fragments the further they reach."""
    vertices, own = octahedron().requires_grad_(), materials(kaolin)
    size = 48
    view = kaolin.render.camera.Camera.from_args(
        eye=torch.tensor(EYES[0], dtype=torch.float64), at=torch.zeros(3, dtype=torch.float64),
        up=torch.tensor([0.0, 1, 0], dtype=torch.float64), fov=0.8, width=size, height=size, near=0.2, far=40.0,
        dtype=torch.float64,
    )  # fmt: skip

    def peak(reach: float, max_memory: int) -> int:
        settings = RenderSettings(dist_scale=3e-3, gamma=3e-3, reach=reach, min_coverage=0.0)

        def step() -> None:
            mesh = uv_mesh(kaolin, vertices, materials=own, material_assignments=ASSIGNMENTS)
            picture = soft_render(view, mesh, settings, lights(kaolin), max_memory=max_memory)
            torch.autograd.grad(picture.square().sum(), vertices)

        step()
        return peak_of_allocations(step)

    few, many, bound, no_bound = 0.2, 5.0, 1 << 20, 1 << 40
    assert peak(many, no_bound) > 3 * peak(few, no_bound) > 6 * bound
    assert peak(many, bound) < 1.2 * peak(few, bound) < 1.8 * bound


@pytest.mark.parametrize(
    "bad, error", [(0, ValueError), (-5, ValueError), (1e9, TypeError), ("1 GB", TypeError), (True, TypeError)]
)
def test_bad_numbers(kaolin: Any, bad: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"max_memory must be .*, got {bad!r}"):
        Scene(kaolin).draw(bad)
