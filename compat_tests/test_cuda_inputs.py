"""Bad and odd input on CUDA tensors: what only the GPU knows is answered with NaN, everything else as on the CPU."""

import math
from typing import Any

import pytest
import torch
from support.devices import cpu_core
from support.scenes import ALL_OUTPUTS, Scene, random_scene
from torch import Tensor

from gendr_adapters import RenderSettings, gather_corners, render
from gendr_adapters.gendr.functional import render as gendr_render
from gendr_adapters.softras.functional import soft_rasterize

pytestmark = pytest.mark.cuda

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
BAD = pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, 1e-35], ids=str)
SIZE = (12, 17)


# Values


@DTYPES
@BAD
@pytest.mark.parametrize("texels", [3, 4], ids=["corners", "texels"])
@pytest.mark.parametrize("blend", ["softmax", "hard"])
@pytest.mark.parametrize("name", ["dist_scale", "gamma"])
def test_a_bad_scale_spoils_its_own_image_only(
    name: str, blend: str, texels: int, bad: float, dtype: torch.dtype, device: str
) -> None:
    """A render with such a scale would be meaningless, and to raise an error it would have to wait for the GPU."""
    scene = random_scene(0, 12, texels)
    inputs = [x.to(device, dtype) for x in scene]
    inputs = [inputs[0].unflatten(0, (3, 4)), inputs[1].unflatten(0, (3, 4)), inputs[2].expand(3, 2)]

    def run(value: float | None) -> dict[str, Tensor]:
        leaves = [x.clone().requires_grad_() for x in inputs]
        scales = {
            "dist_scale": torch.full((3,), 0.02).to(device, dtype),
            "gamma": torch.full((3,), 0.2).to(device, dtype),
        }
        settings = RenderSettings(**scales, blend=blend)
        if value is not None:  # the settings would not take it from the CPU
            scales[name][1] = value
        leaves += [x.requires_grad_() for x in scales.values()]
        rendered = render(leaves[0], SIZE, leaves[1], None, settings, leaves[2], ALL_OUTPUTS)
        outputs = [x for x in rendered[:3] if x is not None]
        weights = [torch.linspace(0.5, 1.5, x.numel()).to(x).reshape(x.shape) for x in outputs]
        gradients = torch.autograd.grad(outputs, leaves, weights)
        names = ("image", "alpha", "depth", "faces", "features", "background", "d dist_scale", "d gamma")
        return dict(zip(names, (*outputs, *gradients), strict=True))

    expected, got = run(None), run(bad)
    for key, value in got.items():
        assert torch.equal(value[[0, 2]], expected[key][[0, 2]]), key
        # Not those of features without a share in a pixel.
        if key != "features":
            assert value[1].isnan().all(), key


@pytest.mark.parametrize("name", ["dist_scale", "gamma"])
@BAD
def test_check_finite_looks_at_scales(bad: float, name: str, device: str) -> None:
    scale = torch.tensor([1e-3, 1e-3], device=device)
    settings = RenderSettings(check_finite=True, **{name: scale})
    faces = random_scene(0).face_vertices.float().to(device).expand(2, -1, -1, -1)
    render(faces, 8, settings=settings)
    scale[1] = bad
    with pytest.raises(ValueError, match=f"{name} must be > 0"):
        render(faces, 8, settings=settings)


def test_check_finite_looks_at_corners(device: str) -> None:
    faces = random_scene(2, faces=5).face_vertices.to(device)
    faces[3, 1, 0], faces[4, 0, 2] = math.nan, math.inf
    with pytest.raises(ValueError, match="2 faces with corners that are not finite; the first is face 3"):
        render(faces, 8, settings=RenderSettings(check_finite=True))


@DTYPES
@pytest.mark.parametrize("bad", [-1, 5, 2**31, 2**62, -(2**63)])
def test_corners_of_vertices_that_do_not_exist(bad: int, dtype: torch.dtype, device: str) -> None:
    values = torch.randn((2, 5, 3), generator=torch.Generator().manual_seed(0)).to(device, dtype).requires_grad_()
    faces = torch.tensor([[0, 1, 2], [2, bad, 3], [3, 4, bad]], device=device)
    exists = ((faces >= 0) & (faces < 5))[:, :, None]
    got = gather_corners(values, faces)
    assert torch.equal(got.isnan(), (~exists).expand_as(got))
    usual = values[:, faces.clamp(0, 4)]
    assert torch.equal(got.nan_to_num(), torch.where(exists, usual, 0.0))
    weights = torch.linspace(-1, 1, got.numel()).to(got).reshape(got.shape)
    (gradient,) = torch.autograd.grad(got, values, weights)
    (expected,) = torch.autograd.grad(usual, values, weights * exists)
    torch.testing.assert_close(gradient, expected)


def test_corners_of_no_vertices(device: str) -> None:
    faces = torch.zeros((4, 3), dtype=torch.int64, device=device)
    assert gather_corners(torch.zeros((0, 3), device=device), faces).isnan().all()


