"""Pictures out of renderings, and into files: PNG and GIF, which need imageio."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .._picture_files import write_gif, write_image
from .._rendering import Rendered


def over(rendered: Rendered, backdrop: Sequence[float]) -> Tensor:
    """Lay a rendering over a plain colour by its alpha.

    The renderer's own background competes with the faces inside the softmax and loses long before their coverage fades;
    for a soft rim in a picture the alpha has to do it.

    Args:
        rendered: with image (B, 3, H, W) and alpha (B, H, W).
        backdrop: red, green, blue in [0, 1].
    Returns:
        (B, 3, H, W) in [0, 1].
    Raises:
        ValueError: image or alpha was not among the outputs.
    """
    if rendered.image is None or rendered.alpha is None:
        raise ValueError("got a rendering without image or alpha, both outputs are needed")
    alpha = rendered.alpha[:, None]
    colour = torch.tensor(backdrop)[:, None, None]
    return (rendered.image * alpha + colour * (1 - alpha)).clamp(0, 1)


def to_uint8(picture: Tensor) -> np.ndarray:
    """(3, H, W) in [0, 1] -> (H, W, 3) uint8, rounded. Not clamped: values outside [0, 1] have no defined result."""
    return (picture.detach().permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()


def save_image(path: Path, picture: np.ndarray) -> None:
    """Write (H, W, 3) uint8 in the format of the path's suffix: PNG, JPEG and others."""
    write_image(path, picture)


def save_gif(path: Path, frames: Sequence[np.ndarray], frames_per_second: float) -> None:
    """Write (H, W, 3) uint8 frames as an endless GIF."""
    write_gif(path, frames, frames_per_second)
