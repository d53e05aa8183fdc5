"""The torch ops under `render`, `find_fragments`, `blend_fragments` and `gather_corners`: definition, implementation,
fake and autograd.

An op takes few arguments, because autograd's cost grows with their number: settings travel as two lists.

    ints    distribution, t_conorm, dist_squared, perspective_correct, distance, blend, cull, front, alpha_range,
            gradient, clip, reach_shape, projection, height, width, outputs (a sum of IMAGE, ALPHA, DEPTH, FACE_INDEX),
            n_images (used where face_offsets is None: all images then have as many faces)
    floats  dist_shape, dist_shift, t_conorm_p, background_eps, near, far, reach, reach_per_scale, min_coverage,
            near_clip (0: none), softmax_near, softmax_far, background_floor, dist_scale, gamma (used where those
            tensors are None), half_width, half_height

Results not asked for are tensors of no elements. The results after face_index are what backward needs of forward.
"""

import math
from collections.abc import Sequence
from ctypes import byref
from typing import Any

import torch
from torch import Tensor
from torch.library import Library

from . import _native
from ._native import interrupting, structs
from ._transformable import transformable
from ._untraced import untraced

IMAGE, ALPHA, DEPTH, FACE_INDEX = 1, 2, 4, 8

_library = Library("gendr_adapters", "DEF")
_library.define(
    "render(Tensor face_vertices, Tensor features, Tensor? dist_scale, Tensor? gamma, Tensor? background, "
    "Tensor? face_offsets, SymInt[] ints, float[] floats) -> (Tensor image, Tensor alpha, Tensor depth, "
    "Tensor face_index, Tensor alpha_state, Tensor alpha_winner, Tensor softmax_state, Tensor softmax_leader)"
)
_library.define(
    "render_backward(Tensor? grad_image, Tensor? grad_alpha, Tensor? grad_depth, Tensor face_vertices, "
    "Tensor features, Tensor? dist_scale, Tensor? gamma, Tensor? background, Tensor? face_offsets, Tensor image, "
    "Tensor face_index, Tensor alpha_state, Tensor alpha_winner, Tensor softmax_state, Tensor softmax_leader, "
    "SymInt[] ints, float[] floats, bool[] needs) -> (Tensor grad_face_vertices, Tensor grad_features, "
    "Tensor grad_dist_scale, Tensor grad_gamma, Tensor grad_background)"
)
_library.define(
    "fragments(Tensor face_vertices, Tensor? dist_scale, Tensor? face_offsets, SymInt[] ints, float[] floats) -> "
    "(Tensor weights, Tensor depth, Tensor distance2, Tensor offsets, Tensor pixel, Tensor face)"
)
_library.define(
    "fragments_backward(Tensor? grad_weights, Tensor? grad_depth, Tensor? grad_distance2, Tensor face_vertices, "
    "Tensor? dist_scale, Tensor? face_offsets, Tensor pixel, Tensor face, SymInt[] ints, float[] floats) -> Tensor"
)
_library.define(
    "blend(Tensor offsets, Tensor depth, Tensor distance2, Tensor features, Tensor? dist_scale, Tensor? gamma, "
    "Tensor? background, Tensor? face_offsets, SymInt[] ints, float[] floats) -> (Tensor image, Tensor alpha, "
    "Tensor alpha_state, Tensor alpha_winner, Tensor softmax_state, Tensor softmax_leader)"
)
_library.define(
    "blend_backward(Tensor? grad_image, Tensor? grad_alpha, Tensor offsets, Tensor depth, Tensor distance2, "
    "Tensor features, Tensor? dist_scale, Tensor? gamma, Tensor? background, Tensor? face_offsets, Tensor image, "
    "Tensor alpha_state, Tensor alpha_winner, Tensor softmax_state, Tensor softmax_leader, SymInt[] ints, "
    "float[] floats, bool[] needs) -> (Tensor grad_depth, Tensor grad_distance2, Tensor grad_features, "
    "Tensor grad_dist_scale, Tensor grad_gamma, Tensor grad_background)"
)
_library.define("gather_corners(Tensor values, Tensor faces) -> Tensor")
_library.define("scatter_corners(Tensor corners, Tensor faces, SymInt n_vertices) -> Tensor")


def apply(name: str, *args: Any) -> Any:
    """The op of this name, inside transforms of torch.func, too."""
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        return _in_transforms[name].apply(*args)
    return getattr(torch.ops.gendr_adapters, name)(*args)


