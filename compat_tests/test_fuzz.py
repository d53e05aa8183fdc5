"""Random scenes under random settings, the same ones every run: nothing crashes, everything is finite, and how images
are handed over (alone, in a batch, packed) does not change a bit of them."""

from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.messages import about
from support.scenes import ALL_OUTPUTS, distribution_settings, loss, t_conorm_settings
from torch import Tensor

from gendr_adapters import Rendered, RenderSettings, blend_fragments, find_fragments, render

fuzz = settings(
    max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

# Coordinates that meet: corners on pixel centres, shared corners, edges along rows, and anything.
coordinate = st.sampled_from([-1.0, -0.75, -0.5, -0.25, 0.0, 0.125, 0.5, 1.0]) | st.floats(-1.5, 1.5, width=32)
depth = st.sampled_from([2.0, 3.0, -1.0, 0.0, 1.0, 100.0]) | st.floats(0.5, 120.0, width=32)


@st.composite
def render_settings(draw: st.DrawFn) -> dict[str, Any]:
    def one_of(*values: object) -> Any:
        return draw(st.sampled_from(values))

    distance, gradient = one_of("euclidean", "barycentric"), one_of("exact", "reference")
    # Corners lie on these planes.
    may_cut = distance == "euclidean" and gradient == "exact"
    return {
        **draw(st.sampled_from(distribution_settings())),
        **draw(st.sampled_from(t_conorm_settings())),
        "dist_scale": 10 ** draw(st.floats(-7, 1)),
        "gamma": 10 ** draw(st.floats(-6, 1)),
        "dist_squared": one_of(True, False),
        "distance": distance,
        "blend": one_of("softmax", "hard"),
        "cull": one_of("none", "back"),
        "front": one_of("counterclockwise", "clockwise"),
        "alpha_range": one_of("near_far", "all"),
        "perspective_correct": one_of(True, False),
        "projection": one_of("perspective", "orthographic"),
        "reach": one_of(None, 0.05, 1.0),
        "min_coverage": one_of(0.0, 1e-6, 0.01),
        "background_eps": one_of(1e-3, 0.0, 0.5),
        "background_floor": one_of(0.0, 1e-10, 0.5),
        "softmax_range": one_of(None, (1.0, 3.0), (-5.0, 0.0)),
        "half_extent": one_of(None, (0.5, 2.0)),
        "gradient": gradient,
        "near_clip": one_of(None, 0.1, 2.0, 3.0) if may_cut else None,
        "clip": one_of("unit", "nonnegative"),
    }


@st.composite
def scenes(draw: st.DrawFn, batches: st.SearchStrategy[int]) -> tuple[Tensor, Tensor, Tensor, tuple[int, int]]:
    """Faces (B, F, 3, 3), features (B, F, T, C) and background (B, C) in [0, 1], image size."""
    images, faces = draw(batches), draw(st.integers(0, 5))
    texels, channels = draw(st.sampled_from([1, 3, 4, 9])), draw(st.integers(1, 5))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    corner = st.tuples(coordinate, coordinate, depth)
    count = images * faces * 3
    corners = torch.tensor(draw(st.lists(corner, min_size=count, max_size=count)), dtype=dtype)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 9)))
    return (
        corners.reshape(images, faces, 3, 3),
        torch.rand((images, faces, texels, channels), generator=generator, dtype=dtype),
        torch.rand((images, channels), generator=generator, dtype=dtype),
        (draw(st.integers(1, 20)), draw(st.integers(1, 20))),
    )


def run(
    faces: Tensor,
    features: Tensor,
    background: Tensor,
    size: tuple[int, int],
    s: dict[str, Any],
    offsets: Tensor | None = None,
) -> tuple[Rendered, tuple[Tensor, ...]]:
    """Outputs, and gradients to faces, features and background."""
    inputs = [x.clone().requires_grad_() for x in (faces, features, background)]
    rendered = render(inputs[0], size, inputs[1], offsets, RenderSettings(**s), inputs[2], ALL_OUTPUTS)
    return rendered, torch.autograd.grad(loss(rendered), inputs)


