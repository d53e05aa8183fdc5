"""The op of `soft_mask`."""

from typing import Any

import torch
from torch import Tensor

from .._native import structs
from .calls import run, set_scene
from .library import apply, empty_like, no_double_backward, nothing_saved, register

_SIGNATURE = (
    "(Tensor face_vertices, Tensor selected, int knum, SymInt[] ints, float[] floats) -> "
    "(Tensor mask, Tensor missing, Tensor last)"
)
_BACKWARD_SIGNATURE = (
    "(Tensor grad_mask, Tensor face_vertices, Tensor selected, Tensor missing, Tensor last, int knum, SymInt[] ints, "
    "float[] floats) -> Tensor"
)


def _call(
    face_vertices: Tensor, selected: Tensor, saved: list[Tensor], knum: int, ints: list[int], floats: list[float]
) -> structs.SoftMask:
    """saved: missing, last."""
    call = structs.SoftMask(knum=knum)
    set_scene(call, [face_vertices, None, None, None, None, None], selected.shape, ints, floats)
    call.point(("selected", "missing", "last"), (selected, *saved))
    return call


def _soft_mask(*args: Any) -> tuple[Tensor, ...]:
    face_vertices, selected, knum, ints, floats = args
    mask, *saved = results = _soft_mask_fake(*args)
    call = _call(face_vertices, selected, saved, knum, ints, floats)
    call.point(("mask",), (mask,))
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
    ctx.set_materialize_grads(False)  # else autograd makes two images of zeros for outputs without a gradient


def _differentiate(ctx, grad_mask, *_saved):  # type: ignore[no-untyped-def]
    if grad_mask is None:
        return None, None, None, None, None
    grad = apply("soft_mask_backward", grad_mask, *ctx.saved_tensors, ctx.knum, ctx.ints, ctx.floats)
    return grad, None, None, None, None


def _backward(*args: Any) -> Tensor:
    grad_mask, face_vertices, selected, *saved, knum, ints, floats = args
    out = _backward_fake(*args)
    call = _call(face_vertices, selected, saved, knum, ints, floats)
    call.point(("grad_mask", "grad_face_vertices"), (grad_mask, out))
    run("gendr_soft_mask_backward", call, out, "gendr_soft_mask_backward_workspace_size")
    return out


def _backward_fake(*args: Any) -> Tensor:
    return empty_like(args[1])


register("soft_mask", _SIGNATURE, _soft_mask, _soft_mask_fake, _differentiate, _save)
register("soft_mask_backward", _BACKWARD_SIGNATURE, _backward, _backward_fake, no_double_backward, nothing_saved)