_in_transforms: dict[str, Any] = {}

_DTYPES = {torch.float32: 0, torch.float64: 1}


def _scene(inputs: list[Any], ints: list[int], floats: list[float], call: structs.Call) -> structs.Scene:
    """The scene of a call. inputs: the op's first six tensors, contiguous; those after features may be None."""
    face_vertices, features, dist_scale, gamma, background, face_offsets = inputs
    device = face_vertices.device
    if strays := [str(x.device) for x in inputs if x is not None and x.device != device]:
        raise TypeError(f"face_vertices are on {device}, other arguments on {', '.join(strays)}")
    n_texels = features.shape[1] if features.dim() == 3 else 0
    kind = "none" if n_texels == 0 else "corners" if n_texels == 3 else "texels"
    distribution, t_conorm, dist_squared, perspective, distance, blend, cull, front, alpha_range, *rest = ints[:13]
    return structs.Scene(
        structs.size_of(call),
        _DTYPES[face_vertices.dtype],
        torch.get_num_threads(),
        _n_images(face_offsets, ints),
        ints[13],
        ints[14],
        features.shape[2] if n_texels else 0,
        structs.FEATURE_KINDS[kind],
        math.isqrt(n_texels) if kind == "texels" else 0,
        *(1 if x is None else x.shape[0] for x in (dist_scale, gamma, background)),
        distribution,
        t_conorm,
        dist_squared,
        distance,
        blend,
        cull,
        front,
        alpha_range,
        perspective,
        *rest,
        face_vertices.get_device() if face_vertices.is_cuda else 0,
        *floats,
        face_vertices.shape[0],
        *call.addresses(face_offsets, face_vertices, features, dist_scale, gamma, background),
        _stream(face_vertices),
        None,
    )


def _stream(tensor: Tensor) -> int | None:
    """The CUDA stream work on the tensor belongs on: torch's current one of its device, which need not be current."""
    return torch.cuda.current_stream(tensor.device).cuda_stream if tensor.is_cuda else None


def _run(name: str, call: structs.Call, like: Tensor, workspace_size: str | None = None) -> None:
    """Call a function of the native library; workspace_size is the one that says how much workspace it needs."""
    lib = _native.library(like.device.type)
    if workspace_size:
        call.workspace_size = getattr(lib, workspace_size)(byref(call))
        (call.workspace,) = call.addresses(like.new_empty(call.workspace_size, dtype=torch.uint8))
    _native.check(interrupting.call(getattr(lib, name), call), lib)


def _n_images(face_offsets: Tensor | None, ints: list[int]) -> int:
    return ints[16] if face_offsets is None else face_offsets.shape[0] - 1


def _empty_outputs(
    like: Tensor, features: Tensor, face_offsets: Tensor | None, ints: list[int], floats: list[float]
) -> list[Tensor]:
    n_images, height, width, outputs = _n_images(face_offsets, ints), *ints[13:16]
    t_conorm, blend = ints[1], ints[5]
    pixels = (n_images, height, width)
    image = bool(outputs & IMAGE)

    def real(wanted: int, *shape: int) -> Tensor:
        return like.new_empty(shape if wanted else (0,))

    def winner(wanted: int) -> Tensor:
        return like.new_empty(pixels if wanted else (0,), dtype=torch.int32)

    return [
        real(image, n_images, features.shape[-1], height, width),
        real(outputs & ALPHA, *pixels),
        real(outputs & DEPTH, *pixels),
        like.new_empty(pixels if outputs & FACE_INDEX else (0,), dtype=torch.int64),
        real(outputs & ALPHA, *pixels),
        winner(outputs & ALPHA and t_conorm == _MAX),
        real(image and blend == _SOFTMAX, n_images, 2, height, width),
        winner(image and blend == _SOFTMAX and floats[_BACKGROUND_FLOOR] > 0),
    ]


_MAX, _SOFTMAX = 1, 0  # numbers in ints of t_conorm 'max' and blend 'softmax'
_BACKGROUND_FLOOR = 12  # its place in floats


def _contiguous(tensors: Sequence[Tensor | None]) -> list[Any]:
    return [None if tensor is None else tensor.detach().contiguous() for tensor in tensors]


# The implementations take their arguments as the definitions above name them.


def _render(*args: Any) -> tuple[Tensor, ...]:
    *tensors, ints, floats = args
    inputs = _contiguous(tensors)
    outputs = _empty_outputs(inputs[0], inputs[1], inputs[5], ints, floats)
    call = structs.Forward()
    call.scene = _scene(inputs, ints, floats, call)
    call.out = structs.Outputs(*call.addresses(*outputs))
    _run("gendr_render_forward", call, inputs[0], "gendr_forward_workspace_size")
    return tuple(outputs)


