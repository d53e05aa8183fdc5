"""RenderSettings with near <= 0: depth is a place along an axis, and what is at z <= 0 is drawn like anything else."""

from typing import Any

import pytest
import torch
from support.devices import DEVICES
from support.scenes import random_scene
from torch import Tensor

from gendr_adapters import RenderSettings, blend_fragments, find_fragments, render

SIZE = (24, 31)
BASE: dict[str, Any] = {"perspective_correct": False, "dist_scale": 0.01, "gamma": 0.2}
# Of how much farther away the same scene is shown, a power of two: near 0 coordinates have more digits, nothing else.
AWAY = 8.0


def corners_of(device: str, dtype: torch.dtype, levels: float) -> Tensor:
    """Depths from -2 to 2, some of them 0, on a grid so coarse that adding AWAY loses no digit."""
    corners = random_scene(5, faces=12).face_vertices
    z = corners[..., 2]
    z = ((z - z.mean()) / z.std()).clamp(-2, 2)
    corners[..., 2] = (z * levels).round() / levels
    corners[3, :, 2], corners[4, 1, 2] = 0.0, 0.0
    return corners.to(device, dtype)


def settings(moved: float, **fields: Any) -> RenderSettings:
    low, high = fields.pop("seen", (-4.0, 4.0))
    return RenderSettings(**BASE, near=low + moved, far=high + moved, softmax_range=(-4 + moved, 4 + moved), **fields)


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    "fields",
    [
        {"clip": "nonnegative"},
        {"clip": "none"},
        {"clip": "nonnegative", "blend": "hard"},
        {"clip": "none", "blend": "hard", "alpha_range": "all"},
        {"clip": "nonnegative", "seen": (-0.7, 0.9)},
        {"clip": "nonnegative", "distance": "barycentric", "reach": 0.3, "background_floor": 1e-3},
    ],
    ids=str,
)
def test_the_same_scene_farther_away(fields: dict[str, Any], dtype: torch.dtype, device: str) -> None:
    """Image, silhouette, depth and gradients are those of the scene moved along the axis."""
    start = corners_of(device, dtype, 64.0)
    features = torch.rand(*start.shape[:2], 3, generator=torch.Generator().manual_seed(1)).to(start)
    results = []
    for moved in (0.0, AWAY):
        corners = start.clone().requires_grad_()
        at = corners + torch.tensor([0.0, 0.0, moved]).to(corners)
        outputs = ("image", "alpha", "depth", "face_index")
        drawn = render(at, SIZE, features, settings=settings(moved, **fields), outputs=outputs)
        assert drawn.image is not None and drawn.alpha is not None and drawn.depth is not None
        assert drawn.face_index is not None
        depth = torch.where(drawn.face_index >= 0, drawn.depth - moved, 0.0)
        weights = torch.rand(drawn.image.shape, generator=torch.Generator().manual_seed(2)).to(corners)
        loss = (drawn.image * weights).sum() + (drawn.alpha * weights[:, 0]).sum() + (depth * weights[:, 1]).sum()
        results.append([drawn.face_index, drawn.image, drawn.alpha, depth, torch.autograd.grad(loss, corners)[0]])
    (index, *here), (other, *there) = results
    assert torch.equal(index, other) and (here[2] < 0).any() and (here[2] > 0).any()
    tolerance = {torch.float32: 2e-5, torch.float64: 1e-12}[dtype]
    for one, two in zip(here, there, strict=True):
        assert one.isfinite().all()
        torch.testing.assert_close(one, two, rtol=0, atol=tolerance * max(1.0, float(two.detach().abs().max())))


@DEVICES
def test_fragments(device: str) -> None:
    """They are found and blended as `render` draws them."""
    corners, rule = corners_of(device, torch.float64, 64.0), settings(0.0, clip="nonnegative")
    features = torch.rand(*corners.shape[:2], 2, generator=torch.Generator().manual_seed(1)).to(corners)
    found = find_fragments(corners, SIZE, settings=rule)
    assert (found.depth < 0).any() and (found.depth > 0).any()
    values = (found.weights[:, None] @ features[found.face])[:, 0]
    blended = blend_fragments(found, values, SIZE, rule)
    drawn = render(corners, SIZE, features, settings=rule)
    assert blended.image is not None and blended.alpha is not None
    torch.testing.assert_close(blended.image, drawn.image, rtol=0, atol=1e-12)
    torch.testing.assert_close(blended.alpha, drawn.alpha, rtol=0, atol=1e-12)


@DEVICES
def test_behind_the_camera_nothing_changes(device: str) -> None:
    """With near > 0 a face with a corner at z <= 0 counts nowhere, as ever."""
    corners = corners_of(device, torch.float64, 64.0)
    rule = RenderSettings(**BASE, near=1e-30, far=4.0, clip="nonnegative")
    found = find_fragments(corners, SIZE, settings=rule)
    whole = (corners[..., 2] > 0).all(1)
    assert 0 < whole.sum() < len(whole) and whole[found.face].all()


@pytest.mark.parametrize("near", [0.0, -1.0, -1e30])
@pytest.mark.parametrize("fields", [{}, {"perspective_correct": False}, {"clip": "none"}])
def test_near_must_be_positive_where_depth_divides(fields: dict[str, Any], near: float) -> None:
    with pytest.raises(ValueError, match="0 < near < far, got near=.*perspective_correct=False and clip"):
        RenderSettings(near=near, **fields)
    RenderSettings(near=near, perspective_correct=False, clip="none")


@pytest.mark.parametrize("near, far", [(-1.0, -2.0), (0.0, 0.0), (-1.0, -1.0)])
def test_planes_in_the_wrong_order(near: float, far: float) -> None:
    with pytest.raises(ValueError, match="near < far, got near="):
        RenderSettings(near=near, far=far, perspective_correct=False, clip="none")
