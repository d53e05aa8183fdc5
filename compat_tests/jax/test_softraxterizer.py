"""`get_pixel` and `softras` of gendr_adapters.jax against softraxterizer's own numbers, and against a dense sum written
from the paper's equations."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.dense_softras import dense_softras
from support.jax_door import check_grads, double, jax, jnp

from gendr_adapters.jax import _softraxterizer, get_pixel, softras

__all__ = ["double"]
GOLDEN = np.load(Path(__file__).parents[1] / "goldens" / "softraxterizer" / "softraxterizer.npz")
CASES = ("c0", "c1", "c2", "c3")
ARGUMENTS = ("mesh", "pixel", "C", "SIGMA", "GAMMA")


def arguments(case: str, dtype: Any = np.float64) -> list[Any]:
    arrays = [GOLDEN[f"{case}_{name}"] for name in ("mesh", "pixel", "C")] + [*GOLDEN[f"{case}_scales"]]
    return [jnp.asarray(x, dtype) for x in arrays]


def gradients(function: Callable[..., Any], values: list[Any], grad_image: Any) -> Any:
    grad_image = jnp.asarray(grad_image, values[0].dtype)
    return jax.jit(jax.grad(lambda *values: (function(*values) * grad_image).sum(), range(5)))(*values)


def largest_error(got: Any, expected: Any) -> float:
    """Of the largest number that is expected."""
    return float(np.abs(got - expected).max() / np.abs(expected).max())


def soup(seed: int, faces: int = 9) -> Any:
    """A scene of softraxterizer's kind: triangles in and beside get_pixel's window, at depths of both signs."""
    random = np.random.default_rng(seed)
    mesh = random.uniform(-0.8, 1.2, (faces, 1, 3)) + random.uniform(-0.6, 0.6, (faces, 3, 3))
    return jnp.asarray(mesh), jnp.asarray(random.uniform(0, 1, faces))


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(
    "case, dtype, closeness",
    [*[(case, np.float64, 1e-12) for case in CASES], ("c2", np.float32, 1e-4)],
    ids=[*CASES, "float32"],
)
def test_softraxterizers_own_numbers(case: str, dtype: Any, closeness: float) -> None:
    values = arguments(case, dtype)
    image = softras(*values)
    assert image.dtype == dtype
    assert np.abs(image - GOLDEN[f"{case}_image"]).max() <= closeness
    found = gradients(softras, values, GOLDEN[f"{case}_grad_image"])
    for name, got in zip(ARGUMENTS, found, strict=True):
        expected = GOLDEN[f"{case}_grad_{name}"]
        if np.abs(expected).max() < 1e-12:  # one face at each pixel's nearest depth: no GAMMA is in it
            assert np.abs(got).max() < closeness
        else:
            assert largest_error(got, expected) <= 10 * closeness, name


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("case", CASES)
def test_grid_of_softraxterizer(case: str) -> None:
    left, top, right, bottom, xres, yres = GOLDEN[f"{case}_window"].tolist()
    pixel, shape = get_pixel(left, top, right, bottom, int(xres), int(yres))
    assert shape == (13, 11) and np.allclose(pixel, GOLDEN[f"{case}_pixel"], rtol=0, atol=1e-15)


def test_grid_by_default() -> None:
    pixel, shape = get_pixel()
    assert pixel.shape == (2500, 1, 3) and shape == (50, 50)
    np.testing.assert_allclose(pixel[[0, 49, 2450, 2499], 0], [[-1, 1, 0], [1.5, 1, 0], [-1, -1.5, 0], [1.5, -1.5, 0]])


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("scales", [(1e-1, 1e-1), (1e-2, 1e-2), (1e-3, 3e-1)], ids=["defaults", "clipped", "sharp"])
def test_same_picture_as_the_equations(scales: tuple[float, float]) -> None:
    mesh, brightness = soup(3)
    pixel, _ = get_pixel(xres=17, yres=15)
    values = [mesh, pixel, brightness, *scales]
    expected = dense_softras(mesh, pixel[:, 0, :2], brightness, *scales)
    assert np.abs(softras(*values) - expected).max() <= 1e-6
    weights = np.random.default_rng(0).normal(size=len(pixel))

    def reference(mesh: Any, pixel: Any, *rest: Any) -> Any:
        return dense_softras(mesh, pixel[:, 0, :2], *rest)

    for a, b in zip(gradients(softras, values, weights), gradients(reference, values, weights), strict=True):
        assert largest_error(a, b) <= 1e-5


@pytest.mark.usefixtures("double")
def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where several faces have the nearest and the farthest depth, and share its gradient."""
    mesh, brightness = soup(4, faces=8)
    mesh = jnp.concatenate([mesh, mesh[::-1], mesh])
    brightness = jnp.concatenate([brightness, brightness, brightness])
    pixel, _ = get_pixel(xres=9, yres=7)
    values = [mesh, pixel, brightness, 3e-2, 2e-1]
    weights = np.random.default_rng(1).normal(size=63)
    whole = softras(*values), gradients(softras, values, weights)
    monkeypatch.setattr(_softraxterizer, "_PAIRS_AT_ONCE", 24 * 8)  # eight pixels at a time: seven pieces and a rest
    np.testing.assert_allclose(softras(*values), whole[0], rtol=1e-12)
    for a, b in zip(gradients(softras, values, weights), whole[1], strict=True):
        assert largest_error(a, b) <= 1e-11


