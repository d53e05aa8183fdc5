"""Calls of the core inside jax's programs, by one of two ways with the same arguments, results and bits: XLA's foreign
function interface (csrc/jax/handlers.cpp), or Python where its library was not built (_callback.py).

Every array is there in every call, with no elements if it is not given or not wanted. jax.vmap puts its dimensions
before those named here, of all arrays ("broadcast_all"): a call then has more scenes.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .. import _outputs
from .._native import structs
from .._native.scenes import feature_kind
from .._outputs import ALPHA, ALPHA_WINNER, DEPTH, FACE_INDEX, IMAGE, SOFTMAX, SOFTMAX_LEADER
from .._warnings import log_once
from ..settings import PackedSettings
from . import _callback, _handlers
from ._manual_axes import made_varying, varying_axes

_THROUGH_PYTHON = (
    "gendr_adapters.jax calls the core through Python (jax.pure_callback), because {}. The results are the same; each "
    "call waits for Python's lock and copies its results, and jax.export cannot save such a program. `pip install "
    "--no-build-isolation .` in an environment with jax builds the library (docs/jax.md)."
)


class RenderCall(NamedTuple):
    """What is rendered, without the arrays; a static argument, so it can be hashed."""

    n_images: int
    height: int
    width: int
    n_channels: int  # 0: no features
    n_texels: int
    outputs: int  # bits of _outputs, states included
    settings: PackedSettings

    def attributes(self) -> dict[str, Any]:
        """As the handlers and their Python counterparts take them."""
        kind = structs.FEATURE_KINDS[feature_kind(self.n_texels)]
        return {
            "abi": np.int32(structs.ABI_VERSION),
            "size": np.array([self.n_images, self.height, self.width, self.n_channels, kind], np.int32),
            "ints": np.array(self.settings.ints, np.int32),
            "floats": np.array(self.settings.floats, np.float64),
        }


def nothing(dtype: Any) -> Any:
    """The array that stands for none."""
    return jnp.zeros((0,), dtype)


def forward(call: RenderCall, inputs: Sequence[Any]) -> list[Any]:
    """The arrays of gendr_outputs, in its order. inputs: face_vertices, features, dist_scale, gamma, background,
    face_offsets."""
    n, height, width = call.n_images, call.height, call.width
    real = inputs[0].dtype
    flat = (n, height, width)
    room = {
        "image": (IMAGE, (n, call.n_channels, height, width), real),
        "alpha": (ALPHA, flat, real),
        "depth": (DEPTH, flat, real),
        "face_index": (FACE_INDEX, flat, jnp.int32),
        "alpha_state": (ALPHA, flat, real),
        "alpha_winner": (ALPHA_WINNER, flat, jnp.int32),
        "softmax_state": (SOFTMAX, (n, 2, height, width), real),
        "softmax_leader": (SOFTMAX_LEADER, flat, jnp.int32),
    }
    results = [
        (shape if call.outputs & bit else (0,), dtype)
        for bit, shape, dtype in [room[field] for field in _outputs.FIELDS]
    ]
    return _call("render_forward", results, inputs, call.attributes())


def backward(
    call: RenderCall, needs: tuple[bool, ...], grads: Sequence[Any], inputs: Sequence[Any], saved: Sequence[Any]
) -> list[Any]:
    """Gradients to the five real inputs, with no elements where none is needed. needs: of each of the five. grads: to
    image, alpha and depth. saved: those of _outputs.SAVED."""
    real = inputs[0].dtype
    # That of face_vertices is written in any case.
    results = [(x.shape if need or x is inputs[0] else (0,), real) for x, need in zip(inputs[:5], needs, strict=True)]
    return _call("render_backward", results, [*grads, *inputs, *saved], call.attributes())


def fragments(call: RenderCall, capacity: int, inputs: Sequence[Any]) -> list[Any]:
    """weights, depth, distance2, offsets, pixel, face and how many are missing; inputs as forward's."""
    real = inputs[0].dtype
    results = [
        ((capacity, 3), real),
        ((capacity,), real),
        ((capacity,), real),
        ((call.n_images * call.height * call.width + 1,), jnp.int32),
        ((capacity,), jnp.int32),
        ((capacity,), jnp.int32),
        ((), jnp.int32),
    ]
    return _call("find_fragments", results, inputs, call.attributes())


def fragments_backward(call: RenderCall, grads: Sequence[Any], inputs: Sequence[Any], pixel: Any, face: Any) -> Any:
    """The gradient to face_vertices. grads: to weights, depth and distance2."""
    results = [(inputs[0].shape, inputs[0].dtype)]
    return _call("fragments_backward", results, [*grads, *inputs, pixel, face], call.attributes())[0]


def gather(values: Any, faces: Any) -> Any:
    """(B, F, 3, C), from values (B, V, C) and faces (F, 3) in int32."""
    shape = (values.shape[0], faces.shape[0], 3, values.shape[2])
    return _call("gather_corners", [(shape, values.dtype)], [values, faces], {"abi": np.int32(structs.ABI_VERSION)})[0]


def scatter(corners: Any, faces: Any, n_vertices: int) -> Any:
    """(B, V, C), the transpose of that."""
    shape = (corners.shape[0], n_vertices, corners.shape[3])
    attributes = {"abi": np.int32(structs.ABI_VERSION)}
    return _call("scatter_corners", [(shape, corners.dtype)], [corners, faces], attributes)[0]


def _call(name: str, results: Sequence[Any], arguments: Sequence[Any], attributes: dict[str, Any]) -> list[Any]:
    axes = varying_axes(arguments)
    arguments = made_varying(arguments, axes)
    described = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in results]
    missing = _handlers.missing()
    if missing is None:
        target = jax.ffi.ffi_call(_handlers.PREFIX + name, described, vmap_method="broadcast_all")
        found = target(*arguments, **attributes)
    else:
        log_once(_THROUGH_PYTHON.format(missing))
        function = partial(getattr(_callback, name), tuple(results), **attributes)
        found = jax.pure_callback(function, described, *arguments, vmap_method="broadcast_all")
    return made_varying(found, axes)
