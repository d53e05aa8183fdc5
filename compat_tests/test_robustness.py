"""Whatever the faces, and however sharp or wide the settings: results and gradients are finite, and one face's trouble
stays its own."""

import itertools
import math
import subprocess
import sys
from typing import Any

import pytest
import torch
from support.scenes import (
    ALL_OUTPUTS,
    Scene,
    distribution_settings,
    label,
    loss,
    random_scene,
    render_with_gradients,
    t_conorm_settings,
)
from torch import Tensor

from gendr_adapters import Rendered, RenderSettings, render

pytestmark = pytest.mark.slow

SIZE = 8  # pixel centres at -7/8, -5/8, ... 7/8: exact in binary, so corners can lie on them
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)

# Corners as (x, y), depths 2, 3, 4.
SHAPES = {
    "sliver": [(-0.8, -0.31), (0.9, 0.3), (0.05, 1e-7)],
    "needle": [(-0.8, -0.3), (0.9, 0.3), (0.9, 0.3 + 1e-9)],
    "edge-on": [(-0.5, -0.25), (0.5, 0.25), (0.25, 0.125)],
    "edge-on between pixels": [(-0.75, 0.5), (0.75, 0.5), (0.25, 0.5)],
    "edge-on through pixels": [(-0.875, 0.625), (0.875, 0.625), (0.125, 0.625)],
    "two corners in one": [(-0.5, -0.25), (0.5, 0.25), (0.5, 0.25)],
    "a point": [(0.3, 0.2), (0.3, 0.2), (0.3, 0.2)],
    "a point on a pixel": [(0.125, 0.375), (0.125, 0.375), (0.125, 0.375)],
    "corners and edges on pixels": [(-0.875, -0.875), (0.875, -0.875), (-0.875, 0.875)],
    "smaller than a pixel": [(0.1, 0.1), (0.11, 0.1), (0.1, 0.11)],
    "tiny": [(0.1, 0.1), (0.1 + 1e-12, 0.1), (0.1, 0.1 + 1e-12)],
    "covers all": [(-30.0, -20.0), (30.0, -20.0), (0.0, 50.0)],
    "covers all, backwards": [(-30.0, -20.0), (0.0, 50.0), (30.0, -20.0)],
    "far outside": [(50.0, 60.0), (51.0, 60.0), (50.0, 61.0)],
    "huge": [(-1e6, -1e6), (1e6, -1e6), (0.3, 1e6)],
}


def odd_scene() -> Scene:
    """All the shapes above at once, each twice, so that they tie."""
    xy = torch.tensor([*SHAPES.values(), *SHAPES.values()], dtype=torch.float64)
    z = torch.tensor([2.0, 3.0, 4.0], dtype=torch.float64).expand(len(xy), 3)
    return random_scene(0, faces=len(xy))._replace(face_vertices=torch.cat([xy, z[..., None]], 2))


def assert_sane(rendered: Rendered, gradients: dict[str, Tensor], context: object) -> None:
    for name, value in {**rendered._asdict(), **gradients}.items():
        assert value.isfinite().all(), f"{name} of {context}"
    slack = 4 * torch.finfo(rendered.alpha.dtype).eps
    assert rendered.alpha.min() >= 0 and rendered.alpha.max() <= 1 + slack, context
    # Features and background are in [0, 1], and the image is a mean of them.
    assert rendered.image.min() >= -slack and rendered.image.max() <= 1 + slack, context


@pytest.mark.large
@pytest.mark.parametrize("settings", distribution_settings(), ids=label)
def test_odd_faces_under_all_settings(settings: dict[str, Any]) -> None:
    """Every distribution with every T-conorm, sharp and wide, in both precisions."""
    scene = odd_scene()
    ways = itertools.product([1e-7, 1e-4, 10.0], [False, True], [torch.float32, torch.float64])
    for (tau, squared, dtype), t_conorm in itertools.product(ways, t_conorm_settings()):
        s = {**settings, **t_conorm, "dist_scale": tau, "dist_squared": squared, "gamma": 1e-4}
        assert_sane(*render_with_gradients(scene, SIZE, s, dtype), (s, dtype))


