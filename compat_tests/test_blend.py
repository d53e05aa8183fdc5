"""blend_fragments against `render` of the same scene, PyTorch3D's formulas written out in torch, and finite
differences; the floor under the background both ways."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from support.devices import DEVICES
from support.messages import about
from support.scenes import Scene, distribution_settings, label, random_scene, t_conorm_settings
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import Fragments, Rendered, RenderSettings, blend_fragments, find_fragments, ops, render
from gendr_adapters.distributions import cdf
from gendr_adapters.t_conorms import aggregate

SIZE = (33, 37)  # more pixels than a task of the CPU core has
BASE: dict[str, Any] = {"near": 1.0, "far": 6.0, "background_eps": 0.3}
TAU = {True: 0.02, False: 0.12}  # by dist_squared
FACES = 8


def shaded(found: Fragments, features: Tensor) -> Tensor:
    return (found.weights[..., None] * features[found.face]).sum(1)


def weighted(rendered: Rendered) -> Tensor:
    """A scalar in which each number of image and alpha has its own weight."""
    generator = torch.Generator().manual_seed(7)
    total = torch.zeros((), dtype=torch.float64)
    for values in (rendered.image, rendered.alpha):
        if values is not None:
            weights = torch.randn(values.shape, generator=generator, dtype=torch.float64)
            total = total + (weights * values.cpu()).sum()
    return total


def check_same_picture(device: str, settings: dict[str, Any], dtype: torch.dtype, channels: int = 5) -> None:
    """render, and blend_fragments of find_fragments: two meshes, each with its own tau, gamma and background."""
    scene = random_scene(4, FACES, channels=channels)
    tau = TAU[settings.get("dist_squared", True)]
    scales = torch.tensor([tau, 1.5 * tau]), torch.tensor([0.2, 0.1])
    background = torch.stack([scene.background, scene.background.flip(0)])
    inputs = [x.to(device, dtype).requires_grad_() for x in (*scene[:2], background, *scales)]
    offsets = torch.tensor([0, 3, FACES], device=device)
    corners, features, background, dist_scale, gamma = inputs
    s = RenderSettings(**{**BASE, **settings}, dist_scale=dist_scale, gamma=gamma)
    expected = render(corners, SIZE, features, offsets, s, background)
    found = find_fragments(corners, SIZE, offsets, s)
    got = blend_fragments(found, shaded(found, features), SIZE, s, background, offsets)
    exact = dtype == torch.float64
    assert got.image is not None and got.image.dtype == dtype
    assert_close(got[:2], expected[:2], rtol=0, atol=1e-12 if exact else 2e-6)
    gradients = [torch.autograd.grad(weighted(x), inputs, allow_unused=True) for x in (got, expected)]
    names = ("corners", "features", "background", "dist_scale", "gamma")
    for name, a, b in zip(names, *gradients, strict=True):
        assert a is not None and b is not None
        bound = max(1.0, b.abs().max().item()) * (1e-11 if exact else 2e-4)
        assert_close(a, b, rtol=0, atol=bound, msg=about(name))


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("squared", [False, True], ids=["d", "d2"])
@pytest.mark.parametrize("settings", distribution_settings(), ids=label)
def test_render_with_any_distribution(settings: dict[str, Any], squared: bool, dtype: torch.dtype, device: str) -> None:
    check_same_picture(device, {**settings, "dist_squared": squared}, dtype)


@DEVICES
@pytest.mark.parametrize("distribution", ["logistic", "uniform", "cauchy"])
@pytest.mark.parametrize("settings", t_conorm_settings(), ids=label)
def test_render_with_any_t_conorm(settings: dict[str, Any], distribution: str, device: str) -> None:
    check_same_picture(device, {**settings, "distribution": distribution}, torch.float64)


@DEVICES
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 9])
@pytest.mark.parametrize(
    "settings",
    [
        {"distance": "barycentric"},
        {"distance": "barycentric", "dist_squared": False},
        {"softmax_range": (2.0, 2.5)},
        {"softmax_range": (-2.0, 0.5), "background_eps": 1e-3},
        {"background_floor": 0.3, "background_eps": 0.01},
        {"near": 2.2, "far": 4.0, "cull": "back", "clip": "nonnegative"},
    ],
    ids=label,
)
def test_render_with_other_settings(settings: dict[str, Any], channels: int, device: str) -> None:
    check_same_picture(device, settings, torch.float64, channels)


# PyTorch3D's formulas


def as_dense(found: Fragments, values: Tensor) -> Tensor:
    """(pixels, K, ...): each pixel's entries of an array of M, then zeros."""
    counts = found.offsets.diff()
    place = torch.arange(len(found.pixel)) - found.offsets[found.pixel]
    dense = values.new_zeros((len(counts), int(counts.max()) if len(counts) else 0, *values.shape[1:]))
    return dense.index_put((found.pixel, place), values)


