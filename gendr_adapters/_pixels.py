"""Pixels: the size of a picture, and lengths of so many pixels in NDC. Free of torch, as the settings are."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

# Pixels of an image are counted in int32 along a side, and in all by the kernels' row offsets.
MAX_IMAGE_SIDE = 32768


def image_shape(image_size: int | Sequence[int]) -> tuple[int, int]:
    """(H, W), from that or the side of a square. Raises TypeError or ValueError for anything else."""
    shape: object = (image_size, image_size) if _is_whole(image_size) else image_size
    if not (isinstance(shape, (tuple, list)) and len(shape) == 2 and _is_whole(shape[0]) and _is_whole(shape[1])):
        raise TypeError(f"image_size must be an int or (H, W), got {image_size!r}")
    height, width = shape
    if not (1 <= height <= MAX_IMAGE_SIDE and 1 <= width <= MAX_IMAGE_SIDE):
        raise ValueError(f"image sides must be 1 to {MAX_IMAGE_SIDE} pixels, got {image_size!r}")
    return int(height), int(width)


def half_extents(image_size: int | Sequence[int]) -> tuple[float, float]:
    """What a picture spans, x and y from 0 in NDC, where RenderSettings.half_extent is None: its shorter side 1."""
    height, width = image_shape(image_size)
    side = min(height, width)
    return width / side, height / side


def pixel_side(image_size: int | Sequence[int], half_extent: tuple[float, float] | None = None) -> float:
    """The side of a pixel in NDC: 2 / min(H, W). half_extent: of RenderSettings; where it makes pixels that are not
    square, the side of a square of the same area."""
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
    """The dist_scale whose unit distance, where u = 1, is so many pixels: (2 pixels / min(H, W))^2, or without
    dist_squared 2 pixels / min(H, W).

    Raises TypeError or ValueError, which call the pixels by the name, unless they are a number > 0 and finite.
    """
    if isinstance(pixels, bool) or not isinstance(pixels, Real):
        raise TypeError(f"{name} must be a number of pixels, got {type(pixels).__name__}")
    if not 0 < pixels < math.inf:
        raise ValueError(f"{name} must be a number of pixels > 0, got {pixels}")
    width = float(pixels) * pixel_side(image_size, half_extent)
    return width * width if dist_squared else width


def _is_whole(value: object) -> bool:
    # Its type first: to ask a number whether it is Integral takes longer than the rest of a check.
    return type(value) is int or (isinstance(value, Integral) and not isinstance(value, bool))
