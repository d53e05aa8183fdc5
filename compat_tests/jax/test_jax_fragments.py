"""`find_fragments` of gendr_adapters.jax: the fragments of the function for torch, bit for bit, in an array of a fixed
size that says how many it has no room for."""

from typing import Any

import numpy as np
import pytest
import torch
from support.jax_door import double, jax, jnp, scene, way, weights

import gendr_adapters
from gendr_adapters import RenderSettings
from gendr_adapters.jax import Fragments, find_fragments

__all__ = ["double", "way"]
pytestmark = pytest.mark.usefixtures("double", "way")

SIZE = (9, 7)
NUMBERS = ("weights", "depth", "distance2")
SETTINGS: list[dict[str, Any]] = [
    {"dist_scale": 1e-2},
    {"near": 2.0, "perspective_correct": False, "reach": 0.2, "min_coverage": 0.0, "dist_scale": 1e-6},
    {"clip": "nonnegative", "cull": "back", "reach_per_scale": 9.0, "dist_scale": 1e-2},
    {"distance": "barycentric", "dist_scale": 1e-2},
    {"near_clip": 2.5, "near": 0.1, "dist_scale": 1e-2},
]


def total(found: Any, library: Any) -> Any:
    """In which each number has its own weight."""
    return sum([
        (getattr(found, name) * library(weights(tuple(getattr(found, name).shape)))).sum() for name in NUMBERS
    ])  # fmt: skip


def by_torch(corners: Any, settings: RenderSettings, offsets: Any = None) -> tuple[Any, np.ndarray]:
    """The list, and the gradient of the total."""
    given = torch.tensor(corners, requires_grad=True)
    face_offsets = None if offsets is None else torch.tensor(offsets)
    found = gendr_adapters.find_fragments(given, SIZE, face_offsets, settings)
    (gradient,) = torch.autograd.grad(total(found, lambda x: torch.tensor(x, dtype=given.dtype)), given)
    return found, gradient.numpy()


def by_jax(corners: Any, settings: RenderSettings, capacity: int, offsets: Any = None) -> tuple[Fragments, Any]:
    def listed(corners: Any) -> Any:
        found = find_fragments(corners, SIZE, offsets, settings, capacity=capacity)
        # The weights of torch's list, and none for what is not listed.
        n = int(found_by_torch.offsets[-1])
        cut = found._replace(**{name: getattr(found, name)[:n] for name in NUMBERS})
        return total(cut, lambda x: jnp.asarray(x, corners.dtype)), found

    found_by_torch, _ = by_torch(corners, settings, offsets)
    gradient, found = jax.jit(jax.grad(listed, has_aux=True))(jnp.asarray(corners))
    return found, gradient


@pytest.mark.exact_coordinates  # --moved moves those of torch alone
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: "-".join(settings))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_same_bits_as_for_torch(settings: dict[str, Any], dtype: Any) -> None:
    corners = scene(51, images=3, dtype=dtype)[0]
    expected, expected_gradient = by_torch(corners, RenderSettings(**settings))
    n = int(expected.offsets[-1])
    assert n > 50
    got, gradient = by_jax(corners, RenderSettings(**settings), n + 13)
    assert int(got.missing) == 0 and got.offsets.dtype == got.pixel.dtype == got.face.dtype == np.int32
    assert np.array_equal(got.offsets, expected.offsets)
    for name in ("pixel", "face", *NUMBERS):
        values = getattr(got, name)
        assert np.array_equal(values[:n], getattr(expected, name).detach()), name
        assert values.shape[0] == n + 13 and (values[n:] == -1).all(), name
    assert got.weights.dtype == dtype and np.abs(expected_gradient).max() > 0
    assert np.array_equal(gradient, expected_gradient)


@pytest.mark.exact_coordinates  # --moved moves those of torch alone
def test_packed_meshes_and_a_scale_for_each() -> None:
    corners = scene(52, images=3)[0].reshape(-1, 3, 3)
    offsets = np.array([0, 4, 4, 15])
    expected, expected_gradient = by_torch(
        corners, RenderSettings(dist_scale=torch.tensor([1e-2, 1e-3, 2e-2])), offsets
    )
    n = int(expected.offsets[-1])
    scales = jnp.asarray([1e-2, 1e-3, 2e-2], jnp.float32)
    got = find_fragments(corners, SIZE, offsets, RenderSettings(dist_scale=scales), capacity=n)
    assert np.array_equal(got.face, expected.face) and np.array_equal(got.distance2, expected.distance2.detach())

    def weighted(corners: Any, scales: Any) -> Any:
        found = find_fragments(corners, SIZE, offsets, RenderSettings(dist_scale=scales), capacity=n)
        return total(found, lambda x: jnp.asarray(x, jnp.float32))

    gradient, of_scales = jax.grad(weighted, (0, 1))(jnp.asarray(corners), scales)
    assert np.array_equal(gradient, expected_gradient) and not of_scales.any()


