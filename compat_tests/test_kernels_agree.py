"""CUDA kernels that decide the same twice decide alike, however the compiler rounds each of them.

nvcc fuses products with sums in one kernel and not in another. The emulated core is therefore built a second time, with
nothing fused in the kernels of forward and fragments, and every pass is taken from either build. The scenes are made so
that the last bit of a depth decides: faces with corners exactly on the near and the far plane.
"""

import ctypes
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from emulator.builds import CSRC, emulated_core
from support import devices
from support.golden import FOLDER, golden_cases, settings_of
from support.messages import about
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import Fragments, RenderSettings, _native, blend_fragments, find_fragments, render
from gendr_adapters._counted_fragments import count_fragments
from gendr_adapters.distributions import DISTRIBUTIONS
from gendr_adapters.kaolin import dibr_soft_mask

pytestmark = pytest.mark.slow

SIZE = (41, 44)
CLIPS = ("unit", "nonnegative", "none")
# near, far and the depths of a face's corners, some of which lie on one of the planes or on both.
PLANES = {
    "far 100": (1.0, 100.0, (100.0, 100.0, 150.0)),
    "far 10": (1.0, 10.0, (10.0, 11.0, 10.0)),
    "far 6": (1.0, 6.0, (6.0, 6.0, 7.0)),
    "one corner at far 7": (1.0, 7.0, (7.0, 9.0, 8.0)),
    "near 1.2": (1.2, 100.0, (1.2, 1.2, 0.9)),
    "near 3": (3.0, 100.0, (2.0, 3.0, 3.0)),
    "near 1.1 and far 1.3": (1.1, 1.3, (1.1, 1.3, 1.4)),
    "all at far 6": (1.0, 6.0, (6.0, 6.0, 6.0)),
}


class Cores(NamedTuple):
    """The core with and without products fused in the kernels of forward, of fragments and of the soft mask's forward;
    those of backward are one."""

    fused: ctypes.CDLL
    unfused: ctypes.CDLL


@cache
def cores() -> Cores:
    paths = (
        emulated_core("device"),
        emulated_core("device", unfused=("render_forward", "fragments", "soft_mask_forward")),
    )
    return Cores(*map(_native.load, paths))


class Passes:
    """A library whose functions are those of several."""

    def __init__(self, others: ctypes.CDLL, **functions: Callable[..., int]) -> None:
        self.__dict__.update(functions)
        self._others = others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._others, name)


@contextmanager
def library(passes: Any) -> Iterator[None]:
    before = _native.library
    _native.library = lambda device_type="cpu": passes
    try:
        yield
    finally:
        _native.library = before


def faces_on_planes(depths: tuple[float, float, float], dtype: torch.dtype) -> Tensor:
    """(24, 3, 3): triangles all over the picture, each with the depths in another order, some without area."""
    generator = torch.Generator().manual_seed(2)
    places = torch.rand(24, 3, 2, generator=generator, dtype=torch.float64) * 1.8 - 0.9
    places[::8, 2] = places[::8, 1]
    z = torch.tensor(depths, dtype=torch.float64)
    ordered = torch.stack([z.roll(i) for i in range(24)])
    return torch.cat([places, ordered[..., None]], 2).to(dtype)


ARRAYS = {"pixel": 1, "face": 1, "weights": 3, "depth": 1, "distance2": 1}
MARGIN = 64  # elements before and behind each array that must stay as they are
UNTOUCHED = 0xA5


