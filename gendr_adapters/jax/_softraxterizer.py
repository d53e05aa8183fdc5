"""`get_pixel` and `softras`: the two functions of softraxterizer, with their arguments and numbers. They are a sum over
all faces at every pixel, in jax alone: the core has no linear depth with weights clamped to [0, 1], and none that is
relative to all pixels. docs/jax.md says how the picture is defined.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._inputs import is_known

# What keeps divisions from being by 0, and the exponent of the background.
_EPS = 1e-8
_LARGEST_EXPONENT = 20.0
# Pairs of a pixel and a face that are computed at once: some 30 MB of intermediate numbers.
_PAIRS_AT_ONCE = 2**16


def get_pixel(
    left: float = -1, top: float = 1, right: float = 1.5, bottom: float = -1.5, xres: int = 50, yres: int = 50
) -> tuple[jax.Array, tuple[int, int]]:
    """Points at which `softras` looks: a grid from edge to edge of a window, both edges included.

    Args:
        left, top, right, bottom: edges of the window, in the unit of the mesh's x and y.
        xres, yres: numbers of columns and rows, >= 1.
    Returns:
        pixel: (yres * xres, 1, 3), row by row from `top`, with z = 0. shape: (yres, xres), for
        `softras(mesh, pixel, C).reshape(shape)`.
    Raises:
        TypeError, ValueError: xres or yres is no whole number of at least 1.

    Source: softraxterizer (Kartik Chandra), get_pixel.

    Example:
        >>> from gendr_adapters.jax import get_pixel
        >>> pixel, shape = get_pixel(xres=4, yres=3)
        >>> pixel.shape, shape
        ((12, 1, 3), (3, 4))
    """
    for name, count in (("xres", xres), ("yres", yres)):
        if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
            raise TypeError(f"{name} must be a whole number, got {count!r}")
        if count < 1:
            raise ValueError(f"{name} must be at least 1, got {count}")
    x, y = jnp.meshgrid(jnp.linspace(left, right, xres), jnp.linspace(top, bottom, yres))
    points = jnp.stack([x, y, jnp.zeros_like(x)], -1)
    return points.reshape(-1, 1, 3), (int(yres), int(xres))


def softras(mesh: Any, pixel: Any, C: Any, SIGMA: Any = 1e-1, GAMMA: Any = 1e-1) -> jax.Array:
    """One number a pixel: the brightness C of the faces, mixed by their coverage and depth. The background is 0.

    softraxterizer's function: x and y are those of `pixel`, z is a position along the view (smaller is nearer), and the
    mesh is not projected. `pixel` may be any points, not only a grid. It works under every transformation of jax,
    forward mode and second derivatives too, and on every device. Pixels are computed in pieces, and again for
    gradients, so that memory does not grow with pixels times faces; time does. `render` has no such limit.

    Args:
        mesh: (T, 3, 3), corners of T triangles, x y z, float32 or float64.
        pixel: (N, 1, 3), from `get_pixel`, or (N, 3), of mesh's dtype.
        C: brightness of the faces: (T,), a number, or (N, T), of each face at each pixel.
        SIGMA: softness of outlines, in the unit of x and y, squared, > 0: a face covers by sigmoid(d^2 / SIGMA).
        GAMMA: softness along depth, > 0, a share of the range of all depths that any pixel sees. Below 1/20 the nearest
            faces count alike: the exponent, depth / GAMMA, is at most 20.
        SIGMA and GAMMA may be scalar arrays, traced ones, too.

    Returns:
        (N,), with gradients to mesh, pixel, C, SIGMA and GAMMA.
    Raises:
        TypeError: no arrays, or other dtypes. ValueError: other shapes; SIGMA or GAMMA not above 0, where that is known
        before the program runs.

    Source: softraxterizer (Kartik Chandra), softras; Liu et al., "Soft Rasterizer", ICCV 2019, eq. 1 to 3.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from gendr_adapters.jax import get_pixel, softras
        >>> pixel, shape = get_pixel(xres=20, yres=20)
        >>> mesh = jnp.array([[[-0.5, -0.5, 0.0], [1.0, -0.5, 0.5], [0.0, 0.5, 1.0]]])
        >>> image = softras(mesh, pixel, jnp.array([0.8]), SIGMA=1e-2).reshape(shape)
        >>> bool(image[8, 8] > image[0, 0])  # row 0 is the top
        True
        >>> jax.grad(lambda mesh: softras(mesh, pixel, 0.8).mean())(mesh).shape
        (1, 3, 3)
    """
    mesh = _real("mesh", mesh)
    if mesh.ndim != 3 or mesh.shape[1:] != (3, 3):
        raise ValueError(f"mesh must be (T, 3, 3), got {tuple(mesh.shape)}")
    points = _real("pixel", pixel)
    if points.ndim not in (2, 3) or points.shape[1:] not in ((3,), (1, 3)):
        raise ValueError(f"pixel must be (N, 1, 3) or (N, 3), got {tuple(points.shape)}")
    if points.dtype != mesh.dtype:
        raise TypeError(f"pixel is {points.dtype}, mesh is {mesh.dtype}: they must be the same")
    points = points.reshape(-1, 3)
    brightness = _brightness(C, len(points), mesh)
    sigma, gamma = (_scale(name, value, mesh.dtype) for name, value in (("SIGMA", SIGMA), ("GAMMA", GAMMA)))
    if not len(mesh) or not len(points):
        return jnp.zeros(len(points), mesh.dtype)

    at_once = max(1, _PAIRS_AT_ONCE // len(mesh))
    extremes = jax.checkpoint(partial(_extreme_depths, mesh))
    lowest, highest = map(_overall, jax.lax.map(extremes, points, batch_size=at_once))
    blend = jax.checkpoint(partial(_blend, mesh, -lowest, highest, sigma, gamma))
    if brightness.ndim == 1:
        return jax.lax.map(lambda point: blend(point, brightness), points, batch_size=at_once)
    return jax.lax.map(lambda pair: blend(*pair), (points, brightness), batch_size=at_once)


def _edges(mesh: Any, point: Any) -> tuple[Any, Any, Any]:
    """Of the edges from each corner to the next, in the plane z = 0: direction, the point from where they begin, and
    twice the signed area of the triangle that they make with the point. (T, 3, 3), (T, 3, 3), (T, 3)."""
    corners = mesh.at[..., 2].set(0)
    along = jnp.roll(corners, -1, 1) - corners
    to_point = point - corners
    return along, to_point, along[..., 0] * to_point[..., 1] - along[..., 1] * to_point[..., 0]


def _depths(mesh: Any, areas: Any) -> Any:
    """(T,), interpolated linearly, with weights that are clamped to [0, 1] and normalised."""
    halves = areas / 2
    weights = jnp.clip(halves / (halves.sum(1, keepdims=True) + _EPS), 0, 1)
    weights /= weights.sum(1, keepdims=True) + _EPS
    # The corner that is opposite of each edge.
    return (weights * jnp.roll(mesh[..., 2], 1, 1)).sum(1)


def _extreme_depths(mesh: Any, point: Any) -> tuple[Any, Any]:
    """Of -depth and of depth at a point: the largest, and how many faces have it."""
    depths = _depths(mesh, _edges(mesh, point)[2])
    found = []
    for values in (-depths, depths):
        largest = values.max()
        found.append((largest, (values == largest).sum()))
    return found[0], found[1]


def _overall(of_points: tuple[Any, Any]) -> Any:
    """The largest of all points. All pairs that have it share its gradient alike, as they do in a maximum over one
    array of all."""
    largest, counts = jax.lax.stop_gradient(of_points)
    overall = largest.max()
    shares = jnp.where(largest == overall, counts, 0).astype(largest.dtype)
    values = of_points[0]
    return overall + (shares / shares.sum() * (values - jax.lax.stop_gradient(values))).sum()


def _blend(mesh: Any, lowest: Any, highest: Any, sigma: Any, gamma: Any, point: Any, brightness: Any) -> Any:
    """What one point shows."""
    along, to_point, areas = _edges(mesh, point)
    share = (to_point * along).sum(-1) / ((along * along).sum(-1) + _EPS)
    away = to_point - jnp.clip(share, 0, 1)[..., None] * along
    distance2 = (away * away).sum(-1).min(1)
    side = jnp.sign(areas)
    inside = (side[:, 0] == side[:, 1]) & (side[:, 0] == side[:, 2])
    coverage = jax.nn.sigmoid(jnp.where(inside, distance2, -distance2) / sigma)
    # Where no pixel sees two depths, nothing is nearer than the rest: the quotient would be of roundings alone.
    extent = highest - lowest
    rounding = 16 * jnp.finfo(mesh.dtype).eps * jnp.maximum(jnp.abs(lowest), jnp.abs(highest))
    flat = extent <= rounding
    nearness = jnp.where(flat, 0, (highest - _depths(mesh, areas)) / jnp.where(flat, 1, extent))
    weights = coverage * jnp.exp(jnp.clip(nearness / gamma, -_LARGEST_EXPONENT, _LARGEST_EXPONENT))
    return (weights * brightness).sum() / (weights.sum() + jnp.exp(_EPS / gamma))


def _real(name: str, value: Any) -> Any:
    if not isinstance(value, (jax.Array, np.ndarray)):
        raise TypeError(f"{name} must be a jax.Array or a NumPy array, got {type(value).__name__}")
    value = jnp.asarray(value)
    if value.dtype not in (jnp.float32, jnp.float64):
        raise TypeError(f"{name} must be float32 or float64, got {value.dtype}")
    return value


def _brightness(C: Any, n_points: int, mesh: Any) -> Any:
    """(T,), or (N, T)."""
    try:
        value = jnp.asarray(C, mesh.dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(f"C must be an array or numbers, got {type(C).__name__}") from error
    shape = (len(mesh),) if value.ndim < 2 else (n_points, len(mesh))
    allowed = value.ndim <= 2 and all(got in (1, wanted) for got, wanted in zip(value.shape, shape, strict=False))
    if not allowed:
        raise ValueError(f"C must be (T,), a number or (N, T), here ({len(mesh)},) or {shape}, got {value.shape}")
    return jnp.broadcast_to(value, shape)


def _scale(name: str, value: Any, dtype: Any) -> Any:
    try:
        number = jnp.asarray(value, dtype)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a number or a scalar array, got {type(value).__name__}") from error
    if number.ndim:
        raise ValueError(f"{name} must be a number or a scalar array, got shape {number.shape}")
    if is_known(number) and not float(number) > 0:
        raise ValueError(f"{name} must be > 0, got {value}")
    return number
