"""The op under `find_fragments`."""

from typing import Any

import torch
from torch import Tensor

from .._native import structs
from .calls import contiguous, run, scene_of
from .library import apply, no_double_backward, nothing_saved, register

_SIGNATURE = (
    "(Tensor face_vertices, Tensor? dist_scale, Tensor? face_offsets, SymInt[] size, SymInt[] ints, float[] floats) -> "
    "(Tensor weights, Tensor depth, Tensor distance2, Tensor offsets, Tensor pixel, Tensor face)"
)
_BACKWARD_SIGNATURE = (
    "(Tensor? grad_weights, Tensor? grad_depth, Tensor? grad_distance2, Tensor face_vertices, Tensor? dist_scale, "
    "Tensor? face_offsets, Tensor pixel, Tensor face, SymInt[] size, SymInt[] ints, float[] floats) -> Tensor"
)


def listing(inputs: list[Any], size: list[int], ints: list[int], floats: list[float]) -> structs.Fragments:
    """inputs: face_vertices, dist_scale, face_offsets, contiguous."""
    call = structs.Fragments()
    face_vertices, dist_scale, face_offsets = inputs
    no_features = face_vertices.new_empty(0)
    all_inputs = [face_vertices, no_features, dist_scale, None, None, face_offsets]
    call.scene = scene_of(all_inputs, size, ints, floats, call)
    return call


def _fragments(*args: Any) -> tuple[Tensor, ...]:
    *tensors, size, ints, floats = args
    inputs = contiguous(tensors)
    like = inputs[0]
    call = listing(inputs, size, ints, floats)
    counts = like.new_empty(size, dtype=torch.int32)
    (call.counts,) = call.addresses(counts)
    run("gendr_count_fragments", call, like, "gendr_fragments_workspace_size")
    offsets = like.new_zeros(counts.numel() + 1, dtype=torch.int64)
    torch.cumsum(counts.view(-1), 0, out=offsets[1:])
    n = int(offsets[-1])  # the one number that is read back
    pixel, face = (like.new_empty(n, dtype=torch.int64) for _ in range(2))
    weights, depth, distance2 = like.new_empty((n, 3)), like.new_empty(n), like.new_empty(n)
    call.n_fragments = n
    call.offsets, call.pixel, call.face = call.addresses(offsets, pixel, face)
    call.weights, call.depth, call.distance2 = call.addresses(weights, depth, distance2)
    run("gendr_fill_fragments", call, like)  # in the workspace of the count, which has the faces prepared
    return weights, depth, distance2, offsets, pixel, face


def _fragments_fake(*args: Any) -> tuple[Tensor, ...]:
    face_vertices, _, _, (n_images, height, width), _, _ = args
    n = torch.library.get_ctx().new_dynamic_size()
    numbers = [face_vertices.new_empty(k, dtype=torch.int64) for k in (n_images * height * width + 1, n, n)]
    return (face_vertices.new_empty((n, 3)), face_vertices.new_empty(n), face_vertices.new_empty(n), *numbers)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, ctx.size, ctx.ints, ctx.floats = inputs
    *_, offsets, pixel, face = output
    ctx.save_for_backward(*tensors, pixel, face)
    ctx.mark_non_differentiable(offsets, pixel, face)
    ctx.set_materialize_grads(False)


def _differentiate(ctx, grad_weights, grad_depth, grad_distance2, *_indices):  # type: ignore[no-untyped-def]
    grads = grad_weights, grad_depth, grad_distance2
    result = apply("fragments_backward", *grads, *ctx.saved_tensors, ctx.size, ctx.ints, ctx.floats)
    return result, None, None, None, None, None


def _backward(*args: Any) -> Tensor:
    *tensors, size, ints, floats = args
    grads, inputs, (pixel, face) = map(contiguous, (tensors[:3], tensors[3:6], tensors[6:]))
    out = torch.empty_like(inputs[0])
    call = listing(inputs, size, ints, floats)
    call.n_fragments = pixel.shape[0]
    call.pixel, call.face, call.grad_face_vertices = call.addresses(pixel, face, out)
    call.grad_weights, call.grad_depth, call.grad_distance2 = call.addresses(*grads)
    run("gendr_fragments_backward", call, out, "gendr_fragments_workspace_size")
    return out


def _backward_fake(*args: Any) -> Tensor:
    return torch.empty_like(args[3], memory_format=torch.contiguous_format)


register("fragments", _SIGNATURE, _fragments, _fragments_fake, _differentiate, _save)
register("fragments_backward", _BACKWARD_SIGNATURE, _backward, _backward_fake, no_double_backward, nothing_saved)