@pytest.mark.usefixtures("double")
def test_memory_of_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled program has no array of all pairs, of its gradient neither."""
    mesh, brightness = soup(5, faces=32)
    pixel, _ = get_pixel(xres=40, yres=40)
    monkeypatch.setattr(_softraxterizer, "_PAIRS_AT_ONCE", 32 * 16)
    function = jax.jit(jax.grad(lambda mesh: softras(mesh, pixel, brightness).sum()))
    room = function.lower(mesh).compile().memory_analysis().temp_size_in_bytes
    assert room < 1600 * 32 * 8


@pytest.mark.usefixtures("double")
def test_all_of_jax() -> None:
    mesh, brightness = soup(6, faces=3)
    pixel, _ = get_pixel(xres=6, yres=5)

    @jax.jit
    def total(mesh: Any, sigma: Any) -> Any:
        return (softras(mesh, pixel, brightness, sigma, 0.3) ** 2).sum()

    check_grads(total, (mesh, jnp.asarray(0.1)), 1, ["fwd"], atol=1e-4, rtol=1e-4, eps=1e-6)
    check_grads(jax.jit(jax.grad(total, 1)), (mesh, jnp.asarray(0.1)), 1, ["fwd"], atol=1e-4, rtol=1e-4, eps=1e-6)
    meshes = jnp.stack([mesh, mesh[::-1] * 0.9])
    for got, one in zip(jax.vmap(total, (0, None))(meshes, 0.1), meshes, strict=True):
        np.testing.assert_allclose(got, total(one, 0.1), rtol=1e-12)


@pytest.mark.usefixtures("double")
def test_brightness() -> None:
    mesh, brightness = soup(7, faces=4)
    points = jnp.asarray(np.random.default_rng(2).uniform(-1, 1, (6, 3))).at[:, 2].set(0)
    expected = softras(mesh, points[:, None], brightness)
    assert np.array_equal(softras(mesh, points, brightness), expected)
    rows = jnp.broadcast_to(brightness, (6, 4))
    np.testing.assert_allclose(softras(mesh, points, rows), expected, rtol=1e-14)
    doubled = softras(mesh, points, rows * jnp.arange(6)[:, None])
    np.testing.assert_allclose(doubled, expected * np.arange(6), rtol=1e-14)
    np.testing.assert_allclose(softras(mesh, points, 2), softras(mesh, points, jnp.full(4, 2.0)), rtol=1e-14)


def test_one_depth_is_no_depth() -> None:
    """softraxterizer's picture is NaN there, or that of roundings: the one on purpose that differs."""
    mesh, brightness = soup(8, faces=3)
    pixel, _ = get_pixel(xres=5, yres=5)

    @jax.jit
    @partial(jax.value_and_grad, has_aux=True)
    def drawn(mesh: Any, gamma: Any) -> Any:
        image = softras(mesh, pixel, brightness, GAMMA=gamma)
        return image.sum(), image

    # With a GAMMA that sees no depth any mesh looks like a flat one.
    (_, expected), _ = drawn(mesh.astype(jnp.float32), 1e6)
    for z in (0.0, 0.3):
        (_, image), gradient = drawn(mesh.at[..., 2].set(z).astype(jnp.float32), 0.1)
        assert np.isfinite(gradient).all() and not gradient[..., 2].any()
        np.testing.assert_allclose(image, expected, rtol=1e-5)


