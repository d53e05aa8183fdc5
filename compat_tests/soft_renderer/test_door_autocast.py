"""Under torch.autocast every entry of both doors computes in float32, and takes what autocast made for float32."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from soft_scenes import FACES, numbers
from torch import Tensor

import gendr_adapters.gendr as gendr
import gendr_adapters.softras as sr
from gendr_adapters import TextureMaps, data

LOW = pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])


def single(seed: int, *shape: int) -> Tensor:
    return numbers(seed, *shape).float()


def ahead(points: Tensor) -> Tensor:
    return points + points.new_tensor([0.0, 0.0, 3.0])


MESHES = FACES.expand(2, -1, -1)
SIZE = (8, 10)
VERTICES, COLOURS, EYES = single(0, 2, 6, 3), single(1, 2, 6, 3).abs(), single(2, 2, 3) + torch.tensor([0.0, 1, -3])
TEXELS, ANGLES, LIGHT = single(3, 2, 5, 4, 3).abs(), torch.tensor([20.0, 30.0]), single(4, 2, 5, 3).abs()


def of_both(door: Any) -> dict[str, tuple[Callable[..., Any], list[Tensor]]]:
    f = door.functional
    return {
        "look_at": (f.look_at, [VERTICES, EYES, single(5, 2, 3), single(6, 2, 3)]),
        "look": (f.look, [VERTICES, EYES, single(5, 2, 3), single(6, 2, 3)]),
        "get_points_from_angles": (f.get_points_from_angles, [ANGLES, ANGLES + 1, ANGLES + 2]),
        "ambient_lighting": (lambda light, *x: f.ambient_lighting(light.clone(), *x), [LIGHT, ANGLES, LIGHT[:, 0]]),
        "directional_lighting": (
            lambda light, *x: f.directional_lighting(light.clone(), *x),
            [LIGHT, single(7, 2, 5, 3), ANGLES, LIGHT[:, 0], LIGHT[:, 1]],
        ),
        "face_vertices": (lambda v: f.face_vertices(v, MESHES), [VERTICES]),
        "vertex_normals": (lambda v: f.vertex_normals(v, MESHES), [VERTICES]),
        "surface_normals": (lambda v: door.Mesh(v, MESHES).surface_normals, [VERTICES]),
        "LaplacianLoss": (lambda x: door.LaplacianLoss(VERTICES[0], FACES)(x), [VERTICES]),
        "FlattenLoss": (lambda v: door.FlattenLoss(FACES)(v), [VERTICES]),
    }


def softras_picture(vertices: Tensor, texels: Tensor, eyes: Tensor, sigma: Tensor, colour: Tensor) -> Tensor:
    renderer = sr.SoftRenderer(
        SIZE, gamma_val=0.1, camera_mode="look_at", background_color=colour, gradient="exact", anti_aliasing=True
    )
    renderer.transform.set_eyes(eyes)
    renderer.set_sigma(sigma)
    return renderer(vertices, MESHES, texels)


def gendr_picture(vertices: Tensor, texels: Tensor, eyes: Tensor, scale: Tensor, colour: Tensor) -> Tensor:
    camera = gendr.LookAt(eye=eyes)
    renderer = gendr.GenDR(SIZE, dist_scale=scale, background_color=colour, gradient="exact", aggr_rgb_gamma=0.1)
    return renderer(camera(gendr.Lighting()(gendr.Mesh(vertices, MESHES, texels))))


def uv_picture(vertices: Tensor, maps: Tensor, uvs: Tensor, light: Tensor) -> Tensor:
    mesh = gendr.Mesh(vertices, MESHES, TextureMaps(maps, uvs), texture_type="uv")
    mesh = gendr.Lighting(light)(gendr.Lighting()(mesh))
    return gendr.GenDR(SIZE, dist_scale=0.05, texture_type="uv", gradient="exact", double_side=True)(mesh)


P, BENDS = (
    single(8, 2, 3, 4) / 4 + torch.tensor([[1.2, 0, 0.2, 0], [0, 0.9, 0.1, 0], [0, 0, 1, 3]]),
    single(9, 2, 5) / 9,
)
SCENE = [VERTICES, TEXELS, EYES, torch.tensor([0.01, 0.02]), LIGHT[:, 0]]
FACE_VERTICES = ahead(single(10, 2, 5, 3, 3))
CALLS: dict[str, tuple[Callable[..., Any], list[Tensor]]] = {
    **{f"softras {name}": call for name, call in of_both(sr).items()},
    **{f"gendr {name}": call for name, call in of_both(gendr).items()},
    "perspective": (sr.functional.perspective, [ahead(VERTICES), ANGLES]),
    "orthogonal": (sr.functional.orthogonal, [VERTICES, ANGLES]),
    "projection": (lambda *x: sr.functional.projection(*x, 2), [VERTICES, P, BENDS]),
    "SoftRenderer": (softras_picture, SCENE),
    "GenDR": (gendr_picture, SCENE),
    "uv textures": (uv_picture, [ahead(VERTICES), single(11, 2, 4, 5, 3).abs(), single(12, 2, 5, 3, 2), ANGLES / 20]),
    "soft_rasterize": (lambda f, t: sr.functional.soft_rasterize(f, t, SIZE, sigma_val=1e-2), [FACE_VERTICES, TEXELS]),
    "render": (lambda f, t: gendr.functional.render(f, t, SIZE, dist_scale=0.05), [FACE_VERTICES, TEXELS]),
    "forward_tensors": (lambda f, t: gendr.GenDR(SIZE).forward_tensors(f, t), [FACE_VERTICES, TEXELS]),
}


def result_and_gradients(call: Callable[..., Tensor], inputs: list[Tensor]) -> list[Tensor]:
    inputs = [x.clone().requires_grad_() for x in inputs]
    result = call(*inputs)
    assert result.dtype == torch.float32
    gradients = torch.autograd.grad((result * single(20, *result.shape)).sum(), inputs, allow_unused=True)
    return [result.detach(), *(g for g in gradients if g is not None)]


@LOW
@pytest.mark.parametrize("name", CALLS)
def test_float32_stays_what_it_is(name: str, low: torch.dtype) -> None:
    call, inputs = CALLS[name]
    expected = result_and_gradients(call, inputs)
    assert len(expected) > 1
    with torch.autocast("cpu", dtype=low):
        got = result_and_gradients(call, inputs)
    assert all(torch.equal(*pair) for pair in zip(got, expected, strict=True))


@LOW
@pytest.mark.parametrize("name", CALLS)
def test_half_precision_from_autocast_is_converted(name: str, low: torch.dtype) -> None:
    """What comes out of a matmul there; the gradient goes back through it."""
    call, inputs = CALLS[name]
    given = [x.to(low).requires_grad_() for x in inputs]
    expected = call(*(x.detach().float() for x in given))
    with torch.autocast("cpu", dtype=low):
        got = call(*given)
        got.sum().backward()
    assert got.dtype == torch.float32 and torch.equal(got, expected)
    assert given[0].grad is not None and given[0].grad.dtype == low and given[0].grad.float().abs().sum() > 0


@LOW
@pytest.mark.parametrize("name", CALLS)
def test_half_precision_is_refused_outside(name: str, low: torch.dtype) -> None:
    call, inputs = CALLS[name]
    for i in range(len(inputs)):
        given = [x.to(low) if i == j else x for j, x in enumerate(inputs)]
        with pytest.raises(TypeError, match=f"must be float32 or float64, got {low}") as raised:
            call(*given)
        assert not str(raised.value).startswith(("values", "features", "points", "dist_scale must be >"))


@LOW
def test_voxels(low: torch.dtype) -> None:
    for door in (sr, gendr):
        given = (FACE_VERTICES / 8 + 0.3).to(low)
        expected = door.functional.voxelization(given.float(), 8)
        with torch.autocast("cpu", dtype=low):
            assert torch.equal(door.functional.voxelization(given, 8), expected) and expected.any()
            mesh = door.Mesh(VERTICES.to(low), MESHES)
            assert mesh.vertices.dtype == torch.float32
            assert torch.equal(mesh.voxelize(8), door.Mesh(VERTICES.to(low).float(), MESHES).voxelize(8))
        with pytest.raises(TypeError, match="faces must be float32 or float64"):
            door.functional.voxelization(given, 8)


@LOW
def test_light_is_added_in_place_also_to_what_autocast_made(low: torch.dtype) -> None:
    with torch.autocast("cpu", dtype=low):
        light = LIGHT.to(low)
        total = sr.functional.ambient_lighting(light, 0.25)
    assert torch.equal(total, LIGHT.to(low).float() + 0.25) and torch.equal(light, total.to(low))


@LOW
def test_a_step_of_training(low: torch.dtype) -> None:
    """A layer whose matmul autocast casts, and a picture of what it says."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(3, 3)
    with torch.autocast("cpu", dtype=low):
        moved = layer(VERTICES)
        assert moved.dtype == low
        image = softras_picture(moved, TEXELS, EYES, torch.tensor(0.01), torch.zeros(3))
        image[:, 3].square().mean().backward()
    assert layer.weight.grad is not None and layer.weight.grad.isfinite().all() and layer.weight.grad.any()


@LOW
def test_files(low: torch.dtype, tmp_path: Path) -> None:
    """Texels are sampled in float32, and what autocast made can be saved."""
    pytest.importorskip("PIL")
    expected = sr.Mesh.from_obj(data.path("spot.obj"), load_texture=True, texture_res=2)
    with torch.autocast("cpu", dtype=low):
        got = sr.Mesh.from_obj(data.path("spot.obj"), load_texture=True, texture_res=2)
        sr.functional.save_obj(tmp_path / "a.obj", VERTICES[0].to(low), FACES, TEXELS[0].to(low))
    assert torch.equal(got.textures, expected.textures) and torch.equal(got.vertices, expected.vertices)
    assert torch.equal(sr.functional.load_obj(tmp_path / "a.obj")[0], VERTICES[0].to(low).float())
    with pytest.raises(TypeError, match="textures must be float32 or float64"):
        sr.functional.save_obj(tmp_path / "b.obj", VERTICES[0], FACES, TEXELS[0].to(low))
