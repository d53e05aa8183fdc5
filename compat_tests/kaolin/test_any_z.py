"""z of every sign is drawn, the largest in front, as in Kaolin; with perspective_correct what is behind the camera is
not, and an image of nothing else is warned of."""

import warnings
from collections.abc import Callable

import kaolin_reference as reference
import pytest
import torch
from kaolin_scenes import SIZE, Scene, soup, weights_like
from support.devices import DEVICES
from torch import Tensor

from gendr_adapters.kaolin import _faces, dibr_rasterization, dibr_soft_mask, rasterize

TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-11}
DTYPES = pytest.mark.parametrize("dtype", list(TOLERANCE))

# What is done to z of a soup, -5 to -1.
SIGNS: dict[str, Callable[[Tensor], Tensor]] = {
    "positive, as OpenCV's depths": lambda z: -z,
    "around 0": lambda z: z + 3,
    "from 0 upwards": lambda z: z - z.amin((1, 2), keepdim=True),
    "up to 0": lambda z: z - z.amax((1, 2), keepdim=True),
    "one item of each sign": lambda z: z * torch.tensor([1.0, -1.0], dtype=z.dtype)[:, None, None],
    "one corner": lambda z: torch.where(torch.arange(3) == 1, -z, z),
    "tiny": lambda z: 1e-6 * (z + 3),
    "huge": lambda z: 1e20 * (z + 3),
}


@pytest.fixture(autouse=True)
def nothing_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("warned", "seen_right_on_gpu"):
        monkeypatch.setattr(_faces._Sign, name, False)


def rounded(scene: Scene, dtype: torch.dtype) -> Scene:
    """With numbers that dtype can hold, so that both orders of faces are those of the same numbers."""
    return Scene(*(x.to(dtype).double() for x in scene))


@DEVICES
@DTYPES
@pytest.mark.parametrize("backend", ["cuda", "nvdiffrast", "nvdiffrast_fwd"])
@pytest.mark.parametrize("sign", SIGNS)
def test_pictures_and_gradients_are_the_references(sign: str, backend: str, dtype: torch.dtype, device: str) -> None:
    """Features, faces and gradients, of rasterize and of dibr_rasterization."""
    scene = soup(7)
    scene = rounded(scene._replace(z=SIGNS[sign](scene.z)), dtype)
    exact, mine = scene.to("cpu", torch.float64), scene.to(device, dtype)
    expected, index = reference.rasterize(*SIZE, *exact)
    weights = weights_like(expected)
    wanted = torch.autograd.grad((expected * weights).sum(), [exact.image, exact.features])
    normals_z = torch.ones(mine.z.shape[:2], dtype=dtype, device=device)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one, face_idx = rasterize(*SIZE, *mine, backend=backend)
        other, mask, same = dibr_rasterization(*SIZE, *mine, normals_z, rast_backend=backend)
    assert torch.equal(face_idx.cpu(), index) and torch.equal(same, face_idx)
    assert len(index[0].unique()) > 3 and len(index[1].unique()) > 3
    assert torch.equal(mask, dibr_soft_mask(mine.image, face_idx))
    for features in (one, other):
        assert isinstance(features, Tensor)
        torch.testing.assert_close(features.cpu().double(), expected, rtol=0, atol=TOLERANCE[dtype])
        loss = (features * weights.to(features)).sum()
        grads = torch.autograd.grad(loss, [mine.image, mine.features], retain_graph=True)
        for grad, want in zip(grads, wanted, strict=True):
            assert (grad.cpu().double() - want).abs().max() < 5 * TOLERANCE[dtype] * want.abs().max()


