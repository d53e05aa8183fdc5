"""find_fragments against brute force over all pairs, and against the pictures `render` makes of the same pairs."""

from typing import Any

import pytest
import torch
from support.devices import DEVICES
from support.messages import about
from support.scenes import Scene, random_scene, sphere
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import Fragments, RenderSettings, find_fragments, gather_corners, render
from gendr_adapters.ops import fragments as fragments_op
from gendr_adapters.ops.calls import run as real_run
from gendr_adapters.reference import find_fragments as reference_fragments

SIZE = (13, 17)
BASE: dict[str, Any] = {"near": 1.8, "far": 4.5, "reach": 0.2, "min_coverage": 0.0}
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "PyTorch3D": {"clip": "nonnegative", "min_coverage": 0.0},
    "PyTorch3D, no clip": {"clip": "none"},
    "affine": {"perspective_correct": False},
    "affine, no clip": {"perspective_correct": False, "clip": "none"},
    "culled": {"cull": "back", "front": "clockwise"},
    "by coverage": {"min_coverage": 0.01, "dist_scale": 0.01, "reach": None},
    "barycentric": {"distance": "barycentric"},
    "not squared": {"dist_squared": False, "min_coverage": 0.1, "dist_scale": 0.1},
}


def scene_for(dtype: torch.dtype, device: str, seed: int = 3, faces: int = 14) -> Tensor:
    return random_scene(seed, faces).face_vertices.to(device, dtype)


def ordered(fragments: Fragments, n_faces: int) -> list[Tensor]:
    """pixel, face, weights, depth, distance2 by pixel and face: the order within a pixel has no meaning."""
    order = torch.argsort(fragments.pixel * n_faces + fragments.face)
    return [x[order].cpu() for x in fragments[1:]]


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", SETTINGS)
def test_all_pairs_and_their_gradients(name: str, dtype: torch.dtype, device: str) -> None:
    settings = RenderSettings(**{**BASE, **SETTINGS[name]})
    corners = scene_for(dtype, device).requires_grad_()
    found = find_fragments(corners, SIZE, settings=settings)
    doubles = corners.detach().double().cpu().requires_grad_()
    expected = reference_fragments(doubles, SIZE, settings)
    got = ordered(found, len(corners))
    assert len(got[0]) > 100
    assert torch.equal(got[0], expected.pixel) and torch.equal(got[1], expected.face)
    tolerance = 1e-11 if dtype == torch.float64 else 2e-5
    for a, b, key in zip(got[2:], expected[2:], ("weights", "depth", "distance2"), strict=True):
        assert a.dtype == dtype
        assert_close(a.double(), b, rtol=tolerance, atol=tolerance, msg=about(key))
    # Each kind of number alone, then all: missing gradients are zeros.
    generator = torch.Generator().manual_seed(5)
    weights = [torch.randn(x.shape, generator=generator, dtype=torch.float64) for x in expected[2:]]
    for chosen in ([0], [1], [2], [0, 1, 2]):
        loss = sum((got[2 + i].double() * weights[i]).sum() for i in chosen)
        true_loss = sum((expected[2 + i] * weights[i]).sum() for i in chosen)
        (gradient,) = torch.autograd.grad(loss, corners, retain_graph=True)
        (true_gradient,) = torch.autograd.grad(true_loss, doubles, retain_graph=True)
        scale = true_gradient.abs().max().item()
        bound = scale * (1e-9 if dtype == torch.float64 else 2e-4)
        assert_close(gradient.double().cpu(), true_gradient, rtol=0, atol=bound, msg=about(chosen))


@DEVICES
def test_offsets_count_pixels(device: str) -> None:
    corners = scene_for(torch.float32, device)
    found = find_fragments(corners, SIZE, settings=RenderSettings(**BASE))
    counts = torch.bincount(found.pixel.cpu(), minlength=SIZE[0] * SIZE[1])
    assert torch.equal(found.offsets.cpu().diff(), counts)
    assert found.offsets[0] == 0 and found.offsets[-1] == len(found.pixel)
    assert (found.pixel.diff() >= 0).all()
    single = torch.unique(found.pixel * len(corners) + found.face)
    assert len(single) == len(found.pixel), "a pair is listed twice"


