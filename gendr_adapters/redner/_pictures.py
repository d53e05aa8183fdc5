"""Image files, whose numbers are gamma-encoded, and tensors of linear light."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .._extras import optional
from .._soft_renderer.pictures import read_levels
from ._arguments import number


def imread(filename: str | Path, gamma: float = 2.2) -> Tensor:
    """Read an image file as linear light.

    Args:
        filename: a PNG, JPEG, TIFF, BMP, GIF, PPM, TGA, WebP or PCX file with 8 bits a channel, or with one channel of
            16 bits. Grey becomes three channels, alpha is left out.
        gamma: > 0; values are scaled to [0, 1] and raised to this power.
    Returns:
        (height, width, 3) float32 in [0, 1], on the CPU.
    Raises:
        FileNotFoundError: there is no such file. ValueError: another format (such as .exr), a broken file, or a gamma
            out of range. ImportError: Pillow is not installed.

    Example:
        >>> import tempfile, torch
        >>> import gendr_adapters.redner as pyredner
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     pyredner.imwrite(torch.full((24, 32, 3), 0.5), f"{folder}/grey.png")
        ...     image = pyredner.imread(f"{folder}/grey.png")
        >>> image.shape, round(float(image.mean()), 1)
        (torch.Size([24, 32, 3]), 0.5)
    """
    return read_linear(filename, "", number("gamma", gamma, positive=True))


def read_linear(filename: str | Path, where: str, gamma: float = 2.2) -> Tensor:
    """`imread` of a picture that a file names; where: its file and line, for errors."""
    return torch.from_numpy((read_levels(filename, where) ** gamma).astype(np.float32))


def imwrite(img: Tensor, filename: str | Path, gamma: float = 2.2, normalize: bool = False) -> None:
    """Write linear light as an 8-bit image file; its directory is made if there is none.

    Args:
        img: tensor (height, width, channels); values are clipped to [0, 1].
        filename: path; its suffix is the format.
        gamma: > 0; values are raised to the power 1 / gamma.
        normalize: first map the smallest value to 0 and the largest to 1.
    Raises:
        TypeError, ValueError: not such a tensor, a format without 8-bit images (.exr), or a gamma out of range.
        ImportError: imageio is not installed.

    Example:
        >>> import tempfile, torch
        >>> import gendr_adapters.redner as pyredner
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     pyredner.imwrite(torch.full((24, 32, 3), 0.5), f"{folder}/grey.png")
        ...     image = pyredner.imread(f"{folder}/grey.png")
        >>> image.shape, round(float(image.mean()), 1)
        (torch.Size([24, 32, 3]), 0.5)
    """
    gamma = number("gamma", gamma, positive=True)
    if not isinstance(img, Tensor):
        raise TypeError(f"img must be a tensor, got {type(img).__name__}")
    if img.dim() != 3:
        raise ValueError(f"img must be (height, width, channels), got shape {tuple(img.shape)}")
    path = Path(filename)
    if path.suffix.lower() == ".exr":
        raise ValueError(f"{filename}: OpenEXR is not written; write .png, or torch.save the tensor")
    values = img.detach().cpu().double().numpy()
    if normalize and values.size and values.max() > values.min():
        values = (values - values.min()) / (values.max() - values.min())
    path.parent.mkdir(parents=True, exist_ok=True)
    bytes_ = np.rint(np.clip(values, 0, 1) ** (1 / gamma) * 255).astype(np.uint8)
    optional("imageio.v3", f"writing {path}", "io").imwrite(path, bytes_[:, :, 0] if bytes_.shape[2] == 1 else bytes_)
