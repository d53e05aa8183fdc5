"""The op of `find_nearest_fragments`."""

from typing import Any

import torch
from torch import Tensor

from .._native import structs
from .calls import run
from .fragments import INCOMING, listing
from .library import apply, empty_like, no_double_backward, nothing_saved, register

_SIGNATURE = (
    "(Tensor face_vertices, Tensor? dist_scale, Tensor? face_offsets, SymInt[] size, SymInt n_nearest, "
    "float[] factors, SymInt[] ints, float[] floats) -> (Tensor weights, Tensor depth, Tensor distance2, Tensor face)"
)
_BACKWARD_SIGNATURE = (
    "(Tensor? grad_weights, Tensor? grad_depth, Tensor? grad_distance2, Tensor face_vertices, Tensor? dist_scale, "
    "Tensor? face_offsets, Tensor face, SymInt[] size, SymInt n_nearest, float[] factors, SymInt[] ints, "
    "float[] floats) -> Tensor"
)


def _call(inputs: list[Any], size: list[int], k: int, factors: list[float], *settings: Any) -> structs.Fragments:
    call = listing(inputs, size, *settings)
    call.n_nearest = k
    call.weight_factor, call.distance_factor = factors
    return call


def _outputs(like: Tensor, size: list[int], k: int) -> tuple[Tensor, ...]:
    """weights, depth, distance2, face."""
    depth, distance2 = (like.new_empty((*size, k)) for _ in range(2))
    return like.new_empty((*size, k, 3)), depth, distance2, like.new_empty((*size, k), dtype=torch.int64)


def _nearest(*args: Any) -> tuple[Tensor, ...]:
    *inputs, size, k, factors, ints, floats = args
    outputs = _outputs(inputs[0], size, k)
    call = _call(inputs, size, k, factors, ints, floats)
    call.point(("weights", "depth", "distance2", "face"), outputs)
    run("gendr_nearest_fragments", call, inputs[0], "gendr_fragments_workspace_size")
    return outputs


def _nearest_fake(*args: Any) -> tuple[Tensor, ...]:
    face_vertices, _, _, size, k, *_ = args
    return _outputs(face_vertices, size, k)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, ctx.size, ctx.k, ctx.factors, ctx.ints, ctx.floats = inputs
    face = output[-1]
    ctx.save_for_backward(*tensors, face)
    ctx.mark_non_differentiable(face)
    ctx.set_materialize_grads(False)


def _differentiate(ctx, grad_weights, grad_depth, grad_distance2, _face):  # type: ignore[no-untyped-def]
    grads, how = (grad_weights, grad_depth, grad_distance2), (ctx.size, ctx.k, ctx.factors, ctx.ints, ctx.floats)
    result = apply("nearest_fragments_backward", *grads, *ctx.saved_tensors, *how)
    return result, *[None] * 7


def _backward(*args: Any) -> Tensor:
    *tensors, size, k, factors, ints, floats = args
    grads, inputs, face = tensors[:3], tensors[3:6], tensors[6]
    out = _backward_fake(*args)
    call = _call(inputs, size, k, factors, ints, floats)
    call.n_fragments = face.numel()
    call.point(("face", "grad_face_vertices"), (face, out))
    call.point(INCOMING, grads)
    run("gendr_fragments_backward", call, out, "gendr_fragments_workspace_size")
    return out


def _backward_fake(*args: Any) -> Tensor:
    return empty_like(args[3])


register("nearest_fragments", _SIGNATURE, _nearest, _nearest_fake, _differentiate, _save)
register(
    "nearest_fragments_backward", _BACKWARD_SIGNATURE, _backward, _backward_fake, no_double_backward, nothing_saved
)
