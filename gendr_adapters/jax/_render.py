"""`render` on jax.Arrays."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from .._outputs import FIELDS, IMAGE, OUTPUTS, SAVED, output_names, with_states
from .._pixels import image_shape
from ..settings import RenderSettings
from . import _calls
from ._errors import once_differentiated, reverse_mode_only
from ._inputs import background_rows, check_finite, packed_scene
from ._manual_axes import made_varying, varying_axes
from ._scales import scale_row


class Rendered(NamedTuple):
    """What `render` returns; what was not asked for is None.

    image: (B, C, H, W), blended features. alpha: (B, H, W) in [0, 1], union of the faces' coverages.
    depth: (B, H, W), view depth of the nearest face whose closed triangle holds the pixel centre, 0 where none does.
    face_index: (B, H, W) int32, that face, counted within its mesh; -1 where there is none. Row 0 is the top.
    """

    image: jax.Array | None
    alpha: jax.Array | None
    depth: jax.Array | None
    face_index: jax.Array | None


def render(
    face_vertices: Any,
    image_size: int | tuple[int, int],
    features: Any = None,
    face_offsets: Any = None,
    settings: RenderSettings = RenderSettings(),  # noqa: B008 (frozen)
    background: Any = None,
    outputs: Sequence[str] = ("image", "alpha"),
    lighting: None = None,
) -> Rendered:
    """Render projected triangles softly, with gradients to every face in reach of a pixel.

    What `gendr_adapters.render` computes, on the CPU. Arrays are jax.Arrays, traced ones included, or NumPy arrays.

    Args:
        face_vertices: float32 or float64: x and y in NDC (x right, y up), z view depth (> 0 in front of the camera).
            (F, 3, 3): one image; (B, F, 3, 3): a batch; (F_total, 3, 3) with face_offsets: meshes of different sizes,
            packed.
        image_size: side of a square image or (H, W), in pixels, 1 to 32768.
        features: (F, 3, C), a value a corner, interpolated, or (F, R * R, C), R x R texels a face, of face_vertices'
            dtype; batched or packed like face_vertices. None: no image.
        face_offsets: (B + 1,) int64 or int32; image b shows faces face_offsets[b] to face_offsets[b + 1].
        settings: see RenderSettings. dist_scale and gamma may be arrays (), (1,) or (B,), traced ones, too: they change
            from call to call without a new compilation.
        background: features behind everything, (C,) or (B, C), or numbers; None: 0.
        outputs: any of 'image', 'alpha', 'depth', 'face_index'. What is not asked for costs nothing.
        lighting: there is none yet: must be None.

    Returns:
        Rendered. image, alpha and depth have gradients to face_vertices, features, background, dist_scale and gamma,
        by reverse mode, once.

    Raises:
        TypeError: something is no array, or has a dtype or device that does not fit.
        ValueError: shapes, offsets, sizes or names that do not fit.
        NotImplementedError: texture maps or lighting; a second derivative, or a jvp, of this. The jvp of a function
            that is compiled already is a TypeError of jax's own.

    What only the values of traced arrays show is a jax.errors.JaxRuntimeError when the program runs.
    settings.check_finite looks at known values alone.

    Source: Liu et al., "Soft Rasterizer", ICCV 2019; Petersen et al., "GenDR", CVPR 2022.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from gendr_adapters import RenderSettings
        >>> from gendr_adapters.jax import render
        >>> triangle = jnp.array([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]]])
        >>> def covered(triangle):
        ...     return render(triangle, 64, settings=RenderSettings(dist_scale=1e-3)).alpha.mean()
        >>> gradient = jax.jit(jax.grad(covered))(triangle)
        >>> bool(gradient[0, 2, 1] > 0)  # a larger triangle covers more pixels
        True
    """
    if lighting is not None:
        raise NotImplementedError("gendr_adapters.jax has no lighting yet (docs/jax.md): it must be None")
    if hasattr(features, "uvs"):
        raise NotImplementedError("gendr_adapters.jax has no texture maps yet (docs/jax.md): features are an array")
    face_vertices, features, face_offsets, n_images = packed_scene(face_vertices, features, face_offsets)
    if not isinstance(settings, RenderSettings):
        raise TypeError(f"settings must be a RenderSettings, got {type(settings).__name__}")
    height, width = image_shape(image_size)
    outputs = output_names(outputs, OUTPUTS)
    wanted = sum([bit for name, bit in OUTPUTS.items() if name in outputs])
    if features is None:
        if background is not None:
            raise ValueError("background needs features: without features there is no image; got features=None")
        wanted &= ~IMAGE
        if outputs == ("image",):
            raise ValueError("outputs=('image',) needs features, which the image shows; got features=None")
    n_channels = 0 if features is None else features.shape[-1]
    inputs = [
        face_vertices,
        features,
        scale_row("dist_scale", settings.dist_scale, n_images, face_vertices),
        scale_row("gamma", settings.gamma, n_images, face_vertices),
        background_rows(background, n_channels, n_images, face_vertices),
    ]
    if settings.check_finite:
        check_finite(face_vertices)
    call = _calls.RenderCall(
        n_images,
        height,
        width,
        n_channels,
        0 if features is None else features.shape[1],
        with_states(wanted, settings),
        settings.packed,
    )
    none = _calls.nothing(face_vertices.dtype)
    arrays = [none if x is None else x for x in inputs]
    arrays.append(_calls.nothing(jnp.int32) if face_offsets is None else face_offsets)
    # Here, not in the call: jax.grad then adds up over devices the gradients of what they share.
    results = reverse_mode_only(_render, call, *made_varying(arrays, varying_axes(arrays)))
    return Rendered(*[x if wanted & bit else None for x, bit in zip(results, OUTPUTS.values(), strict=True)])


_N_RESULTS = len(OUTPUTS)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _render(call: _calls.RenderCall, *inputs: Any) -> tuple[Any, ...]:
    return tuple(_calls.forward(call, inputs)[:_N_RESULTS])


_forward_of_gradient = once_differentiated(_calls.forward, (0,))
_backward_of_gradient = once_differentiated(_calls.backward, (0, 1))


def _forward(call: _calls.RenderCall, *inputs: Any) -> Any:
    values = tuple([x.value for x in inputs])
    results = _forward_of_gradient(call, values)
    saved = [results[FIELDS.index(name)] for name in SAVED]
    # None or (): of both there are no arrays, so which it is, is known when the way back is traced.
    needs = [() if x.perturbed else None for x in inputs[:-1]]
    return tuple(results[:_N_RESULTS]), (values, saved, needs)


def _backward(call: _calls.RenderCall, kept: Any, grads: Any) -> Any:
    inputs, saved, needs = kept
    needs = tuple([need is not None for need in needs])
    incoming = [_calls.nothing(inputs[0].dtype) if isinstance(x, SymbolicZero) else x for x in grads[:3]]
    found = _backward_of_gradient(call, needs, incoming, inputs, saved)
    return (*[x if need else None for x, need in zip(found, needs, strict=True)], None)


_render.defvjp(_forward, _backward, symbolic_zeros=True)
