"""Sizes of images, and lengths in pixels converted to NDC. This module does not import torch, like the settings."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

# The kernels count the pixels along a side in int32, and all pixels by offsets of rows.
MAX_IMAGE_SIDE = 32768


def image_shape(image_size: int | Sequence[int]) -> tuple[int, int]:
    """Return (H, W), given (H, W) or the side of a square. Raises TypeError or ValueError for anything else."""
    shape: object = (image_size, image_size) if _is_whole(image_size) else image_size
    if not (isinstance(shape, (tuple, list)) and len(shape) == 2 and _is_whole(shape[0]) and _is_whole(shape[1])):
        raise TypeError(f"image_size must be an int or (H, W), got {image_size!r}")
    height, width = shape
    if not (1 <= height <= MAX_IMAGE_SIDE and 1 <= width <= MAX_IMAGE_SIDE):
        raise ValueError(f"image sides must be 1 to {MAX_IMAGE_SIDE} pixels, got {image_size!r}")
    return int(height), int(width)


def half_extents(image_size: int | Sequence[int]) -> tuple[float, float]:
    """How far an image extends from its centre in x and y, in NDC, if RenderSettings.half_extent is None: 1 for its
    shorter side."""
    height, width = image_shape(image_size)
    side = min(height, width)
    return width / side, height / side


def pixel_side(image_size: int | Sequence[int], half_extent: tuple[float, float] | None = None) -> float:
    """Side of a pixel in NDC: 2 / min(H, W). With a half_extent (of RenderSettings) that makes pixels rectangular, it
    is the side of a square with the same area."""
    height, width = image_shape(image_size)
    if half_extent is None:
        return 2 / min(height, width)
    return 2 * math.sqrt(half_extent[0] / width * half_extent[1] / height)


def scale_of_pixels(
    name: str,
    pixels: float,
    image_size: int | Sequence[int],
    dist_squared: bool = True,
    half_extent: tuple[float, float] | None = None,
) -> float:
    """The dist_scale for a softness in pixels, the distance at which u is 1: (2 pixels / min(H, W))^2, or 2 pixels /
    min(H, W) if not dist_squared.

    Raises TypeError or ValueError unless pixels is a finite number > 0. The message calls it by `name`.
    """
    if isinstance(pixels, bool) or not isinstance(pixels, Real):
        raise TypeError(f"{name} must be a number of pixels, got {type(pixels).__name__}")
    if not 0 < pixels < math.inf:
        raise ValueError(f"{name} must be a number of pixels > 0, got {pixels}")
    width = float(pixels) * pixel_side(image_size, half_extent)
    return width * width if dist_squared else width


def _is_whole(value: object) -> bool:
    # Compare the type first: isinstance with Integral takes longer than the rest of the check.
    return type(value) is int or (isinstance(value, Integral) and not isinstance(value, bool))