@DTYPES
@pytest.mark.parametrize("shape", SHAPES)
def test_odd_faces_alone(shape: str, dtype: torch.dtype) -> None:
    """Each shape by itself, with every other setting that changes what is computed."""
    scene = random_scene(0, faces=1)
    scene.face_vertices[0, :, :2] = torch.tensor(SHAPES[shape])
    for distance, blend, perspective, gamma, min_coverage, gradient in itertools.product(
        ["euclidean", "barycentric"],
        ["softmax", "hard"],
        [False, True],
        [1e-6, 1e-3, 1.0],
        [0.0, 1e-6],
        ["exact", "reference"],
    ):
        s = {
            "dist_scale": 1e-3,
            "distance": distance,
            "blend": blend,
            "perspective_correct": perspective,
            "gamma": gamma,
            "min_coverage": min_coverage,
            "gradient": gradient,
        }
        assert_sane(*render_with_gradients(scene, SIZE, s, dtype), s)
        texels = scene._replace(features=scene.features[:, [0, 1, 2, 0]])
        assert_sane(*render_with_gradients(texels, SIZE, s, dtype), s)


@DTYPES
@pytest.mark.parametrize("tau", [1e-7, 1e-5, 1e-3, 10.0])
@pytest.mark.parametrize("gamma", [1e-6, 1e-4, 1.0])
def test_sharp_and_wide_settings(gamma: float, tau: float, dtype: torch.dtype) -> None:
    for seed, squared in itertools.product(range(5), [False, True]):
        s = {"dist_scale": tau, "gamma": gamma, "dist_squared": squared}
        assert_sane(*render_with_gradients(random_scene(seed, faces=10), 16, s, dtype), s)


@DTYPES
def test_saturated_coverage(dtype: torch.dtype) -> None:
    """Fifty faces over every pixel: alpha is 1 to the last bit, its complement 0."""
    scene = random_scene(0, faces=50)
    scene.face_vertices[:, :, :2] += 20 * torch.tensor([[-2.0, -1.0], [2.0, -1.0], [0.0, 3.0]])
    for t_conorm in t_conorm_settings():
        s = {**t_conorm, "dist_scale": 1e-3, "gamma": 1e-2}
        rendered, gradients = render_with_gradients(scene, SIZE, s, dtype)
        assert_sane(rendered, gradients, s)
        torch.testing.assert_close(rendered.alpha, torch.ones_like(rendered.alpha), rtol=0, atol=1e-6)


@DTYPES
@pytest.mark.parametrize("scale", [1e3, 1e9, 1e18, 1e30])
def test_huge_coordinates(scale: float, dtype: torch.dtype) -> None:
    """Coordinates whose squares and products overflow."""
    for grown in ([0, 1, 2], [0], [2]):
        scene = random_scene(1, faces=6)
        scene.face_vertices[:3, grown, :2] *= scale
        rendered, gradients = render_with_gradients(scene, SIZE, {"dist_scale": 1e-2, "gamma": 1e-2}, dtype)
        assert_sane(rendered, gradients, (scale, grown))


@DTYPES
@pytest.mark.parametrize("alpha_range", ["near_far", "all"])
@pytest.mark.parametrize("z", [0.0, -0.0, 1e-30, -1e-30, -2.0, 1e30, -1e30])
def test_depths(z: float, alpha_range: str, dtype: torch.dtype) -> None:
    for corners in ([0], [0, 1], [0, 1, 2]):
        scene = random_scene(1)
        scene.face_vertices[0, corners, 2] = z
        s = {"dist_scale": 1e-2, "gamma": 1e-2, "alpha_range": alpha_range}
        rendered, gradients = render_with_gradients(scene, SIZE, s, dtype)
        assert_sane(rendered, gradients, s)
        if z <= 0 and alpha_range == "near_far":
            assert not gradients["face_vertices"][0].any()


