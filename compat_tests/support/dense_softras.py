"""The picture that docs/jax.md describes for `softras`, as a sum over all faces at each pixel, written from the
equations of the paper (Liu et al., "Soft Rasterizer", ICCV 2019), one pair of a pixel and a face at a time. It shares
nothing with gendr_adapters.jax, and adds no small number to any divisor."""

from typing import Any

import jax
import jax.numpy as jnp

BACKGROUND_EXPONENT = 1e-8
LARGEST_EXPONENT = 20.0


def _squared_distance_to_segment(p: Any, a: Any, b: Any) -> Any:
    t = jnp.vdot(p - a, b - a) / jnp.vdot(b - a, b - a)
    nearest = jnp.where(t <= 0, a, jnp.where(t >= 1, b, (1 - t) * a + t * b))
    return jnp.sum((p - nearest) ** 2)


def _barycentric(p: Any, a: Any, b: Any, c: Any) -> Any:
    """Weights of a, b and c that sum to 1 and whose mean is p."""
    (ux, uy), (vx, vy), (px, py) = b - a, c - a, p - a
    determinant = ux * vy - uy * vx
    of_b, of_c = (px * vy - py * vx) / determinant, (ux * py - uy * px) / determinant
    return jnp.stack([1 - of_b - of_c, of_b, of_c])


def _of_pair(face: Any, p: Any, sigma: Any) -> tuple[Any, Any]:
    """Coverage (eq. 1) and depth."""
    a, b, c = face[:, :2]
    w = _barycentric(p, a, b, c)
    sides = [_squared_distance_to_segment(p, *ends) for ends in ((a, b), (b, c), (c, a))]
    squared = jnp.min(jnp.stack(sides))
    coverage = jax.scipy.special.expit(jnp.where(jnp.min(w) > 0, squared, -squared) / sigma)
    clamped = jnp.clip(w, 0.0, 1.0)
    return coverage, jnp.vdot(clamped / clamped.sum(), face[:, 2])


def dense_softras(mesh: Any, points: Any, brightness: Any, sigma: Any, gamma: Any) -> Any:
    """(N,), of mesh (T, 3, 3), points (N, 2) and brightness (T,). Equations 2 and 3, with the depths of all pairs in
    [0, 1]: 1 is the nearest."""
    of_point = jax.vmap(_of_pair, (0, None, None))
    coverage, depth = jax.vmap(of_point, (None, 0, None))(mesh, points, sigma)
    nearness = (depth.max() - depth) / (depth.max() - depth.min())
    shares = coverage * jnp.exp(jnp.minimum(nearness / gamma, LARGEST_EXPONENT))
    total = shares.sum(1) + jnp.exp(BACKGROUND_EXPONENT / gamma)
    return (shares @ brightness) / total
