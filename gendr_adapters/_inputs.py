"""Checks of user input for `render` and similar functions. Error messages say what was given and what is allowed."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd import forward_ad

from ._known import as_list, has_numbers
from ._outputs import output_names as output_names  # like image_shape: free of torch
from ._pixels import image_shape as image_shape
from ._scene_shapes import check_background, check_offset_values, check_offsets, check_scene


def packed_scene(
    face_vertices: Tensor, features: Tensor | None, face_offsets: Tensor | None
) -> tuple[Tensor, Tensor | None, Tensor | None, int]:
    """Check a scene. Returns faces (F_total, 3, 3), features (F_total, T, C), face_offsets in int64 and the number of
    images B."""
    check_real("face_vertices", face_vertices)
    if features is not None:
        check_real("features", features)
        check_same("features", features, face_vertices)
    check_scene(face_vertices.shape, None if features is None else features.shape, face_offsets is not None)
    if face_vertices.dim() == 4:
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
    check_offsets(offsets.shape)
    if not has_numbers(offsets) or (offsets.is_cuda and torch.cuda.is_current_stream_capturing()):
        return offsets  # on a CPU the library checks them again when it runs
    check_offset_values(as_list(offsets), face_vertices.shape[0])
    return offsets


HALF_DTYPES = (torch.float16, torch.bfloat16)
INDEX_DTYPES = (torch.int64, torch.int32)


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
    check_background(background.shape, channels, n_images)
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
