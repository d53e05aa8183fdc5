"""gendr_adapters.jax under jax's transformations: each gives the bits of the plain call, or what it says."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from support.jax_door import jax, jnp, loss, render, scene, way

from gendr_adapters import RenderSettings
from gendr_adapters.jax import gather_corners

__all__ = ["way"]
pytestmark = pytest.mark.usefixtures("way")

ARRAYS = scene(21, images=4)
Gradients = Callable[..., Any]


def gradients() -> Gradients:
    """A function that jax has not seen."""
    return jax.grad(partial(loss), range(5))


def same(got: Any, expected: Any) -> bool:
    return all(np.array_equal(np.reshape(a, np.shape(b)), b) for a, b in zip(got, expected, strict=True))


def test_jit_donation_and_checkpoint() -> None:
    expected = gradients()(*map(jnp.asarray, ARRAYS))
    assert same(jax.jit(gradients())(*map(jnp.asarray, ARRAYS)), expected)
    donated = jax.jit(gradients(), donate_argnums=range(5))
    assert same(donated(*[jnp.array(x, copy=True) for x in ARRAYS]), expected)
    kept = jax.jit(jax.grad(jax.checkpoint(partial(loss)), range(5)))
    assert same(kept(*map(jnp.asarray, ARRAYS)), expected)
    value, _ = jax.value_and_grad(partial(loss))(*map(jnp.asarray, ARRAYS))
    assert value == loss(*map(jnp.asarray, ARRAYS))


def test_vmap_is_a_batch() -> None:
    """Native: the program has one call for all, whatever is mapped."""

    def total(corners: Any, features: Any, dist_scale: Any, gamma: Any, background: Any) -> Any:
        rendered = render(
            corners,
            (9, 7),
            features,
            settings=RenderSettings(dist_scale=dist_scale, gamma=gamma),
            background=background,
            outputs=("image", "alpha", "depth"),
        )
        return sum([(x**2).sum() for x in rendered[:3]])

    expected = jax.grad(total, range(5))(*map(jnp.asarray, ARRAYS))
    alone = jax.grad(total, range(5))
    assert same(jax.vmap(alone)(*map(jnp.asarray, ARRAYS)), expected)
    twice = jax.vmap(jax.vmap(alone))(*[jnp.asarray(x).reshape(2, 2, *x.shape[1:]) for x in ARRAYS])
    assert same(twice, expected)
    program = str(jax.make_jaxpr(jax.vmap(alone))(*map(jnp.asarray, ARRAYS)))
    assert program.count("target_name=gendr_jax_render_forward") + program.count("pure_callback[") in (1, 2)
    assert "scan" not in program and "while" not in program


def test_vmap_of_one_argument() -> None:
    corners = jnp.asarray(ARRAYS[0])
    scales = jnp.asarray([1e-2, 1e-3, 2e-2])

    def alpha(scale: Any) -> Any:
        return render(corners, 8, settings=RenderSettings(dist_scale=scale)).alpha

    assert same(jax.vmap(alpha)(scales), [alpha(scale) for scale in scales])


def test_vmap_of_packed_meshes() -> None:
    corners = jnp.asarray(ARRAYS[0]).reshape(-1, 3, 3)
    offsets = np.array([[0, 5, 10, 15, 20], [0, 0, 7, 20, 20]])

    def alpha(corners: Any, offsets: Any) -> Any:
        return render(corners, 8, face_offsets=offsets).alpha

    for scenes in (jnp.stack([corners, corners * 0.9]), jnp.stack([corners, corners])):
        expected = [alpha(*pair) for pair in zip(scenes, offsets, strict=True)]
        assert same(jax.vmap(alpha)(scenes, jnp.asarray(offsets)), expected)
    wrong = jnp.asarray([[0, 5, 10, 15, 20], [0, 0, 7, 20, 21]])
    with pytest.raises(jax.errors.JaxRuntimeError, match="face_offsets must run from 0 to n_faces"):
        jax.block_until_ready(jax.jit(jax.vmap(alpha, (None, 0)))(corners, wrong))


def test_vmap_of_corners() -> None:
    random = np.random.default_rng(2)
    values = jnp.asarray(random.normal(size=(3, 7, 3)), jnp.float32)
    faces = random.integers(0, 7, (3, 5, 3))

    def gradient(values: Any, faces: Any) -> Any:
        return jax.grad(lambda v: (gather_corners(v, faces) ** 2).sum())(values)

    for indices in (faces, np.stack([faces[0]] * 3)):
        expected = [gradient(*pair) for pair in zip(values, indices, strict=True)]
        assert same(jax.vmap(gradient)(values, jnp.asarray(indices)), expected)
    assert same(jax.vmap(gradient, (0, None))(values, faces[0]), [gradient(v, faces[0]) for v in values])


def test_scan_anneals_without_compiling_again() -> None:
    corners, features, *_, background = map(jnp.asarray, ARRAYS)
    traced = []

    def step(corners: Any, scale: Any) -> Any:
        traced.append(scale)
        value, gradient = jax.value_and_grad(partial(loss))(corners, features, scale, 1e-2, background)
        return corners - 1e-4 * gradient, value

    scales = jnp.geomspace(1e-2, 1e-4, 6)
    fit = jax.jit(lambda corners, scales: jax.lax.scan(step, corners, scales))
    fitted, values = fit(corners, scales)
    fit(corners, scales * 0.5)
    assert len(traced) == 1
    one_step = jax.jit(step)
    by_hand = corners
    for scale, value in zip(scales, values, strict=True):
        by_hand, expected = one_step(by_hand, scale)
        np.testing.assert_allclose(value, expected, rtol=1e-5)
    assert len(traced) == 2
    np.testing.assert_allclose(fitted, by_hand, atol=1e-5)
    assert not np.allclose(fitted, corners, atol=1e-5)


def test_export(way: str) -> None:
    from jax import export  # jax 0.5 has no jax.export until it is imported, and needs absl-py for it

    if way == "python":
        with pytest.raises(NotImplementedError, match="host_callbacks"):
            export.export(jax.jit(gradients()))(*ARRAYS).serialize()
        return
    names = [f"gendr_jax_render_{part}" for part in ("forward", "backward")]
    checks = [export.DisabledSafetyCheck.custom_call(name) for name in names]
    exported = export.export(jax.jit(gradients()), disabled_checks=checks)(*ARRAYS)
    again = export.deserialize(exported.serialize())
    assert same(again.call(*ARRAYS), gradients()(*map(jnp.asarray, ARRAYS)))
