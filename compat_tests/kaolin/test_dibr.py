"""dibr_rasterization: the two others in one call; what it can do beyond Kaolin; signs of depths; bits."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from kaolin_scenes import SIZE, Scene, ball, soup, weights_like
from support.devices import DEVICES
from torch import Tensor

from gendr_adapters.kaolin import dibr_rasterization, dibr_soft_mask, rasterize


def normals_of(scene: Scene) -> Tensor:
    """Some in front, some behind, one exactly 0 and one no number."""
    generator = torch.Generator().manual_seed(3)
    values = torch.rand(scene.z.shape[:2], generator=generator, dtype=torch.float64) - 0.4
    values[0, 0], values[0, 1] = 0.0, torch.nan
    return values.to(scene.z.device, scene.z.dtype)


@DEVICES
@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dibr_rasterization_is_both_in_one_call(dtype: torch.dtype, listed: bool, device: str) -> None:
    scene = soup(1).to(device, dtype)
    normals_z = normals_of(scene)
    given = list(scene.features.split([1, 2], 3)) if listed else scene.features
    features, mask, face_idx = dibr_rasterization(*SIZE, scene.z, scene.image, given, normals_z, 300, 0.1, 3)
    valid = normals_z >= 0
    assert valid[0, 0] and not valid[0, 1]
    expected, index = rasterize(*SIZE, scene.z, scene.image, given, valid_faces=valid)
    assert torch.equal(face_idx, index) and isinstance(features, tuple) == listed
    whole, expected = (torch.cat(x, 3) if listed else x for x in (features, expected))
    assert torch.equal(whole, expected)
    assert torch.equal(mask, dibr_soft_mask(scene.image, index, 300, 0.1, 3))
    loss = (whole * weights_like(whole)).sum() + (mask * weights_like(mask)).sum()
    grads = torch.autograd.grad(loss, [scene.image, scene.features])
    hidden = ~valid.cpu()
    assert (grads[1].cpu()[hidden] == 0).all() and (grads[0].cpu()[hidden] != 0).any()


def test_defaults_and_names_are_kaolins() -> None:
    """In its order, so that positional arguments mean the same; ours come after, by name only."""
    import inspect

    none = inspect.Parameter.empty
    theirs: dict[Any, dict[str, Any]] = {
        rasterize: dict.fromkeys(["height", "width", "face_vertices_z", "face_vertices_image", "face_features"], none)
        | {"valid_faces": None, "multiplier": None, "eps": None, "backend": "cuda"},
        dibr_soft_mask: {"face_vertices_image": none, "selected_face_idx": none}
        | {"sigmainv": 7000, "boxlen": 0.02, "knum": 30, "multiplier": 1000.0},
        dibr_rasterization: dict.fromkeys(
            ["height", "width", "face_vertices_z", "face_vertices_image", "face_features", "face_normals_z"], none
        )
        | {"sigmainv": 7000, "boxlen": 0.02, "knum": 30, "multiplier": None, "eps": None, "rast_backend": "cuda"},
    }
    for function, expected in theirs.items():
        parameters = inspect.signature(function).parameters.values()
        positional = {p.name: p.default for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD}
        assert list(positional.items()) == list(expected.items())
        rest = [p for p in parameters if p.name not in positional]
        assert rest and all(p.kind is p.KEYWORD_ONLY and p.default is not none for p in rest)


def two_layers() -> Scene:
    """A triangle hidden behind another of another colour."""
    image = torch.tensor([[[-0.8, -0.7], [0.9, -0.8], [0.0, 0.9]], [[-0.3, -0.4], [0.3, -0.3], [0.0, 0.3]]])[None]
    z = torch.tensor([[[-2.0, -2.0, -2.0], [-2.5, -2.5, -2.5]]])
    colours = torch.tensor([[1.0, 0.0], [0.0, 1.0]])[None, :, None].expand(1, 2, 3, 2)
    return Scene(z, image, colours)


@DEVICES
def test_soft_occlusion(device: str) -> None:
    """Hidden faces have a gradient, and z has; with a small gamma it is the hard picture, within the outline."""
    scene = two_layers().to(device, torch.float64)
    front = torch.ones(1, 2, dtype=torch.float64, device=device)
    hard: Any = dibr_rasterization(*SIZE, *scene, front)
    assert (torch.autograd.grad(hard[0].sum(), scene.features, retain_graph=True)[0][0, 1] == 0).all()
    for gamma, close in ((0.2, False), (1e-4, True)):
        features, mask, index = dibr_rasterization(*SIZE, *scene, front, occlusion="soft", gamma=gamma)
        assert torch.equal(mask, hard[1]) and torch.equal(index, hard[2])
        assert isinstance(features, Tensor) and isinstance(hard[0], Tensor)
        covered = index >= 0
        assert ((features - hard[0])[covered].abs().max() < 1e-3) == close
        grads = torch.autograd.grad(features[..., 1].sum(), [scene.z, scene.image, scene.features])
        reaches = (grads[0][0, 1] > 0).all() and (grads[2][0, 1, :, 1] > 0).all()
        assert reaches != close
    features, *_ = dibr_rasterization(*SIZE, *scene, torch.tensor([[-1.0, 1.0]]).to(front), occlusion="soft")
    assert isinstance(features, Tensor) and (features[..., 0] == 0).all() and features[..., 1].max() > 0.99
    nothing, *_ = dibr_rasterization(*SIZE, *scene, -front, occlusion="soft")
    assert isinstance(nothing, Tensor) and (nothing == 0).all()


@DEVICES
def test_soft_occlusion_against_differences(device: str) -> None:
    scene, normals = soup(2, meshes=1, faces=3).to(device, torch.float64), torch.ones(1, 3, device=device)
    normals = normals.double()

    def loss(z: Tensor, image: Tensor) -> Tensor:
        features, mask, _ = dibr_rasterization(
            5, 6, z, image, scene.features, normals, 20, 0.5, occlusion="soft", gamma=0.5, perspective_correct=True
        )
        assert isinstance(features, Tensor)
        return (features * weights_like(features)).sum() + (mask * weights_like(mask, 6)).sum()

    # The range of depths, which only scales the background's weight, is held: the nearest and farthest corner stay.
    inner = scene.z.detach().clone()
    inner[0, 0, 0], inner[0, 1, 1] = -0.9, -5.2
    moved = torch.zeros_like(inner)
    moved[0, 2] = 1
    z, image = inner.requires_grad_(), scene.image
    grads = torch.autograd.grad(loss(z, image), [z, image])
    for direction, grad in ((moved, grads[0]), (weights_like(image), grads[1])):
        step = 1e-6 * direction
        is_z = direction is moved
        ahead, behind = (loss(z + s, image) if is_z else loss(z, image + s) for s in (step, -step))
        torch.testing.assert_close((ahead - behind) / 2e-6, (grad * direction).sum(), rtol=2e-4, atol=1e-6)


@DEVICES
def test_options_go_through(device: str) -> None:
    scene = soup(3).to(device, torch.float64)
    normals_z = torch.ones(2, 8, dtype=torch.float64, device=device)
    features, mask, index = dibr_rasterization(
        *SIZE, *scene, normals_z, 300, 0.1, None, perspective_correct=True, distribution="logistic", t_conorm="einstein"
    )
    assert torch.equal(features, rasterize(*SIZE, *scene, perspective_correct=True)[0])
    assert torch.equal(mask, dibr_soft_mask(scene.image, index, 300, 0.1, distribution="logistic", t_conorm="einstein"))


def run(dtype: torch.dtype, device: str) -> list[Tensor]:
    scene, normals_z = ball()
    mine = scene.to(device, dtype)
    features, mask, index = dibr_rasterization(64, 48, *mine, normals_z.to(device, dtype), 700, 0.05, 7)
    assert isinstance(features, Tensor)
    loss = (features * weights_like(features)).sum() + (mask * weights_like(mask)).sum()
    return [features, mask, index, *torch.autograd.grad(loss, [mine.image, mine.features])]


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_runs_and_threads_give_the_same_bits(dtype: torch.dtype, device: str, threads: None) -> None:
    """Again and again, on any number of threads."""
    torch.set_num_threads(1)
    first = run(dtype, device)
    assert len(first[2].unique()) > 100 and ((first[1] > 0) & (first[1] < 1)).any()
    for n in (1, 2, 3):
        torch.set_num_threads(n)
        assert all(map(torch.equal, run(dtype, device), first))


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("boxlen, sigmainv, knum", [(0.02, 7000, 30), (0.05, 700, 30), (0.1, 300, None)])
def test_soft_colour_is_where_the_mask_is(
    boxlen: float, sigmainv: float, knum: int | None, dtype: torch.dtype, device: str
) -> None:
    """Not by distance where the mask goes by boxes; and as bright, however little the mask is."""
    scene, normals_z = ball(1)
    mine = Scene(scene.z, scene.image, torch.ones(1, scene.z.shape[1], 3, 2)).to(device, dtype)
    front = torch.ones_like(normals_z).to(device, dtype)
    rule: dict[str, Any] = {"sigmainv": sigmainv, "boxlen": boxlen, "knum": knum, "occlusion": "soft"}
    features, mask, index = dibr_rasterization(96, 128, *mine, front, **rule)
    assert isinstance(features, Tensor)
    seen = mask > 1e-20  # coverage below 1e-30 has no colour
    assert (seen & (index < 0)).sum() > 200 and (mask[seen] < 1e-3).any()
    torch.testing.assert_close(features[seen], torch.ones_like(features[seen]), rtol=0, atol=1e-5)
    assert (features[mask == 0] == 0).all()
    colours = torch.tensor([0.25, -3.0], dtype=dtype, device=device)
    backed, *_ = dibr_rasterization(96, 128, *mine, front, background=colours, **rule)
    assert isinstance(backed, Tensor)
    torch.testing.assert_close(backed[seen], features[seen], rtol=0, atol=1e-5)
    assert (backed[mask == 0] == colours).all()


@DEVICES
@pytest.mark.parametrize("distribution", ["logistic", "gaussian"])
def test_soft_colour_of_other_masks(distribution: str, device: str) -> None:
    """Those go by distance, and so does the colour."""
    scene, normals_z = ball(1)
    mine = Scene(scene.z, scene.image, torch.ones(1, scene.z.shape[1], 3, 1)).to(device, torch.float64)
    features, mask, _ = dibr_rasterization(
        64, 64, *mine, torch.ones_like(normals_z).to(device), 700, 0.05, distribution=distribution, occlusion="soft"
    )
    assert isinstance(features, Tensor) and torch.equal(features[..., 0] > 0.5, mask > 1e-20)
    assert (mask == 0).any() and ((mask > 0) & (mask < 0.5)).any()


@DEVICES
@pytest.mark.parametrize("occlusion", ["hard", "soft"])
def test_background(occlusion: str, device: str) -> None:
    """One for all or one each; for a list of features counted through; with a gradient."""
    scene = soup(channels=5).to(device, torch.float64)
    normals_z = torch.ones(2, 8, dtype=torch.float64, device=device)
    rows = torch.arange(10, dtype=torch.float64, device=device).view(2, 5).requires_grad_()
    parts, mask, index = dibr_rasterization(
        *SIZE, scene.z, scene.image, scene.features.split([2, 3], 3), normals_z, 300, 0.1, None,
        occlusion=occlusion, background=rows,
    )  # fmt: skip
    whole = torch.cat(parts, 3)
    bare = index < 0 if occlusion == "hard" else mask == 0
    for b in range(2):
        assert bare[b].any() and (whole[b][bare[b]] == rows[b]).all()
    (grad,) = torch.autograd.grad(whole[..., 0].sum(), rows)
    torch.testing.assert_close(grad[:, 0], bare.sum((1, 2)).double())
    with pytest.raises(ValueError, match=r"background must be \(5,\) or \(2, 5\)"):
        dibr_rasterization(*SIZE, *scene, normals_z, background=[1.0, 2.0], occlusion=occlusion)


@pytest.mark.slow
def test_import_needs_no_kaolin() -> None:
    import subprocess
    import sys

    program = (
        "import sys; sys.modules['kaolin'] = None\n"
        "import gendr_adapters.kaolin as door, torch\n"
        "z, image = -torch.ones(1, 1, 3), torch.eye(3)[None, None, :, :2]\n"
        "print(door.rasterize(4, 4, z, image, z[..., None])[1].max())"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0 and "tensor(0)" in result.stdout, result.stderr
