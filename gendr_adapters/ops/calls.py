"""Make calls of the native library from tensors."""

import threading
from collections.abc import Sequence
from ctypes import byref
from typing import Any

import torch
from torch import Tensor

from .. import _native
from .._native import interrupting, structs
from .._native.scenes import scene_without_addresses
from .openmp import gomp_parallel

DTYPES = {torch.float32: 0, torch.float64: 1}

_INPUTS = ("face_vertices", "features", "dist_scale", "gamma", "background", "face_offsets")


def set_scene(call: Any, inputs: list[Any], size: Sequence[int], ints: Sequence[int], floats: Sequence[float]) -> None:
    """Set the scene of a call. inputs: face_vertices, features, dist_scale, gamma, background, face_offsets; all except
    face_vertices may be None.
    """
    face_vertices, features, *rows, _ = inputs
    device = face_vertices.device
    if strays := [str(x.device) for x in inputs if x is not None and x.device != device]:
        raise TypeError(f"face_vertices are on {device}, other arguments on {', '.join(strays)}")
    call.scene = scene_without_addresses(
        structs.size_of(call),
        DTYPES[face_vertices.dtype],
        torch.get_num_threads(),
        device.index or 0,
        tuple(size),
        face_vertices.shape[0],
        () if features is None else features.shape,
        tuple([1 if x is None else x.shape[0] for x in rows]),
        tuple(ints),
        tuple(floats),
    )
    call.point(_INPUTS, inputs, call.scene)
    call.scene.stream = stream_of(face_vertices)


def add_shading(call: Any, inputs: Sequence[Any], sampling: list[int]) -> None:
    """Set the texture maps and the lighting of a call's scene. inputs: features, uvs, surface, light rows, map
    index."""
    features, uvs, surface, lights, map_index = inputs
    scene, n_channels = call.scene, features.shape[-1]
    scene.n_channels = n_channels
    if uvs is not None:
        scene.feature_kind, scene.texture_res = structs.FEATURE_KINDS["maps"], 0
        scene.maps = structs.Maps(*features.shape[:3], *sampling)
        call.point(("uvs", "index"), (uvs, map_index), scene.maps)
    if surface is not None:
        n_lights = (lights.shape[1] - 4 - n_channels) // (4 + 2 * n_channels)
        scene.lighting = structs.Lighting(n_lights, lights.shape[0])
        call.point(("surface", "rows"), (surface, lights), scene.lighting)


def stream_of(tensor: Tensor) -> int | None:
    """The CUDA stream for work on the tensor: torch's current stream of its device, which may not be the current
    device."""
    # torch's compiled code uses this function, too. torch.cuda.current_stream would also make a Stream object.
    return torch._C._cuda_getCurrentRawStream(tensor.get_device()) if tensor.is_cuda else None


def run(name: str, call: structs.Call, like: Tensor, workspace_size: str | None = None) -> Tensor | None:
    """Call a function of the native library. workspace_size: name of the function that returns the size of the
    workspace, if there is one. Returns the workspace."""
    lib, workspace = _native.library("cuda" if like.is_cuda else "cpu"), None
    if workspace_size:
        n_bytes = call.workspace_size = getattr(lib, workspace_size)(byref(call))
        workspace = like.new_empty(n_bytes, dtype=torch.uint8)
        call.point(("workspace",), (workspace,))
    _native.check(interrupting.call(getattr(lib, name), call), lib)
    if name in _DRAWING:
        _last.faces_in_reach = lib.gendr_faces_in_reach()
    return workspace


_DRAWING = ("gendr_render_forward", "gendr_count_fragments", "gendr_nearest_fragments", "gendr_soft_mask_forward")
_last = threading.local()


def last_faces_in_reach() -> int | None:
    """gendr_faces_in_reach of the last call in this thread that draws; None: unknown. A second call returns None."""
    found: int = getattr(_last, "faces_in_reach", -1)
    _last.faces_in_reach = -1
    return None if found < 0 else found


_native.work_on_threads_of(gomp_parallel)
