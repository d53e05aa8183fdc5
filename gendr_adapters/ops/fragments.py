"""The op of `find_fragments`, which lists all fragments, and the op of `count_fragments`, after which the fragments of
any range of pixels can be listed."""

from typing import Any

import torch
from torch import Tensor

from .._native import structs
from .calls import run, set_scene
from .library import apply, empty_like, no_double_backward, nothing_saved, register

_SIGNATURE = (
    "(Tensor face_vertices, Tensor? dist_scale, Tensor? face_offsets, SymInt[] size, SymInt[] ints, float[] floats) -> "
    "(Tensor weights, Tensor depth, Tensor distance2, Tensor offsets, Tensor pixel, Tensor face)"
)
_BACKWARD_SIGNATURE = (
    "(Tensor? grad_weights, Tensor? grad_depth, Tensor? grad_distance2, Tensor face_vertices, Tensor? dist_scale, "
    "Tensor? face_offsets, Tensor pixel, Tensor face, SymInt[] size, SymInt[] ints, float[] floats) -> Tensor"
)
_COUNT_SIGNATURE = (
    "(Tensor face_vertices, Tensor? dist_scale, Tensor? face_offsets, SymInt[] size, SymInt[] ints, float[] floats) -> "
    "(Tensor offsets, Tensor workspace)"
)
# offsets: of the pixels of the range, from 0. first: the first pixel of the range.
_RANGE_SIGNATURE = (
    "(Tensor face_vertices, Tensor? dist_scale, Tensor? face_offsets, Tensor workspace, Tensor offsets, SymInt first, "
    "SymInt n_fragments, SymInt[] size, SymInt[] ints, float[] floats) -> "
    "(Tensor weights, Tensor depth, Tensor distance2, Tensor pixel, Tensor face)"
)
INCOMING = ("grad_weights", "grad_depth", "grad_distance2")


def listing(inputs: list[Any], size: list[int], ints: list[int], floats: list[float]) -> structs.Fragments:
    """A call for these inputs: face_vertices, dist_scale, face_offsets."""
    call = structs.Fragments()
    face_vertices, dist_scale, face_offsets = inputs
    set_scene(call, [face_vertices, None, dist_scale, None, None, face_offsets], size, ints, floats)
    return call


def _count(*args: Any) -> tuple[Tensor, Tensor]:
    *inputs, size, ints, floats = args
    like = inputs[0]
    call = listing(inputs, size, ints, floats)
    counts = like.new_empty(size, dtype=torch.int32)
    call.point(("counts",), (counts,))
    workspace = run("gendr_count_fragments", call, like, "gendr_fragments_workspace_size")
    offsets = like.new_zeros(counts.numel() + 1, dtype=torch.int64)
    torch.cumsum(counts.view(-1), 0, out=offsets[1:])
    assert workspace is not None
    return offsets, workspace


def _size_unknown_yet() -> torch.SymInt:
    """A size that depends on values. FakeTensors, as of torch.compile and export, have it as a symbol."""
    try:
        context = torch.library.get_ctx()
    except RuntimeError as error:  # for tensors of the device 'meta' alone
        raise TypeError(
            "face_vertices is on the device 'meta', without values, on which the number of fragments depends; "
            "allowed are tensors on cpu and cuda, and FakeTensors"
        ) from error
    return context.new_dynamic_size()


def _count_fake(*args: Any) -> tuple[Tensor, Tensor]:
    face_vertices, _, _, (n_images, height, width), _, _ = args
    n_bytes = _size_unknown_yet()
    return (
        face_vertices.new_empty(n_images * height * width + 1, dtype=torch.int64),
        face_vertices.new_empty(n_bytes, dtype=torch.uint8),
    )


