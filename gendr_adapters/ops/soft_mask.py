"""The op under `soft_mask`."""

from typing import Any

import torch
from torch import Tensor

from .._native import structs
from .calls import contiguous, run, set_scene
from .library import apply, no_double_backward, nothing_saved, register

_SIGNATURE = (
    "(Tensor face_vertices, Tensor selected, int knum, SymInt[] ints, float[] floats) -> "
    "(Tensor mask, Tensor missing, Tensor last)"
)
_BACKWARD_SIGNATURE = (
    "(Tensor grad_mask, Tensor face_vertices, Tensor selected, Tensor missing, Tensor last, int knum, SymInt[] ints, "
    "float[] floats) -> Tensor"
)


def _call(inputs: list[Any], saved: list[Tensor], knum: int, ints: list[int], floats: list[float]) -> structs.SoftMask:
    """inputs: face_vertices, selected; saved: missing, last; contiguous."""
    face_vertices, selected = inputs
    call = structs.SoftMask(knum=knum)
    set_scene(call, [face_vertices, None, None, None, None, None], selected.shape, ints, floats)
    call.selected, call.missing, call.last = call.addresses(selected, *saved)
    return call


def _soft_mask(*args: Any) -> tuple[Tensor, ...]:
    face_vertices, selected, knum, ints, floats = args
    inputs = contiguous((face_vertices, selected))
    mask, *saved = results = _soft_mask_fake(*inputs, knum, ints, floats)
    call = _call(inputs, saved, knum, ints, floats)
    (call.mask,) = call.addresses(mask)
    run("gendr_soft_mask_forward", call, mask, "gendr_soft_mask_workspace_size")
    return results


def _soft_mask_fake(*args: Any) -> tuple[Tensor, ...]:
    face_vertices, selected, _, _, _ = args
    mask, missing = (face_vertices.new_empty(selected.shape) for _ in range(2))
    return mask, missing, face_vertices.new_empty(selected.shape, dtype=torch.int32)


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, ctx.knum, ctx.ints, ctx.floats = inputs
    _, *saved = output
    ctx.save_for_backward(*tensors, *saved)
    ctx.mark_non_differentiable(*saved)


def _differentiate(ctx, grad_mask, *_saved):  # type: ignore[no-untyped-def]
    grad = apply("soft_mask_backward", grad_mask, *ctx.saved_tensors, ctx.knum, ctx.ints, ctx.floats)
    return grad, None, None, None, None


def _backward(*args: Any) -> Tensor:
    *tensors, knum, ints, floats = args
    grad_mask, *inputs = contiguous(tensors[:3])
    out = torch.empty_like(inputs[0])
    call = _call(inputs, contiguous(tensors[3:]), knum, ints, floats)
    call.grad_mask, call.grad_face_vertices = call.addresses(grad_mask, out)
    run("gendr_soft_mask_backward", call, out, "gendr_soft_mask_backward_workspace_size")
    return out


def _backward_fake(*args: Any) -> Tensor:
    return torch.empty_like(args[1], memory_format=torch.contiguous_format)


register("soft_mask", _SIGNATURE, _soft_mask, _soft_mask_fake, _differentiate, _save)
register("soft_mask_backward", _BACKWARD_SIGNATURE, _backward, _backward_fake, no_double_backward, nothing_saved)