@DEVICES
def test_packed_and_dense_batches(device: str) -> None:
    a, b = scene_for(torch.float64, device, 1, 6), scene_for(torch.float64, device, 2, 6)
    settings = RenderSettings(**BASE)
    alone = [find_fragments(x, SIZE, settings=settings) for x in (a, b)]
    pixels = SIZE[0] * SIZE[1]
    offsets = torch.tensor([0, 6, 6, 12], device=device)
    for together, second in (
        (find_fragments(torch.stack([a, b]), SIZE, settings=settings), 1),
        (find_fragments(torch.cat([a, b]), SIZE, offsets, settings), 2),
    ):
        assert len(together.pixel) == sum(len(x.pixel) for x in alone)
        pixel, face, *numbers = ordered(together, 12)
        for x, image, first_face in ((alone[0], 0, 0), (alone[1], second, 6)):
            own = (pixel >= image * pixels) & (pixel < (image + 1) * pixels)
            wanted = ordered(x, 6)
            assert torch.equal(pixel[own], wanted[0] + image * pixels)
            assert torch.equal(face[own], wanted[1] + first_face)
            for got, expected in zip(numbers, wanted[2:], strict=True):
                assert torch.equal(got[own], expected)


@DEVICES
@pytest.mark.parametrize("n_faces", [0, 1])
def test_scenes_without_fragments(n_faces: int, device: str) -> None:
    corners = (scene_for(torch.float32, device)[:n_faces] + 100).requires_grad_()
    found = find_fragments(corners, 8, settings=RenderSettings(**BASE))
    assert [len(x) for x in found] == [65, 0, 0, 0, 0, 0] and not found.offsets.any()
    assert found.weights.shape == (0, 3)
    (gradient,) = torch.autograd.grad(found.depth.sum() + found.weights.sum(), corners)
    assert gradient.shape == corners.shape and not gradient.any()


@DEVICES
def test_blended_fragments_are_the_image_of_render(device: str) -> None:
    """Logistic coverage, probabilistic union and softmax over depth, from the list alone."""
    scene = Scene(*(x.to(device) for x in random_scene(4, 10, channels=3)))
    settings = RenderSettings(dist_scale=0.02, gamma=0.2, near=1.0, far=6.0)
    found = find_fragments(scene.face_vertices, SIZE, settings=settings)
    rendered = render(scene.face_vertices, SIZE, scene.features, settings=settings, background=scene.background)
    assert rendered.image is not None and rendered.alpha is not None

    def per_pixel(values: Tensor) -> Tensor:
        total = values.new_zeros((SIZE[0] * SIZE[1], *values.shape[1:]))
        return total.index_add(0, found.pixel, values)

    coverage = torch.sigmoid(found.distance2 / 0.02)
    alpha = 1 - torch.exp(per_pixel(torch.log1p(-coverage)))
    assert_close(alpha.reshape(SIZE), rendered.alpha[0])
    colour = (found.weights[..., None] * scene.features[found.face]).sum(1)
    weight = coverage * torch.exp((6.0 - found.depth) / 5.0 / 0.2)
    behind = torch.exp(torch.tensor(1e-3 / 0.2, dtype=torch.float64))
    image = per_pixel(weight[:, None] * colour) + behind * scene.background
    image = image / (per_pixel(weight) + behind)[:, None]
    assert_close(image.T.reshape(3, *SIZE), rendered.image[0])


