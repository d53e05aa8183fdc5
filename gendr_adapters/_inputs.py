"""Checks of user input for `render` and similar functions. Error messages say what was given and what is allowed."""

import math
from collections.abc import Collection, Sequence

import torch
from torch import Tensor
from torch.autograd import forward_ad

from . import _other_words
from ._known import as_list, has_numbers
from ._pixels import image_shape as image_shape  # the only check of user input that needs no torch


def packed_scene(
    face_vertices: Tensor, features: Tensor | None, face_offsets: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None, int]:
    """Check a scene. Returns faces (F_total, 3, 3), features (F_total, T, C), face_offsets in int64 and the number of
    images B."""
    check_real("face_vertices", face_vertices)
    batched = face_vertices.dim() == 4
    if face_vertices.dim() not in (3, 4) or face_vertices.shape[-2:] != (3, 3):
        raise ValueError(f"face_vertices must be (F, 3, 3) or (B, F, 3, 3), got shape {tuple(face_vertices.shape)}")
    if features is not None:
        check_real("features", features)
        check_same("features", features, face_vertices)
        leading = face_vertices.shape[:-2]
        if features.dim() != face_vertices.dim() or features.shape[:-2] != leading:
            expected = ", ".join(map(str, leading))
            raise ValueError(
                f"features must be ({expected}, 3, C) or ({expected}, R*R, C) for face_vertices of shape "
                f"{tuple(face_vertices.shape)}, got shape {tuple(features.shape)}"
            )
        texels = features.shape[-2]
        if texels != 3 and (texels < 1 or math.isqrt(texels) ** 2 != texels):
            raise ValueError(
                f"features must have 3 corners or R*R texels for each face, got {texels} (shape "
                f"{tuple(features.shape)})"
            )
        if features.shape[-1] < 1:
            raise ValueError(f"features must have at least one channel, got shape {tuple(features.shape)}")
    if batched:
        if face_offsets is not None:
            raise ValueError("face_offsets need packed face_vertices (F_total, 3, 3), got a batch (B, F, 3, 3)")
        n_images = face_vertices.shape[0]
        return face_vertices.flatten(0, 1), None if features is None else features.flatten(0, 1), None, n_images
    if face_offsets is None:
        return face_vertices, features, None, 1
    face_offsets = _checked_offsets(face_offsets, face_vertices)
    return face_vertices, features, face_offsets, face_offsets.shape[0] - 1


def refuse_forward_mode(*inputs: object) -> None:
    """Raise NotImplementedError for forward-mode differentiation. Without this check torch would assume a derivative of
    0."""
    if torch.compiler.is_compiling() or forward_ad._current_level < 0:
        return
    if any(isinstance(x, Tensor) and forward_ad.unpack_dual(x).tangent is not None for x in inputs):
        raise NotImplementedError("gendr_adapters has no forward-mode derivatives (jvp); use reverse mode (backward)")


def _checked_offsets(offsets: Tensor, face_vertices: Tensor) -> Tensor:
    offsets = as_index("face_offsets", offsets)
    if offsets.device != face_vertices.device:
        raise TypeError(f"face_offsets are on {offsets.device}, face_vertices on {face_vertices.device}")
    if offsets.dim() != 1 or offsets.shape[0] < 1:
        raise ValueError(f"face_offsets must be (B + 1,), got shape {tuple(offsets.shape)}")
    if not has_numbers(offsets) or (offsets.is_cuda and torch.cuda.is_current_stream_capturing()):
        return offsets  # on a CPU the library checks them again when it runs
    values = as_list(offsets)
    if values[0] != 0 or values[-1] != face_vertices.shape[0] or values != sorted(values):
        shown = values if len(values) <= 8 else [*values[:4], "...", *values[-3:]]
        raise ValueError(f"face_offsets must rise from 0 to the number of faces, {face_vertices.shape[0]}, got {shown}")
    return offsets


HALF_DTYPES = (torch.float16, torch.bfloat16)
INDEX_DTYPES = (torch.int64, torch.int32)


