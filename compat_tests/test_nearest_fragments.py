"""The K nearest fragments of each pixel against the full list of find_fragments, sorted and cut to K."""

from typing import Any

import pytest
import torch
from support.devices import DEVICES, is_emulated
from support.messages import about
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
        assert_close(getattr(got, name), getattr(expected, name), **tolerance, msg=about(name))
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
        assert_close(gradients[0], gradients[1], rtol=0, atol=bound * max(scale, 1e-30), msg=about(chosen))
    return got


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", SETTINGS)
def test_nearest_fragments_are_the_nearest_of_the_list(name: str, dtype: torch.dtype, device: str) -> None:
    settings, corners = RenderSettings(**{**BASE, **SETTINGS[name]}), scene_for(dtype, device)
    most = int(find_fragments(corners, SIZE, settings=settings).offsets.diff().max())
    assert most > 5
    for k in (1, 2, 5, most, 300):
        got = check(k, corners, SIZE, None, settings)
        assert (got.face[..., 0] >= 0).any() and bool((got.face[..., -1] >= 0).any()) == (k <= most)


@DEVICES
@pytest.mark.parametrize("k", [1, 4, 40])
@pytest.mark.parametrize("order", ["nearest first", "farthest first", "ties"])
def test_any_order_of_faces(order: str, k: int, device: str) -> None:
    """Of equal depths the lower number comes first, wherever the faces' pixel boxes file them."""
    settings = RenderSettings(**BASE)
    corners = stack_of(20, torch.float64, device, order=order)
    got = check(k, corners, (8, 8), None, settings)
    depth, face = got.depth.detach(), got.face
    tied = depth.diff() == 0
    assert k == 1 or order != "ties" or tied[face[..., 1:] >= 0].float().mean() > 0.4
    assert (face.diff()[tied & (face[..., 1:] >= 0)] > 0).all()


@DEVICES
@pytest.mark.parametrize("k", [1, 3])
def test_batches_and_empty_meshes(k: int, device: str) -> None:
    faces = scene_for(torch.float64, device)
    settings = RenderSettings(**BASE)
    offsets = torch.tensor([0, 0, 15, 15, 40, 40], device=device)
    packed = check(k, faces, SIZE, offsets, settings)
    assert [bool((image >= 0).any()) for image in packed.face] == [False, True, False, True, False]
    dense = check(k, faces.view(2, 20, 3, 3), SIZE, None, settings)
    assert (dense.face[1].unique() >= 20).sum() + 1 == len(dense.face[1].unique())
    nothing = find_nearest_fragments(faces[:0].requires_grad_(), 8, k, None, settings)
    assert all((x == -1).all() for x in nothing) and nothing.weights.shape == (1, 8, 8, k, 3)
    nothing.depth.sum().backward()


@DEVICES
def test_factors(device: str) -> None:
    corners = scene_for(torch.float64, device).requires_grad_()
    plain = find_nearest_fragments(corners, SIZE, 3, None, RenderSettings(**BASE))
    scaled = find_nearest_fragments(
        corners, SIZE, 3, None, RenderSettings(**BASE), weight_factor=0.5, distance_factor=-2.0
    )
    found = plain.face >= 0
    assert found.any() and not found.all()
    for name, factor in (("weights", 0.5), ("depth", 1.0), ("distance2", -2.0)):
        a, b = getattr(plain, name), getattr(scaled, name)
        assert torch.equal(factor * a[found], b[found]) and (b[~found] == -1).all()
        (expected,) = torch.autograd.grad((factor * a[found]).square().sum(), corners, retain_graph=True)
        (gradient,) = torch.autograd.grad(b[found].square().sum(), corners, retain_graph=True)
        assert expected.any()
        assert_close(gradient, expected)


