"""The op of `gather_corners`, and its transpose."""

import torch
from torch import Tensor

from .._native import structs
from .calls import DTYPES, run, stream_of
from .library import apply, register


def _call(values: Tensor, faces: Tensor, n_vertices: int, out: Tensor) -> structs.Corners:
    call = structs.Corners(
        struct_size=structs.size_of(structs.Corners),
        dtype=DTYPES[values.dtype],
        n_threads=torch.get_num_threads(),
        n_images=values.shape[0],
        device=values.get_device() if values.is_cuda else 0,
        n_vertices=n_vertices,
        n_faces=faces.shape[0],
        n_channels=values.shape[-1],
        stream=stream_of(values),
    )
    call.point(("faces", "values", "out"), (faces, values, out))
    return call


def _gather(values: Tensor, faces: Tensor) -> Tensor:
    out = _gather_fake(values, faces)
    run("gendr_gather_corners", _call(values, faces, values.shape[1], out), values)
    return out


def _gather_fake(values: Tensor, faces: Tensor) -> Tensor:
    return values.new_empty((values.shape[0], faces.shape[0], 3, values.shape[2]))


def _save_for_gather(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    values, faces = inputs
    ctx.save_for_backward(faces)
    ctx.n_vertices = values.shape[1]


def _differentiate_gather(ctx, grad):  # type: ignore[no-untyped-def]
    (faces,) = ctx.saved_tensors
    return apply("scatter_corners", grad, faces, ctx.n_vertices), None


def _scatter(corners: Tensor, faces: Tensor, n_vertices: int) -> Tensor:
    out = _scatter_fake(corners, faces, n_vertices)
    run("gendr_scatter_corners", _call(corners, faces, n_vertices, out), corners, "gendr_corners_workspace_size")
    return out


def _scatter_fake(corners: Tensor, faces: Tensor, n_vertices: int) -> Tensor:
    return corners.new_empty((corners.shape[0], n_vertices, corners.shape[3]))


def _save_for_scatter(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.save_for_backward(inputs[1])


def _differentiate_scatter(ctx, grad):  # type: ignore[no-untyped-def]
    (faces,) = ctx.saved_tensors
    return apply("gather_corners", grad, faces), None, None


register(
    "gather_corners",
    "(Tensor values, Tensor faces) -> Tensor",
    _gather,
    _gather_fake,
    _differentiate_gather,
    _save_for_gather,
)
register(
    "scatter_corners",
    "(Tensor corners, Tensor faces, SymInt n_vertices) -> Tensor",
    _scatter,
    _scatter_fake,
    _differentiate_scatter,
    _save_for_scatter,
)
