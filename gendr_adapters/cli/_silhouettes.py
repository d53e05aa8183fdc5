"""Silhouettes and their cameras out of a folder, at the size at which they are fitted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .._soft_renderer.pictures import read_coverage
from ..cameras import PinholeCamera
from ._transforms import Frame, read_transforms

# In a picture without alpha: the share of pixels that may be neither dark nor bright.
_MOST_GREY = 0.5
_DARK, _BRIGHT = 0.1, 0.9
# A silhouette has this many pixels at least, where it is fitted.
_LEAST_AREA = 1.0
_TENSORS = ("rotation", "translation", "focal", "principal_point")  # of a camera


class Views(NamedTuple):
    """N pictures of one thing. cameras: N in one. silhouettes: (N, H, W) in [0, 1]. names: of the files."""

    cameras: PinholeCamera
    silhouettes: Tensor
    names: list[str]

    def to(self, device: torch.device) -> "Views":
        """The same on a device."""
        return Views(_changed(self.cameras, lambda x: x.to(device)), self.silhouettes.to(device), self.names)

    def cameras_of(self, numbers: list[int]) -> PinholeCamera:
        """Those of the pictures with these numbers, in one."""
        return _changed(self.cameras, lambda x: x[numbers])


def read_views(path: Path, longest_side: int) -> Views:
    """What a transforms.json lists, or a folder with such a file. Larger pictures are made smaller.

    longest_side: of the silhouettes, at most, pixels.
    Raises FileNotFoundError; ValueError for files that are not as they must be, pictures of several sizes, and pictures
    that show no silhouette.
    """
    cameras: list[PinholeCamera] = []
    silhouettes: list[Tensor] = []
    names: list[str] = []
    first: tuple[int, int] | None = None
    for frame in read_transforms(path / "transforms.json" if path.is_dir() else path):
        levels = _levels(frame)
        size = (levels.shape[0], levels.shape[1])
        if first is None:
            first = size
        elif size != first:
            raise ValueError(
                f"pictures must be of one size: {names[0]} is {first[1]} x {first[0]} pixels, {frame.path} is "
                f"{size[1]} x {size[0]}"
            )
        scale = min(1.0, longest_side / max(size))
        small = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
        silhouette = F.interpolate(levels[None, None], small, mode="area")[0, 0]
        if silhouette.sum() < _LEAST_AREA:
            raise ValueError(f"{frame.path} shows no silhouette at {small[1]} x {small[0]} pixels")
        cameras.append(frame.camera(size, small))
        names.append(str(frame.path))
        silhouettes.append(silhouette)
    together: dict[str, Any] = {name: torch.cat([getattr(camera, name) for camera in cameras]) for name in _TENSORS}
    return Views(replace(cameras[0], **together), torch.stack(silhouettes), names)


def _changed(cameras: PinholeCamera, change: Callable[[Tensor], Tensor]) -> PinholeCamera:
    changed: dict[str, Any] = {name: change(getattr(cameras, name)) for name in _TENSORS}
    return replace(cameras, **changed)


def _levels(frame: Frame) -> Tensor:
    """Coverage (H, W) at the size of the file."""
    pixels, is_alpha = read_coverage(frame.path, frame.where)
    levels = torch.from_numpy(pixels)
    if not is_alpha:
        grey = ((levels > _DARK) & (levels < _BRIGHT)).float().mean()
        border = torch.cat([levels[0], levels[-1], levels[:, 0], levels[:, -1]])
        if grey > _MOST_GREY or border.min() > _DARK:
            raise ValueError(f"{frame.path} has no alpha and is not white on black; a silhouette is one or the other")
    return levels