@DTYPES
@pytest.mark.parametrize("res", [1, 2, 5])
@pytest.mark.parametrize("perspective", [False, True], ids=["affine", "perspective"])
def test_texels_across_the_camera_plane(perspective: bool, res: int, dtype: torch.dtype) -> None:
    """Weights of corners behind the camera are far from [0, 1], yet no texel of another face is read or written."""
    count, others = res * res, 40  # faces beyond `far` on either side in memory
    generator = torch.Generator().manual_seed(0)
    for seed in range(20):
        corners = random_scene(seed, faces=1).face_vertices
        corners[0, seed % 3, 2] *= -0.9
        beyond = random_scene(seed, faces=others).face_vertices + torch.tensor([0.0, 0.0, 1e3])
        texels = torch.rand((1, count, 2), generator=generator, dtype=torch.float64)
        alien = torch.full((others, count, 2), 1e6, dtype=torch.float64)
        scene = Scene(
            torch.cat([beyond, corners, beyond]), torch.cat([alien, texels, alien]), torch.rand(2, dtype=torch.float64)
        )
        s = {"dist_scale": 1e-2, "gamma": 1e-2, "alpha_range": "all", "perspective_correct": perspective, "near": 1e-3}
        rendered, gradients = render_with_gradients(scene, SIZE, s, dtype)
        assert_sane(rendered, gradients, s)
        assert not gradients["features"][:others].any() and not gradients["features"][others + 1 :].any()


@DTYPES
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("gradient", ["exact", "reference"])
def test_corners_that_are_not_finite(gradient: str, bad: float, dtype: torch.dtype) -> None:
    """Such a face might as well not be there, whichever coordinate it is; the others do not notice, to the last bit."""
    settings = {"dist_scale": 1e-2, "gamma": 1e-2, "gradient": gradient}
    whole, broken = random_scene(2, faces=5), 2
    others = [0, 1, 3, 4]
    without = Scene(whole.face_vertices[others], whole.features[others], whole.background)
    expected, expected_gradients = render_with_gradients(without, SIZE, settings, dtype)
    for corner, axis in itertools.product(range(3), range(3)):
        scene = random_scene(2, faces=5)
        scene.face_vertices[broken, corner, axis] = bad
        rendered, gradients = render_with_gradients(scene, SIZE, settings, dtype)
        for name in ("image", "alpha", "depth"):
            assert torch.equal(getattr(rendered, name), getattr(expected, name)), name
        assert not (rendered.face_index == broken).any()
        for name in ("face_vertices", "features"):
            assert not gradients[name][broken].any()
            assert torch.equal(gradients[name][others], expected_gradients[name])
        for name in ("background", "dist_scale", "gamma"):
            assert torch.equal(gradients[name], expected_gradients[name])


def test_check_finite() -> None:
    faces = random_scene(2, faces=5).face_vertices
    assert render(faces, SIZE, settings=RenderSettings(check_finite=True)).alpha is not None
    faces[3, 1, 0], faces[4, 0, 2] = math.nan, math.inf
    with pytest.raises(ValueError, match=r"2 faces with corners that are not finite; the first is face 3: .*nan"):
        render(faces, SIZE, settings=RenderSettings(check_finite=True))


@DTYPES
@pytest.mark.parametrize("blend", ["softmax", "hard"])
@pytest.mark.parametrize("t_conorm", ["probabilistic", "max", "sum", "hard"])
def test_an_empty_mesh_shows_background(t_conorm: str, blend: str, dtype: torch.dtype) -> None:
    scene = Scene(*(x[:0] for x in random_scene(0)[:2]), torch.tensor([0.25, 0.75], dtype=torch.float64))
    s = {"t_conorm": t_conorm, "blend": blend, "dist_scale": 1e-2, "gamma": 1e-2}
    rendered, gradients = render_with_gradients(scene, (3, 5), s, dtype)
    assert torch.equal(rendered.image, scene.background.to(dtype)[None, :, None, None].expand(1, 2, 3, 5))
    assert not rendered.alpha.any() and not rendered.depth.any()
    assert (rendered.face_index == -1).all()
    assert gradients["face_vertices"].shape == (0, 3, 3) and gradients["features"].shape == (0, 3, 2)
    assert gradients["background"].any() and not gradients["dist_scale"].any()
    assert gradients["gamma"].abs().max() < 1e-6  # nothing competes with the background