def _save_nothing(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.mark_non_differentiable(*output)


def _no_gradient(ctx, *_grads):  # type: ignore[no-untyped-def]
    return (None,) * 6


def _list(*args: Any) -> tuple[Tensor, ...]:
    *inputs, workspace, offsets, first, n, size, ints, floats = args
    like = inputs[0]
    call = listing(inputs, size, ints, floats)
    results = _empty_list(like, n)
    call.n_fragments, call.first_pixel, call.n_pixels = n, first, offsets.numel() - 1
    counts = like.new_empty(call.n_pixels, dtype=torch.int32)
    call.point(("counts", "offsets"), (counts, offsets))
    call.point(("weights", "depth", "distance2", "pixel", "face"), results)
    # Use the workspace of the count, because it contains the prepared faces.
    call.workspace_size = workspace.numel()
    call.point(("workspace",), (workspace,))
    run("gendr_fill_fragments", call, like)
    return results


def _empty_list(like: Tensor, n: Any) -> tuple[Tensor, ...]:
    pixel, face = (like.new_empty(n, dtype=torch.int64) for _ in range(2))
    return like.new_empty((n, 3)), like.new_empty(n), like.new_empty(n), pixel, face


def _list_fake(*args: Any) -> tuple[Tensor, ...]:
    return _empty_list(args[0], args[6])


def _save_for_list(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, _, _, _, _, ctx.size, ctx.ints, ctx.floats = inputs
    *_, pixel, face = output
    ctx.save_for_backward(*tensors, pixel, face)
    ctx.mark_non_differentiable(pixel, face)
    ctx.set_materialize_grads(False)


def _differentiate_list(ctx, *grads):  # type: ignore[no-untyped-def]
    return _gradient(ctx, grads[:3]), *[None] * 9


def _fragments(*args: Any) -> tuple[Tensor, ...]:
    *tensors, size, ints, floats = args
    offsets, workspace = _count(*args)
    n = int(offsets[-1])  # the only number that is read back from the GPU
    *numbers, pixel, face = _list(*tensors, workspace, offsets, 0, n, size, ints, floats)
    return *numbers, offsets, pixel, face


def _fragments_fake(*args: Any) -> tuple[Tensor, ...]:
    face_vertices, _, _, (n_images, height, width), _, _ = args
    n = _size_unknown_yet()
    *numbers, pixel, face = _empty_list(face_vertices, n)
    return *numbers, face_vertices.new_empty(n_images * height * width + 1, dtype=torch.int64), pixel, face


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, ctx.size, ctx.ints, ctx.floats = inputs
    *_, offsets, pixel, face = output
    ctx.save_for_backward(*tensors, pixel, face)
    ctx.mark_non_differentiable(offsets, pixel, face)
    ctx.set_materialize_grads(False)


def _differentiate(ctx, *grads):  # type: ignore[no-untyped-def]
    return _gradient(ctx, grads[:3]), *[None] * 5


def _gradient(ctx, grads):  # type: ignore[no-untyped-def]
    return apply("fragments_backward", *grads, *ctx.saved_tensors, ctx.size, ctx.ints, ctx.floats)


def _backward(*args: Any) -> Tensor:
    *tensors, size, ints, floats = args
    grads, inputs, (pixel, face) = tensors[:3], tensors[3:6], tensors[6:]
    out = _backward_fake(*args)
    call = listing(inputs, size, ints, floats)
    call.n_fragments = pixel.shape[0]
    call.point(("pixel", "face", "grad_face_vertices"), (pixel, face, out))
    call.point(INCOMING, grads)
    run("gendr_fragments_backward", call, out, "gendr_fragments_workspace_size")
    return out


def _backward_fake(*args: Any) -> Tensor:
    return empty_like(args[3])


register("fragments", _SIGNATURE, _fragments, _fragments_fake, _differentiate, _save)
register("fragments_backward", _BACKWARD_SIGNATURE, _backward, _backward_fake, no_double_backward, nothing_saved)
register("count_fragments", _COUNT_SIGNATURE, _count, _count_fake, _no_gradient, _save_nothing)
register("list_fragments", _RANGE_SIGNATURE, _list, _list_fake, _differentiate_list, _save_for_list)