def test_without_faces_or_pixels() -> None:
    pixel, _ = get_pixel(xres=3, yres=2)
    assert np.array_equal(softras(jnp.zeros((0, 3, 3)), pixel, jnp.zeros(0)), np.zeros(6))
    assert softras(jnp.ones((2, 3, 3)), pixel[:0], 1.0).shape == (0,)


MESH, PIXEL = np.ones((2, 3, 3), np.float32), np.zeros((5, 1, 3), np.float32)
REFUSED: list[tuple[type, str, tuple[Any, ...], dict[str, Any]]] = [
    (TypeError, "mesh must be a jax.Array or a NumPy array, got list", (MESH.tolist(), PIXEL, 1.0), {}),
    (TypeError, "mesh must be float32 or float64, got int32", (MESH.astype(np.int32), PIXEL, 1.0), {}),
    (ValueError, r"mesh must be \(T, 3, 3\), got \(3, 3\)", (MESH[0], PIXEL, 1.0), {}),
    (ValueError, r"pixel must be \(N, 1, 3\) or \(N, 3\), got \(5, 1, 2\)", (MESH, PIXEL[..., :2], 1.0), {}),
    (ValueError, r"C must be \(T,\), a number or \(N, T\)", (MESH, PIXEL, np.ones(3)), {}),
    (ValueError, r"C must be \(T,\), a number or \(N, T\)", (MESH, PIXEL, np.ones((1, 5, 2))), {}),
    (TypeError, "C must be an array or numbers, got str", (MESH, PIXEL, "red"), {}),
    (ValueError, "SIGMA must be > 0, got 0", (MESH, PIXEL, 1.0), {"SIGMA": 0}),
    (ValueError, r"GAMMA must be a number or a scalar array, got shape \(2,\)", (MESH, PIXEL, 1.0), {"GAMMA": [1, 2]}),
    (TypeError, "GAMMA must be a number or a scalar array, got str", (MESH, PIXEL, 1.0), {"GAMMA": "x"}),
]  # fmt: skip


@pytest.mark.parametrize("error, words, given, named", REFUSED, ids=[words for _, words, *_ in REFUSED])
def test_refused(error: type[Exception], words: str, given: tuple[Any, ...], named: dict[str, Any]) -> None:
    with pytest.raises(error, match=words):
        softras(*given, **named)


@pytest.mark.usefixtures("double")
def test_two_dtypes() -> None:
    with pytest.raises(TypeError, match="pixel is float64, mesh is float32: they must be the same"):
        softras(MESH, PIXEL.astype(np.float64), 1.0)


@pytest.mark.parametrize("error, count", [(ValueError, 0), (TypeError, 2.5), (TypeError, True)])
def test_refused_grids(error: type[Exception], count: Any) -> None:
    with pytest.raises(error, match="xres must be"):
        get_pixel(xres=count)
