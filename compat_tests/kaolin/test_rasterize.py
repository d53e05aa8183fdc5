"""rasterize against the slow reference, forward and backward."""

from typing import Any

import kaolin_reference as reference
import pytest
import torch
from kaolin_scenes import SIZE, Scene, ball, flipped, soup, weights_like
from support.devices import DEVICES
from torch import Tensor

from gendr_adapters.kaolin import rasterize

TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-11}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE))


def ours(scene: Scene, size: tuple[int, int] = SIZE, **kwargs: Any) -> tuple[Tensor, Tensor]:
    return rasterize(*size, *scene, **kwargs)  # type: ignore[return-value]


def assert_as_reference(
    scene: Scene, device: str, dtype: torch.dtype, size: tuple[int, int] = SIZE, perspective: bool = False
) -> Tensor:
    """Features, indices and gradients; the gradient of z where it counts. Returns the indices."""
    exact = scene.to("cpu", torch.float64)
    expected, index = reference.rasterize(*size, *exact, perspective_correct=perspective)
    mine = scene.to(device, dtype)
    features, face_idx = ours(mine, size, perspective_correct=perspective)
    assert features.dtype == dtype and features.is_contiguous() and face_idx.dtype == torch.int64
    assert torch.equal(face_idx.cpu(), index)
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(features.cpu().double(), expected, rtol=0, atol=tolerance)
    inputs = ["z", "image", "features"] if perspective else ["image", "features"]
    loss = (features * weights_like(features)).sum()
    grads = torch.autograd.grad(loss, [getattr(mine, name) for name in inputs])
    wanted = torch.autograd.grad((expected * weights_like(expected)).sum(), [getattr(exact, name) for name in inputs])
    for name, grad, want in zip(inputs, grads, wanted, strict=True):
        assert want.abs().max() > 0
        error = (grad.cpu().double() - want).abs().max() / want.abs().max()
        assert error < 5 * tolerance, (name, error)
    return index


@DEVICES
@DTYPES
@pytest.mark.parametrize("perspective", [False, True])
@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_soup(seed: int, flip: bool, perspective: bool, dtype: torch.dtype, device: str) -> None:
    """A batch of two, both orientations, not square."""
    scene = soup(seed)
    index = assert_as_reference(flipped(scene) if flip else scene, device, dtype, perspective=perspective)
    assert (index == -1).any() and len(index.unique()) > 6


@DEVICES
@DTYPES
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (50, 3)])
def test_sizes(size: tuple[int, int], dtype: torch.dtype, device: str) -> None:
    """Also pictures of fewer pixels than one of Kaolin's thread blocks."""
    assert_as_reference(soup(3, meshes=1, faces=12, size=1.2), device, dtype, size)


@DEVICES
@DTYPES
def test_valid_faces(dtype: torch.dtype, device: str) -> None:
    """Indices are counted over all faces; one mesh has nothing to show."""
    scene = soup(2, meshes=3)
    valid = torch.arange(24).view(3, 8) % 3 != 1
    valid[1] = False
    mine = scene.to(device, dtype)
    features, face_idx = ours(mine, valid_faces=valid.to(device))
    expected, index = reference.rasterize(*SIZE, *scene, valid=valid)
    assert torch.equal(face_idx.cpu(), index) and (index[1] == -1).all() and (features[1] == 0).all()
    torch.testing.assert_close(features.detach().cpu().double(), expected, rtol=0, atol=TOLERANCE[dtype])
    grads = torch.autograd.grad(features.sum(), [mine.image, mine.features])
    for grad in grads:
        assert grad.isfinite().all() and (grad.cpu()[~valid] == 0).all() and (grad.cpu()[valid] != 0).any()


@DEVICES
def test_lists_and_tuples(device: str) -> None:
    """A tuple comes back, also for one; its entries are the slices, with their gradients."""
    scene = soup(channels=5).to(device, torch.float32)
    whole, index = ours(scene)
    for made in (list, tuple):
        parts, same = rasterize(*SIZE, scene.z, scene.image, made(scene.features.split([2, 0, 3], 3)))
        assert isinstance(parts, tuple) and [part.shape[3] for part in parts] == [2, 0, 3]
        assert torch.equal(torch.cat(parts, 3), whole) and torch.equal(same, index)
    one, _ = rasterize(*SIZE, scene.z, scene.image, [scene.features])
    assert isinstance(one, tuple) and len(one) == 1 and torch.equal(one[0], whole)
    weights = weights_like(whole)
    expected = torch.autograd.grad((whole * weights).sum(), [scene.image, scene.features])
    got = torch.autograd.grad((torch.cat(parts, 3) * weights).sum(), [scene.image, scene.features])
    assert all(map(torch.equal, got, expected))


