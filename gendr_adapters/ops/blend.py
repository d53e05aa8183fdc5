"""The op of `blend_fragments`."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from .._native import structs
from .._outputs import FIELDS, STATES
from .calls import run, set_scene
from .library import apply, empty_gradients, no_double_backward, nothing_saved, register
from .outputs import empty_outputs

_SIGNATURE = (
    "(Tensor offsets, Tensor depth, Tensor distance2, Tensor? features, Tensor? dist_scale, Tensor? gamma, "
    "Tensor? background, Tensor? face_offsets, SymInt[] size, int outputs, SymInt[] ints, float[] floats) -> "
    "(Tensor image, Tensor alpha, Tensor alpha_state, Tensor alpha_winner, Tensor softmax_state, "
    "Tensor softmax_leader)"
)
_BACKWARD_SIGNATURE = (
    "(Tensor? grad_image, Tensor? grad_alpha, Tensor offsets, Tensor depth, Tensor distance2, Tensor? features, "
    "Tensor? dist_scale, Tensor? gamma, Tensor? background, Tensor? face_offsets, Tensor? image, "
    "Tensor? alpha_state, Tensor? alpha_winner, Tensor? softmax_state, Tensor? softmax_leader, SymInt[] size, "
    "SymInt[] ints, float[] floats, bool[] needs) -> (Tensor grad_depth, Tensor grad_distance2, Tensor grad_features, "
    "Tensor grad_dist_scale, Tensor grad_gamma, Tensor grad_background)"
)
_SAVED = ("image", *FIELDS[STATES])
_GRADIENTS = (
    "grad_image",
    "grad_alpha",
    "grad_depth",
    "grad_distance2",
    "grad_values",
    "grad_dist_scale",
    "grad_gamma",
    "grad_background",
)


def _call(
    inputs: list[Any], saved: Sequence[Any], size: list[int], ints: list[int], floats: list[float]
) -> structs.FragmentBlend:
    """inputs: the eight tensors of the op. saved: its results except alpha."""
    offsets, depth, distance2, features, *scales, face_offsets = inputs
    call = structs.FragmentBlend()
    no_faces = depth.new_empty(0)
    set_scene(call, [no_faces, None, *scales, face_offsets], size, ints, floats)
    call.scene.n_channels = _n_channels(features)
    call.point(_SAVED, saved, call.out)
    call.n_fragments = depth.shape[0]
    call.point(("offsets", "depth", "distance2", "values"), (offsets, depth, distance2, features))
    return call


def _blend(*args: Any) -> tuple[Tensor | None, ...]:
    *inputs, size, _, ints, floats = args
    image, alpha, *states = results = _blend_fake(*args)
    call = _call(inputs, [image, *states], size, ints, floats)
    call.point(("alpha",), (alpha,), call.out)
    run("gendr_blend_fragments", call, inputs[1])
    return results


def _blend_fake(*args: Any) -> tuple[Tensor | None, ...]:
    _, depth, _, features, *_, size, outputs, _, _ = args
    results = empty_outputs(depth, _n_channels(features), size, outputs)
    return *results[:2], *results[STATES]


def _n_channels(features: Tensor | None) -> int:
    return 0 if features is None else features.shape[1]


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, ctx.size, _, ctx.ints, ctx.floats = inputs
    image, _, *states = output
    ctx.save_for_backward(*tensors, image, *states)
    ctx.mark_non_differentiable(*[state for state in states if state is not None])
    ctx.set_materialize_grads(False)


def _differentiate(ctx, grad_image, grad_alpha, *_states):  # type: ignore[no-untyped-def]
    needs = list(ctx.needs_input_grad[1:7])
    how = ctx.size, ctx.ints, ctx.floats
    results = apply("blend_backward", grad_image, grad_alpha, *ctx.saved_tensors, *how, needs)
    return (None, *results, None, None, None, None, None)


def _backward(*args: Any) -> tuple[Tensor | None, ...]:
    *tensors, size, ints, floats, needs = args
    grads, inputs, saved = tensors[:2], tensors[2:10], tensors[10:]
    results = empty_gradients(inputs[1:7], needs)
    call = _call(inputs, saved, size, ints, floats)
    call.point(_GRADIENTS, (*grads, *results))
    run("gendr_blend_fragments_backward", call, inputs[1], "gendr_blend_workspace_size")
    return results


def _backward_fake(*args: Any) -> tuple[Tensor | None, ...]:
    return empty_gradients(args[3:9], args[-1])


register("blend", _SIGNATURE, _blend, _blend_fake, _differentiate, _save)
register("blend_backward", _BACKWARD_SIGNATURE, _backward, _backward_fake, no_double_backward, nothing_saved)