@DEVICES
@DTYPES
def test_a_texture_to_bake(dtype: torch.dtype, device: str) -> None:
    """Texture coordinates as image coordinates, z = 0 everywhere: an atlas of triangles beside each other."""
    u = torch.linspace(0, 1, 8, dtype=torch.float64)
    corners = torch.stack(torch.meshgrid(u, u, indexing="ij"), -1) * 2 - 1
    lower = torch.stack([corners[:-1, :-1], corners[1:, :-1], corners[:-1, 1:]], 2).reshape(1, -1, 3, 2)
    lower = lower.mean(2, keepdim=True) + 0.98 * (lower - lower.mean(2, keepdim=True))  # no pixel on an edge
    scene = rounded(Scene(torch.zeros(1, 49, 3), lower, torch.sin(lower * 3)), dtype)
    expected, index = reference.rasterize(64, 64, *scene)
    mine = scene.to(device, dtype)
    features, face_idx = rasterize(64, 64, *mine)
    assert isinstance(features, Tensor) and torch.equal(face_idx.cpu(), index)
    assert 0.4 < float((index >= 0).double().mean()) < 0.6
    torch.testing.assert_close(features.detach().cpu().double(), expected, rtol=0, atol=TOLERANCE[dtype])


@DEVICES
@DTYPES
@pytest.mark.parametrize("z", [0.0, -0.0, 1.0, -1.0])
def test_equal_depths_show_the_first_face(z: float, dtype: torch.dtype, device: str) -> None:
    image = torch.tensor([[-0.9, -0.8], [0.9, -0.7], [0.1, 0.9]], dtype=dtype, device=device).expand(1, 3, 3, 2)
    index = rasterize(16, 16, torch.full((1, 3, 3), z).to(image), image, image)[1]
    assert set(index.unique().tolist()) == {-1, 0}


def stack(z: list[float], dtype: torch.dtype, device: str) -> Scene:
    """Triangles exactly behind each other, each all at one z, numbered by its features."""
    image = torch.tensor([[-0.9, -0.9], [0.9, -0.8], [0.0, 0.9]]).expand(len(z), 3, 2)
    depth = torch.tensor(z, dtype=torch.float64)[:, None].expand(-1, 3)
    number = torch.arange(len(z))[:, None, None].expand(-1, 3, 1)
    return Scene(*(x[None].to(device, dtype) for x in (depth, image, number)))


@DEVICES
@DTYPES
@pytest.mark.parametrize(
    "z, front",
    [
        ([1e-6, 2e-6, -1e-6, 0.0], 1),
        ([-2e-6, -1e-6, -1e-6 - 1e-9], 1),
        ([-1e-30, 1e-30, 0.0], 1),
        # A face far off takes no digits from those around 0.
        ([1e-6, 2e-6, -1e9], 1),
        ([1e20, 1e-6, 2e-6], 0),
        ([-1e20, -1e-6, -2e-6, -3e-6], 1),
        ([-3.0, -4.0], 0),
        # Corners that are not finite are nowhere, and hold up nobody.
        ([float("inf"), 1.0, 2.0], 2),
        ([float("nan"), 1e-6, 2e-6], 2),
        ([float("-inf"), 2e-6, 1e-6], 1),
    ],
    ids=str,
)
def test_nearest_face_is_shown(z: list[float], front: int, dtype: torch.dtype, device: str) -> None:
    scene = stack(z, dtype, device)
    for order in (list(range(len(z))), list(range(len(z)))[::-1]):
        moved = Scene(*(x[:, order] for x in scene))
        features, index = rasterize(33, 33, *moved)
        assert isinstance(features, Tensor)
        assert (index[0, 16, 16] >= 0) and (features[index >= 0] - front).abs().max() < 1e-5


@DEVICES
@DTYPES
def test_items_of_a_batch_are_independent(dtype: torch.dtype, device: str) -> None:
    """Whatever the others' z are: the same bits as alone. One item shows nothing."""
    depths = [[1e-6, 2e-6], [1e20, -1e20], [float("nan"), float("inf")], [-3.0, -2.0]]
    alone = [stack(z, dtype, device) for z in depths]
    together = Scene(*(torch.cat(x) for x in zip(*alone, strict=True)))
    normals_z = torch.ones(4, 2, dtype=dtype, device=device)
    for occlusion in ("hard", "soft"):
        features, mask, index = dibr_rasterization(*SIZE, *together, normals_z, occlusion=occlusion, gamma=1e-6)
        for i, scene in enumerate(alone):
            one = dibr_rasterization(*SIZE, *scene, normals_z[:1], occlusion=occlusion, gamma=1e-6)
            assert torch.equal(mask[i : i + 1], one[1]) and torch.equal(index[i : i + 1], one[2])
            assert isinstance(features, Tensor) and torch.equal(features[i : i + 1], one[0])


