"""Gradients of gendr_adapters.jax against finite differences, in double."""

from typing import Any

import numpy as np
import pytest
from support.jax_door import check_grads, double, jax, jnp, loss, scene, way

from gendr_adapters import RenderSettings
from gendr_adapters.jax import gather_corners

__all__ = ["double", "way"]
pytestmark = pytest.mark.usefixtures("double", "way")


def test_all_gradients() -> None:
    # Wide enough for a difference of 1e-6 to be far from where edges and faces change places.
    arrays = scene(11, images=1, faces=3, dtype=np.float64)
    wide = (*arrays[:2], arrays[2] * 10, arrays[3] * 10, arrays[4])
    settings = RenderSettings(distribution="gaussian")

    def smooth(*arrays: Any) -> Any:
        return loss(*map(jnp.asarray, arrays), settings=settings, outputs=("image", "alpha"))

    check_grads(smooth, tuple(map(jnp.asarray, wide)), 1, ["rev"], atol=1e-5, rtol=1e-5, eps=1e-6)


def test_corners_twice() -> None:
    """A linear function: its derivative can be differentiated."""
    faces = np.array([[0, 1, 2], [2, 1, 3]])
    values = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)))
    check_grads(lambda v: (gather_corners(v, faces) ** 3).sum(), (values,), 1, ["rev"])
    second = jax.grad(lambda v: (jax.grad(lambda u: (gather_corners(u, faces) ** 2).sum())(v) ** 2).sum())(values)
    uses = np.array([1, 2, 2, 1])[:, None]
    np.testing.assert_allclose(second, 8 * uses**2 * values)
