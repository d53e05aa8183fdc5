"""gendr_adapters.render against the independent reference: forward and exact gradients on small random scenes."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
import torch
from support.devices import DEVICES, on_cpu
from support.messages import about
from torch import Tensor

from gendr_adapters import RenderSettings, render
from gendr_adapters.distributions import DISTRIBUTIONS
from gendr_adapters.reference import render as reference_render

SIZE = (10, 12)  # H, W: not square
CHANNELS = 3
ALL = ("image", "alpha", "depth", "face_index")

# A wide blur, so that every pixel sees many faces, and a gamma at which all of them have a say in the colour.
BASE: dict[str, Any] = {"near": 1.0, "far": 6.0, "gamma": 0.2, "background_eps": 0.3}
TAU = {True: 0.02, False: 0.12}  # by dist_squared


class Scene(NamedTuple):
    face_vertices: Tensor  # (F, 3, 3)
    features: Tensor  # (F, T, C)
    background: Tensor  # (C,)


def make_scene(seed: int = 0, faces: int = 10, texels: int = 3, channels: int = CHANNELS) -> Scene:
    """Overlapping triangles of both orientations, some partly off screen, depths 1.5 to 5; values exact in float32."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return (low + (high - low) * torch.rand(shape, generator=generator)).double()

    centre, z = uniform(-0.9, 0.9, faces, 1, 2), uniform(1.5, 5, faces, 3, 1)
    corners = centre + uniform(-0.7, 0.7, faces, 3, 2)
    return Scene(
        torch.cat([corners, z], 2).float().double(), uniform(0, 1, faces, texels, channels), uniform(0, 1, channels)
    )


def weighted(image: Tensor | None, alpha: Tensor, depth: Tensor) -> Tensor:
    """A scalar in which every output of one image has its own weight, the same for core and reference."""
    generator = torch.Generator().manual_seed(99)
    total = alpha.new_zeros(())
    for values in (image, alpha, depth):
        if values is not None:
            weights = torch.randn(values.shape, generator=generator, dtype=torch.float64).to(values.dtype)
            total = total + (weights * values).sum()
    return total


