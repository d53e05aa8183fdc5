"""From tensors to a call of the native library."""

import math
from collections.abc import Sequence
from ctypes import byref
from typing import Any

import torch
from torch import Tensor

from .. import _native
from .._native import interrupting, structs
from .openmp import gomp_parallel

DTYPES = {torch.float32: 0, torch.float64: 1}


def contiguous(tensors: Sequence[Tensor | None]) -> list[Any]:
    return [None if tensor is None else tensor.contiguous() for tensor in tensors]


def scene_of(inputs: list[Any], size: list[int], ints: list[int], floats: list[float], call: Any) -> structs.Scene:
    """The scene of a call. inputs: face_vertices, features, dist_scale, gamma, background, face_offsets, contiguous;
    those after features may be None."""
    face_vertices, features, dist_scale, gamma, background, face_offsets = inputs
    device = face_vertices.device
    if strays := [str(x.device) for x in inputs if x is not None and x.device != device]:
        raise TypeError(f"face_vertices are on {device}, other arguments on {', '.join(strays)}")
    n_texels = features.shape[1] if features.dim() == 3 else 0
    kind = "none" if n_texels == 0 else "corners" if n_texels == 3 else "texels"
    # In the order of the struct's fields: by name it would take half as long again.
    return structs.Scene(
        structs.size_of(call),
        DTYPES[face_vertices.dtype],
        torch.get_num_threads(),
        face_vertices.get_device() if face_vertices.is_cuda else 0,
        *size,
        features.shape[2] if n_texels else 0,
        structs.FEATURE_KINDS[kind],
        math.isqrt(n_texels) if kind == "texels" else 0,
        *(1 if x is None else x.shape[0] for x in (dist_scale, gamma, background)),
        structs.Settings(*ints, *floats),
        face_vertices.shape[0],
        *call.addresses(face_offsets, face_vertices, features, dist_scale, gamma, background),
        structs.NO_MAPS,
        structs.NO_LIGHTING,
        stream_of(face_vertices),
        None,
    )


def add_shading(scene: structs.Scene, inputs: Sequence[Any], sampling: list[int], call: Any) -> None:
    """The scene's texture maps and lighting. inputs: features, uvs, surface, light rows, map index, contiguous."""
    features, uvs, surface, lights, map_index = inputs
    n_channels = features.shape[-1]
    scene.n_channels = n_channels
    if uvs is not None:
        scene.feature_kind, scene.texture_res = structs.FEATURE_KINDS["maps"], 0
        scene.maps = structs.Maps(*features.shape[:3], *sampling, *call.addresses(uvs, map_index))
    if surface is not None:
        n_lights = (lights.shape[1] - 4 - n_channels) // (4 + 2 * n_channels)
        scene.lighting = structs.Lighting(n_lights, lights.shape[0], *call.addresses(surface, lights))


def stream_of(tensor: Tensor) -> int | None:
    """The CUDA stream work on the tensor belongs on: torch's current one of its device, which need not be current."""
    return torch.cuda.current_stream(tensor.device).cuda_stream if tensor.is_cuda else None


def run(name: str, call: structs.Call, like: Tensor, workspace_size: str | None = None) -> Tensor | None:
    """Call a function of the native library; workspace_size is the one that says how much workspace it needs, which is
    handed back."""
    lib, workspace = _native.library(like.device.type), None
    if workspace_size:
        call.workspace_size = getattr(lib, workspace_size)(byref(call))
        workspace = like.new_empty(call.workspace_size, dtype=torch.uint8)
        (call.workspace,) = call.addresses(workspace)
    _native.check(interrupting.call(getattr(lib, name), call), lib)
    return workspace


# The CUDA library is chosen by torch's CUDA, where there are several.
_native.cuda_of_framework = lambda: torch.version.cuda
_native.parallel_of_framework = gomp_parallel