@pytest.mark.parametrize("offsets", [[0, 3, 2, 4], [0, 5], [1, 4], [0, 3]], ids=str)
def test_bad_offsets_raise(offsets: list[int], device: str) -> None:
    with pytest.raises(ValueError, match="face_offsets must rise from 0"):
        render(random_scene(0).face_vertices.to(device), 8, face_offsets=torch.tensor(offsets, device=device))


# Types and devices


@pytest.mark.cuda(real=True)
@pytest.mark.parametrize(
    "stray", ["face_vertices", "features", "face_offsets", "background", "dist_scale", "gamma", "values", "faces"]
)
def test_tensors_of_two_devices(stray: str) -> None:
    """Which of them is where is in the message."""
    tensors = {
        "face_vertices": torch.rand(4, 3, 3),
        "features": torch.rand(4, 3, 2),
        "face_offsets": torch.tensor([0, 4]),
        "background": torch.rand(2),
        "dist_scale": torch.ones(1),
        "gamma": torch.ones(1),
        "values": torch.rand(5, 3),
        "faces": torch.tensor([[0, 1, 2]]),
    }
    t = {name: value if name == stray else value.cuda() for name, value in tensors.items()}

    def call() -> object:
        if stray in ("values", "faces"):
            return gather_corners(t["values"], t["faces"])
        settings = RenderSettings(dist_scale=t["dist_scale"], gamma=t["gamma"])
        return render(t["face_vertices"], 8, t["features"], t["face_offsets"], settings, t["background"])

    with pytest.raises(TypeError, match="(?=.*cpu)(?=.*cuda:0)"):
        call()


@pytest.mark.parametrize("low", [torch.float16, torch.bfloat16], ids=str)
def test_autocast(low: torch.dtype, device: str) -> None:
    """It changes nothing for float32 input; what it made half precision before is taken as float32."""
    scene = Scene(*(x.float().to(device) for x in random_scene(0)))
    faces = torch.tensor([[0, 1, 2]], device=device)

    def run() -> tuple[Tensor, ...]:
        corners = scene.face_vertices.clone().requires_grad_()
        rendered = render(corners, SIZE, scene.features, background=scene.background)
        assert rendered.image is not None and rendered.alpha is not None
        total = rendered.image.sum() + rendered.alpha.sum()
        return rendered.image, rendered.alpha, torch.autograd.grad(total, corners)[0]

    expected = run()
    with torch.autocast(device, dtype=low):
        for a, b in zip(run(), expected, strict=True):
            assert a.dtype == torch.float32 and torch.equal(a, b)
        projected = scene.face_vertices[0] @ torch.eye(3, device=device)
        assert projected.dtype == low
        assert torch.equal(gather_corners(projected, faces), projected.float()[faces])
        alpha, same = (render(x[None], SIZE).alpha for x in (projected, projected.float()))
        assert alpha is not None and same is not None and torch.equal(alpha, same)
    with pytest.raises(TypeError, match=f"values must be float32 or float64, got {low}"):
        gather_corners(projected, faces)


# Doors: beside the goldens (test_parity.py), arguments that are no tensors of the scene


@DTYPES
@pytest.mark.parametrize("door", [soft_rasterize, gendr_render])
@pytest.mark.parametrize("scales", ["numbers", "tensors"])
def test_doors(scales: str, door: Any, dtype: torch.dtype, device: str) -> None:
    tau, gamma = ("sigma_val", "gamma_val") if door is soft_rasterize else ("dist_scale", "aggr_rgb_gamma")
    generator = torch.Generator().manual_seed(0)
    corners = random_scene(0, 12).face_vertices.unflatten(0, (2, 6))
    textures = torch.rand((2, 6, 3, 3), generator=generator, dtype=torch.float64)

    def run(device: str) -> list[Tensor]:
        inputs = [x.to(device, dtype, copy=True).requires_grad_() for x in (corners, textures)]
        given: dict[str, Any] = {tau: 1e-2, gamma: 0.1}
        if scales == "tensors":
            given = {tau: torch.tensor([1e-2, 2e-2]).to(device, dtype), gamma: torch.tensor([0.1]).to(device, dtype)}
        image = door(*inputs, 24, background_color=[0.1, 0.5, 0.9], texture_type="vertex", **given)
        assert image.device == inputs[0].device and image.dtype == dtype
        weights = torch.linspace(-1, 1, image.numel()).to(image).reshape(image.shape)
        return [x.detach().cpu() for x in (image, *torch.autograd.grad(image, inputs, weights))]

    with cpu_core():
        expected = run("cpu")
    for a, b, tolerance in zip(run(device), expected, (1e-5, 1e-4, 1e-4), strict=True):
        tolerance *= 1e-6 if dtype == torch.float64 else 1
        assert (a - b).norm() <= tolerance * b.norm()


def test_doors_refuse_bad_names(device: str) -> None:
    corners, textures = torch.rand(1, 4, 3, 3, device=device), torch.rand(1, 4, 1, 3, device=device)
    with pytest.raises(ValueError, match="euclidean"):
        soft_rasterize(corners, textures, 8, dist_func="euclid")
    with pytest.raises(ValueError, match="gaussian"):
        gendr_render(corners, textures, 8, dist_func="gauss")
