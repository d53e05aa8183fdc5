"""From tensors to a call of the native library."""

import math
from collections.abc import Sequence
from ctypes import byref
from typing import Any

import torch
from torch import Tensor

from .. import _native
from .._native import interrupting, structs

DTYPES = {torch.float32: 0, torch.float64: 1}


def contiguous(tensors: Sequence[Tensor | None]) -> list[Any]:
    return [None if tensor is None else tensor.detach().contiguous() for tensor in tensors]


def scene_of(inputs: list[Any], size: list[int], ints: list[int], floats: list[float], call: Any) -> structs.Scene:
    """The scene of a call. inputs: face_vertices, features, dist_scale, gamma, background, face_offsets, contiguous;
    those after features may be None."""
    face_vertices, features, dist_scale, gamma, background, face_offsets = inputs
    device = face_vertices.device
    if strays := [str(x.device) for x in inputs if x is not None and x.device != device]:
        raise TypeError(f"face_vertices are on {device}, other arguments on {', '.join(strays)}")
    n_texels = features.shape[1] if features.dim() == 3 else 0
    kind = "none" if n_texels == 0 else "corners" if n_texels == 3 else "texels"
    scene = structs.Scene(
        struct_size=structs.size_of(call),
        dtype=DTYPES[face_vertices.dtype],
        n_threads=torch.get_num_threads(),
        device=face_vertices.get_device() if face_vertices.is_cuda else 0,
        n_channels=features.shape[2] if n_texels else 0,
        feature_kind=structs.FEATURE_KINDS[kind],
        texture_res=math.isqrt(n_texels) if kind == "texels" else 0,
        settings=structs.Settings(*ints, *floats),
        n_faces=face_vertices.shape[0],
        stream=stream_of(face_vertices),
    )
    scene.n_images, scene.height, scene.width = size
    counts = (1 if x is None else x.shape[0] for x in (dist_scale, gamma, background))
    scene.n_scales, scene.n_gammas, scene.n_backgrounds = counts
    addresses = call.addresses(face_offsets, face_vertices, features, dist_scale, gamma, background)
    scene.face_offsets, scene.face_vertices, scene.features, *others = addresses
    scene.dist_scale, scene.gamma, scene.background = others
    return scene


def stream_of(tensor: Tensor) -> int | None:
    """The CUDA stream work on the tensor belongs on: torch's current one of its device, which need not be current."""
    return torch.cuda.current_stream(tensor.device).cuda_stream if tensor.is_cuda else None


def run(name: str, call: structs.Call, like: Tensor, workspace_size: str | None = None) -> None:
    """Call a function of the native library; workspace_size is the one that says how much workspace it needs."""
    lib = _native.library(like.device.type)
    if workspace_size:
        call.workspace_size = getattr(lib, workspace_size)(byref(call))
        (call.workspace,) = call.addresses(like.new_empty(call.workspace_size, dtype=torch.uint8))
    _native.check(interrupting.call(getattr(lib, name), call), lib)


# The CUDA library is chosen by torch's CUDA, where there are several.
_native.cuda_of_framework = lambda: torch.version.cuda
