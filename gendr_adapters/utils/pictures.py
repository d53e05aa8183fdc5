"""Make pictures from renderings and save them as PNG and GIF files. Needs imageio."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .. import _over
from .._picture_files import write_gif, write_image
from .._rendering import Rendered


def over(rendered: Rendered, backdrop: Sequence[float]) -> Tensor:
    """Put a rendering over a plain colour, with its alpha.

    The argument `background` of `render` is different: it competes with the faces in the softmax and disappears where a
    face covers little of the pixel. For a soft outline in a picture use alpha, as here.

    Args:
        rendered: with image (B, 3, H, W) and alpha (B, H, W).
        backdrop: red, green, blue in [0, 1].
    Returns:
        (B, 3, H, W) in [0, 1].
    Raises:
        ValueError: image or alpha was not among the outputs.
    """
    if rendered.image is None or rendered.alpha is None:
        raise ValueError("both outputs are needed, got a rendering without image or alpha")
    return _over.over(rendered.image, rendered.alpha, backdrop)


def to_uint8(picture: Tensor) -> np.ndarray:
    """(3, H, W) in [0, 1] -> (H, W, 3) uint8, rounded. Not clamped: values outside [0, 1] have no defined result."""
    return (picture.detach().permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()


def save_image(path: Path, picture: np.ndarray) -> None:
    """Write (H, W, 3) uint8 in the format of the path's suffix: PNG, JPEG and others."""
    write_image(path, picture)


def save_gif(path: Path, frames: Sequence[np.ndarray], frames_per_second: float) -> None:
    """Write (H, W, 3) uint8 frames as a GIF that repeats forever."""
    write_gif(path, frames, frames_per_second)