def softmax_rgb_blend(
    colours: Tensor, z: Tensor, dists: Tensor, mask: Tensor, sigma: Tensor, gamma: Tensor, background: Tensor,
    near: float, far: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """pytorch3d.renderer.blending.softmax_rgb_blend for (pixels, K): rgb, alpha, and the background's share."""
    eps = 1e-10
    prob = torch.sigmoid(-dists / sigma) * mask
    alpha = 1 - torch.prod(1 - prob, dim=-1)
    z_inv = (far - z) / (far - near) * mask
    # torch.max, but with the first of several equals
    first = (z_inv == z_inv.amax(1, True)).to(torch.uint8).argmax(1, True)
    z_max = z_inv.gather(1, first).clamp(min=eps)
    weights = prob * torch.exp((z_inv - z_max) / gamma)
    delta = torch.exp((eps - z_max) / gamma).clamp(min=eps)
    total = weights.sum(1, keepdim=True) + delta
    rgb = ((weights[..., None] * colours).sum(1) + delta * background) / total
    return rgb, alpha, (delta / total).detach()[:, 0]


def pytorch3d_settings(sigma: Tensor, gamma: Tensor, near: float, far: float, reach: float) -> RenderSettings:
    return RenderSettings(
        dist_scale=sigma, gamma=gamma, background_eps=1e-10, background_floor=1e-10, softmax_range=(near, far),
        near=1e-8, far=1e8, reach=reach, min_coverage=0.0, clip="nonnegative",
    )  # fmt: skip


@DEVICES
@pytest.mark.parametrize("door", ["render", "blend_fragments"])
@pytest.mark.parametrize("limits", [(1.0, 100.0), (2.0, 3.0)], ids=str)
@pytest.mark.parametrize(("sigma", "gamma"), [(1e-4, 1e-4), (5e-3, 1e-2), (5e-3, 0.2)])
def test_softmax_of_pytorch3d(sigma: float, gamma: float, limits: tuple[float, float], door: str, device: str) -> None:
    """Its formula and its gradient, floor and all: coverages go down to the floor's 1e-10 and far below."""
    scene = random_scene(11, 9, channels=3)
    near, far = limits
    inputs = [
        x.clone().requires_grad_() for x in (*scene, torch.tensor([sigma]).double(), torch.tensor([gamma]).double())
    ]
    corners, features, background, *scales = (x.to(device) for x in inputs)
    s = pytorch3d_settings(scales[0], scales[1], near, far, reach=(36 * sigma) ** 0.5)
    if door == "render":
        got = render(corners, SIZE, features, settings=s, background=background)
    else:
        found = find_fragments(corners, SIZE, settings=s)
        got = blend_fragments(found, shaded(found, features), SIZE, s, background)

    corners, features, background, *scales = inputs
    s = pytorch3d_settings(scales[0], scales[1], near, far, reach=(36 * sigma) ** 0.5)
    found = find_fragments(corners, SIZE, settings=s)
    mask = as_dense(found, torch.ones_like(found.depth))
    numbers = (as_dense(found, x) for x in (shaded(found, features), found.depth, -found.distance2))
    rgb, alpha, behind = softmax_rgb_blend(*numbers, mask, *scales, background, near, far)
    expected = Rendered(rgb.T.reshape(1, 3, *SIZE), alpha.reshape(1, *SIZE), None, None)

    assert got.image is not None and got.alpha is not None
    assert_close(got.image.cpu(), expected.image, rtol=0, atol=1e-10)
    assert_close(got.alpha.cpu(), expected.alpha, rtol=0, atol=1e-12)
    floor = (mask.any(1)) & (behind > 0.01) & (behind < 0.99)
    if gamma < 0.1 or limits == (2.0, 3.0):
        assert floor.sum() > 5, "the scene does not show the floor"
    gradients = [torch.autograd.grad(weighted(x), inputs) for x in (got, expected)]
    for name, a, b in zip(("corners", "features", "background", "sigma", "gamma"), *gradients, strict=True):
        assert_close(a, b, rtol=0, atol=1e-7 * max(1.0, b.abs().max().item()), msg=about(name))


def one_pixel(depth: Sequence[float], distance2: Sequence[float], device: str) -> Fragments:
    n = len(depth)
    none = torch.zeros(n, dtype=torch.int64, device=device)
    z, d = (torch.tensor(x, dtype=torch.float64, device=device).requires_grad_() for x in (depth, distance2))
    return Fragments(torch.tensor([0, n], device=device), none, none, torch.zeros((n, 3), device=device), z, d)


@DEVICES
def test_equally_near_fragments_give_the_gradient_to_the_first(device: str) -> None:
    """Two at the same depth, barely covered, so that the background has about half: its exponent is theirs, and its
    gradient goes to the first."""
    found = one_pixel([3.0, 2.0, 2.0, 2.5], [-0.2, -0.23, -0.235, 0.1], device)
    colours = torch.tensor([[0.2], [0.9], [0.4], [0.7]], dtype=torch.float64, device=device)
    scales = [torch.tensor([x], dtype=torch.float64, device=device) for x in (0.01, 1e-4)]
    s = pytorch3d_settings(scales[0], scales[1], 1.0, 100.0, reach=1.0)
    got = blend_fragments(found, colours, 1, s, [0.1])
    assert got.image is not None
    rgb, _, behind = softmax_rgb_blend(
        colours[None], found.depth[None], -found.distance2[None], torch.ones((1, 4), device=device), *scales,
        torch.tensor([0.1], dtype=torch.float64, device=device), 1.0, 100.0,
    )  # fmt: skip
    assert 0.1 < float(behind) < 0.9
    assert_close(got.image.flatten(), rgb.flatten())
    numbers = [found.depth, found.distance2]
    expected = torch.autograd.grad(rgb.sum(), numbers)
    for a, b in zip(torch.autograd.grad(got.image.sum(), numbers), expected, strict=True):
        assert_close(a, b, rtol=1e-9, atol=1e-9)
    swapped = expected[0][[0, 2, 1, 3]]
    assert (expected[0] - swapped).abs().max() > 1e-3 * expected[0].abs().max(), "a tie that makes no difference"


@DEVICES
def test_equally_near_faces_give_the_gradient_to_the_first(device: str) -> None:
    """The same for two faces of the same depth on both sides of the one pixel: their order makes a difference."""
    xy = torch.tensor([[[-0.39, 0.0], [-0.9, 0.3], [-0.9, -0.3]], [[0.4, 0.0], [0.9, -0.3], [0.9, 0.3]]]).double()
    depth = torch.full((2, 3, 1), 2.0, dtype=torch.float64)
    corners = torch.cat([xy, depth], 2).to(device).requires_grad_()
    colours, background, sigma, gamma = (
        torch.tensor(x, dtype=torch.float64, device=device) for x in ([0.9, 0.2], [0.1], [7e-3], [1e-3])
    )
    # The nearest corner's depth, by this clip to the last bit.
    s = dataclasses.replace(pytorch3d_settings(sigma, gamma, 1.0, 100.0, reach=2.0), clip="unit")

    def gradient(order: list[int]) -> Tensor:
        shown = colours[order, None, None].expand(2, 3, 1)
        image = render(corners[order], 1, shown, settings=s, background=background).image
        found = find_fragments(corners[order], 1, settings=s)
        own = torch.argsort(found.face)
        rgb, _, behind = softmax_rgb_blend(
            colours[order][None, :, None], found.depth[own][None], -found.distance2[own][None],
            torch.ones((1, 2), device=device), sigma, gamma, background, 1.0, 100.0,
        )  # fmt: skip
        assert image is not None and 0.01 < float(behind) < 0.99
        assert_close(image.flatten(), rgb.flatten())
        (got,), (expected,) = (torch.autograd.grad(x.sum(), corners) for x in (image, rgb))
        assert_close(got, expected, rtol=1e-9, atol=1e-9)
        return got

    first, second = gradient([0, 1]), gradient([1, 0])
    assert (first - second).abs().max() > 0.1 * first[..., 2].abs().max() > 1e-3


# Long lists


@DEVICES
@pytest.mark.parametrize("squared", [False, True], ids=["d", "d2"])
@pytest.mark.parametrize(
    "t_conorm",
    [
        ("probabilistic", None),
        ("max", None),
        ("sum", None),
        ("hard", None),
        ("yager", 2.0),
        ("dombi", 0.7),
        ("frank", 3.0),
    ],
    ids=str,
)
def test_many_fragments_at_a_pixel(t_conorm: tuple[str, float | None], squared: bool, device: str) -> None:
    """More than the CPU core holds at once, beside pixels of none, one and a few, in two images."""
    counts = torch.tensor([3, 0, 0, 700, 1, 16, 0, 257, 40, 512, 0, 5])
    n = int(counts.sum())
    generator = torch.Generator().manual_seed(3)
    numbers = [
        1 + 2 * torch.rand(n, generator=generator, dtype=torch.float64),
        torch.randn(n, generator=generator, dtype=torch.float64) * 0.05 - 0.25,
        torch.rand((n, 3), generator=generator, dtype=torch.float64),
        torch.rand((2, 3), generator=generator, dtype=torch.float64),
    ]
    inputs = [x.to(device).requires_grad_() for x in numbers]
    depth, distance2, colours, background = inputs
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
    pixel = torch.repeat_interleave(torch.arange(12), counts).to(device)
    found = Fragments(offsets.to(device), pixel, pixel, torch.zeros((n, 3), device=device), depth, distance2)
    name, p = t_conorm
    s = RenderSettings(
        distribution="gaussian", dist_scale=0.1, dist_squared=squared, t_conorm=name, t_conorm_p=p, gamma=0.1, far=3.0,
        background_floor=0.5,
    )  # fmt: skip
    faces = torch.tensor([0, 800, 2000], device=device)
    got = blend_fragments(found, colours, (2, 3), s, background, faces)

    u = distance2 if squared else distance2.sign() * distance2.abs().sqrt()
    coverage, zn = cdf("gaussian", u / 0.1), (3 - depth) / 2
    alphas, images = [], []
    for i in range(12):
        own = slice(int(offsets[i]), int(offsets[i + 1]))
        d = coverage[own]
        alphas.append(d.sum() / (800, 1200)[i // 6] if name == "sum" else aggregate(name, d, 0, p))
        largest = torch.cat([zn[own], zn.new_tensor([1e-3])]).max()
        weight = d * ((zn[own] - largest) / 0.1).exp()
        behind = ((1e-3 - largest) / 0.1).exp().clamp(min=0.5)
        total = weight.sum() + behind
        images.append(((weight[:, None] * colours[own]).sum(0) + behind * background[i // 6]) / total)
    expected = Rendered(
        torch.stack(images).reshape(2, 6, 3).mT.reshape(2, 3, 2, 3), torch.stack(alphas).reshape(2, 2, 3), None, None
    )
    assert_close(got[:2], expected[:2], rtol=0, atol=1e-11)
    gradients = [torch.autograd.grad(weighted(x), inputs) for x in (got, expected)]
    for a, b in zip(*gradients, strict=True):
        assert_close(a, b, rtol=0, atol=1e-9 * max(1.0, b.abs().max().item()))


def some(device: str = "cpu", dtype: torch.dtype = torch.float64) -> tuple[Fragments, Tensor, Tensor]:
    """Fragments, their colours and a background, with gradients."""
    scene = Scene(*(x.to(device, dtype) for x in random_scene(4, 6, channels=3)))
    found = find_fragments(scene.face_vertices, (9, 11), settings=RenderSettings(**BASE, dist_scale=0.02))
    colours = shaded(found, scene.features).requires_grad_()
    numbers = {"depth": found.depth.requires_grad_(), "distance2": found.distance2.requires_grad_()}
    return found._replace(**numbers), colours, scene.background.requires_grad_()


@DEVICES
def test_runs_give_the_same_bits(device: str) -> None:
    found, colours, background = some(device, torch.float32)
    scales = {
        name: torch.tensor([x], device=device, requires_grad=True) for name, x in (("dist_scale", 0.02), ("gamma", 0.1))
    }

    def run() -> list[Tensor]:
        s = RenderSettings(**scales, background_floor=0.1)
        got = blend_fragments(found, colours, (9, 11), s, background)
        inputs = [found.depth, found.distance2, colours, background, *scales.values()]
        return [*(x for x in got if x is not None), *torch.autograd.grad(weighted(got), inputs)]

    first = run()
    threads = torch.get_num_threads()
    for n in (1, 2, 3, threads):
        torch.set_num_threads(n)
        assert all(torch.equal(a, b) for a, b in zip(run(), first, strict=True))


@DEVICES
@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_no_fragments(floor: float, device: str) -> None:
    depth = torch.zeros(0, device=device, requires_grad=True)
    colours, background = (torch.zeros(n, 2, device=device, requires_grad=True) for n in (0, 3))
    found = Fragments(torch.zeros(3 * 20 + 1, dtype=torch.int64, device=device), *[depth] * 5)
    s = RenderSettings(background_floor=floor)
    got = blend_fragments(found, colours, (4, 5), s, background + torch.tensor([0.25, 0.5], device=device), n_images=3)
    assert got.image is not None and got.alpha is not None
    assert got.image.shape == (3, 2, 4, 5) and not got.alpha.any()
    assert (got.image[:, 0] == 0.25).all() and (got.image[:, 1] == 0.5).all()
    gradients = torch.autograd.grad(got.image.sum() + got.alpha.sum(), [depth, colours, background])
    assert gradients[0].shape == (0,) and gradients[1].shape == (0, 2) and (gradients[2] == 20).all()
    none = Fragments(found.offsets[:1], *[depth] * 5)
    assert blend_fragments(none, colours, 4, n_images=0).image.shape == (0, 2, 4, 4)


@DEVICES
def test_outputs(device: str) -> None:
    found, colours, background = some(device)
    s = RenderSettings(dist_scale=0.02, gamma=0.1)
    both = blend_fragments(found, colours, (9, 11), s, background)
    for alone in (
        blend_fragments(found, None, (9, 11), s),
        blend_fragments(found, colours, (9, 11), s, background, outputs=("alpha",)),
    ):
        assert alone.image is None and torch.equal(alone.alpha, both.alpha)
        gradients = torch.autograd.grad(alone.alpha.sum(), [found.distance2, found.depth], allow_unused=True)
        expected = torch.autograd.grad(both.alpha.sum(), found.distance2, retain_graph=True)
        assert torch.equal(gradients[0], expected[0]) and not gradients[1].any()
    alone = blend_fragments(found, colours, (9, 11), s, background, outputs=("image",))
    assert alone.alpha is None and torch.equal(alone.image, both.image)
    assert both.depth is None and both.face_index is None


@DEVICES
def test_fragments_of_no_weight_may_show_anything(device: str) -> None:
    """As in render, a colour that is no number does not leak where its fragment has no coverage."""
    colours = torch.tensor([[0.5], [torch.nan], [torch.inf]], dtype=torch.float64, device=device, requires_grad=True)
    found = one_pixel([2.0, 2.0, 3.0], [0.5, -10.0, -10.0], device)
    s = RenderSettings(distribution="uniform", gamma=0.1)
    got = blend_fragments(found, colours, 1, s)
    assert got.image is not None and got.image.isfinite().all()
    gradients = torch.autograd.grad(got.image.sum(), [colours, found.depth, found.distance2])
    assert all(g.isfinite().all() for g in gradients) and gradients[0][0] > 0
    assert not any(g[1:].any() for g in gradients)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("t_conorm", ["probabilistic", "max"])
@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_opcheck(floor: float, t_conorm: str, dtype: torch.dtype) -> None:
    found, colours, background = some(dtype=dtype)
    s = RenderSettings(t_conorm=t_conorm, background_floor=floor)
    scales = (torch.tensor([x], dtype=dtype, requires_grad=True) for x in (0.02, 0.1))
    rows = background.detach()[None].requires_grad_()
    numbers = (found.depth, found.distance2, colours, *scales, rows)
    size, outputs = [1, 9, 11], ops.with_states(ops.IMAGE | ops.ALPHA, s)
    call = (found.offsets, *numbers, None, size, outputs, *s.packed)
    torch.library.opcheck(torch.ops.gendr_adapters.blend, call)
    numbers = tuple(x.detach() for x in numbers)
    image, alpha, *states = torch.ops.gendr_adapters.blend(found.offsets, *numbers, None, size, outputs, *s.packed)
    grads = torch.randn_like(image), torch.randn_like(alpha)
    asked = (grads, (grads[0], None), (None, grads[1]))
    for given, needs in zip(asked, ([True] * 6, [True, False] * 3, [False, True] * 3), strict=True):
        backward = (*given, found.offsets, *numbers, None, image, *states, size, *s.packed, needs)
        torch.library.opcheck(torch.ops.gendr_adapters.blend_backward, backward)


@DEVICES
@pytest.mark.parametrize("floor", [0.0, 1e-10, 0.4])
@pytest.mark.parametrize("squared", [False, True], ids=["d", "d2"])
@pytest.mark.parametrize(
    "settings", [{}, {"t_conorm": "aczel_alsina", "t_conorm_p": 3.0}, {"t_conorm": "max"}], ids=label
)
def test_gradcheck(settings: dict[str, Any], squared: bool, floor: float, device: str) -> None:
    generator = torch.Generator().manual_seed(2)
    uniform = [torch.rand(shape, generator=generator, dtype=torch.float64) for shape in ((20,), (20,), (20, 2), (2,))]
    depth, distance2, colours, background = (x.to(device) for x in uniform)
    depth = (1 + 2 * depth).requires_grad_()
    distance2 = (0.02 * (distance2 - 0.7)).requires_grad_()
    found = Fragments(torch.tensor([0, 1, 4, 4, 10, 18, 20], device=device), *[depth] * 5)
    colours, background = colours.requires_grad_(), background.requires_grad_()

    def outputs(
        depth: Tensor, distance2: Tensor, colours: Tensor, background: Tensor, tau: Tensor, gamma: Tensor
    ) -> Any:
        fragments = found._replace(depth=depth, distance2=distance2)
        s = RenderSettings(
            **settings, dist_scale=tau, gamma=gamma, dist_squared=squared, far=6.0, background_floor=floor
        )
        return blend_fragments(fragments, colours, (2, 3), s, background)[:2]

    scales = [torch.tensor([x], device=device).double().requires_grad_() for x in (0.02 if squared else 0.1, 0.15)]
    inputs = [found.depth, distance2, colours, background, *scales]
    assert torch.autograd.gradcheck(outputs, inputs, eps=1e-7, atol=2e-6, rtol=1e-5)


@pytest.mark.slow
@DEVICES
@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_compiled_in_one_graph(device: str) -> None:
    found, colours, background = some(device)

    def loss(depth: Tensor, distance2: Tensor, colours: Tensor, log_scale: Tensor) -> Tensor:
        s = RenderSettings(dist_scale=log_scale.exp(), gamma=0.1, background_floor=0.1)
        fragments = found._replace(depth=depth, distance2=distance2)
        got = blend_fragments(fragments, colours, (9, 11), s, background.detach())
        assert got.image is not None and got.alpha is not None
        return got.image.square().sum() + got.alpha.sum()

    inputs = [found.depth, found.distance2, colours, torch.tensor([-4.0], device=device).double().requires_grad_()]
    expected = loss(*inputs)
    torch._dynamo.reset()
    value = torch.compile(loss, fullgraph=True, backend="aot_eager")(*inputs)
    assert_close(value, expected)
    assert_close(torch.autograd.grad(value, inputs), torch.autograd.grad(expected, inputs))


@DEVICES
def test_no_second_derivative(device: str) -> None:
    found, colours, _ = some(device)
    got = blend_fragments(found, colours, (9, 11))
    assert got.image is not None
    (gradient,) = torch.autograd.grad(got.image.sum(), colours, create_graph=True)
    with pytest.raises(NotImplementedError, match="second derivative"):
        gradient.sum().backward()


def test_bad_input() -> None:
    found, colours, background = some()
    size = (9, 11)
    with pytest.raises(TypeError, match="fragments must be what find_fragments returns, got tuple"):
        blend_fragments(tuple(found), colours, size)
    with pytest.raises(TypeError, match="settings must be a RenderSettings, got dict"):
        blend_fragments(found, colours, size, {})
    with pytest.raises(ValueError, match="fragments belong to 99 pixels, but 1 images of 9 x 12 have 108"):
        blend_fragments(found, colours, (9, 12))
    with pytest.raises(ValueError, match="settings must have blend='softmax' to blend fragments, got 'hard'"):
        blend_fragments(found, colours, size, RenderSettings(blend="hard"))
    with pytest.raises(ValueError, match="settings must have gradient='exact' to blend fragments, got 'reference'"):
        blend_fragments(found, colours, size, RenderSettings(gradient="reference"))
    with pytest.raises(ValueError, match="'sum' is a mean over the faces of each mesh and needs face_offsets"):
        blend_fragments(found, colours, size, RenderSettings(t_conorm="sum"))
    with pytest.raises(ValueError, match=r"features must be \(\d+, C\), got shape \(3, 3\)"):
        blend_fragments(found, colours[:3], size)
    with pytest.raises(TypeError, match="features is torch.float32, fragments.depth is torch.float64"):
        blend_fragments(found, colours.float(), size)
    with pytest.raises(ValueError, match=r"background must be \(3,\)"):
        blend_fragments(found, colours, size, background=background[:2])
    with pytest.raises(ValueError, match="background needs features"):
        blend_fragments(found, None, size, background=background)
    with pytest.raises(ValueError, match="needs features"):
        blend_fragments(found, None, size, outputs=("image",))
    with pytest.raises(ValueError, match="unknown output 'depth'; allowed: image, alpha"):
        blend_fragments(found, colours, size, outputs=("depth",))
    with pytest.raises(TypeError, match="sequence of names"):
        blend_fragments(found, colours, size, outputs="image")
    with pytest.raises(ValueError, match=r"distance2 must be \(M,\)"):
        blend_fragments(found._replace(distance2=found.distance2[1:]), colours, size)
    with pytest.raises(TypeError, match="offsets must be an int64 or int32 tensor, got torch.int16"):
        blend_fragments(found._replace(offsets=found.offsets.short()), colours, size)
    with pytest.raises(ValueError, match="dist_scale must have 1 entry or one for each image"):
        blend_fragments(found, colours, size, RenderSettings(dist_scale=torch.tensor([0.1, 0.1])))
    with pytest.raises(TypeError, match="n_images must be an int"):
        blend_fragments(found, colours, size, n_images=1.0)


@pytest.mark.cpu_core
def test_offsets_out_of_order() -> None:
    """On the CPU they are looked at: a wrong one would be read beyond the arrays."""
    found, colours, _ = some()
    for i, value in ((3, 10**6), (0, -1), (50, 0), (99, len(colours) - 1)):
        offsets = found.offsets.clone()
        offsets[i] = value
        with pytest.raises(ValueError, match="offsets must rise from 0 to the number of fragments"):
            blend_fragments(found._replace(offsets=offsets), colours, (9, 11))