@DEVICES
def test_runs_give_the_same_bits(device: str) -> None:
    vertices, faces = sphere()

    def run() -> list[Tensor]:
        positions = vertices.float().to(device).requires_grad_()
        corners = gather_corners(positions, faces.to(device))
        found = find_fragments(corners, 48, settings=RenderSettings(reach=0.05, min_coverage=0.0, far=10.0))
        loss = (found.weights.square().sum(1) * found.depth * found.distance2.sin()).sum()
        return [*found, torch.autograd.grad(loss, positions)[0]]

    first = run()
    assert first[-1].any()
    threads = torch.get_num_threads()
    for n in (1, 2, 3, threads):
        torch.set_num_threads(n)
        assert all(torch.equal(a, b) for a, b in zip(run(), first, strict=True))


@DEVICES
@pytest.mark.parametrize("near_clip", [None, 2.5])
@pytest.mark.parametrize("threads", [(1, 2), (2, 1)], ids=str)
def test_filling_takes_what_counting_prepared(
    threads: tuple[int, int], near_clip: float | None, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the corners: they are gone by then. Nor does it take as many threads."""
    corners = torch.stack([scene_for(torch.float32, device, seed) for seed in (1, 2, 3)])
    settings = RenderSettings(**BASE, near_clip=near_clip)
    expected = find_fragments(corners, SIZE, settings=settings)
    assert len(expected.pixel) > 100
    no_corners = torch.full_like(corners, torch.nan)
    calls: list[str] = []

    def run(name: str, call: Any, *rest: Any) -> Any:
        call.scene.n_threads = threads[len(calls)]
        if calls:
            call.point(["face_vertices"], [no_corners], call.scene)
        calls.append(name)
        return real_run(name, call, *rest)

    monkeypatch.setattr(fragments_op, "run", run)
    found = find_fragments(corners, SIZE, settings=settings)
    assert calls == ["gendr_count_fragments", "gendr_fill_fragments"]
    assert all(map(torch.equal, found, expected))


def test_opcheck() -> None:
    corners = scene_for(torch.float64, "cpu", faces=4).requires_grad_()
    s = RenderSettings(**BASE)
    arguments = (corners, None, None, [1, *SIZE], *s.packed)
    torch.library.opcheck(torch.ops.gendr_adapters.fragments, arguments)
    *numbers, _, pixel, face = torch.ops.gendr_adapters.fragments(*arguments)
    grads = [torch.randn_like(x) for x in numbers]
    call = (*grads, corners.detach(), None, None, pixel, face, *arguments[3:])
    torch.library.opcheck(torch.ops.gendr_adapters.fragments_backward, call)


def test_gradcheck() -> None:
    corners = scene_for(torch.float64, "cpu", faces=3).requires_grad_()
    for clip in ("unit", "nonnegative", "none"):
        settings = RenderSettings(**{**BASE, "clip": clip, "near": 0.1, "far": 100.0, "reach": 10.0})
        assert torch.autograd.gradcheck(
            lambda x, s=settings: find_fragments(x, (3, 4), settings=s)[3:], corners, fast_mode=True
        )


def test_no_second_derivative() -> None:
    corners = scene_for(torch.float64, "cpu").requires_grad_()
    depth = find_fragments(corners, 8).depth
    (gradient,) = torch.autograd.grad(depth.sum(), corners, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivative"):
        gradient.sum().backward()


def test_bad_input() -> None:
    corners = scene_for(torch.float32, "cpu")
    with pytest.raises(TypeError, match="face_vertices must be a tensor, got list"):
        find_fragments([corners], 8)
    with pytest.raises(ValueError, match=r"face_vertices must be \(F, 3, 3\)"):
        find_fragments(corners[0], 8)
    with pytest.raises(TypeError, match="settings must be a RenderSettings, got dict"):
        find_fragments(corners, 8, settings={})
    with pytest.raises(ValueError, match="image sides must be 1 to 32768"):
        find_fragments(corners, 0)
    with pytest.raises(ValueError, match="not finite"):
        find_fragments(corners / 0, 8, settings=RenderSettings(check_finite=True))
