"""Bugs that have been: each of these cases once crashed or was silently wrong."""

import ctypes
from typing import Any

import numpy as np
import pytest
import torch
from support.devices import DEVICES
from torch import Tensor
from torch.autograd import forward_ad

from gendr_adapters import RenderSettings, find_fragments, gather_corners, render
from gendr_adapters.gendr.functional import render as gendr_render
from gendr_adapters.softras.functional import soft_rasterize

TRIANGLE = torch.tensor([[[-0.5, -0.4, 2.0], [0.6, -0.3, 2.5], [0.1, 0.7, 3.0]]])


def alpha_of(faces: Tensor, size: int = 16, **settings: object) -> Tensor:
    alpha = render(faces, size, settings=RenderSettings(**settings), outputs=("alpha",)).alpha
    assert alpha is not None
    return alpha


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1e6, 1e8, 1e9, 1e12, 1e18])
def test_edges_far_beside_the_picture(size: float, dtype: torch.dtype, device: str) -> None:
    b = size
    place: dict[str, Any] = {"dtype": dtype, "device": device}
    beside = torch.tensor([[[b, -b / 10, 2], [b, b, 2], [-b / 10, b, 2.0]]], requires_grad=True, **place)
    alpha = alpha_of(beside, 64)
    alpha.sum().backward()
    assert alpha.isfinite().all() and beside.grad is not None and beside.grad.isfinite().all()
    around = torch.tensor([[[-b, -b, 2], [b, -b, 2], [0, b, 2.0]]], **place)
    assert (alpha_of(around, 64) == 1).all()


@pytest.mark.cpu_core  # test_cuda.py has the CUDA core's answer
@pytest.mark.parametrize("name", ["dist_scale", "gamma"])
@pytest.mark.parametrize("value", [-1.0, 0.0, float("nan"), float("inf")])
def test_scales_that_become_bad_after_the_settings_were_made(name: str, value: float) -> None:
    scale = torch.tensor([1e-3])
    settings = RenderSettings(**{name: scale})
    scale.fill_(value)
    with pytest.raises(ValueError, match=f"{name} must be > 0"):
        render(TRIANGLE, 8, settings=settings)


@DEVICES
def test_doors_cut_each_image_off_by_its_own_scale(device: str) -> None:
    faces, texels = TRIANGLE.expand(2, 1, 3, 3).to(device), torch.rand(2, 1, 1, 3).to(device)
    scales = torch.tensor([1e-5, 1e-2], device=device)
    for both, alone in (
        (
            soft_rasterize(faces, texels, 32, sigma_val=scales),
            soft_rasterize(faces[:1], texels[:1], 32, sigma_val=1e-5),
        ),
        (
            gendr_render(faces, texels, 32, dist_func="cauchy", dist_scale=scales, dist_eps=4),
            gendr_render(faces[:1], texels[:1], 32, dist_func="cauchy", dist_scale=1e-5, dist_eps=4),
        ),
    ):
        assert torch.equal(both[:1], alone)


@DEVICES
@pytest.mark.parametrize(
    "name, p",
    [*(("hamacher", p) for p in (1e-6, 1e-4, 1e4, 1e6)), *(("frank", p) for p in (1e-6, 1e-3, 0.1, 1e3, 1e6))],
)
def test_families_hold_in_float32_at_the_ends_of_p(name: str, p: float, device: str) -> None:
    generator = torch.Generator().manual_seed(0)
    faces = torch.rand((6, 3, 3), generator=generator, dtype=torch.float64) * 1.6 - 0.8
    faces[..., 2] += 3
    results = []
    for dtype in (torch.float32, torch.float64):
        corners = faces.to(device, dtype, copy=True).requires_grad_()
        alpha = alpha_of(corners, 24, t_conorm=name, t_conorm_p=p, dist_scale=3e-2)
        assert alpha.min() >= 0 and alpha.max() <= 1 + 1e-6
        (gradient,) = torch.autograd.grad(alpha.sum(), corners)
        results.append((alpha.detach().double(), gradient.double()))
    (alpha32, gradient32), (alpha64, gradient64) = results
    assert (alpha32 - alpha64).abs().max() < 1e-5
    assert (gradient32 - gradient64).norm() < 1e-3 * gradient64.norm()


@DEVICES
@pytest.mark.parametrize("p", [1e-4, 0.01, 0.1, 10.0, 1e4])
def test_frank_leaves_empty_pixels_at_0(p: float, device: str) -> None:
    assert (alpha_of(TRIANGLE.to(device) + 10, t_conorm="frank", t_conorm_p=p) == 0).all()


def test_forward_mode_is_refused() -> None:
    def alpha(x: Tensor) -> Tensor:
        return alpha_of(x).sum()

    with pytest.raises(NotImplementedError, match="forward-mode"):
        torch.func.jvp(alpha, (TRIANGLE,), (torch.ones_like(TRIANGLE),))
    with forward_ad.dual_level(), pytest.raises(NotImplementedError, match="forward-mode"):
        alpha(forward_ad.make_dual(TRIANGLE, torch.ones_like(TRIANGLE)))
    vertices, faces = TRIANGLE[0], torch.tensor([[0, 1, 2]])
    with pytest.raises(NotImplementedError, match="forward-mode"):
        torch.func.jvp(lambda v: gather_corners(v, faces), (vertices,), (vertices,))