def gradients(loss: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    """Zeros for inputs that play no part (a hard edge has no dist_scale)."""
    if not loss.requires_grad:
        return [torch.zeros_like(v) for v in inputs]
    found = torch.autograd.grad(loss, inputs, allow_unused=True)
    return [torch.zeros_like(v) if g is None else g for v, g in zip(inputs, found, strict=True)]


def check(
    device: str,
    settings: dict[str, Any],
    scene: Scene | None = None,
    size: int | tuple[int, int] = SIZE,
    dtype: torch.dtype = torch.float64,
    image_tolerance: float = 1e-11,
    gradient_tolerance: float = 1e-9,
    flat: Sequence[int] = (),
) -> None:
    """Core in `dtype` on `device` and reference in float64 on the CPU agree: outputs absolutely, gradients relative to
    their largest entry.

    flat: faces of zero area, of whose gradient only the sum over corners is unique.
    """
    scene = scene or make_scene()
    settings = {"dist_scale": TAU[settings.get("dist_squared", True)], **BASE, **settings}
    scalars = [torch.tensor([settings.pop(name)], dtype=torch.float64) for name in ("dist_scale", "gamma")]
    expected_inputs = [v.clone().requires_grad_() for v in (*scene, *scalars)]
    inputs = [v.detach().to(device, dtype, copy=True).requires_grad_() for v in expected_inputs]

    def run(values: list[Tensor], core: bool) -> tuple[Any, list[Tensor]]:
        face_vertices, features, background, dist_scale, gamma = values
        s = RenderSettings(dist_scale=dist_scale, gamma=gamma, **settings)
        if core:
            rendered = render(face_vertices, size, features, settings=s, background=background, outputs=ALL)
            result: Any = on_cpu(type(rendered)(*(v[0] for v in rendered)))
        else:
            result = reference_render(face_vertices, size, features, s, background)
        return result, gradients(weighted(result.image, result.alpha, result.depth), values)

    got, got_gradients = run(inputs, core=True)
    got_gradients = [g.cpu() for g in got_gradients]
    expected, expected_gradients = run(expected_inputs, core=False)
    assert torch.equal(got.face_index, expected.face_index)
    for name in ("image", "alpha", "depth"):
        a, b = getattr(got, name), getattr(expected, name)
        assert a.dtype == dtype
        torch.testing.assert_close(a.double(), b, rtol=image_tolerance, atol=image_tolerance, msg=about(name))
    for all_gradients in (got_gradients, expected_gradients):
        assert all(g.isfinite().all() for g in all_gradients)
        for per_corner in all_gradients[:2] if flat else ():
            sums = per_corner[list(flat)].sum(1, keepdim=True)
            per_corner[list(flat)] = sums.expand(-1, 3, -1)
    labels = ("face_vertices", "features", "background", "dist_scale", "gamma")
    for name, a, b in zip(labels, got_gradients, expected_gradients, strict=True):
        scale = max(1.0, b.abs().max().item()) * gradient_tolerance
        torch.testing.assert_close(a.double(), b, rtol=0, atol=scale, msg=about(f"d/d {name}"))


def distribution_settings() -> list[dict[str, Any]]:
    cases = []
    for name, d in DISTRIBUTIONS.items():
        for shape in (0.7, 2.5) if d.uses_shape else (0.0,):
            for shift in (0.0, 1.5) if d.uses_shift else (0.0,):
                cases.append({"distribution": name, "dist_shape": shape, "dist_shift": shift})
    return cases


def label(settings: Any) -> str:
    return "-".join(str(v) for v in settings.values()) if isinstance(settings, dict) else str(settings)


_PARAMETERS: dict[str, list[float | None]] = {
    "hard": [None], "max": [None], "probabilistic": [None], "einstein": [None], "sum": [None],
    "hamacher": [0.0, 0.5, 1.0, 4.0], "frank": [0.1, 1.0, 2.0, 30.0], "yager": [0.5, 1.0, 2.0, 5.0],
    "aczel_alsina": [0.5, 1.0, 2.0, 5.0], "dombi": [0.5, 1.0, 2.0, 5.0],
    "schweizer_sklar": [-0.5, -1.0, -2.0, -4.0],
}  # fmt: skip
T_CONORMS = [{"t_conorm": name, "t_conorm_p": p} for name, ps in _PARAMETERS.items() for p in ps]


@DEVICES
@pytest.mark.parametrize("squared", [False, True], ids=["d", "d2"])
@pytest.mark.parametrize("settings", distribution_settings(), ids=label)
def test_distributions(settings: dict[str, Any], squared: bool, device: str) -> None:
    check(device, {**settings, "dist_squared": squared})


@DEVICES
@pytest.mark.parametrize("distribution", ["logistic", "uniform", "cauchy", "gumbel_max"])
@pytest.mark.parametrize("settings", T_CONORMS, ids=label)
def test_t_conorms(settings: dict[str, Any], distribution: str, device: str) -> None:
    check(device, {**settings, "distribution": distribution, "dist_squared": False})


@DEVICES
@pytest.mark.parametrize("alpha_range", ["near_far", "all"])
@pytest.mark.parametrize("blend", ["softmax", "hard"])
@pytest.mark.parametrize("perspective", [False, True], ids=["affine", "perspective"])
@pytest.mark.parametrize("clip", ["nonnegative", "none"])
def test_clip(clip: str, perspective: bool, blend: str, alpha_range: str, device: str) -> None:
    """PyTorch3D's weights and depths outside a face, with near and far inside the scene."""
    settings = {"clip": clip, "perspective_correct": perspective, "blend": blend, "alpha_range": alpha_range}
    check(device, {**settings, "near": 1.8, "far": 4.5}, make_scene(9), gradient_tolerance=1e-8)


@DEVICES
@pytest.mark.parametrize("perspective", [False, True], ids=["affine", "perspective"])
@pytest.mark.parametrize("blend", ["softmax", "hard"])
@pytest.mark.parametrize("texels", [1, 3, 4, 25], ids=["R1", "corners", "R2", "R5"])
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_colour(channels: int, texels: int, blend: str, perspective: bool, device: str) -> None:
    scene = make_scene(1, texels=texels, channels=channels)
    settings = {"blend": blend, "perspective_correct": perspective}
    if texels > 3:
        # Outside edge 0-1 rounding decides between a texel and its mirror image: cover nothing outside.
        settings["distribution"] = "exponential"
    check(device, settings, scene)


@DEVICES
@pytest.mark.parametrize("blend", ["softmax", "hard"])
@pytest.mark.parametrize("alpha_range", ["near_far", "all"])
@pytest.mark.parametrize("cull", ["none", "back"])
@pytest.mark.parametrize("front", ["clockwise", "counterclockwise"])
def test_visibility(front: str, cull: str, alpha_range: str, blend: str, device: str) -> None:
    """near and far inside the scene, culling, and a face that crosses the camera plane (not drawn by 'near_far')."""
    scene = make_scene(2, faces=12)
    if alpha_range == "near_far":
        scene.face_vertices[3, 1, 2] = -0.5
    check(
        device,
        {"front": front, "cull": cull, "alpha_range": alpha_range, "blend": blend, "near": 2.4, "far": 3.6},
        scene,
    )


@DEVICES
def test_alpha_counts_faces_behind_the_camera_when_asked(device: str) -> None:
    scene = make_scene(2, faces=12)
    scene.face_vertices[3, :, 2] *= -1
    check(device, {"alpha_range": "all"}, scene)


@DEVICES
@pytest.mark.parametrize("squared", [False, True], ids=["d", "d2"])
@pytest.mark.parametrize("distribution", ["hard", "uniform", "logistic", "cauchy", "levy_rev"])
def test_barycentric_distance(distribution: str, squared: bool, device: str) -> None:
    check(
        device,
        {"distribution": distribution, "distance": "barycentric", "dist_squared": squared, "dist_scale": 0.1},
        gradient_tolerance=1e-8,  # slivers have large barycentrics
    )


@DEVICES
@pytest.mark.parametrize("distance", ["euclidean", "barycentric"])
@pytest.mark.parametrize("distribution", ["hard", "logistic", "uniform", "levy_rev"])
@pytest.mark.parametrize(
    "cut", [{"reach": 0.15}, {"reach": 5.0}, {"min_coverage": 0.0}, {"min_coverage": 0.05}], ids=label
)
def test_cut_offs(cut: dict[str, Any], distribution: str, distance: str, device: str) -> None:
    check(device, {"distribution": distribution, "distance": distance, **cut}, make_scene(3), gradient_tolerance=1e-8)


@DEVICES
@pytest.mark.parametrize(
    ("size", "half_extent"), [((7, 33), None), ((17, 3), None), (1, None), ((10, 12), (0.8, 1.3)), (16, (0.5, 0.5))]
)
def test_image_shapes(size: Any, half_extent: tuple[float, float] | None, device: str) -> None:
    check(device, {"half_extent": half_extent}, make_scene(4), size)


@DEVICES
@pytest.mark.parametrize("gamma", [1e-4, 1e-2, 10.0])
@pytest.mark.parametrize("background_eps", [0.0, 1e-3, 0.5, 2.0])
def test_gamma_and_background(gamma: float, background_eps: float, device: str) -> None:
    # Depths enter as z / gamma, and d / d gamma as a difference of z / gamma^2: so do their rounding errors.
    image, slope = max(1e-11, 1e-14 / gamma), max(1e-9, 3e-15 / gamma**2)
    check(device, {"gamma": gamma, "background_eps": background_eps}, image_tolerance=image, gradient_tolerance=slope)


@DEVICES
@pytest.mark.parametrize("floor", [1e-10, 1e-3, 0.3, 0.9])
@pytest.mark.parametrize("gamma", [1e-2, 0.1])
@pytest.mark.parametrize("texels", [3, 1], ids=["corners", "R1"])
def test_background_floor(texels: int, gamma: float, floor: float, device: str) -> None:
    settings = {"gamma": gamma, "background_floor": floor, "background_eps": 0.05, "min_coverage": 0.0}
    check(device, settings, make_scene(13, texels=texels, channels=5), image_tolerance=1e-11, gradient_tolerance=1e-8)


@DEVICES
@pytest.mark.parametrize("limits", [(1.0, 100.0), (2.0, 3.0), (-1.0, 0.5), (10.0, 20.0)], ids=str)
@pytest.mark.parametrize("floor", [0.0, 0.01])
def test_softmax_range(limits: tuple[float, float], floor: float, device: str) -> None:
    """Other depths for the exponent than those that drop faces: all, some or none of the scene's are within."""
    check(
        device,
        {"softmax_range": limits, "gamma": 0.3, "near": 2.0, "far": 4.5, "background_floor": floor},
        make_scene(14),
        gradient_tolerance=1e-8,
    )


@DEVICES
@pytest.mark.parametrize("tau", [1e-7, 1e-5, 1e-3])
def test_narrow_edges(tau: float, device: str) -> None:
    check(device, {"dist_scale": tau}, make_scene(5), size=(24, 28), gradient_tolerance=1e-8)


@DEVICES
@pytest.mark.parametrize(
    "settings",
    [
        {}, {"distribution": "gaussian"}, {"distribution": "uniform", "dist_squared": False}, {"blend": "hard"},
        {"distribution": "gamma", "dist_shape": 2.0, "dist_shift": 1.0}, {"t_conorm": "dombi", "t_conorm_p": 5.0},
        {"t_conorm": "aczel_alsina", "t_conorm_p": 5.0}, {"t_conorm": "yager", "t_conorm_p": 2.0},
        {"t_conorm": "schweizer_sklar", "t_conorm_p": -2.0}, {"t_conorm": "frank", "t_conorm_p": 2.0},
        {"distance": "barycentric", "dist_scale": 0.1},
        {"background_floor": 0.2, "softmax_range": (2.0, 3.0), "gamma": 0.4},
    ],
    ids=label,
)  # fmt: skip
def test_float32(settings: dict[str, Any], device: str) -> None:
    check(device, settings, make_scene(6), dtype=torch.float32, image_tolerance=2e-5, gradient_tolerance=2e-4)


@DEVICES
@pytest.mark.parametrize("name", ["gaussian", "cauchy", "gumbel_min", "levy_rev", "gamma_rev"])
@pytest.mark.parametrize("squared", [False, True], ids=["d", "d2"])
def test_float32_tails(name: str, squared: bool, device: str) -> None:
    shape = 2.0 if name == "gamma_rev" else 0.0
    settings = {"distribution": name, "dist_shape": shape, "dist_squared": squared}
    check(device, settings, make_scene(7), dtype=torch.float32, image_tolerance=2e-5, gradient_tolerance=2e-4)


@DEVICES
@pytest.mark.parametrize("distance", ["euclidean", "barycentric"])
@pytest.mark.parametrize("distribution", ["gamma", "levy", "exponential", "uniform"])
def test_pixels_right_inside_an_edge_count_alike(distribution: str, distance: str, device: str) -> None:
    """Beside an edge the CDF may be steeper than rounding can tell: what counts there is what counts a little inside.
    Elsewhere a coverage of min_coverage counts in neither."""
    settings = RenderSettings(
        distribution=distribution,
        dist_shape=0.3,
        distance=distance,
        dist_scale=1.0,
        min_coverage=1e-6,
        alpha_range="all",
    )
    kept = 0
    for exponent in range(-160, 0, 3):
        # The only pixel is at (0, 0), so far from the corner before it.
        corners = torch.tensor(
            [[-1.0, 1.0, 2.0], [-1.0, -1.0, 2.0], [10 ** (exponent / 10), 0.0, 2.0]], dtype=torch.float64
        )
        expected = reference_render(corners[None], 1, settings=settings)
        got = render(corners[None, None].to(device), 1, settings=settings, outputs=ALL[1:])
        assert got.face_index.item() == expected.face_index.item(), exponent
        torch.testing.assert_close(got.alpha[0].cpu(), expected.alpha, rtol=1e-9, atol=1e-9)
        kept += int(expected.face_index.item() == 0)
    assert kept > 0


@DEVICES
def test_degenerate_faces(device: str) -> None:
    """A sliver and faces of zero area (a segment, a point) are drawn as what they are; a face with a NaN is nothing."""
    scene = make_scene(8)
    v = scene.face_vertices
    v[1, 2, :2] = v[1, 0, :2] + 0.25 * (v[1, 1, :2] - v[1, 0, :2]) + torch.tensor([1e-7, 0], dtype=v.dtype)
    # All edges of a segment are the nearest: rounding decides between them, so let depths and features be the same.
    v[2] = torch.tensor([[-0.5, 0.25, 2.5], [0.25, 0.625, 2.5], [0.75, 0.875, 2.5]], dtype=v.dtype)
    scene.features[2] = 0.75
    v[3, :, :2] = torch.tensor([0.125, -0.375], dtype=v.dtype)
    check(device, {}, scene, gradient_tolerance=1e-7, flat=[2, 3])
    check(device, {"cull": "back"}, scene, gradient_tolerance=1e-7, flat=[2, 3])
    v[4, 1, 0] = torch.nan
    v[5, 0, 2] = torch.inf
    check(device, {}, scene, gradient_tolerance=1e-7, flat=[2, 3])


class Batch(NamedTuple):
    """Meshes with different numbers of faces, one of them empty, and what belongs to each image."""

    scenes: list[Scene]
    dist_scale: Tensor
    gamma: Tensor
    background: Tensor


def make_batch() -> Batch:
    scenes = [make_scene(10 + faces, faces) for faces in (5, 0, 9)]
    return Batch(
        scenes,
        torch.tensor([0.02, 0.01, 0.03], dtype=torch.float64),
        torch.tensor([0.2, 0.1, 0.4], dtype=torch.float64),
        torch.stack([s.background for s in scenes]),
    )


@DEVICES
@pytest.mark.parametrize("t_conorm", ["probabilistic", "sum", "max"])
def test_packed_batch(t_conorm: str, device: str) -> None:
    batch = make_batch()
    counts = torch.tensor([len(s.face_vertices) for s in batch.scenes])
    offsets = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
    settings = {k: v for k, v in BASE.items() if k != "gamma"} | {"t_conorm": t_conorm}
    inputs = [torch.cat([s.face_vertices for s in batch.scenes]), torch.cat([s.features for s in batch.scenes])]
    inputs = [v.clone().requires_grad_() for v in (*inputs, batch.background, batch.dist_scale, batch.gamma)]
    face_vertices, features, background, dist_scale, gamma = (v.to(device) for v in inputs)
    s = RenderSettings(dist_scale=dist_scale, gamma=gamma, **settings)
    result = on_cpu(render(face_vertices, SIZE, features, offsets.to(device), s, background, ALL))
    # The weights repeat from image to image, as the reference's loss is formed image by image.
    losses = [weighted(result.image[b], result.alpha[b], result.depth[b]) for b in range(3)]
    got = gradients(torch.stack(losses).sum(), inputs)

    face_vertices, features, background, dist_scale, gamma = inputs
    s = RenderSettings(dist_scale=dist_scale, gamma=gamma, **settings)
    expected_loss = torch.zeros((), dtype=torch.float64)
    for b in range(3):
        own = slice(offsets[b], offsets[b + 1])
        one = dataclasses.replace(s, dist_scale=dist_scale[b : b + 1], gamma=gamma[b : b + 1])
        expected = reference_render(face_vertices[own], SIZE, features[own], one, background[b])
        assert torch.equal(result.face_index[b], expected.face_index)
        torch.testing.assert_close(result.image[b], expected.image, rtol=0, atol=1e-11)
        torch.testing.assert_close(result.alpha[b], expected.alpha, rtol=0, atol=1e-11)
        torch.testing.assert_close(result.depth[b], expected.depth, rtol=0, atol=1e-11)
        expected_loss = expected_loss + weighted(expected.image, expected.alpha, expected.depth)
    for mine, theirs in zip(got, gradients(expected_loss, inputs), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-9 * max(1.0, theirs.abs().max().item()))


@DEVICES
def test_dense_batch_equals_single_images(device: str) -> None:
    scenes = [Scene(*(v.to(device) for v in make_scene(seed))) for seed in (20, 21)]
    settings = RenderSettings(**BASE, dist_scale=0.02)
    face_vertices, features, background = (torch.stack(v) for v in zip(*scenes, strict=True))
    together = render(face_vertices, SIZE, features, settings=settings, background=background, outputs=ALL)
    for b, scene in enumerate(scenes):
        alone = render(*scene[:1], SIZE, scene.features, settings=settings, background=scene.background, outputs=ALL)
        for x, y in zip(together, alone, strict=True):
            assert torch.equal(x[b], y[0])


@DEVICES
def test_one_background_and_scale_for_all_images(device: str) -> None:
    """Gradients of shared values are sums over the batch."""
    scenes = [make_scene(seed) for seed in (22, 23)]
    face_vertices, features = torch.stack([s.face_vertices for s in scenes]), torch.stack([s.features for s in scenes])
    shared = [scenes[0].background[None], torch.tensor([0.02]).double(), torch.tensor([0.2]).double()]
    shared = [v.clone().requires_grad_() for v in shared]
    background, dist_scale, gamma = (v.to(device) for v in shared)
    settings = RenderSettings(**{**BASE, "gamma": gamma}, dist_scale=dist_scale)
    result = on_cpu(render(face_vertices.to(device), SIZE, features.to(device), None, settings, background))
    zeros = torch.zeros(SIZE, dtype=torch.float64)
    got = gradients(sum(weighted(result.image[b], result.alpha[b], zeros) for b in range(2)), shared)
    background, dist_scale, gamma = shared
    settings = RenderSettings(**{**BASE, "gamma": gamma}, dist_scale=dist_scale)
    references = [reference_render(s.face_vertices, SIZE, s.features, settings, background) for s in scenes]
    expected = gradients(sum(weighted(r.image, r.alpha, zeros) for r in references), shared)
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-9 * max(1.0, b.abs().max().item()))


@DEVICES
def test_outputs_not_requested_are_none(device: str) -> None:
    scene = Scene(*(v.to(device) for v in make_scene()))
    settings = RenderSettings(**BASE, dist_scale=0.02)
    everything = render(*scene[:1], SIZE, scene.features, settings=settings, background=scene.background, outputs=ALL)
    for name in ALL:
        features = scene.features if name == "image" else None
        background = scene.background if name == "image" else None
        result = render(scene.face_vertices, SIZE, features, settings=settings, background=background, outputs=(name,))
        for other in ALL:
            value = getattr(result, other)
            if other == name:
                torch.testing.assert_close(value, getattr(everything, name), rtol=0, atol=1e-14)
            else:
                assert value is None
