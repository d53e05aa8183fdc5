"""The exact gradient is the derivative of the forward pass: torch's gradcheck in float64, every output by every input.

A step of 1e-6 crosses a kink (an edge of a support, a change of the nearest edge, a swap in depth) only by bad luck,
which fixed seeds exclude. No coverage is dropped (min_coverage 0), because a dropped pair is a jump.
"""

from typing import Any

import pytest
import torch
from support.devices import DEVICES
from support.scenes import ALL_OUTPUTS, Scene, distribution_settings, label, random_scene, t_conorm_settings
from torch import Tensor
from torch.autograd.gradcheck import GradcheckError

from gendr_adapters import RenderSettings, render

pytestmark = pytest.mark.slow

SIZE = (5, 6)
BASE: dict[str, Any] = {"near": 1.0, "far": 6.0, "background_eps": 0.3, "min_coverage": 0.0}
# Wide enough that a picture of 5 x 6 pixels sees the edges.
TAU = {True: 0.05, False: 0.2}  # by dist_squared


def gradcheck(
    device: str,
    settings: dict[str, Any],
    scene: Scene | None = None,
    face_offsets: Tensor | None = None,
    size: tuple[int, int] = SIZE,
    scales: int = 1,
    step: float = 1e-6,
) -> None:
    """scales: entries of dist_scale and gamma, 1 or one an image. step: of the finite differences."""
    scene = scene or random_scene(0)
    face_offsets = None if face_offsets is None else face_offsets.to(device)
    spread = torch.linspace(1.0, 1.5, scales, dtype=torch.float64)
    tau = settings.get("dist_scale", TAU[settings.get("dist_squared", True)])
    settings = {**BASE, **settings}

    def outputs(
        face_vertices: Tensor, features: Tensor, background: Tensor, dist_scale: Tensor, gamma: Tensor
    ) -> tuple[Tensor, ...]:
        s = RenderSettings(**{**settings, "dist_scale": dist_scale, "gamma": gamma})
        rendered = render(face_vertices, size, features, face_offsets, s, background, ALL_OUTPUTS)
        assert rendered.image is not None and rendered.alpha is not None and rendered.depth is not None
        return rendered.image, rendered.alpha, rendered.depth

    inputs = [x.to(device, copy=True).requires_grad_() for x in (*scene, tau * spread, 0.2 * spread)]
    assert torch.autograd.gradcheck(outputs, inputs, eps=step, atol=1e-6, rtol=1e-5)


@DEVICES
@pytest.mark.parametrize("blend", ["softmax", "hard"])
@pytest.mark.parametrize("squared", [False, True], ids=["d", "d2"])
@pytest.mark.parametrize("settings", distribution_settings(), ids=label)
def test_distributions(settings: dict[str, Any], squared: bool, blend: str, device: str) -> None:
    gradcheck(device, {**settings, "dist_squared": squared, "blend": blend})


@DEVICES
@pytest.mark.parametrize("squared", [False, True], ids=["d", "d2"])
@pytest.mark.parametrize("distribution", ["logistic", "uniform", "cauchy"])
@pytest.mark.parametrize("settings", t_conorm_settings(), ids=label)
def test_t_conorms(settings: dict[str, Any], distribution: str, squared: bool, device: str) -> None:
    # With p < 1 the slope is infinite at coverage 0, and capped where no coverage above the default minimum gets.
    settings = {**settings, "distribution": distribution, "dist_squared": squared, "min_coverage": 1e-6}
    gradcheck(device, settings, random_scene(1, faces=5))


@DEVICES
@pytest.mark.parametrize("distance", ["euclidean", "barycentric"])
@pytest.mark.parametrize("perspective", [False, True], ids=["affine", "perspective"])
@pytest.mark.parametrize("blend", ["softmax", "hard"])
@pytest.mark.parametrize("texels", [1, 3, 4, 9], ids=["R1", "corners", "R2", "R3"])
def test_colour(texels: int, blend: str, perspective: bool, distance: str, device: str) -> None:
    # Beside edge 0-1 rounding chooses between two texels: cover nothing outside.
    distribution = "exponential" if texels > 3 else "logistic"
    settings = {"blend": blend, "perspective_correct": perspective, "distance": distance, "distribution": distribution}
    gradcheck(device, settings, random_scene(2, texels=texels))


@DEVICES
@pytest.mark.parametrize("squared", [False, True], ids=["d", "d2"])
@pytest.mark.parametrize("distribution", ["uniform", "gaussian", "gumbel_max", "levy_rev"])
def test_barycentric_distance(distribution: str, squared: bool, device: str) -> None:
    gradcheck(
        device, {"distribution": distribution, "dist_squared": squared, "distance": "barycentric"}, random_scene(3)
    )


