"""The reference renderer against the recorded outputs of SoftRas and GenDR, forward, and their true gradients."""

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.golden import GoldenCase, golden_cases, settings_of
from torch import Tensor

from gendr_adapters.reference import Reference
from gendr_adapters.reference import render as reference_render

# The reference is dense: larger scenes would take seconds each. The core is tested on all of them.
MAX_PAIRS = 400_000
STEMS = [
    "softras_misc", "softras_grid_ico", "softras_grid_cube", "softras_grid_soup",
    "gendr_misc", "gendr_hard", "gendr_tconorm", "gendr_dist_ico", "gendr_dist_cube", "gendr_dist_soup",
]  # fmt: skip
EXACT_STEMS = ["softras_f64", "gendr_f64"]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Tensors of these sizes do not profit from threads, and on a busy machine suffer from them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(case: GoldenCase) -> bool:
    return case.image_size**2 * case.face_vertices.shape[1] <= MAX_PAIRS


def render(case: GoldenCase, image: int, face_vertices: Tensor) -> Reference:
    textures = torch.from_numpy(case.textures[image])
    background = case.params["background_color"]
    return reference_render(face_vertices, case.image_size, textures, settings_of(case.params), background)


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_forward(stem: str) -> None:
    compared = 0
    for case in filter(small, golden_cases(stem)):
        expected, skip = case.output("image"), case.coin_toss
        for i, face_vertices in enumerate(torch.from_numpy(case.face_vertices)):
            result = render(case, i, face_vertices)
            got = torch.cat([result.image, result.alpha[None]]).numpy()
            # 1e-5: the goldens evaluate scalar parameters, and GenDR's arctangent, in float32.
            np.testing.assert_allclose(
                np.where(skip[i], expected[i], got), expected[i], rtol=0, atol=1e-5, err_msg=case.id
            )
        compared += 1
    assert compared >= 24


@pytest.mark.parametrize("case", [c for stem in EXACT_STEMS for c in golden_cases(stem)], ids=str)
def test_float64(case: GoldenCase) -> None:
    expected, skip = case.output("image"), case.coin_toss
    derivative, reliable = case.true_grad_faces
    for i, points in enumerate(torch.from_numpy(case.face_vertices)):
        face_vertices = points.requires_grad_()
        result = render(case, i, face_vertices)
        image = torch.cat([result.image, result.alpha[None]])
        got = image.detach().numpy()
        np.testing.assert_allclose(np.where(skip[i], expected[i], got), expected[i], rtol=0, atol=1e-9)
        (image * torch.from_numpy(case.grad_image[i])).sum().backward()
        error = (face_vertices.grad.numpy() - derivative[i])[reliable[i]]
        assert np.linalg.norm(error) < 1e-6 * np.linalg.norm(derivative[i][reliable[i]])


@pytest.mark.slow
@pytest.mark.parametrize("distance", ["euclidean", "barycentric"])
@pytest.mark.parametrize("perspective", [False, True], ids=["affine", "perspective"])
@pytest.mark.parametrize("blend", ["softmax", "hard"])
def test_gradients(blend: str, perspective: bool, distance: str) -> None:
    """What the goldens do not have: perspective-correct features, depth, and the gradients of the scalars."""
    generator = torch.Generator().manual_seed(3)
    face_vertices = torch.rand(4, 3, 3, generator=generator, dtype=torch.float64) * torch.tensor([2, 2, 3])
    face_vertices = face_vertices + torch.tensor([-1, -1, 1.5])
    features = torch.rand(4, 3, 2, generator=generator, dtype=torch.float64)
    background = torch.rand(2, generator=generator, dtype=torch.float64)
    scalars = torch.tensor([0.1, 0.3], dtype=torch.float64)
    fixed = {
        "distribution": "logistic", "dist_squared": False, "dist_shape": 0.0, "dist_shift": 0.0, "distance": distance,
        "t_conorm": "einstein", "t_conorm_p": None, "blend": blend, "background_eps": 0.2, "near": 1.0, "far": 5.0,
        "cull": "none", "front": "clockwise", "alpha_range": "near_far", "perspective_correct": perspective,
        "reach": None, "min_coverage": 1e-6, "half_extent": None,
    }  # fmt: skip

    def outputs(face_vertices: Tensor, features: Tensor, background: Tensor, scalars: Tensor) -> tuple[Tensor, ...]:
        settings = SimpleNamespace(**fixed, dist_scale=scalars[0], gamma=scalars[1])
        result = reference_render(face_vertices, (4, 5), features, settings, background)
        return result.image, result.alpha, result.depth

    inputs = [v.requires_grad_() for v in (face_vertices, features, background, scalars)]
    assert torch.autograd.gradcheck(outputs, inputs, fast_mode=False)
