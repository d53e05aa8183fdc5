"""`save_image` and `save_video`: write images as picture and video files."""

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ._autocast import full_precision
from ._extras import optional
from ._inputs import check_real
from ._over import over
from .settings import check_number

_WITHOUT_ALPHA = (".jpg", ".jpeg", ".bmp")
_VIDEOS = (".mp4", ".mov", ".mkv", ".webm")


@full_precision
def save_image(
    path: str | os.PathLike[str],
    image: Tensor,
    alpha: Tensor | None = None,
    *,
    background: Sequence[float] | None = None,
) -> None:
    """Write an image to a file, PNG, JPEG, WebP, TIFF or BMP, with 8 bits a channel.

    Pass `render`'s image and alpha as they are: the image must not be multiplied by alpha, as in PNG files.

    Args:
        path: the file; its suffix decides the format. The folder must exist.
        image: (C, H, W), or (B, C, H, W) for B images side by side. C is 1 or 3. Values are clipped to [0, 1].
        alpha: (H, W), (1, H, W) or (B, H, W), in [0, 1]. It becomes the alpha channel of the file.
        background: a colour of C numbers in [0, 1]. The image is put over it with alpha, and the file has no alpha
            channel. Needs alpha.
    Raises:
        TypeError: an argument is not a tensor.
        ValueError: shapes that do not fit, NaN, alpha in a format that has no alpha channel, or an unknown suffix.
        ImportError: imageio is not installed (the extra 'io').

    >>> import tempfile, torch
    >>> from gendr_adapters import save_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_image(f"{folder}/red.png", torch.tensor([1.0, 0.0, 0.0])[:, None, None].expand(3, 8, 8))
    """
    pictures = _pictures("image", image)
    levels = _levels(pictures, alpha, background)
    if levels.shape[-1] in (2, 4) and Path(path).suffix.lower() in _WITHOUT_ALPHA:
        raise ValueError(f"{os.fspath(path)}: this format has no alpha channel; pass background, or save a .png file")
    write_image(path, np.concatenate(list(levels), 1))


@full_precision
def save_video(
    path: str | os.PathLike[str],
    frames: Tensor | Iterable[Tensor],
    frames_per_second: float = 24.0,
    alpha: Tensor | None = None,
    *,
    background: Sequence[float] = (1.0, 1.0, 1.0),
) -> None:
    """Write images to a video file: a GIF that repeats forever, or MP4 (H.264), MOV, MKV or WebM.

    MP4, MOV, MKV and WebM need ffmpeg, which the extra 'video' installs. For these, an image with an odd side gets its
    last row or column twice, because the sides of a video must be even.

    Args:
        path: the file; its suffix decides the format. The folder must exist.
        frames: (T, C, H, W), or an iterable of T tensors (C, H, W) or (1, C, H, W); of an iterable only one frame at a
            time is in memory, except for GIF. C is 1 or 3. Values are clipped to [0, 1]. Not multiplied by alpha.
        frames_per_second: > 0, at most 1000. GIF files round the time of a frame to hundredths of a second.
        alpha: (T, H, W) in [0, 1], for frames (T, C, H, W). The frames are put over background with it.
        background: a colour, only used with alpha.
    Raises:
        TypeError: an argument is not a tensor.
        ValueError: shapes that do not fit or that differ, no frames, NaN, or an unknown suffix.
        ImportError: imageio or imageio-ffmpeg is not installed.

    >>> import tempfile, torch
    >>> from gendr_adapters import save_video
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_video(f"{folder}/fade.gif", torch.linspace(0, 1, 5)[:, None, None, None].expand(5, 3, 8, 8))
    """
    rate = check_number("frames_per_second", frames_per_second)
    if not 0 < rate <= 1000:
        raise ValueError(f"frames_per_second must be > 0, at most 1000, got {rate}")
    suffix = Path(path).suffix.lower()
    if suffix not in (".gif", *_VIDEOS):
        raise ValueError(f"{os.fspath(path)}: the suffix must be one of .gif, {', '.join(_VIDEOS)}, got {suffix!r}")
    if isinstance(frames, Tensor):
        if frames.dim() != 4:
            raise ValueError(f"frames must be (T, C, H, W), got shape {tuple(frames.shape)}")
        levels: Iterator[np.ndarray] = iter(
            _levels(_pictures("frames", frames), alpha, background if alpha is not None else None)
        )
    else:
        if alpha is not None:
            raise ValueError("alpha needs frames as one tensor (T, C, H, W), got an iterable of frames")
        levels = (_levels(_pictures("frames", frame), None, None)[0] for frame in frames)
    if suffix == ".gif":
        write_gif(path, _alike(levels), rate)
    else:
        _write_video(path, _alike(levels), rate)


