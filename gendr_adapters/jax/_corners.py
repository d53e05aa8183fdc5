"""`gather_corners` on jax.Arrays."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._scene_shapes import check_corners
from . import _calls
from ._errors import reverse_mode_only
from ._inputs import as_index, as_real, is_known
from ._manual_axes import made_varying, varying_axes


def gather_corners(values: Any, faces: Any) -> jax.Array:
    """Corner values of an indexed mesh: `values[..., faces, :]`, with a gradient that adds up in a fixed order.

    Args:
        values: (V, C) or (B, V, C), float32 or float64.
        faces: (F, 3) int64 or int32, each in [0, V).
    Returns:
        (F, 3, C) or (B, F, 3, C).
    Raises:
        TypeError: no arrays, or wrong dtypes. ValueError: wrong shapes, or an index out of range; inside jit, where
        indices are not known before the program runs, that is a jax.errors.JaxRuntimeError with the same words.

    Example:
        >>> import jax.numpy as jnp
        >>> from gendr_adapters.jax import gather_corners
        >>> vertices = jnp.array([[0.0, 0.0, 2.0], [1.0, 0.0, 2.0], [1.0, 1.0, 2.0], [0.0, 1.0, 2.0]])
        >>> gather_corners(vertices, jnp.array([[0, 1, 2], [0, 2, 3]])).shape
        (2, 3, 3)
    """
    values = as_real("values", values)
    faces = as_index("faces", faces)
    check_corners(values.shape, faces.shape)
    _check_indices(faces, values.shape[-2])
    arrays = values, jnp.asarray(faces)
    values, faces = made_varying(arrays, varying_axes(arrays))
    if values.ndim == 2:
        return reverse_mode_only(_gather, values[None], faces)[0]
    return reverse_mode_only(_gather, values, faces)


def _check_indices(faces: Any, n_vertices: int) -> None:
    if not is_known(faces):
        return
    numbers = np.asarray(faces)
    bad = np.argwhere((numbers < 0) | (numbers >= n_vertices))
    if len(bad):
        face, corner = bad[0].tolist()
        raise ValueError(f"faces[{face}, {corner}] is {numbers[face, corner]}; allowed: 0 to {n_vertices - 1}")


@jax.custom_vjp
def _gather(values: Any, faces: Any) -> Any:
    return _calls.gather(values, faces)


def _gather_forward(values: Any, faces: Any) -> Any:
    # Of the vertices backward needs the number alone, which a shape tells.
    return _gather(values, faces), (faces, values[0, :, :0])


def _gather_backward(kept: Any, grad: Any) -> Any:
    faces, like = kept
    return _scatter(like.shape[0], grad, faces), None


_gather.defvjp(_gather_forward, _gather_backward)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _scatter(n_vertices: int, corners: Any, faces: Any) -> Any:
    return _calls.scatter(corners, faces, n_vertices)


def _scatter_forward(n_vertices: int, corners: Any, faces: Any) -> Any:
    return _scatter(n_vertices, corners, faces), faces


def _scatter_backward(n_vertices: int, faces: Any, grad: Any) -> Any:
    return _gather(grad, faces), None


_scatter.defvjp(_scatter_forward, _scatter_backward)