def output_names(outputs: Sequence[str], allowed: Collection[str], argument: str = "outputs") -> tuple[str, ...]:
    if isinstance(outputs, str):
        raise TypeError(f"{argument} must be a sequence of names, e.g. ({outputs!r},), got the string {outputs!r}")
    outputs = tuple(outputs)
    for name in outputs:
        if name not in allowed:
            known = _other_words.OUTPUTS.get(name, "")
            hint = f"did you mean {known!r}? Allowed" if known in allowed else "allowed"
            raise ValueError(f"unknown output {name!r}; {hint}: {', '.join(allowed)}")
    return outputs


def background_rows(
    background: Tensor | Sequence[float] | None, channels: int, n_images: int, like: Tensor
) -> Tensor | None:
    if background is None:
        return None
    if not isinstance(background, Tensor):
        try:
            background = moved(torch.tensor(background, dtype=like.dtype, device="cpu"), like)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"background must be a tensor or numbers, one for each channel, got {background!r}"
            ) from error
    else:
        check_real("background", background)
        check_same("background", background, like)
    rows = background[None] if background.dim() == 1 else background
    if rows.dim() != 2 or rows.shape[1] != channels or rows.shape[0] not in (1, n_images):
        raise ValueError(
            f"background must be ({channels},) or ({n_images}, {channels}), one value for each channel of features, "
            f"got shape {tuple(background.shape)}"
        )
    return rows


def moved(values: Tensor, like: Tensor) -> Tensor:
    """Move numbers from the CPU to the device of `like`. A copy would wait for the GPU, and is not allowed while a CUDA
    graph is captured. Filling does neither, so up to 16 numbers are filled in one by one."""
    if not like.is_cuda or values.numel() > 16 or not has_numbers(values):
        return values.to(like.device)
    out = like.new_empty(values.shape)
    for entry, value in zip(out.view(-1).split(1), as_list(values.view(-1)), strict=True):
        entry.fill_(value)
    return out


def check_finite(face_vertices: Tensor) -> None:
    bad = ~face_vertices.detach().isfinite().all(dim=(1, 2))
    if bool(bad.any()):
        first = int(bad.nonzero()[0])
        raise ValueError(
            f"face_vertices has {int(bad.sum())} faces with corners that are not finite; the first is face {first}: "
            f"{face_vertices[first].tolist()}"
        )


def check_real(name: str, value: Tensor) -> None:
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a tensor, got {type(value).__name__}")
    if value.dtype not in (torch.float32, torch.float64):
        raise TypeError(f"{name} must be float32 or float64, got {value.dtype}")
    if value.layout != torch.strided:
        raise TypeError(f"{name} must be dense (torch.strided), got {value.layout}")
    if not (value.is_cpu or value.is_cuda or value.is_meta):
        raise TypeError(f"{name} is on {value.device}; only CPU and CUDA tensors can be rendered")


def refuse_half(name: str, value: object) -> None:
    """Raise TypeError for a tensor of half precision. Tensors that autocast made are float32 by now (see _autocast)."""
    if isinstance(value, Tensor) and value.dtype in HALF_DTYPES:
        raise TypeError(
            f"{name} must be float32 or float64, got {value.dtype}: half precision is only allowed inside autocast"
        )


def check_same(name: str, value: Tensor, like: Tensor, other: str = "face_vertices") -> None:
    if value.dtype != like.dtype:
        raise TypeError(f"{name} is {value.dtype}, {other} is {like.dtype}: they must be the same")
    if value.device != like.device:
        raise TypeError(f"{name} is on {value.device}, {other} on {like.device}: they must share a device")


def as_index(name: str, value: Tensor) -> Tensor:
    """Convert indices of faces, maps and so on from int64 or int32 to int64. Raises TypeError for anything else."""
    if not isinstance(value, Tensor) or value.dtype not in INDEX_DTYPES or value.layout != torch.strided:
        raise TypeError(f"{name} must be an int64 or int32 tensor, got {kind(value)}")
    return value if value.dtype == torch.int64 else value.long()


def kind(value: object) -> str:
    if isinstance(value, Tensor) and value.layout != torch.strided:
        return f"{value.dtype}, {value.layout}"
    return str(value.dtype) if isinstance(value, Tensor) else type(value).__name__
