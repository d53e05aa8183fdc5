"""jax.Arrays as dist_scale and gamma."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..settings import SCALE_MAX, SCALE_MIN, accept_arrays, refuse_scale
from ._inputs import is_known


def _check(name: str, value: Any) -> None:
    if value.ndim > 1 or value.size < 1 or not jnp.issubdtype(value.dtype, jnp.floating):
        raise ValueError(
            f"{name} must be a number or a floating-point array of shape (), (1,) or (B,), "
            f"got shape {tuple(value.shape)}, {value.dtype}"
        )
    if is_known(value):
        numbers = np.asarray(value)
        if not ((numbers >= SCALE_MIN) & (numbers <= SCALE_MAX)).all():
            refuse_scale(name, numbers.tolist())


def _describe(value: Any) -> str:
    number = f", value {float(value.reshape(())):.6g}" if value.size == 1 and is_known(value) else ""
    return f"<array of shape {tuple(value.shape)}, {value.dtype}{number}>"


accept_arrays(jax.Array, _check, _describe)


def scale_row(name: str, value: Any, n_images: int, like: Any) -> Any:
    """(n_images,); None for a number, which is among the packed floats."""
    if not isinstance(value, jax.Array):
        return None
    if value.ndim == 1 and value.shape[0] not in (1, n_images):
        raise ValueError(f"{name} must have 1 entry or one for each image ({n_images}), got {value.shape[0]}")
    return jnp.broadcast_to(value.astype(like.dtype), (n_images,))
