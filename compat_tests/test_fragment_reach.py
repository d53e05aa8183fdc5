"""A list of fragments with a reach of its own holds every pair in reach: no coverage shortens it."""

import itertools
from typing import Any

import pytest
import torch
from support.scenes import random_scene
from torch import Tensor

from gendr_adapters import RenderSettings, find_fragments
from gendr_adapters.distributions import DISTRIBUTIONS
from gendr_adapters.reference import find_fragments as reference_fragments

SIZE = (9, 12)
WHOLE_PICTURE = 4.0
REACHES = [1e-4, 1e-3, 1e-2, 0.1, 0.5, WHOLE_PICTURE, float("inf")]
SCALES = [1e-6, 1e-4, 1e-2, 1.0]


def corners_of(dtype: torch.dtype = torch.float64) -> Tensor:
    return random_scene(11, 5).face_vertices.to(dtype)


def settings_of(**fields: Any) -> RenderSettings:
    return RenderSettings(**{"near": 1e-30, "far": 1e30, "min_coverage": 0.0, "dist_shape": 1.0, **fields})


def pairs(found: Any, n_faces: int) -> Tensor:
    return (found.pixel * n_faces + found.face).sort().values


def compare(corners: Tensor, **fields: Any) -> int:
    """Fails unless the pairs are the reference's; returns how many there are."""
    settings = settings_of(**fields)
    ours = pairs(find_fragments(corners, SIZE, settings=settings), len(corners))

    def expected(nearer: float) -> Tensor:
        known = settings_of(**{**fields, "reach": fields["reach"] * (1 - nearer)})
        return pairs(reference_fragments(corners.double(), SIZE, known), len(corners))

    if corners.dtype == torch.float64:
        assert torch.equal(ours, expected(0.0))
    else:  # where a face is only just in reach rounding decides
        assert torch.isin(expected(1e-5), ours).all() and torch.isin(ours, expected(-1e-5)).all()
    return len(ours)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("reach", REACHES)
def test_reach_alone_decides(reach: float, dtype: torch.dtype) -> None:
    """Whatever dist_scale, and for the default distribution, whose coverage is 0 in floating point beyond 27 roots of
    dist_scale."""
    counts = {compare(corners_of(dtype), reach=reach, dist_scale=scale) for scale in SCALES}
    assert len(counts) == 1
    if reach >= WHOLE_PICTURE:
        assert counts == {5 * SIZE[0] * SIZE[1]}


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_pairs_of_any_distribution(distribution: str) -> None:
    """Those that are 0 up to some u end there; all others have the pairs of any other."""
    count = compare(corners_of(), reach=1.0, dist_scale=1e-5, distribution=distribution)
    assert (count == compare(corners_of(), reach=1.0, dist_scale=1.0)) != DISTRIBUTIONS[distribution].begins


@pytest.mark.parametrize(
    "fields",
    [
        {"clip": "nonnegative"},
        {"clip": "none"},
        {"dist_squared": False},
        {"perspective_correct": False},
        {"near_clip": 2.5},
        {"distance": "barycentric"},
    ],
    ids=str,
)
def test_pairs_of_any_rule(fields: dict[str, Any]) -> None:
    assert {compare(corners_of(), reach=1.0, dist_scale=scale, **fields) for scale in (1e-6, 1.0)} == {
        compare(corners_of(), reach=1.0, dist_scale=1e-2, **fields)
    }


@pytest.mark.parametrize("scale", [1e-6, 1e-2])
def test_pairs_of_reach_per_scale_and_of_boxes(scale: float) -> None:
    """The other two ways to say how far: in units of dist_scale, and by the faces' boxes."""
    everywhere = 5 * SIZE[0] * SIZE[1]
    far = settings_of(reach_per_scale=WHOLE_PICTURE**2 / scale, dist_scale=scale)
    assert len(find_fragments(corners_of(), SIZE, settings=far).pixel) == everywhere
    boxes = settings_of(reach=0.6, dist_scale=scale, reach_shape="box")
    ours = pairs(find_fragments(corners_of(), SIZE, settings=boxes), 5)
    wide = settings_of(reach=0.6, dist_scale=1.0, reach_shape="box")
    assert torch.equal(ours, pairs(find_fragments(corners_of(), SIZE, settings=wide), 5))


def test_min_coverage_ends_the_list() -> None:
    """It is for that: with min_coverage above 0 the list ends where coverage does, as a picture of it."""
    counts = [compare(corners_of(), reach=1.0, dist_scale=scale, min_coverage=1e-3) for scale in (1e-4, 1e-2, 1.0)]
    assert counts == sorted(set(counts))


def test_a_tensor_of_scales_and_gradients() -> None:
    corners = corners_of().requires_grad_()
    batch, scales = torch.stack([corners, corners]), torch.tensor([1e-6, 1.0], dtype=torch.float64)
    found = find_fragments(batch, SIZE, settings=settings_of(reach=WHOLE_PICTURE, dist_scale=scales))
    half = len(found.pixel) // 2
    assert torch.equal(found.distance2[:half], found.distance2[half:])
    (gradient,) = torch.autograd.grad(found.distance2[:half].sum(), corners)
    alone = find_fragments(corners, SIZE, settings=settings_of(reach=WHOLE_PICTURE, dist_scale=1.0))
    assert torch.equal(gradient, torch.autograd.grad(alone.distance2.sum(), corners)[0])


@pytest.mark.nightly
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_sweep(distribution: str) -> None:
    for seed, dtype, clip, near_clip, squared in itertools.product(
        range(3), (torch.float32, torch.float64), ("unit", "nonnegative", "none"), (None, 2.5), (True, False)
    ):
        corners = random_scene(seed, 6).face_vertices.to(dtype)
        rules = {"clip": clip, "near_clip": near_clip, "dist_squared": squared, "distribution": distribution}
        exact = dtype == torch.float64 or not DISTRIBUTIONS[distribution].begins
        for reach, scale in itertools.product(REACHES[:-1], (1e-6, 1e-4, 1e-2, 1.0)):
            if exact:
                compare(corners, reach=reach, dist_scale=scale, **rules)