def fill_with(core: ctypes.CDLL) -> Callable[[Any], int]:
    """gendr_fill_fragments of `core`, which fails if it writes outside the arrays or leaves an element as it was."""

    def fill(reference: Any) -> int:
        call = reference._obj  # of ctypes.byref
        value = 4 if call.scene.dtype == 0 else 8
        arrays = []
        for name, width in ARRAYS.items():
            size = width * (8 if name in ("pixel", "face") else value)
            padded = (ctypes.c_ubyte * (size * (call.n_fragments + 2 * MARGIN)))()
            ctypes.memset(padded, UNTOUCHED, len(padded))
            arrays.append((name, size, padded, getattr(call, name)))
            setattr(call, name, ctypes.addressof(padded) + MARGIN * size)
        status = core.gendr_fill_fragments(reference)
        for name, size, padded, place in arrays:
            first, last = MARGIN * size, (MARGIN + call.n_fragments) * size
            content, nothing = bytes(padded), bytes([UNTOUCHED]) * size
            assert content[:first] + content[last:] == nothing * 2 * MARGIN, f"{name}: written outside the array"
            elements = [content[i : i + size] for i in range(first, last, size)]
            assert nothing not in elements, f"{name}: elements not written"
            if call.n_fragments:
                ctypes.memmove(place, content[first:last], last - first)
            setattr(call, name, place)
        return int(status)

    return fill


def found_with(
    counting: ctypes.CDLL, filling: ctypes.CDLL, corners: Tensor, size: Any, offsets: Any = None, **settings: Any
) -> Fragments:
    with library(Passes(counting, gendr_fill_fragments=fill_with(filling))):
        return find_fragments(corners, size, offsets, RenderSettings(**settings))