@DEVICES
@pytest.mark.parametrize("t_conorm", ["probabilistic", "max", "sum", "einstein"])
@pytest.mark.parametrize("alpha_range", ["near_far", "all"])
@pytest.mark.parametrize("cull", ["none", "back"])
@pytest.mark.parametrize("blend", ["softmax", "hard"])
def test_visibility(blend: str, cull: str, alpha_range: str, t_conorm: str, device: str) -> None:
    """near and far inside the scene: some faces are in part out of range."""
    settings = {"blend": blend, "cull": cull, "alpha_range": alpha_range, "t_conorm": t_conorm, "near": 2.2, "far": 4.0}
    gradcheck(device, settings, random_scene(4, faces=6))


@DEVICES
def test_faces_behind_the_camera(device: str) -> None:
    scene = random_scene(5)
    scene.face_vertices[1, :, 2] *= -1
    scene.face_vertices[2, 0, 2] *= -1
    gradcheck(device, {"alpha_range": "all"}, scene)
    gradcheck(device, {"alpha_range": "near_far"}, scene)


@DEVICES
@pytest.mark.parametrize("blend", ["softmax", "hard"])
def test_meshes_of_different_sizes(blend: str, device: str) -> None:
    """Per-image background, dist_scale and gamma; the second image is empty."""
    scene = random_scene(6, faces=5)
    background = torch.rand((3, 2), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    offsets = torch.tensor([0, 3, 3, 5])
    gradcheck(device, {"blend": blend}, scene._replace(background=background), offsets, scales=3)
    gradcheck(device, {"blend": blend}, scene, offsets)


@DEVICES
def test_cut_off_by_reach_and_coverage(device: str) -> None:
    gradcheck(device, {"reach": 0.3}, random_scene(7))
    gradcheck(device, {"min_coverage": 0.02}, random_scene(7))


@DEVICES
@pytest.mark.parametrize("floor", [1e-10, 0.02, 0.5])
@pytest.mark.parametrize("softmax_range", [None, (2.0, 3.0), (6.0, 7.0)], ids=str)
def test_background_floor(softmax_range: tuple[float, float] | None, floor: float, device: str) -> None:
    settings = {"background_floor": floor, "softmax_range": softmax_range, "background_eps": 0.1}
    gradcheck(device, settings, random_scene(11, faces=5))


@DEVICES
def test_sharp_edges_and_saturated_coverage(device: str) -> None:
    """Most coverages are 0 or 1 to the last bit."""
    gradcheck(device, {"dist_scale": 1e-3}, random_scene(8), size=(12, 11), step=1e-7)


@DEVICES
def test_a_face_in_pieces(device: str) -> None:
    """A face of more pixels than one thread takes: the second reduction. Too large for gradcheck; a few coordinates."""
    scene = random_scene(9, faces=2)
    scene.face_vertices[0, :, :2] = torch.tensor([[-3.0, -2.0], [3.1, -2.1], [0.2, 4.0]])
    settings = RenderSettings(**{**BASE, "dist_scale": 0.02, "gamma": 0.2})
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn((3, 150, 160), generator=generator, dtype=torch.float64).to(device)
    face_vertices, features, background = (x.to(device) for x in scene)

    def loss(face_vertices: Tensor, features: Tensor) -> Tensor:
        rendered = render(face_vertices, (150, 160), features, settings=settings, background=background)
        assert rendered.image is not None and rendered.alpha is not None
        return (weights * torch.cat([rendered.image[0], rendered.alpha])).sum()

    inputs = [face_vertices.requires_grad_(), features.requires_grad_()]
    gradients = torch.autograd.grad(loss(*inputs), inputs)
    for which, gradient in enumerate(gradients):
        flat = inputs[which].detach().reshape(-1)
        for k in range(flat.numel()):
            steps = []
            for step in (-1e-6, 1e-6):
                moved = [x.detach().clone() for x in inputs]
                moved[which].view(-1)[k] += step
                steps.append(loss(*moved))
            slope = (steps[1] - steps[0]) / 2e-6
            torch.testing.assert_close(gradient.reshape(-1)[k], slope, rtol=1e-5, atol=1e-4)


@DEVICES
@pytest.mark.parametrize("output", ["alpha", "depth"])
def test_one_output_alone(output: str, device: str) -> None:
    """Without features, and without the other outputs."""
    scene = random_scene(10)

    def one(face_vertices: Tensor) -> Tensor:
        settings = RenderSettings(**{**BASE, "dist_scale": 0.05})
        return getattr(render(face_vertices, SIZE, settings=settings, outputs=(output,)), output)

    assert torch.autograd.gradcheck(one, scene.face_vertices.to(device).requires_grad_(), atol=1e-6, rtol=1e-6)


def test_gradcheck_fails_for_the_reference_gradient() -> None:
    """The references hold barycentric weights constant, so their gradient is not the derivative: gradcheck says so."""
    with pytest.raises(GradcheckError):
        gradcheck("cpu", {"gradient": "reference"})