def test_outputs_may_be_any_iterable() -> None:
    rendered = render(TRIANGLE, 8, outputs=(name for name in ("alpha", "depth")))
    assert rendered.alpha is not None and rendered.depth is not None


def test_an_image_needs_features() -> None:
    with pytest.raises(ValueError, match="needs features"):
        render(TRIANGLE, 8, outputs=("image",))


def test_numpy_numbers_are_numbers() -> None:
    settings = RenderSettings(dist_scale=np.float32(1e-3), near=np.float64(0.5))
    assert render(TRIANGLE, np.int64(8), settings=settings).alpha is not None


@DEVICES
def test_hidden_face_may_have_nan_features(device: str) -> None:
    """Hard blend: its gradient is 0, it was NaN."""
    faces = torch.cat([TRIANGLE, TRIANGLE + torch.tensor([0.0, 0.0, 3.0])]).to(device).requires_grad_()
    features = torch.ones(2, 3, 1, device=device)
    features[1, 0] = torch.inf
    image = render(faces, 8, features, settings=RenderSettings(blend="hard"), outputs=("image",)).image
    assert image is not None and image.isfinite().all()
    (gradient,) = torch.autograd.grad(image.sum(), faces)
    assert gradient.isfinite().all() and not gradient[1].any()


@DEVICES
def test_rounding_does_not_choose_the_texel_outside_an_edge(device: str) -> None:
    """Beside edge 0-1 the weights lie on the line between a texel and its mirror image. Float32 and float64 now agree
    on which it is, but where a cell ends: there they may see different cells."""
    generator = torch.Generator().manual_seed(0)
    texels = torch.rand((1, 16, 3), generator=generator, dtype=torch.float64)
    corners = torch.tensor([[[-0.53, 0.27, 2.0], [0.49, 0.31, 2.0], [0.07, 0.93, 2.0]]], dtype=torch.float64)
    settings = RenderSettings(dist_scale=0.1, gamma=1.0, perspective_correct=False, background_eps=-30.0)

    def below_the_edge(dtype: torch.dtype) -> Tensor:
        image = render(corners.to(device, dtype), 64, texels.to(device, dtype), settings=settings).image
        assert image is not None
        return image[0, :, 24:50, 16:48].double().cpu()

    differ = ((below_the_edge(torch.float32) - below_the_edge(torch.float64)).abs() > 1e-3).any(0)
    assert differ.float().mean() < 0.01


@DEVICES
@pytest.mark.parametrize("t_conorm", ["aczel_alsina", "dombi", "schweizer_sklar"])
def test_coverages_that_are_1_to_the_last_digit(t_conorm: str, device: str) -> None:
    """Two faces over a pixel, gaussian edges so sharp that log(1 - D) is infinite: alpha was NaN with CUDA's exp."""
    faces = torch.cat([TRIANGLE, TRIANGLE]).to(device).requires_grad_()
    p = -2.0 if t_conorm == "schweizer_sklar" else 2.0
    alpha = alpha_of(faces, 8, distribution="gaussian", dist_scale=1e-25, t_conorm=t_conorm, t_conorm_p=p)
    assert alpha.isfinite().all() and alpha.max() == 1
    assert torch.autograd.grad(alpha.sum(), faces)[0].isfinite().all()


@DEVICES
def test_an_infinite_weight_of_the_background(device: str) -> None:
    settings = RenderSettings(gamma=1e-30, background_eps=-1e9)
    image = render(TRIANGLE.to(device), 8, torch.ones(1, 3, 1, device=device), settings=settings).image
    assert image is not None and image.isfinite().all()


@DEVICES
@pytest.mark.exact_coordinates
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_face_up_to_far_is_seen_up_to_far(dtype: torch.dtype, device: str) -> None:
    """Corners exactly at far: rounding of the depth between them must not lose the fragment to colour and fragments
    alone."""
    generator = torch.Generator().manual_seed(0)
    xy = torch.rand((400, 3, 2), generator=generator, dtype=dtype) * 2 - 1
    for far in (100.0, 7.3, 1.1):
        corners = torch.cat([xy, torch.full((400, 3, 1), far, dtype=dtype)], 2)
        corners[:, 1, 2] = 1.0
        corners = corners.to(device)
        settings = RenderSettings(near=1.0, far=far, dist_scale=1e-2)
        found = find_fragments(corners, 16, settings=settings)
        everywhere = find_fragments(corners, 16, settings=RenderSettings(near=0.5, far=2 * far, dist_scale=1e-2))
        assert torch.equal(found.offsets, everywhere.offsets)


@pytest.mark.cpu_core
@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "signgam"), reason="a C library without signgam")
def test_calls_write_no_global_of_the_c_library() -> None:
    """lgamma's signgam, for which calls from several threads raced."""
    sign = ctypes.c_int.in_dll(ctypes.CDLL(None), "signgam")
    before, sign.value = sign.value, 7
    try:
        alpha_of(TRIANGLE, distribution="gamma", dist_shape=2.5)
        assert sign.value == 7
    finally:
        sign.value = before
