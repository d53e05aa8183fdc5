"""near_clip of Kaolin's functions: against the slow reference on faces cut beforehand, in space."""

import math
from typing import Any

import kaolin_reference as reference
import pytest
import torch
from kaolin_scenes import SIZE, Scene, ball, soup, weights_like
from support.devices import DEVICES
from torch import Tensor

from gendr_adapters._reference_cut import clipped
from gendr_adapters.kaolin import dibr_rasterization, dibr_soft_mask, rasterize

NEAR = 0.5
TOLERANCE = {torch.float32: 3e-5, torch.float64: 1e-11}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE))


def crossing(seed: int = 0, meshes: int = 2, faces: int = 7) -> Scene:
    """Faces with corners before the plane and behind the camera, whose projections are mirrored; float32 numbers."""
    scene = soup(seed, meshes, faces, size=1.5)
    z = scene.z * 1.2 + 2.2  # -3.8 to 1
    return Scene(*(x.float().double() for x in (z, scene.image / -z[..., None], scene.features)))


def pieces_of(scene: Scene, mesh: int) -> tuple[Scene, list[int], list[Tensor]]:
    """A mesh of the triangles that the plane leaves of a mesh's faces, and the faces they are of; and for each face
    the corners (n, 2) of what is left, which may be none."""
    triangles, owners, polygons = [], [], []
    for face, (z, image, features) in enumerate(zip(*(x[mesh] for x in scene), strict=True)):
        depth = -z[:, None]
        corners = torch.cat([image * depth, depth, features], 1)
        nearer = int((depth < NEAR).sum())
        if nearer in (1, 2):
            corners = clipped(corners, NEAR)
        corners = torch.cat([corners[:, :2] / corners[:, 2:3], -corners[:, 2:3], corners[:, 3:]], 1)
        corners = corners[: 0 if nearer == 3 else len(corners)]
        polygons.append(corners[:, :2])
        for k in range(1, len(corners) - 1):
            triangles.append(corners[[0, k, k + 1]])
            owners.append(face)
    together = torch.stack(triangles)[None]
    return Scene(together[..., 2], together[..., :2], together[..., 3:]), owners, polygons


def reference_rasterize(scene: Scene, perspective: bool) -> tuple[Tensor, Tensor]:
    pictures, indices = [], []
    for mesh in range(len(scene.z)):
        pieces, owners, _ = pieces_of(scene, mesh)
        picture, index = reference.rasterize(*SIZE, *pieces, perspective_correct=perspective)
        pictures.append(picture)
        indices.append(torch.tensor([*owners, -1])[index])
    return torch.cat(pictures), torch.cat(indices)


def reference_mask(scene: Scene, covered: Tensor, sigmainv: float, boxlen: float, knum: int) -> Tensor:
    """As reference.soft_mask, for polygons."""
    x, y = reference.pixel_centres(*SIZE, scene.image.dtype)
    masks = []
    for mesh in range(len(scene.z)):
        missed, counted = torch.ones_like(x), torch.zeros_like(x)
        for corners in pieces_of(scene, mesh)[2]:
            if len(corners) == 0:
                continue
            edges = corners.roll(-1, 0) - corners
            away = torch.stack([x, y], -1)[..., None, :] - corners
            t = ((away * edges).sum(-1) / edges.square().sum(-1)).clamp(0, 1)
            d2 = (away - t[..., None] * edges).square().sum(-1).amin(-1)
            counts = reference.in_box(corners.detach(), x, y, boxlen) & (counted < knum)
            counted = counted + counts
            missed = missed * torch.where(counts, 1 - (-sigmainv * d2).exp(), 1.0)
        masks.append(torch.where(covered[mesh], 1.0, 1 - missed))
    return torch.stack(masks)


def assert_gradients_close(scene: Scene, expected: tuple[Scene, Tensor], value: Tensor, names: list[str]) -> None:
    """z slides the cut along edges of the image: terms as large as these are long cancel, and leave their rounding."""
    exact, wanted = expected
    dtype = scene.z.dtype
    grads = torch.autograd.grad((value * weights_like(value)).sum(), [getattr(scene, n) for n in names])
    wants = torch.autograd.grad((wanted * weights_like(wanted)).sum(), [getattr(exact, n) for n in names])
    for name, grad, want in zip(names, grads, wants, strict=True):
        assert want.abs().max() > 0
        error = (grad.cpu().double() - want).abs() / want.abs().max()
        if name == "z":
            error = error / exact.image.abs().amax(-1).clamp(min=1)
        assert error.max() < 20 * TOLERANCE[dtype], (name, error.max())