def assert_same_for_all_roundings(*scene: Any, **settings: Any) -> Fragments:
    """The fragments; the same bits whichever build counts and whichever fills."""
    expected = found_with(cores().fused, cores().fused, *scene, **settings)
    for counting, filling in list(product(cores(), repeat=2))[1:]:
        found = found_with(counting, filling, *scene, **settings)
        for name, value in expected._asdict().items():
            if isinstance(value, Tensor):
                assert torch.equal(getattr(found, name).nan_to_num(7), value.nan_to_num(7)), name
    return expected


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_fragments_of_ranges(dtype: torch.dtype) -> None:
    """Each range is filled, and nothing else written, whichever build counts and whichever fills."""
    near, far, depths = next(iter(PLANES.values()))
    corners = faces_on_planes(depths, dtype)
    settings = {"near": near, "far": far, "reach": 0.2, "min_coverage": 0.0}
    n_pixels = SIZE[0] * SIZE[1]
    cuts = [0, 1, n_pixels // 3, n_pixels // 2, n_pixels]
    expected = found_with(cores().fused, cores().fused, corners, SIZE, **settings)
    for counting, filling in product(cores(), repeat=2):
        with library(Passes(counting, gendr_fill_fragments=fill_with(filling))):
            counted = count_fragments(corners, SIZE, settings=RenderSettings(**settings))
            parts = [counted.find_in(first, last) for first, last in zip(cuts[:-1], cuts[1:], strict=True)]
        for i, name in enumerate(Fragments._fields[1:], 1):
            assert torch.equal(torch.cat([part[i] for part in parts]), expected[i]), name


@pytest.mark.parametrize("near_clip", [None, 1.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("plane", PLANES)
def test_fragments_on_a_plane(plane: str, dtype: torch.dtype, near_clip: float | None) -> None:
    near, far, depths = PLANES[plane]
    corners = faces_on_planes(depths, dtype)
    base = {"near": near, "far": far, "near_clip": near_clip, "reach": 0.2, "min_coverage": 0.0}
    for clip in CLIPS:
        assert len(assert_same_for_all_roundings(corners, SIZE, **base, clip=clip).face) > 0
    if near_clip is None:
        assert_same_for_all_roundings(corners, SIZE, **base, distance="barycentric")
        assert_same_for_all_roundings(
            corners, SIZE, **{**base, "min_coverage": 0.1}, dist_scale=0.1, dist_squared=False
        )
        assert_same_for_all_roundings(corners, SIZE, **base, perspective_correct=False, clip="none")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("stem", [path.stem for path in sorted(FOLDER.glob("*.npz")) if path.stem != "gendr_scalars"])
def test_fragments_of_the_goldens(stem: str, dtype: torch.dtype) -> None:
    """The first case of each file of SoftRas and GenDR, its far plane moved to the depth of a corner."""
    case = next(golden_cases(stem))
    settings = vars(settings_of(case.params))
    corners = torch.from_numpy(case.face_vertices[0]).to(dtype)
    assert_same_for_all_roundings(corners, SIZE, **settings)
    middle = float(corners[..., 2].flatten().median())
    found = assert_same_for_all_roundings(corners, SIZE, **{**settings, "far": middle})
    assert len(found.face) > 0


def rendered_with(forward: ctypes.CDLL, corners: Tensor, settings: dict[str, Any]) -> dict[str, Tensor]:
    """Depths, indices and every gradient; backward is the same kernel for either build."""
    corners = corners.clone().requires_grad_()
    features = torch.rand(*corners.shape[:2], 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    features = features.to(corners.dtype).requires_grad_()
    with library(Passes(cores().fused, gendr_render_forward=forward.gendr_render_forward)):
        outputs = ("image", "alpha", "depth", "face_index")
        results = render(corners, SIZE, features, settings=RenderSettings(**settings), outputs=outputs)
        loss = sum((x * torch.linspace(0.5, 1.5, x.numel(), dtype=x.dtype).view_as(x)).sum() for x in results[:3])
        gradients = torch.autograd.grad(loss, (corners, features))
    image, alpha, depth, face_index = (x.detach() for x in results)
    return {
        "image": image, "alpha": alpha, "depth": depth, "face_index": face_index,
        "d/d corners": gradients[0], "d/d features": gradients[1],
    }  # fmt: skip


@pytest.mark.parametrize("alpha_range", ["near_far", "all"])
@pytest.mark.parametrize("plane", PLANES)
def test_backward_sees_what_forward_saw(plane: str, alpha_range: str) -> None:
    """A gradient that is missing at one pixel, or too much, is far more than rounding."""
    near, far, depths = PLANES[plane]
    corners = faces_on_planes(depths, torch.float64)
    for blend, clip in product(("softmax", "hard"), CLIPS):
        settings = {"near": near, "far": far, "dist_scale": 1e-2, "blend": blend, "clip": clip}
        settings |= {"alpha_range": alpha_range, "reach": 0.2, "min_coverage": 0.0}
        fused, unfused = (rendered_with(core, corners, settings) for core in cores())
        assert torch.equal(fused["face_index"], unfused["face_index"])
        assert torch.equal(fused["depth"], unfused["depth"])
        for name, value in fused.items():
            assert_close(unfused[name], value, rtol=1e-9, atol=1e-9, msg=about(f"{clip}, {name}"))


@pytest.mark.parametrize("near_clip", [None, 1.7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_soft_mask_passes_find_the_same_pairs(dtype: torch.dtype, near_clip: float | None) -> None:
    """Its backward finds in a box the pixels that forward found there: a pair too much is far more than rounding."""
    corners = faces_on_planes((1.0, 2.0, 3.0), dtype)[None]
    results = []
    for forward in cores():
        image = corners[..., :2].clone().requires_grad_()
        with library(Passes(cores().fused, gendr_soft_mask_forward=forward.gendr_soft_mask_forward)):
            mask = dibr_soft_mask(
                image, torch.full((1, *SIZE), -1), 10, 0.1, 3, face_vertices_z=-corners[..., 2], near_clip=near_clip
            )
            results.append((mask.detach(), *torch.autograd.grad(mask.sin().sum(), image)))
    assert (results[0][0] > 0.1).any()
    tolerance = 1e-4 if dtype == torch.float32 else 1e-9
    for fused, unfused in zip(*results, strict=True):
        assert_close(unfused, fused, rtol=tolerance, atol=tolerance)


# Faults planted in the kernels: file, what is there, what is put in its place, and the test that must fail.
FAULTS = {
    "decisions left to the compiler": (
        "core/rounded.h", "#if defined(__CUDA_ARCH__)", "#if 0", lambda: test_fragments_on_a_plane(
            "far 6", torch.float32, None)),
    "and forward's": (
        "core/rounded.h", "#if defined(__CUDA_ARCH__)", "#if 0", lambda: test_backward_sees_what_forward_saw(
            "far 6", "near_far")),
}  # fmt: skip


@pytest.mark.nightly
@pytest.mark.parametrize("fault", FAULTS)
def test_planted_fault_is_found(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, good, bad, check = FAULTS[fault]
    csrc = tmp_path / "csrc"
    shutil.copytree(CSRC, csrc)
    text = (csrc / name).read_text()
    assert text.count(good) == 1, f"{name} has changed: plant the fault anew"
    (csrc / name).write_text(text.replace(good, bad))
    paths = emulated_core("device", csrc), emulated_core("device", csrc, ("render_forward", "fragments"))
    faulty = Cores(*map(_native.load, paths))
    monkeypatch.setitem(globals(), "cores", lambda: faulty)
    with pytest.raises(AssertionError):
        check()


@devices.DEVICES
@pytest.mark.parametrize("change", [-1, 2])
def test_filling_keeps_to_the_slots_that_were_counted(
    change: int, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the passes do not agree: every third pixel that has fragments is said to have one less or two more."""
    corners = faces_on_planes((2.0, 3.0, 4.0), torch.float64).to(device).requires_grad_()
    packed = torch.cat([corners, corners])
    offsets = torch.tensor([0, len(corners), len(packed)], device=device)
    settings = RenderSettings(near=1.0, far=10.0, reach=0.2, min_coverage=0.0, dist_scale=1e-3)
    right = find_fragments(packed, SIZE, offsets, settings)
    counts = right.offsets.diff()
    wrong = counts + change * ((counts > 0) & (torch.arange(len(counts), device=device) % 3 == 0))
    assert int((wrong != counts).sum()) > 100

    real = torch.cumsum

    def cumsum(values: Tensor, *rest: Any, **named: Any) -> Tensor:
        assert torch.equal(values.long(), counts)
        return real(wrong, *rest, **named)

    monkeypatch.setattr(torch, "cumsum", cumsum)
    found = find_fragments(packed, SIZE, offsets, settings)
    monkeypatch.undo()
    assert torch.equal(found.offsets.diff(), wrong)
    assert torch.equal(found.pixel, torch.arange(len(counts), device=device).repeat_interleave(wrong))

    place = torch.arange(len(found.pixel), device=device) - found.offsets[found.pixel]
    empty = place >= counts[found.pixel]
    source = (right.offsets[found.pixel] + place)[~empty]
    for name in ("pixel", "face", "weights", "depth", "distance2"):
        assert torch.equal(getattr(found, name)[~empty], getattr(right, name)[source]), name
    assert int(empty.sum()) == max(0, int((wrong - counts).sum()))
    n_pixels = SIZE[0] * SIZE[1]
    assert torch.equal(found.face[empty], offsets[found.pixel[empty] // n_pixels])
    assert not found.weights[empty].any() and (found.depth[empty] == 10.0).all()
    assert (found.distance2[empty] < -1e100).all()

    # They cover nothing and have finite gradients.
    loss = found.weights.sum() + found.depth.sum() + found.distance2.clamp(min=-10.0).sum()
    assert torch.autograd.grad(loss, corners)[0].isfinite().all()
    colours = torch.rand(len(found.face), 3, dtype=torch.float64).to(device)
    if change < 0:
        return
    for name in DISTRIBUTIONS:
        s = replace(settings, distribution=name, dist_shape=1.5)
        with_them = blend_fragments(found, colours, SIZE, s, face_offsets=offsets)
        without = blend_fragments(right, colours[~empty], SIZE, s, face_offsets=offsets)
        for got, expected in zip(with_them[:2], without[:2], strict=True):
            assert_close(got, expected, rtol=1e-12, atol=1e-12, msg=about(name))
