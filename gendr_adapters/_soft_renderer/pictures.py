"""Pictures in files, read and written with Pillow, which is needed only here; none is read with less than it holds."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from .._extras import optional
from .png_data import missing_bytes
from .statements import require_regular

# Those whose depth can be told. Of others (JPEG 2000, AVIF) Pillow always makes 8 bits; EPS it hands to
# Ghostscript.
FORMATS = ("BMP", "GIF", "JPEG", "PCX", "PNG", "PPM", "TGA", "TIFF", "WEBP")
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339  # TIFF's tags
_WHITE_IS_ZERO = 0
_UNSIGNED = 1
_MAX_16 = 65535


def read_picture(path: str, where: str) -> np.ndarray:
    """A picture as (H, W, 3) float32 in [0, 1], row 0 at the top, without its alpha. See `read_levels`."""
    return read_levels(path, where).astype(np.float32)


def read_levels(path: str | os.PathLike[str], where: str = "") -> np.ndarray:
    """A picture as (H, W, 3) float64 in [0, 1], row 0 at the top, without its alpha.

    Read are integers of 8 bits a channel or fewer, or of 16 bits with one channel. Orientations of EXIF, colour
    profiles and gamma are ignored, and of several pictures in a file the first is read.

    where: the file and line that names the picture, for errors. Raises FileNotFoundError; ValueError for what is not an
    image, no regular file, broken, too large (a decompression bomb) or of another depth; ImportError.
    """
    pixels, white = _read(path, where, lambda image: image.convert("RGB"))
    values = pixels.astype(np.float64) / white
    return np.repeat(values[..., None], 3, axis=-1) if values.ndim == 2 else values


def read_coverage(path: str | os.PathLike[str], where: str = "") -> tuple[np.ndarray, bool]:
    """A silhouette in a picture, (H, W) float32 in [0, 1], and whether it is the picture's alpha. It is the brightness
    where there is no alpha, or where all of it is opaque. Arguments and errors are those of `read_levels`."""
    pixels, white = _read(path, where, _grey_and_alpha)
    if pixels.ndim == 2:
        return pixels.astype(np.float32) / np.float32(white), False
    has_alpha = bool(pixels[..., 1].min() < white)
    return pixels[..., int(has_alpha)].astype(np.float32) / np.float32(white), has_alpha


def _grey_and_alpha(image: Any) -> Any:
    """Alpha may also be in a palette, or one colour may be named as transparent."""
    transparent = image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info
    return image.convert("RGBA" if transparent else "RGB").convert("LA")


def _read(path: str | os.PathLike[str], where: str, converted: Callable[[Any], Any]) -> tuple[np.ndarray, int]:
    """The integers that converted makes of the image, (H, W, C), or those of one with 16 bits, (H, W); and what is
    white."""
    path = os.fspath(path)
    pil = optional("PIL.Image", f"reading {path}", "io")
    prefix = f"{where}: " if where else ""
    try:
        require_regular(path)
        if os.path.isdir(path):
            raise ValueError("it is a folder")
        with pil.open(path, formats=FORMATS) as image:
            depth = _depth(image)
            image.load()
            pixels = np.asarray(image if depth == 16 else converted(image))
            missing = missing_bytes(path) if image.format == "PNG" else 0
        if missing:
            raise ValueError(f"truncated, {missing} bytes of it are missing")
    except FileNotFoundError:
        said = f"names the picture {path}, and there is no such file" if where else f"no such file: {path}"
        raise FileNotFoundError(prefix + said) from None
    except pil.UnidentifiedImageError as error:
        raise ValueError(f"{prefix}cannot read the picture {path}: it is none of {', '.join(FORMATS)}") from error
    except MemoryError:
        raise
    except Exception as error:  # there is no telling what Pillow raises for broken files
        raise ValueError(f"{prefix}cannot read the picture {path}: {error}") from error
    return pixels, _MAX_16 if depth == 16 else 255


def write_picture(path: str, pixels: np.ndarray) -> None:
    """Write (H, W, 3) in [0, 1], row 0 at the top, with 8 bits a channel; what is outside is clipped."""
    pil = optional("PIL.Image", f"writing {path}", "io")
    pil.fromarray((pixels.clip(0, 1) * 255).round().astype(np.uint8)).save(path)


def _depth(image: Any) -> int:
    """8 for what Pillow reads in full as 8 bits a channel, 16 for one channel of 16. Raises ValueError for the rest."""
    if image.format == "TIFF":
        return _tiff_depth(image)
    # A tile is codec, extents, offset, arguments; these begin with how the file's pixels are packed.
    first = image.tile[0][3] if image.tile else ""
    packed = first if isinstance(first, str) else str(first[0])
    if image.format == "PPM":  # whose own codecs are told the largest level
        deep = packed.startswith("I;16") or (image.tile[0][0].startswith("ppm") and int(first[1]) > 255)
    else:
        deep = image.format == "PNG" and ";16" in packed
    if image.mode == "F":
        raise ValueError("floating-point numbers; read are integers of 8 or 16 bits")
    if deep and not image.mode.startswith("I"):
        raise ValueError("colours of 16 bits a channel, of which Pillow would keep 8: save it with 8 bits a channel")
    return 16 if deep else 8


def _tiff_depth(image: Any) -> int:
    tags = image.tag_v2
    bits = _as_tuple(tags.get(_BITS_PER_SAMPLE, 1))
    formats = _as_tuple(tags.get(_SAMPLE_FORMAT, _UNSIGNED))
    if max(bits) <= 8 and set(formats) == {_UNSIGNED}:
        return 8
    white_is_zero = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    if bits == (16,) and formats == (_UNSIGNED,) and not white_is_zero:
        return 16
    kinds = {1: "unsigned integers", 2: "signed integers", 3: "floating-point numbers"}
    kind = kinds.get(formats[0], "numbers of an unknown kind") + (", white is 0" if white_is_zero else "")
    raise ValueError(
        f"{len(bits)} x {max(bits)} bits ({kind}); unsigned integers of up to 8 bits are read, or one channel "
        "of 16 bits with 0 for black"
    )


def _as_tuple(value: Any) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,)
