"""gendr_adapters.jax against the functions for torch: the same library, so the same bits."""

from typing import Any

import numpy as np
import pytest
import torch
from support.jax_door import ALL_OUTPUTS, double, jax, jnp, loss_of, render, scene, way, weights

import gendr_adapters
from gendr_adapters import RenderSettings
from gendr_adapters.jax import Rendered, gather_corners

__all__ = ["double", "way"]
# --moved moves those of torch alone.
pytestmark = [pytest.mark.usefixtures("double", "way"), pytest.mark.exact_coordinates]

SETTINGS = [
    {},
    {"background_floor": 0.3, "perspective_correct": True, "near": 2.0},
    {"t_conorm": "max", "blend": "hard", "dist_squared": False, "alpha_range": "all"},
    {"t_conorm": "yager", "t_conorm_p": 2.0, "distribution": "gamma", "dist_shape": 1.5, "cull": "back"},
    {"distance": "barycentric", "gradient": "reference", "t_conorm": "sum", "half_extent": (0.8, 1.1)},
    {"near_clip": 2.5, "distribution": "gaussian", "min_coverage": 1e-3, "reach": 0.3},
]
GRADIENTS = ("corners", "features", "dist_scale", "gamma", "background")


def by_torch(arrays: tuple[Any, ...], settings: RenderSettings, **more: Any) -> tuple[Any, list[np.ndarray]]:
    """All outputs, and the gradients of the loss to all arrays."""
    given = [torch.tensor(x, requires_grad=True) for x in arrays]
    corners, features, dist_scale, gamma, background = given
    rendered = gendr_adapters.render(
        corners,
        (9, 7),
        features,
        settings=settings.replace(dist_scale=dist_scale, gamma=gamma),
        background=background,
        outputs=ALL_OUTPUTS,
        **{k: torch.tensor(v) for k, v in more.items()},
    )
    total = sum([(x * torch.tensor(weights(tuple(x.shape)), dtype=x.dtype)).sum() for x in rendered[:3]])
    return rendered, [x.numpy() for x in torch.autograd.grad(total, given)]


def by_jax(arrays: tuple[Any, ...], settings: RenderSettings, **more: Any) -> tuple[Rendered, Any]:
    def drawn(corners: Any, features: Any, dist_scale: Any, gamma: Any, background: Any) -> Any:
        all_settings = settings.replace(dist_scale=dist_scale, gamma=gamma)
        rendered = render(
            corners, (9, 7), features, settings=all_settings, background=background, outputs=ALL_OUTPUTS, **more
        )
        return loss_of(rendered), rendered

    gradients, rendered = jax.jit(jax.grad(drawn, range(5), has_aux=True))(*map(jnp.asarray, arrays))
    return rendered, gradients


def check(arrays: tuple[Any, ...], settings: RenderSettings, **more: Any) -> None:
    expected, expected_gradients = by_torch(arrays, settings, **more)
    got, gradients = by_jax(arrays, settings, **more)
    assert got._fields == expected._fields
    for name, a, b in zip(expected._fields, got, expected, strict=True):
        assert a.dtype == (np.int32 if name == "face_index" else arrays[0].dtype)
        assert np.array_equal(a, b.detach().numpy()), name
    assert np.abs(expected_gradients[0]).max() > 0
    for name, a, b in zip(GRADIENTS, gradients, expected_gradients, strict=True):
        assert a.dtype == b.dtype and np.array_equal(a, b), name


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(settings) or "defaults")
def test_batch(settings: dict[str, Any]) -> None:
    for dtype in (np.float32, np.float64):
        check(scene(3, dtype=dtype), RenderSettings(**settings))


def test_packed_meshes_of_texels() -> None:
    corners, features, *rows = scene(4, images=3, texels=4)
    packed = (corners.reshape(-1, 3, 3), features.reshape(-1, 4, 2), *rows)
    check(packed, RenderSettings(), face_offsets=np.array([0, 4, 4, 15]))


def test_one_image_without_a_batch() -> None:
    corners, features, *rows = scene(5, images=1)
    check((corners[0], features[0], *rows), RenderSettings(t_conorm="einstein"))


def test_rows_that_images_share() -> None:
    """The gradients of what all images share are added up by jax, so they are the same up to rounding."""
    corners, features, dist_scale, gamma, background = scene(6, images=3, dtype=np.float64)
    arrays = (corners, features, dist_scale[:1], gamma[:1], background[0])
    expected, expected_gradients = by_torch(arrays, RenderSettings())
    got, gradients = by_jax(arrays, RenderSettings())
    assert np.array_equal(got.image, expected.image.detach())
    for a, b in zip(gradients, expected_gradients, strict=True):
        assert a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * np.abs(b).max())


def test_outputs_that_were_not_asked_for_are_none() -> None:
    corners = scene(7)[0]
    for outputs in (("alpha",), ("depth",), ("face_index",), ()):
        rendered = render(corners, 5, outputs=outputs)
        expected = gendr_adapters.render(torch.tensor(corners), 5, outputs=outputs)
        assert [x is None for x in rendered] == [x is None for x in expected]
        assert [name for name, x in rendered._asdict().items() if x is not None] == list(outputs)
    # Without features there is no image, asked for or not.
    assert render(corners, 5).image is None


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_corners(index_dtype: type) -> None:
    random = np.random.default_rng(0)
    faces: Any = random.integers(0, 7, (11, 3)).astype(index_dtype)
    for shape in ((7, 3), (2, 7, 4)):
        values = random.normal(size=shape)
        for dtype in (np.float32, np.float64):
            given = torch.tensor(values.astype(dtype), requires_grad=True)
            expected = gendr_adapters.gather_corners(given, torch.tensor(faces))
            factors = weights(tuple(expected.shape)).astype(dtype)
            (expected_gradient,) = torch.autograd.grad((expected * torch.tensor(factors)).sum(), given)

            def gathered(values: Any, factors: Any = factors) -> Any:
                corners = gather_corners(values, faces)
                return (corners * factors).sum(), corners

            gradient, got = jax.grad(gathered, has_aux=True)(jnp.asarray(values.astype(dtype)))
            assert np.array_equal(got, expected.detach()) and np.array_equal(gradient, expected_gradient)


def test_without_faces_or_images() -> None:
    assert np.array_equal(
        render(jnp.zeros((0, 3, 3)), 4, jnp.zeros((0, 3, 2)), background=[1.0, 2.0]).image[0, :, 0, 0], [1.0, 2.0]
    )
    assert render(jnp.zeros((0, 5, 3, 3)), 4).alpha.shape == (0, 4, 4)
    assert jax.grad(lambda x: render(x, 4).alpha.sum())(jnp.zeros((2, 0, 3, 3))).shape == (2, 0, 3, 3)
    none = np.zeros((0, 3), np.int32)
    gradient = jax.grad(lambda values: gather_corners(values, none).sum())(jnp.ones((2, 4, 3)))
    assert np.array_equal(gradient, np.zeros((2, 4, 3)))
    assert gather_corners(jnp.zeros((0, 3)), none).shape == (0, 3, 3)
