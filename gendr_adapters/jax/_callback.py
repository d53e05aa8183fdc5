"""The handlers of csrc/jax/handlers.cpp in Python: the same arguments, as NumPy arrays. results: shape and dtype of
each result, without jax.vmap's dimensions."""

import math
from collections.abc import Sequence
from ctypes import byref
from typing import Any

import numpy as np

from .. import _native
from .._native import interrupting, structs
from .._native.scenes import scene_without_addresses
from .._outputs import FIELDS, SAVED
from ._threads import n_threads

_DTYPES = {np.dtype(np.float32): 0, np.dtype(np.float64): 1}
_INPUTS = ("face_vertices", "features", "dist_scale", "gamma", "background")
_INCOMING = ("grad_image", "grad_alpha", "grad_depth")
_GRADIENTS = ("grad_face_vertices", "grad_features", "grad_dist_scale", "grad_gamma", "grad_background")


class _Array:
    """A NumPy array as structs.Elements."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def data_ptr(self) -> int:
        return int(self.array.ctypes.data)

    def numel(self) -> int:
        return self.array.size

    def contiguous(self) -> "_Array":
        return _Array(np.ascontiguousarray(self.array))


def render_forward(results: Sequence[Any], *arrays: Any, **attributes: Any) -> list[np.ndarray]:
    """gendr_render_forward."""
    inputs = [*map(np.asarray, arrays)]
    outputs = _empty(results, inputs[0].shape[:-3])
    call = structs.Forward()
    _set_scene(call, inputs, **attributes)
    at = FIELDS.index("face_index")
    wide = [*outputs]
    wide[at] = np.empty(outputs[at].shape, np.int64)
    call.point(FIELDS, [*map(_Array, wide)], call.out)
    _run("gendr_render_forward", call, "gendr_forward_workspace_size")
    outputs[at][...] = wide[at]
    return outputs


def render_backward(results: Sequence[Any], *arrays: Any, **attributes: Any) -> list[np.ndarray]:
    """gendr_render_backward."""
    given = [*map(np.asarray, arrays)]
    incoming, inputs, saved = given[:3], given[3:9], given[9:]
    outputs = _empty(results, inputs[0].shape[:-3])
    call = structs.Backward()
    _set_scene(call, inputs, **attributes)
    saved[SAVED.index("face_index")] = saved[SAVED.index("face_index")].astype(np.int64)
    call.point(SAVED, [*map(_Array, saved)], call.out)
    call.point(_INCOMING + _GRADIENTS, [*map(_Array, [*incoming, *outputs])])
    _run("gendr_render_backward", call, "gendr_backward_workspace_size")
    return outputs


def find_fragments(results: Sequence[Any], *arrays: Any, **attributes: Any) -> list[np.ndarray]:
    """gendr_count_fragments, and gendr_fill_fragments for each scene of jax.vmap: of the first pixels, as many as have
    all their fragments in the room that there is; then -1."""
    inputs = [*map(np.asarray, arrays)]
    vmapped = inputs[0].shape[:-3]
    outputs = _empty(results, vmapped)
    # One scene a row.
    n_scenes = math.prod(vmapped)
    rows = [x.reshape(n_scenes, *base) for x, (base, _) in zip(outputs, results, strict=True)]
    weights, depth, distance2, offsets, pixel, face, missing = rows
    n_pixels, capacity, n_faces = offsets.shape[1] - 1, pixel.shape[1], inputs[0].shape[-3]
    call = structs.Fragments()
    _set_scene(call, inputs, **attributes)
    counts = np.empty((n_scenes, n_pixels), np.int32)
    call.point(("counts",), [_Array(counts)])
    _run("gendr_count_fragments", call, "gendr_fragments_workspace_size")
    for i in range(n_scenes):
        ends = np.append(0, counts[i].cumsum(dtype=np.int64))
        if ends[-1] > np.iinfo(np.int32).max:
            raise ValueError("a scene has more than 2^31 - 1 fragments")
        n_listed = int(np.searchsorted(ends, capacity, "right")) - 1  # pixels
        n = int(ends[n_listed])
        offsets[i], missing[i] = ends, ends[-1] - n
        numbers = [np.empty(n, np.int64) for _ in range(2)]
        if n:
            call.n_fragments, call.first_pixel, call.n_pixels = n, i * n_pixels, n_listed
            call.point(("counts", "offsets", "pixel", "face"), [*map(_Array, (counts[i], ends, *numbers))])
            call.point(("weights", "depth", "distance2"), [*map(_Array, (weights[i], depth[i], distance2[i]))])
            _run("gendr_fill_fragments", call, None)
        pixel[i, :n], face[i, :n] = numbers[0] - i * n_pixels, numbers[1] - i * n_faces
        for x in (weights, depth, distance2, pixel, face):
            x[i, n:] = -1
    return outputs


def fragments_backward(results: Sequence[Any], *arrays: Any, **attributes: Any) -> list[np.ndarray]:
    """gendr_fragments_backward."""
    given = [*map(np.asarray, arrays)]
    incoming, inputs, (pixel, face) = given[:3], given[3:9], given[9:]
    (out,) = _empty(results, inputs[0].shape[:-3])
    n_pixels = math.prod(attributes["size"][:3].tolist())
    call = structs.Fragments()
    _set_scene(call, inputs, **attributes)
    # Without the places that are not used.
    used = pixel.ravel() >= 0
    scene_of = np.arange(pixel.size) // max(1, pixel.shape[-1])
    numbers = [
        (x.ravel().astype(np.int64) + scene_of * step)[used]
        for x, step in ((pixel, n_pixels), (face, inputs[0].shape[-3]))
    ]
    call.n_fragments = len(numbers[0])
    call.point(("pixel", "face", "grad_face_vertices"), [*map(_Array, (*numbers, out))])
    grads = [x.reshape(used.size, -1)[used] if x.size else x for x in incoming]
    call.point(("grad_weights", "grad_depth", "grad_distance2"), [*map(_Array, grads)])
    _run("gendr_fragments_backward", call, "gendr_fragments_workspace_size")
    return [out]


def gather_corners(results: Sequence[Any], values: Any, faces: Any, abi: int) -> list[np.ndarray]:
    """gendr_gather_corners."""
    return _of_corners("gendr_gather_corners", results, np.asarray(values), np.asarray(faces), 2)


def scatter_corners(results: Sequence[Any], corners: Any, faces: Any, abi: int) -> list[np.ndarray]:
    """gendr_scatter_corners."""
    return _of_corners("gendr_scatter_corners", results, np.asarray(corners), np.asarray(faces), 3)


def _of_corners(name: str, results: Sequence[Any], values: np.ndarray, faces: np.ndarray, own: int) -> list[np.ndarray]:
    """Calls of jax.vmap one after the other; one call where all have the same faces."""
    vmapped = faces.shape[:-2]
    (out,) = _empty(results, vmapped)
    ((base, _),) = results
    indices = faces.reshape(math.prod(vmapped), *faces.shape[-2:]).astype(np.int64)
    n_vertices = (values if own == 2 else out).shape[-2]
    if not len(indices) or not out.size:
        return [out]
    n_calls = 1 if (indices == indices[0]).all() else len(indices)
    n_images = math.prod(values.shape[:-own]) // n_calls
    of_calls = values.reshape(n_calls, n_images, *values.shape[-own:])
    outs = out.reshape(n_calls, n_images, *base[1:])
    for i in range(n_calls):
        call = structs.Corners(
            struct_size=structs.size_of(structs.Corners),
            dtype=_DTYPES[values.dtype],
            n_threads=n_threads(),
            n_images=n_images,
            n_vertices=n_vertices,
            n_faces=faces.shape[-2],
            n_channels=values.shape[-1],
        )
        call.point(("faces", "values", "out"), [*map(_Array, (indices[i], of_calls[i], outs[i]))])
        _run(name, call, "gendr_corners_workspace_size" if own == 3 else None)
    return [out]


def _empty(results: Sequence[Any], vmapped: tuple[int, ...]) -> list[np.ndarray]:
    return [np.empty((*vmapped, *shape), dtype) for shape, dtype in results]


def _set_scene(
    call: Any, inputs: list[np.ndarray], abi: int, size: np.ndarray, ints: np.ndarray, floats: np.ndarray
) -> None:
    *of_faces, face_offsets = inputs
    face_vertices, features = of_faces[:2]
    vmapped = math.prod(face_vertices.shape[:-3])
    n_images, height, width, n_channels, _ = size.tolist()
    n_faces = face_vertices.shape[-3]
    texels = (vmapped * n_faces, features.shape[-2], n_channels) if n_channels else ()
    all_images = vmapped * n_images
    call.scene = scene_without_addresses(
        structs.size_of(call),
        _DTYPES[face_vertices.dtype],
        n_threads(),
        0,
        (all_images, height, width),
        vmapped * n_faces,
        texels,
        (all_images,) * 3,
        tuple(ints.tolist()),
        tuple(floats.tolist()),
    )
    call.point(_INPUTS, [*map(_Array, of_faces)], call.scene)
    if face_offsets.size:
        call.point(("face_offsets",), [_Array(_joined(face_offsets.reshape(vmapped, -1), n_faces))], call.scene)


def _joined(offsets: np.ndarray, n_faces: int) -> np.ndarray:
    """Those of one scene behind those of the other."""
    if (offsets[:, 0] != 0).any() or (offsets[:, -1] != n_faces).any():
        raise ValueError("face_offsets must run from 0 to n_faces")
    first = np.arange(len(offsets), dtype=np.int64)[:, None] * n_faces
    return np.append((offsets[:, :-1] + first).ravel(), len(offsets) * n_faces)


def _run(name: str, call: structs.Call, workspace_size: str | None) -> None:
    lib = _native.library()
    if workspace_size:
        n_bytes = call.workspace_size = getattr(lib, workspace_size)(byref(call))
        room = np.empty(n_bytes + 64, np.uint8)
        start = -room.ctypes.data % 64
        call.point(("workspace",), [_Array(room[start : start + n_bytes])])
    _native.check(interrupting.call(getattr(lib, name), call), lib)
