"""`find_fragments` on jax.Arrays."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from .._listing import listing_settings
from .._pixels import image_shape
from ..settings import RenderSettings
from . import _calls
from ._errors import once_differentiated, reverse_mode_only
from ._inputs import check_finite, packed_scene
from ._manual_axes import made_varying, varying_axes
from ._scales import scale_row

# Numbers of fragments are int32.
_MOST = 2**31 - 1


class Fragments(NamedTuple):
    """The result of `find_fragments`, a named tuple with room for M fragments, each a pair of a pixel and a face.

    They are sorted by pixel, image by image and row by row from the top, from the first place on. Places that are not
    used come last: all their numbers are -1.

    offsets: (B * H * W + 1,) int32. The fragments of pixel i are those from offsets[i] to offsets[i + 1] - 1.
        offsets[-1] is how many the scene has, also those that there was no room for: a capacity that is enough.
    pixel: (M,) int32, the pixel: (image * H + row) * W + column.
    face: (M,) int32, the face, counted through all images.
    weights: (M, 3), depth: (M,), distance2: (M,): as in `gendr_adapters.Fragments`.
    missing: () int32, how many fragments are not listed, because there is no room for them: 0 if the list is complete.
        A pixel's fragments are listed all or not at all, so the missing ones are those of the last pixels.
    """

    offsets: jax.Array
    pixel: jax.Array
    face: jax.Array
    weights: jax.Array
    depth: jax.Array
    distance2: jax.Array
    missing: jax.Array


def find_fragments(
    face_vertices: Any,
    image_size: int | tuple[int, int],
    face_offsets: Any = None,
    settings: RenderSettings = RenderSettings(),  # noqa: B008 (frozen)
    *,
    capacity: int,
) -> Fragments:
    """List all fragments of a scene: every pair of a pixel and a face near it, in an array of a fixed size.

    What `gendr_adapters.find_fragments` lists, in the same order and with the same bits, on the CPU. Compiled programs
    have arrays of fixed sizes, so the caller says how many fragments there is room for, and looks at `missing`.

    Args:
        face_vertices, image_size, face_offsets: as for `gendr_adapters.jax.render`.
        settings: as for `gendr_adapters.find_fragments`.
        capacity: M, places for fragments, 1 to 2^31 - 1. A place takes 28 bytes in float32 and 48 in float64. A
            call with capacity 1 says what the scene needs: `int(found.offsets[-1])`.

    Returns:
        Fragments. weights, depth and distance2 have gradients to face_vertices, by reverse mode, once; which pairs are
        listed has no gradient. Under jax.vmap every scene has its own places and its own `missing`.

    Raises:
        TypeError, ValueError, NotImplementedError: as `render`. What only the values of traced arrays show, and a scene
        of more than 2^31 - 1 fragments, is a jax.errors.JaxRuntimeError when the program runs.

    Example:
        >>> import jax.numpy as jnp
        >>> from gendr_adapters import RenderSettings
        >>> from gendr_adapters.jax import find_fragments
        >>> quad = jnp.array([[[-1.0, -1, 2], [1, -1, 2], [1, 1, 2]], [[-1, -1, 2], [1, 1, 2], [-1, 1, 2]]])
        >>> found = find_fragments(quad, 4, settings=RenderSettings(distribution="hard"), capacity=24)
        >>> found.weights.shape, int(found.offsets[-1]), int(found.missing)
        ((24, 3), 20, 0)
        >>> found.face[-5:].tolist()  # four places are not used
        [0, -1, -1, -1, -1]
    """
    face_vertices, _, face_offsets, n_images = packed_scene(face_vertices, None, face_offsets)
    if not isinstance(settings, RenderSettings):
        raise TypeError(f"settings must be a RenderSettings, got {type(settings).__name__}")
    height, width = image_shape(image_size)
    if isinstance(capacity, bool) or not isinstance(capacity, (int, np.integer)):
        raise TypeError(f"capacity must be a whole number, known before the program runs, got {capacity!r}")
    if not 1 <= capacity <= _MOST:
        raise ValueError(f"capacity must be from 1 to {_MOST}, got {capacity}")
    if settings.check_finite:
        check_finite(face_vertices)
    none = _calls.nothing(face_vertices.dtype)
    scale = scale_row("dist_scale", settings.dist_scale, n_images, face_vertices)
    arrays = [
        face_vertices,
        none,
        none if scale is None else jax.lax.stop_gradient(scale),
        none,
        none,
        _calls.nothing(jnp.int32) if face_offsets is None else face_offsets,
    ]
    call = _calls.RenderCall(n_images, height, width, 0, 0, 0, listing_settings(settings))
    results = reverse_mode_only(_find, call, int(capacity), *made_varying(arrays, varying_axes(arrays)))
    weights, depth, distance2, offsets, pixel, face, missing = results
    return Fragments(offsets, pixel, face, weights, depth, distance2, missing)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _find(call: _calls.RenderCall, capacity: int, *inputs: Any) -> tuple[Any, ...]:
    return tuple(_calls.fragments(call, capacity, inputs))


_find_for_gradient = once_differentiated(_calls.fragments, (0, 1))
_backward_of_gradient = once_differentiated(_calls.fragments_backward, (0,))


def _forward(call: _calls.RenderCall, capacity: int, *inputs: Any) -> Any:
    values = tuple([x.value for x in inputs])
    results = tuple(_find_for_gradient(call, capacity, values))
    *_, pixel, face, _ = results
    return results, (values, pixel, face)


def _backward(call: _calls.RenderCall, capacity: int, kept: Any, grads: Any) -> Any:
    inputs, pixel, face = kept
    incoming = [_calls.nothing(inputs[0].dtype) if isinstance(x, SymbolicZero) else x for x in grads[:3]]
    return _backward_of_gradient(call, incoming, inputs, pixel, face), *[None] * (len(inputs) - 1)


_find.defvjp(_forward, _backward, symbolic_zeros=True)
