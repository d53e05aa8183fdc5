"""NothingDrawnWarning: says why a call that has faces drew none of them."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ._known import has_numbers
from ._pixels import half_extents
from ._warnings import warn_caller
from .ops.calls import last_faces_in_reach
from .settings import RenderSettings


class NothingDrawnWarning(UserWarning):
    """A call had faces and drew none of them. The message says why: the faces are nearer than near, beyond far, behind
    the camera, culled, or outside the picture.

    Each set of reasons warns once. There is no warning inside torch.compile, torch.export, torch.func.vmap or the
    capture of a CUDA graph. On a GPU only the first three calls of a process are checked, without waiting for them, so
    the warning comes in a later call. `warnings.simplefilter("ignore", NothingDrawnWarning)` turns it off."""


_told: set[tuple[str, ...]] = set()


def warn_if_nothing_drawn(
    face_vertices: Tensor,
    image_size: tuple[int, int],
    settings: RenderSettings,
    *,
    depth_matters: bool = True,
    listed: Tensor | None = None,
    drawn: Tensor | None = None,
) -> None:
    """Warn if the native call before it drew nothing. On the CPU the call says whether it drew something.

    face_vertices: (F, 3, 3), packed. depth_matters: near, far, cull and the camera's plane decide what is drawn.
    listed: a tensor whose length is the number of fragments. drawn: for a GPU, a tensor that is above 0 somewhere if
    something is drawn. A call on a GPU with neither is not checked.
    """
    if torch.compiler.is_compiling():
        return
    in_reach = last_faces_in_reach()
    if (in_reach and listed is None) or not has_numbers(face_vertices) or not face_vertices.shape[0]:
        return
    if listed is not None:
        in_reach = listed.shape[0]
    if in_reach:
        return
    scene = _Scene(face_vertices.detach(), image_size, settings, depth_matters)
    if in_reach == 0:
        _warn(scene)
    elif drawn is not None and drawn.is_cuda:
        _later.look(scene, drawn)


class _Scene(NamedTuple):
    corners: Tensor
    image_size: tuple[int, int]
    settings: RenderSettings
    depth_matters: bool


def _warn(scene: _Scene) -> None:
    reasons = _reasons(scene)
    if tuple(reasons) in _told:
        return
    _told.add(tuple(reasons))
    count = f"{scene.corners.shape[0]:,}"
    message = f"nothing is drawn of {count} faces: " + "; ".join(reasons.values())
    warn_caller(message, NothingDrawnWarning)


def _reasons(scene: _Scene) -> dict[str, str]:
    """Why each face is not drawn, only its first reason: from a reason's name to a sentence."""
    corners, settings = scene.corners.double().cpu(), scene.settings
    xy, z = corners[..., :2], corners[..., 2]
    lowest, highest = z.amin(1), z.amax(1)
    reasons: dict[str, str] = {}
    left = torch.ones(len(corners), dtype=torch.bool)

    def note(name: str, which: Tensor, text: str, *shown: Tensor) -> None:
        nonlocal left
        which = which & left
        left = left & ~which
        if n := int(which.sum()):
            ranges = [f"{value[which].min():.4g} to {value[which].max():.4g}" for value in shown]
            reasons[name] = f"{n:,} " + text.format(*ranges)

    usable = corners.isfinite().all(2).all(1) & (xy.abs() <= 1e18).all(2).all(1)
    note("usable", ~usable, "have corners that are not finite, or beyond 1e18")
    if settings.near_clip is not None:
        text = f"are nearer than near_clip={settings.near_clip:g} (their depths: {{}})"
        note("near_clip", highest < settings.near_clip, text, z)
    if scene.depth_matters:
        if settings.near > 0 and settings.near_clip is None:
            note("behind", highest <= 0, "are behind the camera (their depths: {})", z)
            note(
                "crossing", lowest <= 0, "extend behind the camera (near_clip cuts such faces instead of dropping them)"
            )
        if settings.clip != "none":
            note("near", highest < settings.near, f"are nearer than near={settings.near:g} (their depths: {{}})", z)
            note("far", lowest > settings.far, f"are beyond far={settings.far:g} (their depths: {{}})", z)
        if settings.cull == "back":
            front = _area(xy) > 0 if settings.front == "counterclockwise" else _area(xy) < 0
            text = f"show their back, so cull='back' drops them; a front face is {settings.front} on screen"
            note("culled", ~front, text)
    half_width, half_height = settings.half_extent or half_extents(scene.image_size)
    outside = (xy[..., 0].amin(1) > half_width) | (xy[..., 0].amax(1) < -half_width)
    outside |= (xy[..., 1].amin(1) > half_height) | (xy[..., 1].amax(1) < -half_height)
    spans = f"x +-{half_width:.4g} and y +-{half_height:.4g} NDC"
    text = f"are outside the picture, which spans {spans} (their x: {{}}, y: {{}})"
    note("outside", outside, text, xy[..., 0], xy[..., 1])
    note("between", left, "are not near the centre of any pixel")
    return reasons


def _area(xy: Tensor) -> Tensor:
    (ax, ay), (bx, by) = (xy[:, 1] - xy[:, 0]).unbind(1), (xy[:, 2] - xy[:, 0]).unbind(1)
    return ax * by - ay * bx


class _Later:
    """Checks the first calls on a GPU after the GPU has finished them."""

    def __init__(self, calls: int) -> None:
        self.calls_left = calls
        self.waiting: list[tuple[Any, Tensor, _Scene]] = []

    def look(self, scene: _Scene, drawn: Tensor) -> None:
        if torch.cuda.is_current_stream_capturing():
            return
        while self.waiting and self.waiting[0][0].query():
            _, anything, of = self.waiting.pop(0)
            if not bool(anything):
                _warn(of)
        if self.calls_left == 0:
            return
        self.calls_left -= 1
        with torch.cuda.device(drawn.device):
            anything = (drawn.detach() > 0).any().to("cpu", non_blocking=True)
            event = torch.cuda.Event()
            event.record()
        self.waiting.append((event, anything, scene))


_later = _Later(calls=3)