@DEVICES
@pytest.mark.parametrize("moved", [0.0, 2.5, 3.0, 8.0])
def test_soft_occlusion(moved: float, device: str) -> None:
    """It knows differences of z alone: a scene behind the camera is that before it, with the gradients, and z's."""
    results = []
    for shift in (0.0, moved):
        scene = soup(3).to(device, torch.float64)
        normals_z = torch.ones(2, 8, dtype=torch.float64, device=device)
        features, mask, index = dibr_rasterization(
            *SIZE, scene.z + shift, scene.image, scene.features, normals_z, 300, 0.1, occlusion="soft", gamma=0.3
        )
        assert isinstance(features, Tensor)
        grads = torch.autograd.grad((features * weights_like(features)).sum(), list(scene))
        results.append([features, mask, index, *grads])
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10)
    assert (results[1][3] != 0).any()


@DEVICES
@DTYPES
@pytest.mark.parametrize("sign", [s for s in SIGNS if s not in ("tiny", "huge")])
def test_perspective_culls_faces_behind_the_camera(sign: str, dtype: torch.dtype, device: str) -> None:
    """What is drawn is drawn as if the faces with a corner at z >= 0 were not there."""
    scene = soup(7)
    scene = rounded(scene._replace(z=SIGNS[sign](scene.z)), dtype).to(device, dtype)
    before = (scene.z < 0).all(2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        features, index = rasterize(*SIZE, *scene, perspective_correct=True)
        wanted, same = rasterize(*SIZE, *scene, valid_faces=before, perspective_correct=True)
    assert isinstance(features, Tensor) and isinstance(wanted, Tensor)
    assert torch.equal(index, same) and torch.equal(features, wanted)
    assert not before.all()


@DEVICES
def test_bad_item_of_a_batch_warns_once(device: str) -> None:
    """Once, with its number and the line of the caller; not without perspective, not of faces that are not shown."""
    scene = soup(7).to(device, torch.float32)
    bad = torch.cat([scene.z[:1].detach(), -scene.z[1:].detach()])
    hidden = torch.zeros(2, 8, dtype=torch.bool, device=device)
    some = hidden.clone()
    some[0, 3] = True
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rasterize(*SIZE, bad, scene.image, scene.features)
        rasterize(*SIZE, -bad, scene.image, scene.features, hidden, perspective_correct=True)
        rasterize(*SIZE, bad, scene.image, scene.features, some, perspective_correct=True)
        rasterize(*SIZE, bad[:, :0], scene.image[:, :0], scene.features[:, :0], perspective_correct=True)
    _faces._Sign.seen_right_on_gpu = False
    with pytest.warns(UserWarning, match="nothing is drawn in image 1: .*look down -z.*negate") as caught:
        _, index = rasterize(*SIZE, bad, scene.image, scene.features, perspective_correct=True)
    assert caught[0].filename == __file__ and (index[1] == -1).all() and (index[0] >= 0).any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dibr_rasterization(*SIZE, bad, scene.image, scene.features, some.float(), perspective_correct=True)


@DEVICES
def test_corners_on_either_side_are_warned_of(device: str) -> None:
    """A mesh each of whose faces has one corner behind the camera is not drawn either."""
    scene = soup(7).to(device, torch.float32)
    z = torch.where(torch.arange(3, device=device) == 1, -scene.z, scene.z)
    normals_z = torch.ones(2, 8, device=device)
    with pytest.warns(UserWarning, match="image 0: every face of it has a corner at z >= 0") as caught:
        *_, index = dibr_rasterization(*SIZE, z, scene.image, scene.features, normals_z, perspective_correct=True)
    assert caught[0].filename == __file__ and (index == -1).all()
