"""The op of `render`.

Tensors of a scene: face_vertices; then, each may be None: features, dist_scale, gamma, background; uvs, surface and
light rows of its maps and lighting; face_offsets, map index. sampling: filter, padding and align_corners of maps, else
empty."""

from typing import Any

from torch import Tensor

from .._native import structs
from .._outputs import FIELDS, SAVED, STATES
from .calls import add_shading, run, set_scene
from .library import apply, empty_gradients, empty_like, no_double_backward, nothing_saved, register
from .outputs import empty_outputs

_SIGNATURE = (
    "(Tensor face_vertices, Tensor? features, Tensor? dist_scale, Tensor? gamma, Tensor? background, "
    "Tensor? uvs, Tensor? surface, Tensor? lights, Tensor? face_offsets, Tensor? map_index, int[] sampling, "
    "SymInt[] size, int outputs, SymInt[] ints, float[] floats) -> "
    f"({', '.join(f'Tensor {name}' for name in FIELDS)})"
)
_N_INPUTS = 10  # tensors of a scene
_INCOMING = ("grad_image", "grad_alpha", "grad_depth")
_GRADIENTS = (
    "grad_face_vertices",
    "grad_features",
    "grad_dist_scale",
    "grad_gamma",
    "grad_background",
    "grad_uvs",
    "grad_surface",
    "grad_lighting",
)
_BACKWARD_SIGNATURE = (
    "(Tensor? grad_image, Tensor? grad_alpha, Tensor? grad_depth, Tensor face_vertices, Tensor? features, "
    "Tensor? dist_scale, Tensor? gamma, Tensor? background, Tensor? uvs, Tensor? surface, Tensor? lights, "
    "Tensor? face_offsets, Tensor? map_index, Tensor? image, Tensor? face_index, Tensor? alpha_state, "
    "Tensor? alpha_winner, Tensor? softmax_state, Tensor? softmax_leader, int[] sampling, SymInt[] size, "
    "SymInt[] ints, float[] floats, bool[] needs) -> (Tensor grad_face_vertices, Tensor grad_features, "
    "Tensor grad_dist_scale, Tensor grad_gamma, Tensor grad_background, Tensor grad_uvs, Tensor grad_surface, "
    "Tensor grad_lights)"
)


def _set_scene(call: Any, inputs: list[Any], sampling: list[int], *how: Any) -> None:
    *of_faces, uvs, surface, lights, face_offsets, map_index = inputs
    set_scene(call, [*of_faces, face_offsets], *how)
    if uvs is not None or surface is not None:
        add_shading(call, (of_faces[1], uvs, surface, lights, map_index), sampling)


def _render(*args: Any) -> tuple[Tensor | None, ...]:
    *inputs, sampling, size, _, ints, floats = args
    results = _render_fake(*args)
    call = structs.Forward()
    _set_scene(call, inputs, sampling, size, ints, floats)
    call.point(FIELDS, results, call.out)
    run("gendr_render_forward", call, inputs[0], "gendr_forward_workspace_size")
    return results


def _render_fake(*args: Any) -> tuple[Tensor | None, ...]:
    face_vertices, features, *_, size, outputs, _, _ = args
    n_channels = 0 if features is None else features.shape[-1]
    return tuple(empty_outputs(face_vertices, n_channels, size, outputs))


def _save(ctx, inputs, output) -> None:  # type: ignore[no-untyped-def]
    *tensors, ctx.sampling, ctx.size, _, ctx.ints, ctx.floats = inputs
    image, _, _, face_index, *_ = output
    ctx.save_for_backward(*tensors, image, face_index, *output[STATES])
    ctx.set_materialize_grads(False)


def _differentiate(ctx, grad_image, grad_alpha, grad_depth, *_states):  # type: ignore[no-untyped-def]
    needs = list(ctx.needs_input_grad[: len(_GRADIENTS)])
    how = ctx.sampling, ctx.size, ctx.ints, ctx.floats
    results = apply("render_backward", grad_image, grad_alpha, grad_depth, *ctx.saved_tensors, *how, needs)
    return (*results, None, None, None, None, None, None, None)


def _backward(*args: Any) -> tuple[Tensor | None, ...]:
    *tensors, sampling, size, ints, floats, needs = args
    first_saved = 3 + _N_INPUTS
    incoming, inputs, saved = tensors[:3], tensors[3:first_saved], tensors[first_saved:]
    results = empty_gradients(inputs[: len(_GRADIENTS)], needs)
    call = structs.Backward()
    _set_scene(call, inputs, sampling, size, ints, floats)
    call.point(SAVED, saved, call.out)
    call.point(_INCOMING + _GRADIENTS, (*incoming, *results))
    if results[0] is None:  # the library always writes it
        call.point(_GRADIENTS[:1], [empty_like(inputs[0])])
    run("gendr_render_backward", call, inputs[0], "gendr_backward_workspace_size")
    return results


def _backward_fake(*args: Any) -> tuple[Tensor | None, ...]:
    return empty_gradients(args[3 : 3 + len(_GRADIENTS)], args[-1])


register("render", _SIGNATURE, _render, _render_fake, _differentiate, _save)
register("render_backward", _BACKWARD_SIGNATURE, _backward, _backward_fake, no_double_backward, nothing_saved)
