"""RenderSettings.reach_shape 'box': what is in reach of a face is its bounding box, grown by reach."""

from typing import Any

import pytest
import torch
from support.devices import DEVICES
from support.scenes import random_scene
from torch import Tensor

from gendr_adapters import Fragments, RenderSettings, blend_fragments, find_fragments, render

SIZE = (37, 52)
BASE: dict[str, Any] = {"dist_scale": 0.05, "gamma": 0.3, "near": 0.1, "far": 20.0, "distribution": "cauchy"}
REACH = 0.15


def corners_of(device: str, dtype: torch.dtype = torch.float64) -> Tensor:
    """Small faces, one wider than a block of lanes, a needle, a point, and one across the picture's side."""
    small = random_scene(3, faces=5).face_vertices
    small[..., :2] = small[..., :2] * 0.3 + torch.tensor([0.31, -0.22])
    special = torch.tensor(
        [
            [[-1.21, -0.83], [1.17, -0.71], [-0.93, 0.88]],
            [[-0.71, -0.62], [0.73, 0.51], [0.73, 0.53]],
            [[0.43, 0.37], [0.43, 0.37], [0.43, 0.37]],
            [[0.91, 0.17], [1.93, 0.37], [1.07, -0.94]],
        ],
        dtype=torch.float64,
    )
    depths = torch.tensor([[2.0, 3.0, 2.5]], dtype=torch.float64).expand(4, 3)
    return torch.cat([small, torch.cat([special, depths[..., None]], 2)]).to(device, dtype)


def pairs(found: Fragments) -> Tensor:
    """Numbers of (pixel, face), and their order."""
    return (found.pixel * 100 + found.face).cpu()


def in_grown_box(found: Fragments, corners: Tensor) -> Tensor:
    height, width = SIZE
    x = (2 * (found.pixel % width) + 1 - width) / height  # the shorter side spans [-1, 1]
    y = (height - 1 - 2 * (found.pixel // width)) / height
    low, high = (corner[found.face] for corner in corners[..., :2].aminmax(dim=1))
    at = torch.stack([x, y], 1)
    return ((at >= low - REACH) & (at <= high + REACH)).all(1)


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_pairs_in_the_grown_box_are_found(dtype: torch.dtype, device: str) -> None:
    """Every pair in a grown box, and no other, with the numbers that a reach without end gives it."""
    corners = corners_of(device, dtype)
    found = find_fragments(
        corners, SIZE, settings=RenderSettings(**BASE, min_coverage=0, reach=REACH, reach_shape="box")
    )
    every = find_fragments(corners, SIZE, settings=RenderSettings(**BASE, min_coverage=0, reach=100.0))
    inside = in_grown_box(every, corners)
    mine, order = pairs(found).sort()
    theirs, other = pairs(every)[inside.cpu()].sort()
    assert torch.equal(mine, theirs) and len(mine) < 0.6 * len(every.pixel)
    near = find_fragments(corners, SIZE, settings=RenderSettings(**BASE, min_coverage=0, reach=REACH))
    assert len(near.pixel) < 0.7 * len(mine)
    for name in ("weights", "depth", "distance2"):
        a, b = getattr(found, name).cpu()[order], getattr(every, name).cpu()[inside.cpu()][other]
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


@DEVICES
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"distribution": "logistic"},
        {"distribution": "hard"},
        {"t_conorm": "max", "clip": "nonnegative"},
        {"near_clip": 2.2, "perspective_correct": False},
        {"min_coverage": 0.2},
        {"cull": "back", "reach": 0.0},
    ],
    ids=lambda fields: "-".join(fields) or "plain",
)
def test_rendering_and_blending_agree(fields: dict[str, Any], device: str) -> None:
    """Pictures and gradients of `render` are those of the fragments, see `test_pairs_in_the_grown_box_are_found`."""
    settings = RenderSettings(**{**BASE, "min_coverage": 0.0, "reach": REACH, "reach_shape": "box", **fields})
    results = []
    for blended in (False, True):
        corners = corners_of(device).requires_grad_()
        colours = corners.sin()
        if blended:
            found = find_fragments(corners, SIZE, settings=settings)
            shown = (found.weights[..., None] * colours[found.face]).sum(1)
            image, alpha, *_ = blend_fragments(found, shown, SIZE, settings)
        else:
            image, alpha, *_ = render(corners, SIZE, colours, settings=settings)
        assert image is not None and alpha is not None
        ramp = torch.linspace(-1, 1, SIZE[1], dtype=torch.float64, device=device)
        results.append((image, alpha, torch.autograd.grad((image * ramp).sum() + (alpha * ramp).sum(), corners)[0]))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8)


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_pixel_on_a_shared_edge_is_on_a_face(dtype: torch.dtype, device: str) -> None:
    """Nearest faces without cracks: pixel centres exactly on an edge, of any slope."""
    for slope in (0.0, 0.25, 1 / 3, 1.0, -0.7, 3.0):
        left = torch.tensor([[-1.5, -1.5 * slope, 2.0], [1.5, 1.5 * slope, 2.0], [-1.5 * slope, 1.5, 2.0]])
        right = torch.stack([left[1], left[0], left[2] * torch.tensor([-1.0, -1.0, 1.0])])
        corners = torch.stack([left, right]).to(device, dtype)
        for size in (31, 32, 45):
            settings = RenderSettings(blend="hard", near=0.1)
            index = render(corners, size, settings=settings, outputs=("face_index",)).face_index
            assert index is not None
            centre = slice(size // 3, size - size // 3)
            assert (index[:, centre, centre] >= 0).all()


def test_bad_settings() -> None:
    with pytest.raises(ValueError, match="unknown reach_shape 'boxes'; did you mean 'box'"):
        RenderSettings(reach_shape="boxes")
    with pytest.raises(ValueError, match="reach_shape='box' is not allowed with distance='barycentric'"):
        RenderSettings(reach_shape="box", distance="barycentric")
