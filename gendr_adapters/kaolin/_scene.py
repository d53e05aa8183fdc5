"""Kaolin's faces as our core takes them."""

import warnings
from typing import Any

import torch
from torch import Tensor

from .._visibility import NO_FAR, NO_NEAR, leave_out
from ..settings import RenderSettings


def kaolin_settings(**fields: Any) -> RenderSettings:
    """Both axes span [-1, 1] whatever the picture's shape, and there are no near and far planes."""
    return RenderSettings(half_extent=(1.0, 1.0), near=NO_NEAR, far=NO_FAR, min_coverage=0.0, **fields)


def corners(face_vertices_image: Tensor, face_vertices_z: Tensor, shown: Tensor | None) -> Tensor:
    """(B, F, 3, 3); z is negative in front of Kaolin's camera. Faces that are not shown are left out."""
    faces = torch.cat([face_vertices_image, -face_vertices_z[..., None]], 3)
    return faces if shown is None else leave_out(faces, ~shown)


class _Sign:
    """Has a program been told that its depths have the wrong sign? On a GPU, where looking means waiting, the first
    picture with a face in front of the camera is the last that is looked at."""

    warned = False
    seen_right_on_gpu = False


def check_sign(z: Tensor, shown: Tensor | None, cause: str) -> None:
    """Warn, once, of scenes that are wholly behind the camera. z: (..., F, 3), of the corners. shown: (..., F)."""
    on_gpu = z.is_cuda
    if _Sign.warned or z.numel() == 0 or z.is_meta or torch.compiler.is_compiling():
        return
    if on_gpu and (_Sign.seen_right_on_gpu or torch.cuda.is_current_stream_capturing()):
        return
    behind = (z.detach() > 0).all(-1)
    hidden = behind if shown is None else behind | ~shown
    if not bool(hidden.all()):
        _Sign.seen_right_on_gpu |= on_gpu
        return
    if shown is not None and not bool(shown.any()):
        return
    _Sign.warned = True
    warnings.warn(
        f"every face has z > 0, so nothing is drawn: Kaolin's cameras look down -z, and z is negative in front of "
        f"them. {cause}",
        UserWarning,
        stacklevel=4,
    )