def write_image(path: str | os.PathLike[str], pixels: np.ndarray) -> None:
    """Write pixels, (H, W, 1 to 4) or (H, W), uint8."""
    imageio = optional("imageio.v3", f"writing {os.fspath(path)}", "io")
    try:
        imageio.imwrite(path, pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)
    except OSError as error:
        if isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError)) or error.errno is not None:
            raise
        raise ValueError(f"{os.fspath(path)}: {error}") from error


def write_gif(path: str | os.PathLike[str], frames: Iterable[np.ndarray], frames_per_second: float) -> None:
    """Write (H, W, 3) uint8 frames as a GIF that repeats forever."""
    imageio = optional("imageio.v3", f"writing {os.fspath(path)}", "io")
    pictures = np.stack([np.broadcast_to(frame, (*frame.shape[:2], 3)) for frame in frames])
    imageio.imwrite(path, pictures, extension=".gif", duration=1000 / frames_per_second, loop=0)


def _write_video(path: str | os.PathLike[str], frames: Iterable[np.ndarray], frames_per_second: float) -> None:
    optional("imageio_ffmpeg", f"writing {os.fspath(path)}", "video")
    imageio = optional("imageio.v2", f"writing {os.fspath(path)}", "video")
    with imageio.get_writer(path, fps=frames_per_second, macro_block_size=1) as writer:
        for frame in frames:
            height, width = frame.shape[:2]
            even = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
            writer.append_data(np.ascontiguousarray(np.broadcast_to(even, (*even.shape[:2], 3))))


def _alike(frames: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the frames. Raises ValueError if there are none, or if their sizes differ."""
    first = next(frames, None)
    if first is None:
        raise ValueError("frames must contain at least one frame, got none")
    for number, frame in enumerate(itertools.chain([first], frames)):
        if frame.shape != first.shape:
            raise ValueError(f"all frames must have one size, got {first.shape}, but {frame.shape} for frame {number}")
        yield frame


def _pictures(name: str, image: Tensor) -> Tensor:
    """(B, C, H, W)."""
    check_real(name, image)
    pictures = image if image.dim() == 4 else image[None]
    if pictures.dim() != 4 or pictures.shape[1] not in (1, 3) or 0 in pictures.shape:
        raise ValueError(f"{name} must be (C, H, W) or (B, C, H, W), C 1 or 3, got shape {tuple(image.shape)}")
    return pictures.detach()


def _levels(pictures: Tensor, alpha: Tensor | None, background: Sequence[float] | None) -> np.ndarray:
    """Return (B, H, W, C) uint8, with one more channel if there is alpha and no background."""
    if background is not None and alpha is None:
        raise ValueError("background needs alpha: without alpha the image hides it; got alpha=None")
    values = pictures
    if alpha is not None:
        check_real("alpha", alpha)
        rows = (alpha if alpha.dim() == 3 else alpha[None]).detach()
        wanted = (pictures.shape[0], *pictures.shape[2:])
        if tuple(rows.shape) != wanted:
            raise ValueError(f"alpha must be {wanted}, to match the images, got shape {tuple(alpha.shape)}")
        shares = rows.to(pictures).clamp(0, 1)
        if background is None:
            values = torch.cat([pictures, shares[:, None]], 1)
        else:
            values = over(pictures, shares, _colour(background, pictures))
    if bool(values.isnan().any()):
        raise ValueError("the image has pixels that are NaN")
    return (values.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def _colour(background: Sequence[float], like: Tensor) -> Tensor:
    """Return (C,). Images with one channel use the first number."""
    try:
        colour = like.new_tensor([float(x) for x in background])
    except (TypeError, ValueError) as error:
        raise TypeError(f"background must be numbers, one for each channel, got {background!r}") from error
    if len(colour) not in (like.shape[1], 3) or not bool(((colour >= 0) & (colour <= 1)).all()):
        raise ValueError(f"background must be {like.shape[1]} numbers in [0, 1], got {background!r}")
    return colour[: like.shape[1]]