@DTYPES
def test_an_empty_mesh_in_a_batch(dtype: torch.dtype) -> None:
    scene = random_scene(3, faces=5)
    s = {"dist_scale": 1e-2, "gamma": 1e-2}
    offsets = torch.tensor([0, 2, 2, 5, 5])
    rendered, gradients = render_with_gradients(scene, SIZE, s, dtype, offsets)
    assert_sane(rendered, gradients, s)
    for empty in (1, 3):
        assert not rendered.alpha[empty].any() and (rendered.face_index[empty] == -1).all()
        assert torch.equal(rendered.image[empty], scene.background.to(dtype)[:, None, None].expand(2, SIZE, SIZE))
    assert rendered.alpha[0].any() and rendered.alpha[2].any()


@DTYPES
@pytest.mark.parametrize("how", ["batched", "packed"])
def test_an_empty_batch(how: str, dtype: torch.dtype) -> None:
    shape = (0, 4, 3, 3) if how == "batched" else (0, 3, 3)
    faces = torch.zeros(shape, dtype=dtype, requires_grad=True)
    features = torch.zeros((*shape[:-1], 2), dtype=dtype, requires_grad=True)
    offsets = None if how == "batched" else torch.zeros(1, dtype=torch.int64)
    rendered = render(faces, (4, 6), features, offsets, background=[0.5, 0.5], outputs=ALL_OUTPUTS)
    shapes = [tuple(x.shape) for x in rendered]
    assert shapes == [(0, 2, 4, 6), (0, 4, 6), (0, 4, 6), (0, 4, 6)]
    gradients = torch.autograd.grad(loss(rendered), [faces, features])
    assert [g.shape for g in gradients] == [faces.shape, features.shape]


@DTYPES
@pytest.mark.parametrize("size", [1, (1, 1), (1, 7), (9, 1), (2, 33), (17, 5)], ids=str)
def test_odd_image_sizes(size: int | tuple[int, int], dtype: torch.dtype) -> None:
    for seed in range(5):
        s = {"dist_scale": 1e-2, "gamma": 1e-2}
        rendered, gradients = render_with_gradients(random_scene(seed), size, s, dtype)
        assert_sane(rendered, gradients, size)
        assert rendered.alpha.shape[1:] == ((size, size) if isinstance(size, int) else size)


def test_a_view_of_any_layout() -> None:
    """Inputs need not be contiguous, nor do incoming gradients."""
    scene = random_scene(4)
    s = {"dist_scale": 1e-2, "gamma": 1e-2}
    expected, expected_gradients = render_with_gradients(scene, SIZE, s)
    strided = Scene(*(x.mT.contiguous().mT if x.dim() > 1 else x for x in scene))
    assert not strided.face_vertices.is_contiguous()
    rendered, gradients = render_with_gradients(strided, SIZE, s)
    assert torch.equal(rendered.image, expected.image)
    assert all(torch.equal(gradients[name], expected_gradients[name]) for name in gradients)
    faces = scene.face_vertices.clone().requires_grad_()
    alpha = render(faces, SIZE, settings=RenderSettings(**s)).alpha
    (one,) = torch.autograd.grad(alpha, faces, torch.ones(()).double().expand_as(alpha), retain_graph=True)
    (other,) = torch.autograd.grad(alpha, faces, torch.ones_like(alpha))
    assert torch.equal(one, other)


SUBNORMALS = """
import numpy, torch
from concurrent.futures import ThreadPoolExecutor
import gendr_adapters

def check():
    assert numpy.float32(1e-40) * numpy.float32(1) > 0 and numpy.array([1e-310]) * 1.0 > 0 and 1e-310 * 1.0 > 0
    assert bool(torch.tensor([1e-40]) * 1 > 0) and bool(torch.tensor([1e-310], dtype=torch.float64) * 1 > 0)

torch.set_num_threads(2)
faces = torch.tensor([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]]], requires_grad=True)
gendr_adapters.render(faces, 64).alpha.sum().backward()
check()
with ThreadPoolExecutor(1) as pool:
    pool.submit(check).result()
print("fine")
"""


def test_subnormal_numbers_survive() -> None:
    """Libraries built with -ffast-math switch the process that loads them to flush-to-zero; ours must not."""
    result = subprocess.run([sys.executable, "-c", SUBNORMALS], capture_output=True, text=True, timeout=120)
    assert result.stdout.strip() == "fine", result.stderr