def _render_backward(*args: Any) -> tuple[Tensor, ...]:
    *tensors, ints, floats, needs = args
    incoming, inputs, saved = map(_contiguous, (tensors[:3], tensors[3:9], tensors[9:]))
    grads = _empty_gradients(inputs[:5], [True, *needs[1:]])
    call = structs.Backward()
    call.scene = _scene(inputs, ints, floats, call)
    image, *states = call.addresses(*saved)
    call.out = structs.Outputs(image, None, None, *states)
    call.grad_image, call.grad_alpha, call.grad_depth = call.addresses(*incoming)
    call.grad_face_vertices, call.grad_features, *scales = call.addresses(*grads)
    call.grad_dist_scale, call.grad_gamma, call.grad_background = scales
    _run("gendr_render_backward", call, inputs[0], "gendr_backward_workspace_size")
    return tuple(grads)


def _empty_gradients(inputs: Sequence[Tensor | None], needs: Sequence[bool]) -> list[Tensor]:
    like = inputs[0]
    assert like is not None
    wanted = zip(inputs, needs, strict=True)
    return [like.new_empty(x.shape if need and x is not None else (0,)) for x, need in wanted]


def _render_fake(*args: Any) -> tuple[Tensor, ...]:
    face_vertices, features, *_, face_offsets, ints, floats = args
    return tuple(_empty_outputs(face_vertices, features, face_offsets, ints, floats))


def _render_backward_fake(*args: Any) -> tuple[Tensor, ...]:
    return tuple(_empty_gradients(args[3:8], [True, *args[-1][1:]]))