@DEVICES
def test_bits_do_not_depend_on_the_number_of_threads(device: str) -> None:
    corners = scene_for(torch.float32, device, 200).requires_grad_()

    def run() -> list[Tensor]:
        near = find_nearest_fragments(corners, (70, 50), 4, None, RenderSettings(**BASE))
        loss = (near.weights.square().sum(-1) * near.depth * near.distance2.sin()).sum()
        return [*near, torch.autograd.grad(loss, corners)[0]]

    first, threads = run(), torch.get_num_threads()
    assert first[-1].any()
    try:
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            assert all(torch.equal(a, b) for a, b in zip(run(), first, strict=True))
    finally:
        torch.set_num_threads(threads)


def test_memory_does_not_grow_with_the_fragments(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the op allocates is the result and a workspace, and that of a face: no more where faces cover more."""
    asked: list[int] = []
    workspace_of = Tensor.new_empty

    def counted(like: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        made = workspace_of(like, *args, **kwargs)
        asked.append(made.numel() * made.element_size())
        return made

    monkeypatch.setattr(Tensor, "new_empty", counted)
    settings = RenderSettings(**BASE)
    sums = {}
    for faces in (10, 50):
        for size in (0.01, 1.0):
            corners = stack_of(faces, torch.float32, "cpu", order="farthest first") * torch.tensor([size, size, 1.0])
            asked.clear()
            near = find_nearest_fragments(corners, 64, 2, None, settings)
            sums[faces, size] = sum(asked)
            assert (near.face >= 0).all() == (size == 1.0)
    assert sums[10, 0.01] == sums[10, 1.0] and sums[50, 0.01] == sums[50, 1.0]
    results = 64 * 64 * 2 * (8 + 4 + 4 + 12)
    assert results < sums[10, 1.0] < sums[50, 1.0] < 2 * results


def test_opcheck_and_gradcheck() -> None:
    corners = scene_for(torch.float64, "cpu", faces=6).requires_grad_()
    s = RenderSettings(**{**BASE, "clip": "nonnegative"})
    arguments = (corners, None, None, [1, 3, 4], 2, [0.5, -1.0], *s.packed)
    torch.library.opcheck(torch.ops.gendr_adapters.nearest_fragments, arguments)
    *numbers, face = torch.ops.gendr_adapters.nearest_fragments(*arguments)
    call = (*(torch.randn_like(x) for x in numbers), corners.detach(), None, None, face, *arguments[3:])
    torch.library.opcheck(torch.ops.gendr_adapters.nearest_fragments_backward, call)

    def numbers_of(x: Tensor) -> tuple[Tensor, ...]:
        return find_nearest_fragments(x, (3, 4), 2, None, s, weight_factor=0.5, distance_factor=-1.0)[1:]

    assert (face >= 0).any()
    assert torch.autograd.gradcheck(numbers_of, corners, fast_mode=True)


def test_nearest_fragments_inside_vmap() -> None:
    """The shape is known, so that the items of a vmap may differ."""
    corners = torch.stack([scene_for(torch.float64, "cpu", 10, seed) for seed in (1, 2)])
    settings = RenderSettings(**BASE)
    together = torch.vmap(lambda x: find_nearest_fragments(x, 8, 2, None, settings).depth)(corners)
    for x, depth in zip(corners, together, strict=True):
        assert torch.equal(find_nearest_fragments(x, 8, 2, None, settings).depth, depth)


def test_too_many_slots_and_none() -> None:
    corners = scene_for(torch.float32, "cpu")
    with pytest.raises(ValueError, match=r"for each pixel of 1 images of 4096 x 4096 are 3355443200 slots; at most"):
        find_nearest_fragments(corners, 4096, 200, None, RenderSettings(**BASE))
    with pytest.raises(ValueError, match="n_nearest must be at least 1"):
        find_nearest_fragments(corners, 8, 0, None, RenderSettings(**BASE))
    with pytest.raises(TypeError, match="settings must be a RenderSettings"):
        find_nearest_fragments(corners, 8, 1, None, {})