@DEVICES
@pytest.mark.parametrize("channels", [[3], [1], [2, 3], [1, 1], [2, 0, 1]], ids=str)
@pytest.mark.parametrize("meshes", [1, 2])
def test_features_may_be_written_into(meshes: int, channels: list[int], device: str) -> None:
    """With gradients, whatever the number of channels."""
    scene = soup(meshes=meshes, channels=sum(channels)).to(device, torch.float64)
    weights = weights_like(torch.empty(meshes, *SIZE, sum(channels), dtype=torch.float64)).to(device)

    def grads(in_place: bool, listed: bool) -> tuple[Tensor, ...]:
        given = list(scene.features.split(channels, 3)) if listed else scene.features
        got, _ = rasterize(*SIZE, scene.z, scene.image, given)
        parts: list[Any] = list(got) if listed else [got]
        assert all(part.is_contiguous() for part in parts)
        before = torch.cat([part * 2 for part in parts], 3)
        if in_place:
            for part in parts:
                part += 1
                part *= 3
        else:
            parts = [(part + 1) * 3 for part in parts]
        loss = (before * weights).sum() + (torch.cat(parts, 3) * weights).sum()
        return torch.autograd.grad(loss, [scene.image, scene.features])

    for listed in (False, True) if len(channels) == 1 else (True,):
        assert all(map(torch.equal, grads(True, listed), grads(False, listed)))


def test_outputs_of_a_list_may_be_written_to() -> None:
    """Each is a tensor of its own: what was computed of the others stands."""
    scene = soup(channels=2).to("cpu", torch.float64)
    (one, other), _ = rasterize(*SIZE, scene.z, scene.image, list(scene.features.split(1, 3)))
    squares = one.square()
    other += 1
    (grad,) = torch.autograd.grad(squares.sum(), scene.features)
    assert grad[..., 0].any() and not grad[..., 1].any()


def test_features_without_a_batch() -> None:
    """(F, 3, C) for one mesh, as Kaolin's render_mesh has them."""
    scene = soup(meshes=1)
    assert torch.equal(rasterize(*SIZE, scene.z, scene.image, scene.features[0])[0], ours(scene)[0])


def test_no_channels() -> None:
    scene = soup(channels=0)
    features, index = ours(scene)
    assert features.shape == (2, *SIZE, 0) and torch.equal(index, ours(soup(channels=1))[1])


@DEVICES
@pytest.mark.parametrize("shape", [(2, 0), (0, 3)])
def test_no_faces(shape: tuple[int, int], device: str) -> None:
    scene = Scene(torch.zeros(*shape, 3), torch.zeros(*shape, 3, 2), torch.zeros(*shape, 3, 4))
    mine = scene.to(device, torch.float32)
    features, index = ours(mine)
    assert features.shape == (shape[0], *SIZE, 4) and (features == 0).all() and (index == -1).all()
    (grad,) = torch.autograd.grad(features.sum(), [mine.image])
    assert grad.shape == scene.image.shape


@DEVICES
def test_no_valid_face(device: str) -> None:
    """Kaolin raises an IndexError, on a GPU an assertion."""
    scene = soup().to(device, torch.float32)
    features, index = ours(scene, valid_faces=torch.zeros(2, 8, dtype=torch.bool, device=device))
    assert (features == 0).all() and (index == -1).all()
    assert (torch.autograd.grad(features.sum(), [scene.features])[0] == 0).all()