def test_the_scenes_have_faces_of_every_kind() -> None:
    nearer = torch.cat([(-crossing(seed).z < NEAR).sum(2) for seed in (0, 1)]).flatten()
    behind = torch.cat([(crossing(seed).z > 0).sum(2) for seed in (0, 1)]).flatten()
    assert all(n >= 3 for n in torch.bincount(nearer, minlength=4)[:3]) and (behind > 0).sum() > 5


@DEVICES
@DTYPES
@pytest.mark.parametrize("perspective", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_rasterize(seed: int, perspective: bool, dtype: torch.dtype, device: str) -> None:
    exact = crossing(seed).to("cpu", torch.float64)
    expected, index = reference_rasterize(exact, perspective)
    mine = exact.to(device, dtype)
    features, face_idx = rasterize(*SIZE, *mine, perspective_correct=perspective, near_clip=NEAR)
    assert isinstance(features, Tensor)
    assert torch.equal(face_idx.cpu(), index) and len(index.unique()) > 5
    torch.testing.assert_close(features.cpu().double(), expected, rtol=0, atol=TOLERANCE[dtype])
    assert_gradients_close(mine, (exact, expected), features, ["z", "image", "features"])


@DEVICES
@DTYPES
@pytest.mark.parametrize(("sigmainv", "boxlen", "knum"), [(500.0, 0.08, 30), (70.0, 0.3, 30), (30.0, 0.4, 2)])
def test_soft_mask(sigmainv: float, boxlen: float, knum: int, dtype: torch.dtype, device: str) -> None:
    """By the distance to what is left of a face, cut edge included, in its box; z has a gradient."""
    exact = crossing(1).to("cpu", torch.float64)
    index = reference_rasterize(exact, False)[1]
    expected = reference_mask(exact, index >= 0, sigmainv, boxlen, knum)
    mine = exact.to(device, dtype)
    mask = dibr_soft_mask(mine.image, index.to(device), sigmainv, boxlen, knum, face_vertices_z=mine.z, near_clip=NEAR)
    assert ((expected > 1e-3) & (expected < 0.999)).sum() > 20
    torch.testing.assert_close(mask.cpu().double(), expected, rtol=0, atol=TOLERANCE[dtype])
    assert_gradients_close(mine, (exact, expected), mask, ["z", "image"])


@DEVICES
@pytest.mark.parametrize("occlusion", ["hard", "soft"])
@pytest.mark.parametrize("perspective", [False, True])
def test_dibr_rasterization_is_both(perspective: bool, occlusion: str, device: str) -> None:
    scene = crossing(0).to(device, torch.float64)
    normals = torch.ones_like(scene.z[..., 0])
    normals[:, 2] = -1.0
    ways: dict[str, Any] = {"perspective_correct": perspective, "near_clip": NEAR}
    features, mask, face_idx = dibr_rasterization(*SIZE, *scene, normals, occlusion=occlusion, **ways)
    expected, index = rasterize(*SIZE, *scene, normals >= 0, **ways)
    assert isinstance(features, Tensor) and torch.equal(face_idx, index) and (index >= 0).sum() > 100
    assert torch.equal(mask, dibr_soft_mask(scene.image, index, face_vertices_z=scene.z, near_clip=NEAR))
    if occlusion == "hard":
        assert torch.equal(features, expected)
    else:
        sharp, *_ = dibr_rasterization(
            *SIZE,
            *scene,
            normals,
            1e12,
            1e-4,
            occlusion="soft",
            gamma=1e-5,
            **ways,  # no blur to speak of
        )
        on = index >= 0  # beside a face its softest fringe has its features, too
        torch.testing.assert_close(sharp[on], expected[on], rtol=0, atol=1e-6)


def floor(half: float = 50.0) -> Scene:
    """Two faces through the camera, one unit below it; 60 degrees of view."""
    points = torch.tensor([[-half, -1, half], [half, -1, half], [half, -1, -half], [-half, -1, -half]])
    corners = points[torch.tensor([[0, 1, 2], [0, 2, 3]])][None]
    z = corners[..., 2]
    return Scene(z, corners[..., :2] / (-z[..., None] * math.tan(math.radians(30))), torch.ones(1, 2, 3, 1))


@DEVICES
@DTYPES
@pytest.mark.parametrize("perspective", [False, True])
def test_a_floor_through_the_camera(perspective: bool, dtype: torch.dtype, device: str) -> None:
    scene = floor().to(device, dtype)
    ways: dict[str, Any] = {"perspective_correct": perspective, "near_clip": NEAR}
    for occlusion in ("hard", "soft"):
        features, mask, face_idx = dibr_rasterization(
            64, 64, *scene, torch.ones_like(scene.z[..., 0]), occlusion=occlusion, **ways
        )
        assert isinstance(features, Tensor)
        assert (face_idx >= 0).sum() == 1984 and 1984 < mask.sum() < 2048
        assert occlusion == "soft" or features.sum() == 1984
    everything = dibr_soft_mask(scene.image, face_idx, distribution="hard", face_vertices_z=scene.z, near_clip=NEAR)
    assert torch.equal(everything, (face_idx >= 0).to(dtype))


@DEVICES
@DTYPES
def test_a_plane_that_cuts_nothing_changes_nothing(dtype: torch.dtype, device: str) -> None:
    scene, normals = ball()
    scene = Scene(scene.z - 2.0, *scene[1:]).to(device, dtype)
    normals = normals.to(device, dtype)
    bound = 1e-5 if dtype == torch.float32 else 1e-13  # CUDA has other kernels for scenes that may be cut
    for ways in ({}, {"perspective_correct": True}, {"distribution": "logistic"}):
        cut, whole = (dibr_rasterization(*SIZE, *scene, normals, near_clip=near, **ways) for near in (NEAR, None))
        for a, b in zip(cut, whole, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=bound)


def test_nearer_parts_of_faces_are_not_drawn() -> None:
    scene = crossing(0)
    scene = Scene(scene.z.clamp(min=0.01 - NEAR), *scene[1:])
    features, mask, face_idx = dibr_rasterization(*SIZE, *scene, torch.ones(2, 7), near_clip=NEAR)
    assert isinstance(features, Tensor)
    assert not features.any() and not mask.any() and (face_idx == -1).all()
    soft, *_ = dibr_rasterization(*SIZE, *scene, torch.ones(2, 7), near_clip=NEAR, occlusion="soft")
    assert isinstance(soft, Tensor) and not soft.any()


@pytest.mark.parametrize("perspective", [False, True])
def test_gradcheck(perspective: bool) -> None:
    size = (5, 4)
    z, image, features = (x[:1].requires_grad_() for x in crossing(1))
    ways: dict[str, Any] = {"perspective_correct": perspective, "near_clip": NEAR}
    face_idx = rasterize(*size, z, image, features, **ways)[1]
    assert (face_idx >= 0).sum() > 4

    def sharp(z: Tensor, image: Tensor, features: Tensor) -> Any:
        return rasterize(*size, z, image, features, **ways)[0]

    def soft(z: Tensor, image: Tensor, features: Tensor) -> Any:
        normals = torch.ones_like(z[..., 0])
        drawn = dibr_rasterization(
            *size, z, image, features, normals, 20.0, 0.6, gamma=0.5, occlusion="soft", distribution="logistic", **ways
        )
        return drawn[0], drawn[1]

    def mask(z: Tensor, image: Tensor) -> Any:
        return dibr_soft_mask(image, face_idx, 20.0, 0.6, face_vertices_z=z, near_clip=NEAR)

    assert torch.autograd.gradcheck(sharp, (z, image, features), fast_mode=True)
    assert torch.autograd.gradcheck(mask, (z, image), fast_mode=True)
    # `soft` takes the range of depths, which cancels in the softmax but for the background, as given.
    assert torch.autograd.gradcheck(lambda i, f: soft(z.detach(), i, f), (image, features), fast_mode=True)
    grad = torch.autograd.grad(soft(z, image, features)[0].sum(), z)[0]
    assert grad.isfinite().all() and grad.any()


def test_errors() -> None:
    scene = crossing(0)
    normals = torch.ones(2, 7)
    nothing = torch.full((2, *SIZE), -1)
    for occlusion in ("hard", "soft"):
        for bad in (0.0, -1.0, math.nan, math.inf):
            with pytest.raises(ValueError, match="near_clip must be a depth > 0 or None, got"):
                dibr_rasterization(*SIZE, *scene, normals, near_clip=bad, occlusion=occlusion)
        with pytest.raises(TypeError, match="near_clip must be a number, got str"):
            dibr_rasterization(*SIZE, *scene, normals, near_clip="0.5", occlusion=occlusion)
    with pytest.raises(ValueError, match="near_clip must be a depth > 0"):
        rasterize(*SIZE, *scene, near_clip=-0.5)
    with pytest.raises(ValueError, match="near_clip must be a depth > 0"):
        dibr_soft_mask(scene.image, nothing, face_vertices_z=scene.z, near_clip=-0.5)
    with pytest.raises(ValueError, match="near_clip needs face_vertices_z"):
        dibr_soft_mask(scene.image, nothing, near_clip=0.5)
    with pytest.raises(ValueError, match=r"face_vertices_z must be \(2, 7, 3\)"):
        dibr_soft_mask(scene.image, nothing, face_vertices_z=scene.z[:, :3], near_clip=0.5)