@pytest.mark.slow
@fuzz
@given(scenes(st.integers(0, 3)), render_settings())
def test_results_are_sane(scene: tuple[Tensor, Tensor, Tensor, tuple[int, int]], s: dict[str, Any]) -> None:
    rendered, gradients = run(*scene, s)
    for value in (*rendered, *gradients):
        assert value is not None and value.isfinite().all()
    assert rendered.image is not None and rendered.alpha is not None
    if rendered.alpha.numel():
        slack = 8 * torch.finfo(rendered.alpha.dtype).eps
        for values in (rendered.alpha, rendered.image):
            assert values.min() >= -slack and values.max() <= 1 + slack


@pytest.mark.slow
@fuzz
@given(scenes(st.integers(1, 3)), render_settings())
def test_meshes_alone_batched_or_packed(
    scene: tuple[Tensor, Tensor, Tensor, tuple[int, int]], s: dict[str, Any]
) -> None:
    faces, features, background, size = scene
    images, count = faces.shape[:2]
    batched, batched_gradients = run(*scene, s)

    offsets = torch.arange(images + 1) * count
    packed, packed_gradients = run(faces.flatten(0, 1), features.flatten(0, 1), background, size, s, offsets)
    for a, b in zip((*batched, *batched_gradients), (*packed, *packed_gradients), strict=True):
        assert torch.equal(a.reshape(b.shape), b)

    for i in range(images):
        alone = render(
            faces[i], size, features[i], settings=RenderSettings(**s), background=background[i], outputs=ALL_OUTPUTS
        )
        for one, many in zip(alone, batched, strict=True):
            assert torch.equal(one[0], many[i])


@pytest.mark.slow
@fuzz
@given(scenes(st.just(1)), render_settings(), st.sampled_from(["alpha", "image", "depth", "face_index"]))
def test_an_output_does_not_depend_on_the_others(
    scene: tuple[Tensor, Tensor, Tensor, tuple[int, int]], s: dict[str, Any], name: str
) -> None:
    faces, features, background, size = scene
    everything = render(faces, size, features, settings=RenderSettings(**s), background=background, outputs=ALL_OUTPUTS)
    alone = render(faces, size, features, settings=RenderSettings(**s), background=background, outputs=(name,))
    a, b = getattr(alone, name), getattr(everything, name)
    # What is computed for fewer outputs is other code, which a compiler may round differently.
    slack = 0.0 if name == "face_index" else 8 * torch.finfo(faces.dtype).eps
    torch.testing.assert_close(a, b, rtol=slack, atol=slack)


@pytest.mark.slow
@fuzz
@given(scenes(st.integers(1, 3)), render_settings())
def test_blended_fragments(scene: tuple[Tensor, Tensor, Tensor, tuple[int, int]], s: dict[str, Any]) -> None:
    """The picture is that of render, up to rounding, and gradients are finite."""
    faces, features, background, size = scene
    s = {**s, "blend": "softmax", "gradient": "exact", "alpha_range": "near_far"}
    features = features[:, :, :1].expand(-1, -1, 3, -1).flatten(0, 1)  # of corners, or of a whole face
    images, count = faces.shape[:2]
    offsets = torch.arange(images + 1) * count
    found = find_fragments(faces, size, settings=RenderSettings(**s))
    colours = (found.weights[..., None] * features[found.face]).sum(1)
    inputs = [
        found.depth.requires_grad_(),
        found.distance2.requires_grad_(),
        colours.requires_grad_(),
        background.clone(),
    ]
    inputs[-1].requires_grad_()
    blended = blend_fragments(found, inputs[2], size, RenderSettings(**s), inputs[3], offsets)
    expected = render(faces.flatten(0, 1), size, features, offsets, RenderSettings(**s), background)
    # Exponents are depths divided by gamma: so are their rounding errors.
    near, far = s["softmax_range"] or (1.0, 100.0)
    eps = torch.finfo(faces.dtype).eps
    for name, got, true in zip(("image", "alpha"), blended, expected, strict=False):
        bound = eps * (64 + 512 / (s["gamma"] * (far - near))) if name == "image" else 64 * eps
        torch.testing.assert_close(got, true, rtol=0, atol=bound, msg=about(name))
    for gradient in torch.autograd.grad(loss(blended), inputs, allow_unused=True):
        assert gradient is not None and gradient.isfinite().all()