@DEVICES
@DTYPES
@pytest.mark.parametrize("turn", [0.0, 0.3, 1.0, 2.2])
def test_no_cracks(turn: float, dtype: torch.dtype, device: str) -> None:
    """Eight triangles around a point: pixel centres exactly on the edges two of them share are on one of them."""
    angle = turn + torch.arange(9, dtype=torch.float64) * (torch.pi / 4)
    angle[8] = angle[0]
    rim = 1.9 * torch.stack([angle.cos(), angle.sin()], 1)
    rim = (rim * 8).round() / 8 if turn == 0 else rim
    image = torch.stack([torch.zeros(8, 2, dtype=torch.float64), rim[:-1], rim[1:]], 1)[None]
    image[0, 7, 2] = image[0, 0, 1]
    scene = Scene(torch.full((1, 8, 3), -2.0), image, torch.ones(1, 8, 3, 1)).to(device, dtype)
    for size in ((31, 31), (32, 32), (35, 31), (64, 33)):
        features, index = ours(scene, size)
        assert (index >= 0).all()
        torch.testing.assert_close(features, torch.ones_like(features), rtol=0, atol=1e-5)


@DEVICES
@DTYPES
def test_edges_of_the_box_belong_to_the_face(dtype: torch.dtype, device: str) -> None:
    """The one difference in coverage: a square whose corners are pixel centres shows them all here; in Kaolin those on
    its right and its upper side are outside. Counted."""
    a, b = -0.75 + 0.5, 0.75 - 0.5  # centres of a picture of four pixels: -0.75, -0.25, 0.25, 0.75
    image = torch.tensor([[[a, a], [b, a], [b, b]], [[a, a], [b, b], [a, b]]])[None]
    scene = Scene(torch.full((1, 2, 3), -1.0), image, torch.ones(1, 2, 3, 1)).to(device, dtype)
    _, index = ours(scene, (4, 4))
    _, theirs = reference.rasterize(4, 4, *scene.to("cpu", torch.float64))
    assert (index >= 0).sum() == 4 and (theirs >= 0).sum() == 1
    assert index.cpu()[0, 2, 1] == theirs[0, 2, 1] == 0


@DEVICES
def test_degenerate_faces(device: str) -> None:
    """Neither a NaN corner nor a face without area hides what is behind it."""
    scene = soup(4)
    _, expected = ours(scene)
    image, z = scene.image.clone(), scene.z.clone()
    bad = torch.tensor([[[0.0, torch.nan], [0.5, 0.0], [0.0, 0.5]], [[-0.5, -0.5], [0.0, 0.0], [0.5, 0.5]]])
    broken = Scene(
        torch.cat([torch.full((2, 2, 3), -0.1), z], 1),
        torch.cat([bad.expand(2, 2, 3, 2), image], 1),
        torch.cat([torch.full((2, 2, 3, 3), 9.0), scene.features], 1),
    ).to(device, torch.float64)
    features, index = ours(broken, (23, 23))
    _, expected = ours(scene, (23, 23))
    on_line = index.cpu() == 1
    assert torch.equal(index.cpu()[~on_line], torch.where(expected >= 0, expected + 2, -1)[~on_line])
    grads = torch.autograd.grad(features.sum(), [broken.image, broken.features])
    assert all(grad.isfinite().all() for grad in grads)


@DEVICES
@DTYPES
def test_ties_go_to_the_first(dtype: torch.dtype, device: str) -> None:
    scene = soup(meshes=1, faces=3)
    scene = Scene(*(x[:, [0, 0, 1, 1, 2, 2]] for x in scene)).to(device, dtype)
    assert set(ours(scene)[1].unique().tolist()) <= {-1, 0, 2, 4}


@DEVICES
def test_a_mesh(device: str) -> None:
    """720 small faces, half of them hidden behind the others."""
    scene, _ = ball(1)
    index = assert_as_reference(scene, device, torch.float64, (40, 36))
    assert len(index.unique()) > 100


def test_backends_and_numbers_that_have_no_effect() -> None:
    scene = soup()
    expected = ours(scene)
    for backend in ("cuda", "nvdiffrast", "nvdiffrast_fwd"):
        assert all(map(torch.equal, ours(scene, backend=backend), expected))
    assert all(map(torch.equal, ours(scene, multiplier=10, eps=1e-3), expected))
    for backend, name in (("nvdiffrast", "multiplier"), ("nvdiffrast", "eps"), ("nvdiffrast_fwd", "multiplier")):
        with pytest.warns(UserWarning, match=f"{name} has no effect with backend '{backend}'") as caught:
            rasterize(*SIZE, *scene, backend=backend, **{name: 1e-3})
        assert caught[0].filename == __file__
    ours(scene, backend="nvdiffrast_fwd", eps=1e-3)