def _save_for_render_backward(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, ctx.ints, ctx.floats = inputs
    image, _, _, *states = output
    ctx.save_for_backward(*tensors, image, *states)
    ctx.set_materialize_grads(False)


def _differentiate_render(ctx, grad_image, grad_alpha, grad_depth, *_unused):  # type: ignore[no-untyped-def]
    needs = list(ctx.needs_input_grad[:5])
    grads = apply(
        "render_backward",
        *map(_asked, (grad_image, grad_alpha, grad_depth)),
        *ctx.saved_tensors,
        ctx.ints,
        ctx.floats,
        needs,
    )
    return (*(grad if need else None for grad, need in zip(grads, needs, strict=True)), None, None, None)


def _asked(grad: Tensor | None) -> Tensor | None:
    return grad if grad is not None and grad.numel() else None


def _no_double_backward(ctx, *grads):  # type: ignore[no-untyped-def]
    raise NotImplementedError("gendr_adapters has no second derivatives: double backward is not implemented")


def _nothing_saved(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    pass


def _fragments_call(inputs: list[Any], ints: list[int], floats: list[float]) -> structs.Fragments:
    """inputs: face_vertices, dist_scale, face_offsets, contiguous."""
    call = structs.Fragments()
    face_vertices, dist_scale, face_offsets = inputs
    features = face_vertices.new_empty(0)
    call.scene = _scene([face_vertices, features, dist_scale, None, None, face_offsets], ints, floats, call)
    return call


def _fragments(*args: Any) -> tuple[Tensor, ...]:
    *tensors, ints, floats = args
    inputs = _contiguous(tensors)
    faces = inputs[0]
    call = _fragments_call(inputs, ints, floats)
    counts = faces.new_empty((call.scene.n_images, *ints[13:15]), dtype=torch.int32)
    (call.counts,) = call.addresses(counts)
    _run("gendr_count_fragments", call, faces, "gendr_fragments_workspace_size")
    offsets = faces.new_zeros(counts.numel() + 1, dtype=torch.int64)
    torch.cumsum(counts.view(-1), 0, out=offsets[1:])
    n = int(offsets[-1])  # the one number that is read back
    pixel, face = (faces.new_empty(n, dtype=torch.int64) for _ in range(2))
    weights, depth, distance2 = faces.new_empty((n, 3)), faces.new_empty(n), faces.new_empty(n)
    call.n_fragments = n
    call.offsets, call.pixel, call.face = call.addresses(offsets, pixel, face)
    call.weights, call.depth, call.distance2 = call.addresses(weights, depth, distance2)
    _run("gendr_fill_fragments", call, faces, "gendr_fragments_workspace_size")
    return weights, depth, distance2, offsets, pixel, face


def _fragments_backward(*args: Any) -> Tensor:
    *tensors, ints, floats = args
    grads, inputs, (pixel, face) = map(_contiguous, (tensors[:3], tensors[3:6], tensors[6:]))
    out = torch.empty_like(inputs[0])
    call = _fragments_call(inputs, ints, floats)
    call.n_fragments = pixel.shape[0]
    call.pixel, call.face, call.grad_face_vertices = call.addresses(pixel, face, out)
    call.grad_weights, call.grad_depth, call.grad_distance2 = call.addresses(*grads)
    _run("gendr_fragments_backward", call, out, "gendr_fragments_workspace_size")
    return out


def _fragments_fake(face_vertices: Tensor, dist_scale: Any, face_offsets: Any, ints: Any, floats: Any) -> Any:
    n_pixels = _n_images(face_offsets, ints) * ints[13] * ints[14]
    n = torch.library.get_ctx().new_dynamic_size()
    numbers = [face_vertices.new_empty(k, dtype=torch.int64) for k in (n_pixels + 1, n, n)]
    return (face_vertices.new_empty((n, 3)), face_vertices.new_empty(n), face_vertices.new_empty(n), *numbers)


def _fragments_backward_fake(*args: Any) -> Tensor:
    return torch.empty_like(args[3], memory_format=torch.contiguous_format)


def _save_for_fragments_backward(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, ctx.ints, ctx.floats = inputs
    *_, offsets, pixel, face = output
    ctx.save_for_backward(*tensors, pixel, face)
    ctx.mark_non_differentiable(offsets, pixel, face)
    ctx.set_materialize_grads(False)


def _differentiate_fragments(ctx, grad_weights, grad_depth, grad_distance2, *_unused):  # type: ignore[no-untyped-def]
    grads = grad_weights, grad_depth, grad_distance2
    return apply("fragments_backward", *grads, *ctx.saved_tensors, ctx.ints, ctx.floats), None, None, None, None


def _blend_call(inputs: list[Any], saved: Sequence[Any], ints: list[int], floats: list[float]) -> structs.FragmentBlend:
    """inputs: the op's eight tensors, saved: its results but alpha; contiguous."""
    offsets, depth, distance2, features, *scales, face_offsets = inputs
    call = structs.FragmentBlend()
    nothing = depth.new_empty(0)  # for faces and their features
    call.scene = _scene([nothing, nothing, *scales, face_offsets], ints, floats, call)
    call.scene.n_channels = features.shape[1] if features.dim() == 2 else 0
    image, *states = call.addresses(*saved)
    call.out = structs.Outputs(image, None, None, None, *states)
    call.n_fragments = depth.shape[0]
    call.offsets, call.depth, call.distance2, call.values = call.addresses(offsets, depth, distance2, features)
    return call


def _blend(*args: Any) -> tuple[Tensor, ...]:
    *tensors, ints, floats = args
    inputs = _contiguous(tensors)
    image, alpha, *states = outputs = _blend_fake(*inputs, ints, floats)
    call = _blend_call(inputs, [image, *states], ints, floats)
    (call.out.alpha,) = call.addresses(alpha)
    _run("gendr_blend_fragments", call, alpha)
    return outputs


def _blend_backward(*args: Any) -> tuple[Tensor, ...]:
    *tensors, ints, floats, needs = args
    grads, inputs, saved = map(_contiguous, (tensors[:2], tensors[2:10], tensors[10:]))
    results = _blend_backward_fake(*grads, *inputs, *saved, ints, floats, needs)
    call = _blend_call(inputs, saved, ints, floats)
    call.grad_image, call.grad_alpha = call.addresses(*grads)
    call.grad_depth, call.grad_distance2, call.grad_values, *scales = call.addresses(*results)
    call.grad_dist_scale, call.grad_gamma, call.grad_background = scales
    _run("gendr_blend_fragments_backward", call, inputs[1], "gendr_blend_workspace_size")
    return results


def _blend_fake(*args: Any) -> tuple[Tensor, ...]:
    _, depth, _, features, _, _, _, face_offsets, ints, floats = args
    image, alpha, _, _, *states = _empty_outputs(depth, features, face_offsets, ints, floats)
    return image, alpha, *states


def _blend_backward_fake(*args: Any) -> tuple[Tensor, ...]:
    return tuple(_empty_gradients(args[3:9], args[-1]))


def _save_for_blend_backward(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, ctx.ints, ctx.floats = inputs
    image, _, *states = output
    ctx.save_for_backward(*tensors, image, *states)
    ctx.mark_non_differentiable(*states)
    ctx.set_materialize_grads(False)


def _differentiate_blend(ctx, grad_image, grad_alpha, *_unused):  # type: ignore[no-untyped-def]
    needs = list(ctx.needs_input_grad[1:7])
    grads = apply(
        "blend_backward", _asked(grad_image), _asked(grad_alpha), *ctx.saved_tensors, ctx.ints, ctx.floats, needs
    )
    return (None, *(grad if need else None for grad, need in zip(grads, needs, strict=True)), None, None, None)


def _corners(values: Tensor, faces: Tensor, n_vertices: int, out: Tensor) -> structs.Corners:
    call = structs.Corners()
    call.struct_size = structs.size_of(call)
    call.dtype = _DTYPES[values.dtype]
    call.n_threads = torch.get_num_threads()
    call.n_images, call.n_vertices, call.n_faces = values.shape[0], n_vertices, faces.shape[0]
    call.n_channels = values.shape[-1]
    call.device, call.stream = values.get_device() if values.is_cuda else 0, _stream(values)
    call.faces, call.out, source = call.addresses(faces, out, values)
    setattr(call, "in", source)
    return call


def _gather_corners(values: Tensor, faces: Tensor) -> Tensor:
    values, faces = _contiguous((values, faces))
    out = _gather_corners_fake(values, faces)
    _run("gendr_gather_corners", _corners(values, faces, values.shape[1], out), values)
    return out


def _scatter_corners(corners: Tensor, faces: Tensor, n_vertices: int) -> Tensor:
    corners, faces = _contiguous((corners, faces))
    out = _scatter_corners_fake(corners, faces, n_vertices)
    _run("gendr_scatter_corners", _corners(corners, faces, n_vertices, out), corners, "gendr_corners_workspace_size")
    return out


def _gather_corners_fake(values: Tensor, faces: Tensor) -> Tensor:
    return values.new_empty((values.shape[0], faces.shape[0], 3, values.shape[2]))


def _scatter_corners_fake(corners: Tensor, faces: Tensor, n_vertices: int) -> Tensor:
    return corners.new_empty((corners.shape[0], n_vertices, corners.shape[3]))


def _save_for_gather_backward(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    values, faces = inputs
    ctx.save_for_backward(faces)
    ctx.n_vertices = values.shape[1]


def _differentiate_gather(ctx, grad):  # type: ignore[no-untyped-def]
    (faces,) = ctx.saved_tensors
    return apply("scatter_corners", grad, faces, ctx.n_vertices), None


def _save_for_scatter_backward(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    ctx.save_for_backward(inputs[1])


def _differentiate_scatter(ctx, grad):  # type: ignore[no-untyped-def]
    (faces,) = ctx.saved_tensors
    return apply("gather_corners", grad, faces), None, None


for _name, _native_op, _fake in (
    ("render", _render, _render_fake),
    ("render_backward", _render_backward, _render_backward_fake),
    ("fragments", _fragments, _fragments_fake),
    ("fragments_backward", _fragments_backward, _fragments_backward_fake),
    ("blend", _blend, _blend_fake),
    ("blend_backward", _blend_backward, _blend_backward_fake),
    ("gather_corners", _gather_corners, _gather_corners_fake),
    ("scatter_corners", _scatter_corners, _scatter_corners_fake),
):
    for _key in ("CPU", "CUDA"):
        _library.impl(_name, untraced(_native_op), _key)
    torch.library.register_fake(f"gendr_adapters::{_name}", _fake, lib=_library)

for _name, _backward, _setup in (
    ("render", _differentiate_render, _save_for_render_backward),
    ("render_backward", _no_double_backward, _nothing_saved),
    ("fragments", _differentiate_fragments, _save_for_fragments_backward),
    ("fragments_backward", _no_double_backward, _nothing_saved),
    ("blend", _differentiate_blend, _save_for_blend_backward),
    ("blend_backward", _no_double_backward, _nothing_saved),
    ("gather_corners", _differentiate_gather, _save_for_gather_backward),
    ("scatter_corners", _differentiate_scatter, _save_for_scatter_backward),
):
    _backward, _setup = untraced(_backward), untraced(_setup)
    torch.library.register_autograd(f"gendr_adapters::{_name}", _backward, setup_context=_setup, lib=_library)
    _in_transforms[_name] = transformable(_name, _backward, _setup)
