"""What the examples that fit a sphere to pictures of spot share: options, viewpoints, animation, command line."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import imageio.v3 as imageio
import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from gendr_adapters.utils.command_line import positive_int
from gendr_adapters.utils.progress import frame_steps

# (elevation, azimuth) in degrees of the pictures that are shown; the fit never sees them.
UNSEEN = ((12.0, 205.0), (18.0, 115.0), (25.0, 320.0))
FRAME_SIZE = 144


@dataclass(frozen=True)
class Options:
    steps: int = 400
    image_size: int = 128
    views: int = 20
    frames: int = 36
    seed: int = 0


OptionsT = TypeVar("OptionsT", bound=Options)


class Fit(Protocol):
    """One run: ``steps()`` trains and yields the number of each step once it is done."""

    verts: Tensor
    loss: float

    @property
    def options(self) -> Options: ...

    def steps(self) -> Iterator[int]: ...

    def pictures(self, size: int) -> tuple[Tensor, Tensor]:
        """(size, 3 size, 3): the unseen views, side by side, of spot and of what was learned so far."""
        ...

    def score(self) -> tuple[float, float]:
        """Intersection over union of the silhouettes, and mean absolute difference of the colours, in unseen views."""
        ...


def stages(steps: int, shares: Sequence[float]) -> list[range]:
    """The numbers of the steps, in stages of these shares of them."""
    bounds = [round(steps * sum(shares[:i])) for i in range(len(shares) + 1)]
    return [range(first, end) for first, end in zip(bounds[:-1], bounds[1:], strict=True)]


def training_angles(n: int) -> tuple[Tensor, Tensor]:
    """Elevations and azimuths, degrees: evenly all around, from 58 below to 58 above (a golden spiral)."""
    i = torch.arange(n)
    return torch.rad2deg(torch.asin(0.85 * (2 * (i + 0.5) / n - 1))), (i * 137.508) % 360


def agreement(inside: Tensor, goal: Tensor, colours: Tensor, wanted: Tensor) -> tuple[float, float]:
    """`Fit.score` of silhouettes (N, H, W), bool, and colours (N, H, W, 3)."""
    iou = (inside & goal).sum((1, 2)) / (inside | goal).sum((1, 2))
    return iou.mean().item(), (colours - wanted).abs()[inside | goal].mean().item()


def to_bytes(picture: Tensor) -> np.ndarray:
    return (picture * 255).round().to(torch.uint8).numpy()


def write_gif(path: Path, frames: list[np.ndarray]) -> None:
    """The last frame stays for two seconds. All share one palette, so that what rests is stored once: half the size of
    what `save_video` writes."""
    some = np.concatenate([*frames[:: max(1, len(frames) // 3)], frames[-1]])
    palette = Image.fromarray(some).quantize(96, dither=Image.Dither.NONE)
    first, *others = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    shown_for = [120] * len(others) + [2000]  # milliseconds
    first.save(path, save_all=True, append_images=others, duration=shown_for, loop=0)


def run(fit: Fit, out: Path, name: str) -> tuple[float, float]:
    """Train; write name.gif and name.png to out; return the score of the result."""
    out.mkdir(parents=True, exist_ok=True)
    options = fit.options
    shown = frame_steps(options.steps, options.frames, early=True)
    frames = []
    progress = tqdm(fit.steps(), total=options.steps, desc="sphere to spot", unit="step")
    for step in progress:
        progress.set_postfix(loss=f"{fit.loss:.4f}", vertices=len(fit.verts))
        if step in shown:
            frames.append(to_bytes(torch.cat(fit.pictures(FRAME_SIZE))))
    write_gif(out / f"{name}.gif", frames)
    imageio.imwrite(out / f"{name}.png", to_bytes(torch.cat(fit.pictures(2 * FRAME_SIZE))))
    iou, rgb_error = fit.score()
    print("written:", out / f"{name}.gif", out / f"{name}.png")
    print(f"in views that were not trained on: silhouette_iou={iou:.3f} rgb_error={rgb_error:.3f}")
    return iou, rgb_error


def command_line(doc: str | None, options: type[OptionsT], argv: Sequence[str] | None) -> tuple[Path, OptionsT]:
    """The folder for the results, and the options; argv stands in for the command line's arguments."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the results (default: out)")
    counts = {
        "steps": "steps of the fit",
        "image_size": "side of the pictures that are fitted, pixels",
        "views": "number of pictures",
        "frames": "frames of the animation",
    }
    for name, what in counts.items():
        default = getattr(options, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=positive_int, default=default, help=f"{what} (default: %(default)s)"
        )
    parser.add_argument("--seed", type=int, default=0, help="seed of the choice of views in each step (default: 0)")
    arguments = vars(parser.parse_args(argv))
    return arguments.pop("out"), options(**arguments)
