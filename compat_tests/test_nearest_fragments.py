"""The K nearest fragments of each pixel against the full list of find_fragments, sorted and cut to K."""

from typing import Any

import pytest
import torch
from support.devices import DEVICES, is_emulated
from support.scenes import random_scene
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import RenderSettings, find_fragments
from gendr_adapters._nearest_fragments import NearestFragments, find_nearest_fragments

SIZE = (13, 17)
BASE: dict[str, Any] = {"near": 1.8, "far": 4.5, "reach": 0.2, "min_coverage": 0.0}
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "PyTorch3D": {"clip": "nonnegative"},
    "affine, no clip": {"perspective_correct": False, "clip": "none"},
    "culled": {"cull": "back"},
    "by coverage": {"min_coverage": 0.01, "dist_scale": 0.01, "reach": None},
    "barycentric": {"distance": "barycentric"},
    "boxes": {"reach_shape": "box"},
    "cut": {"near_clip": 2.6, "near": 0.1},
}
NUMBERS = ("weights", "depth", "distance2")


def scene_for(dtype: torch.dtype, device: str, faces: int = 40, seed: int = 3) -> Tensor:
    return random_scene(seed, faces).face_vertices.to(device, dtype)


def stack_of(n: int, dtype: torch.dtype, device: str, *, order: str) -> Tensor:
    """(2 n, 3, 3): n quads that fill the picture, one behind the other; in pairs of the same depth if 'ties'."""
    quad = torch.tensor([[[-1, -1], [1, -1], [1, 1]], [[-1, -1], [1, 1], [-1, 1]]], dtype=dtype)
    step = torch.arange(n, dtype=dtype)
    depth = {"nearest first": step, "farthest first": n - step, "ties": step % (n // 2 + 1)}[order] / n + 2
    corners = quad.expand(n, 2, 3, 2)
    return torch.cat([1.5 * corners, depth[:, None, None, None].expand(n, 2, 3, 1)], 3).flatten(0, 1).to(device)


def cut_to(
    k: int, corners: Tensor, size: tuple[int, int], offsets: Tensor | None, settings: RenderSettings
) -> NearestFragments:
    """By sorting what find_fragments finds, in plain torch."""
    found = find_fragments(corners, size, offsets, settings)
    order = torch.argsort(found.face, stable=True)
    order = order[torch.argsort(found.depth.detach()[order], stable=True)]
    order = order[torch.argsort(found.pixel[order], stable=True)]
    pixel = found.pixel[order]
    rank = torch.arange(len(pixel), device=pixel.device) - found.offsets[pixel]
    kept = rank < k
    order, to = order[kept], (pixel * k + rank)[kept]
    n_pixels = len(found.offsets) - 1

    def dense(values: Tensor) -> Tensor:
        empty = values.new_full((n_pixels * k, *values.shape[1:]), -1)
        return empty.index_copy(0, to, values[order]).view(-1, *size, k, *values.shape[1:])

    return NearestFragments(*(dense(getattr(found, name)) for name in NearestFragments._fields))


def check(
    k: int, corners: Tensor, size: tuple[int, int], offsets: Tensor | None, settings: RenderSettings
) -> NearestFragments:
    """The same fragments and, of random gradients, the same gradient. Bit for bit on the CPU core, whose two passes run
    the same instructions; the CUDA core's are compiled apart."""
    leaf = corners.detach().clone().requires_grad_()
    expected = cut_to(k, leaf, size, offsets, settings)
    got = find_nearest_fragments(leaf, size, k, offsets, settings)
    exact = corners.device.type == "cpu" and not is_emulated()
    tolerance = {} if not exact else {"rtol": 0, "atol": 0}
    assert torch.equal(got.face, expected.face)
    for name in NUMBERS:
        assert_close(getattr(got, name), getattr(expected, name), **tolerance, msg=lambda m, n=name: f"{n}: {m}")
    generator = torch.Generator().manual_seed(5)
    for chosen in (NUMBERS[:1], NUMBERS[1:2], NUMBERS[2:], NUMBERS):
        gradients = []
        for result in (got, expected):
            generator.manual_seed(5)
            values = [getattr(result, name) for name in chosen]
            randoms = [torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x) for x in values]
            gradients.append(torch.autograd.grad(values, leaf, randoms, retain_graph=True)[0])
        # The same terms, added up in another order.
        bound = 1e-12 if corners.dtype == torch.float64 else 1e-4
        scale = gradients[1].abs().max().item() if gradients[1].numel() else 0.0
        assert_close(
            gradients[0], gradients[1], rtol=0, atol=bound * max(scale, 1e-30), msg=lambda m, c=chosen: f"{c}: {m}"
        )
    return got


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", SETTINGS)
def test_the_nearest_of_all(name: str, dtype: torch.dtype, device: str) -> None:
    settings, corners = RenderSettings(**{**BASE, **SETTINGS[name]}), scene_for(dtype, device)
    most = int(find_fragments(corners, SIZE, settings=settings).offsets.diff().max())
    assert most > 5
    for k in (1, 2, 3, 5, most - 1, most, most + 3, 300):
        got = check(k, corners, SIZE, None, settings)
        assert (got.face[..., 0] >= 0).any() and bool((got.face[..., -1] >= 0).any()) == (k <= most)
