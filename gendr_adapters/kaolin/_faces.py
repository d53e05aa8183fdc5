"""Kaolin's faces as our core takes them."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .._known import as_list, has_numbers
from .._visibility import ANY_NEAR, NO_FAR, NO_NEAR, leave_out
from .._warnings import warn_caller
from ..settings import RenderSettings


def kaolin_settings(
    *, perspective_correct: bool = False, near_clip: float | None = None, **fields: Any
) -> RenderSettings:
    """Both axes span [-1, 1] for any shape of the picture, and there are no near and far planes: z of any sign is
    drawn. Perspective divides by z, so with it, or with a near plane, only what is in front of the camera is."""
    return RenderSettings(
        half_extent=(1.0, 1.0),
        near=ANY_NEAR if near_clip is None and not perspective_correct else NO_NEAR,
        near_clip=near_clip,
        far=NO_FAR,
        min_coverage=0.0,
        perspective_correct=perspective_correct,
        **fields,
    )


def face_vertices_of(face_vertices_image: Tensor, face_vertices_z: Tensor, shown: Tensor | None) -> Tensor:
    """face_vertices (B, F, 3, 3); z is negative in front of Kaolin's camera. Faces that are not shown are left out."""
    face_vertices = torch.cat([face_vertices_image, -face_vertices_z[..., None]], 3)
    return face_vertices if shown is None else leave_out(face_vertices, ~shown)


class _Sign:
    """Has a program been told that its depths have the wrong sign? On a GPU, where looking means waiting, the first
    pictures with a face in front of the camera are the last that are looked at."""

    warned = False
    seen_right_on_gpu = False


def warn_of_empty(z: Tensor, find_empty: Callable[[], Tensor], cause: str) -> None:
    """Warn, once, of images whose faces are all behind the camera. find_empty: gives (N,) bool, which images those are;
    only called where it is to be looked at. z: any of theirs."""
    on_gpu = z.is_cuda
    if _Sign.warned or not has_numbers(z):
        return
    if on_gpu and (_Sign.seen_right_on_gpu or torch.cuda.is_current_stream_capturing()):
        return
    empty = as_list(find_empty().nonzero()[:, 0])
    if not empty:
        _Sign.seen_right_on_gpu |= on_gpu
        return
    _Sign.warned = True
    warn_caller(
        f"nothing is drawn in image {empty[0]}: every face of it has a corner at z >= 0. Kaolin's cameras look down "
        f"-z, and z is negative in front of them. {cause}"
    )


def empty_meshes(z: Tensor, shown: Tensor | None, cut: bool) -> Tensor:
    """(B,) bool: has a mesh faces to show, and has each of them a corner, or all where faces are cut, at z >= 0?
    z: (B, F, 3). shown: (B, F)."""
    behind = z.detach() >= 0
    hidden = behind.all(-1) if cut else behind.any(-1)
    if shown is None:
        shown = torch.ones_like(hidden)
    return (hidden | ~shown).all(1) & shown.any(1)
