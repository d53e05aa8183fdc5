"""The op under `render`."""

from typing import Any

from torch import Tensor

from .._native import structs
from .calls import contiguous, run, scene_of
from .library import apply, empty_gradients, given, no_double_backward, nothing_saved, register
from .outputs import empty_outputs

_SIGNATURE = (
    "(Tensor face_vertices, Tensor features, Tensor? dist_scale, Tensor? gamma, Tensor? background, "
    "Tensor? face_offsets, SymInt[] size, int outputs, SymInt[] ints, float[] floats) -> (Tensor image, Tensor alpha, "
    "Tensor depth, Tensor face_index, Tensor alpha_state, Tensor alpha_winner, Tensor softmax_state, "
    "Tensor softmax_leader)"
)
_BACKWARD_SIGNATURE = (
    "(Tensor? grad_image, Tensor? grad_alpha, Tensor? grad_depth, Tensor face_vertices, Tensor features, "
    "Tensor? dist_scale, Tensor? gamma, Tensor? background, Tensor? face_offsets, Tensor image, Tensor face_index, "
    "Tensor alpha_state, Tensor alpha_winner, Tensor softmax_state, Tensor softmax_leader, SymInt[] size, "
    "SymInt[] ints, float[] floats, bool[] needs) -> (Tensor grad_face_vertices, Tensor grad_features, "
    "Tensor grad_dist_scale, Tensor grad_gamma, Tensor grad_background)"
)


def _render(*args: Any) -> tuple[Tensor, ...]:
    *tensors, size, outputs, ints, floats = args
    inputs = contiguous(tensors)
    results = _render_fake(*inputs, size, outputs, ints, floats)
    call = structs.Forward()
    call.scene = scene_of(inputs, size, ints, floats, call)
    call.out = structs.Outputs(*call.addresses(*results))
    run("gendr_render_forward", call, inputs[0], "gendr_forward_workspace_size")
    return results


def _render_fake(*args: Any) -> tuple[Tensor, ...]:
    face_vertices, features, _, _, _, _, size, outputs, _, _ = args
    return tuple(empty_outputs(face_vertices, features.shape[-1], size, outputs))


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, ctx.size, _, ctx.ints, ctx.floats = inputs
    image, _, _, *states = output
    ctx.save_for_backward(*tensors, image, *states)
    ctx.set_materialize_grads(False)


def _differentiate(ctx, grad_image, grad_alpha, grad_depth, *_states):  # type: ignore[no-untyped-def]
    needs = list(ctx.needs_input_grad[:5])
    grads = map(given, (grad_image, grad_alpha, grad_depth))
    results = apply("render_backward", *grads, *ctx.saved_tensors, ctx.size, ctx.ints, ctx.floats, needs)
    wanted = (grad if need else None for grad, need in zip(results, needs, strict=True))
    return (*wanted, None, None, None, None, None)


def _backward(*args: Any) -> tuple[Tensor, ...]:
    *tensors, size, ints, floats, needs = args
    incoming, inputs, saved = map(contiguous, (tensors[:3], tensors[3:9], tensors[9:]))
    grads = _backward_fake(*incoming, *inputs, *saved, size, ints, floats, needs)
    call = structs.Backward()
    call.scene = scene_of(inputs, size, ints, floats, call)
    image, *states = call.addresses(*saved)
    call.out = structs.Outputs(image, None, None, *states)
    call.grad_image, call.grad_alpha, call.grad_depth = call.addresses(*incoming)
    call.grad_face_vertices, call.grad_features, *scales = call.addresses(*grads)
    call.grad_dist_scale, call.grad_gamma, call.grad_background = scales
    run("gendr_render_backward", call, inputs[0], "gendr_backward_workspace_size")
    return grads


def _backward_fake(*args: Any) -> tuple[Tensor, ...]:
    return tuple(empty_gradients(args[3:8], [True, *args[-1][1:]]))


register("render", _SIGNATURE, _render, _render_fake, _differentiate, _save)
register("render_backward", _BACKWARD_SIGNATURE, _backward, _backward_fake, no_double_backward, nothing_saved)