def test_overflow_is_counted() -> None:
    """Whole pixels are left out, the last ones, and `missing` and `offsets` say how many fragments that is."""
    corners, settings = scene(53, images=2)[0], RenderSettings(dist_scale=1e-2)
    whole = find_fragments(corners, SIZE, settings=settings, capacity=2000)
    offsets = np.asarray(whole.offsets)
    needed = int(offsets[-1])
    full_pixels = np.flatnonzero(np.diff(offsets))
    of_last = np.diff(offsets)[full_pixels[-1]]
    for capacity in (1, needed // 2, needed - 1, needed):
        found = find_fragments(corners, SIZE, settings=settings, capacity=capacity)
        n = int(offsets[offsets <= capacity].max())
        assert int(found.missing) == needed - n and np.array_equal(found.offsets, offsets)
        for name in ("pixel", "face", *NUMBERS):
            values = np.asarray(getattr(found, name))
            assert np.array_equal(values[:n], getattr(whole, name)[:n]) and (values[n:] == -1).all(), name
    assert int(find_fragments(corners, SIZE, settings=settings, capacity=needed - 1).missing) == of_last

    def depths(corners: Any, capacity: int) -> Any:
        found = find_fragments(corners, SIZE, settings=settings, capacity=capacity)
        return jnp.where(found.pixel >= 0, found.depth, 0)[: needed // 2].sum()

    # What is not listed has no gradient, and what is has the same.
    cut = int(offsets[offsets <= needed // 2].max())
    both = [jax.grad(depths)(jnp.asarray(corners), needed // 2)]
    both.append(
        jax.grad(lambda c: find_fragments(c, SIZE, settings=settings, capacity=needed).depth[:cut].sum())(
            jnp.asarray(corners)
        )
    )
    assert np.array_equal(*both) and both[0].any()


def test_vmap() -> None:
    """Each scene has its own places; one call of the core's count for all."""
    corners = jnp.asarray(scene(54, images=6)[0]).reshape(3, 2, -1, 3, 3)
    scales = jnp.asarray([1e-2, 1e-1, 1e-3], jnp.float32)  # of the second scene there is more than there is room for
    settings = RenderSettings()
    capacity = int(find_fragments(corners[0], SIZE, settings=settings.replace(dist_scale=1e-2), capacity=1).offsets[-1])

    def listed(corners: Any, scale: Any) -> tuple[Any, Fragments]:
        found = find_fragments(corners, SIZE, settings=settings.replace(dist_scale=scale), capacity=capacity)
        factors = jnp.asarray(weights((capacity,)), jnp.float32)
        return ((found.distance2 + found.weights[:, 0] + found.depth) * factors).sum(), found

    alone = jax.grad(listed, has_aux=True)
    gradients, found = jax.jit(jax.vmap(alone))(corners, scales)
    assert found.missing[0] == 0 and found.missing[1] > 0 and found.missing[2] == 0
    for i, scale in enumerate(scales):
        gradient, expected = alone(corners[i], scale)
        assert np.array_equal(gradients[i], gradient)
        for name, got, want in zip(Fragments._fields, found, expected, strict=True):
            assert np.array_equal(got[i], want), name
    program = str(jax.make_jaxpr(jax.vmap(alone))(corners, scales))
    assert program.count("gendr_jax_find_fragments") + program.count("pure_callback[") in (1, 2)
    assert "scan" not in program and "while" not in program


def test_one_gradient_of_three() -> None:
    """What has no incoming gradient is not handed on: the others are the same then."""
    corners, settings = jnp.asarray(scene(55)[0]), RenderSettings(dist_scale=1e-2)

    def squares(corners: Any, names: tuple[str, ...]) -> Any:
        found = find_fragments(corners, SIZE, settings=settings, capacity=999)
        return sum([(getattr(found, name) ** 2).sum() for name in names])

    shares = [jax.grad(squares)(corners, (name,)) for name in NUMBERS]
    together = jax.grad(squares)(corners, NUMBERS)
    np.testing.assert_allclose(together, sum(shares), rtol=1e-4, atol=1e-4 * np.abs(together).max())
    assert all(np.abs(share).max() > 0 for share in shares)


def test_without_faces() -> None:
    found = find_fragments(jnp.zeros((0, 3, 3)), 4, capacity=3)
    assert found.offsets.tolist() == [0] * 17 and found.pixel.tolist() == [-1] * 3 and int(found.missing) == 0
    assert find_fragments(jnp.zeros((0, 5, 3, 3)), 4, capacity=3).offsets.tolist() == [0]
    gradient = jax.grad(lambda c: find_fragments(c, 4, capacity=3).depth.sum())(jnp.zeros((2, 0, 3, 3)))
    assert gradient.shape == (2, 0, 3, 3)


def test_refused() -> None:
    corners = jnp.asarray(scene(56)[0])
    for capacity, error, words in (
        (0, ValueError, "capacity must be from 1 to 2147483647, got 0"),
        (2**31, ValueError, "capacity must be from 1 to 2147483647, got 2147483648"),
        (2.5, TypeError, r"capacity must be a whole number, known before the program runs, got 2\.5"),
        (True, TypeError, "capacity must be a whole number"),
    ):
        with pytest.raises(error, match=words):
            find_fragments(corners, 4, capacity=capacity)
    with pytest.raises(TypeError, match="settings must be a RenderSettings, got dict"):
        find_fragments(corners, 4, settings={}, capacity=3)
    with pytest.raises(ValueError, match="face_vertices must be"):
        find_fragments(corners[..., :2], 4, capacity=3)
    with pytest.raises(ValueError, match="not finite"):
        find_fragments(corners * jnp.nan, 4, settings=RenderSettings(check_finite=True), capacity=3)
    with pytest.raises(NotImplementedError, match="no forward-mode"):
        jax.jvp(lambda c: find_fragments(c, 4, capacity=3).depth, (corners,), (corners,))
    with pytest.raises(NotImplementedError, match="no second derivatives"):
        jax.hessian(lambda c: find_fragments(c, 4, capacity=3).depth.sum())(corners)

    def of_scale(scale: Any) -> Any:
        return find_fragments(corners, 4, settings=RenderSettings(dist_scale=scale), capacity=3).depth

    with pytest.raises(jax.errors.JaxRuntimeError, match="dist_scale must be > 0, from 1e-30"):
        jax.block_until_ready(jax.jit(of_scale)(jnp.asarray(-1.0)))
