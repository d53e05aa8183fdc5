"""Pictures in files, read and written with Pillow, which is needed only here."""

from types import ModuleType

import numpy as np


def read_picture(path: str, where: str) -> np.ndarray:
    """A picture as (H, W, 3) float32 in [0, 1], row 0 at the top, without its alpha.

    where: what names the picture, for errors. Raises FileNotFoundError, ValueError for what is no picture, ImportError.
    """
    pil = _pillow(f"reading {path}")
    try:
        with pil.open(path) as image:
            image.load()
            deep = image.mode.startswith("I;16")
            pixels = np.asarray(image if deep else image.convert("RGB"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{where}: names the picture {path}, and there is no such file") from None
    except (OSError, SyntaxError, ValueError) as error:  # Pillow's for broken files
        raise ValueError(f"{where}: cannot read the picture {path}: {error}") from error
    values = pixels.astype(np.float32) / np.iinfo(pixels.dtype).max
    return np.repeat(values[..., None], 3, axis=-1) if values.ndim == 2 else values


def write_picture(path: str, pixels: np.ndarray) -> None:
    """Write (H, W, 3) in [0, 1], row 0 at the top, with 8 bits a channel; what is outside is clipped."""
    pil = _pillow(f"writing {path}")
    pil.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8)).save(path)


def _pillow(purpose: str) -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"{purpose} needs Pillow: pip install pillow") from error
    return Image
