"""Types of options, whose errors say what is allowed."""

import math
import re
from typing import Any

import click
import torch

from .._pixels import MAX_IMAGE_SIDE

COLOURS = {"white": (1.0, 1.0, 1.0), "black": (0.0, 0.0, 0.0), "grey": (0.5, 0.5, 0.5), "none": None}


class ImageSize(click.ParamType):
    """512, or 640x480: width times height, as pictures are usually named; becomes (H, W)."""

    name = "PIXELS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Of the option's text."""
        found = re.fullmatch(r"(\d+)(?:x(\d+))?", str(value))
        if found is None:
            self.fail(f"got {value!r}, allowed are a side, 512, or width x height, 640x480", param, ctx)
        width, height = int(found[1]), int(found[2] or found[1])
        if not (1 <= width <= MAX_IMAGE_SIDE and 1 <= height <= MAX_IMAGE_SIDE):
            self.fail(f"got {value!r}, allowed are sides of 1 to {MAX_IMAGE_SIDE} pixels", param, ctx)
        return height, width


class FiniteRange(click.FloatRange):
    """A number within limits, which is neither NaN, as no limit refuses, nor infinite."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Of the option's text."""
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"got {value!r}, allowed are finite numbers", param, ctx)
        return number


class Colour(click.ParamType):
    """A name of a few, or three numbers from 0 to 1 with commas between; 'none' becomes None."""

    name = "COLOUR"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, float] | None:
        """Of the option's text."""
        if value in COLOURS:
            return COLOURS[value]
        try:
            red, green, blue = (float(part) for part in str(value).split(","))
        except ValueError:
            red = green = blue = -1.0
        if not all(0 <= level <= 1 for level in (red, green, blue)):
            allowed = f"{', '.join(COLOURS)}, or red,green,blue from 0 to 1"
            self.fail(f"got {value!r}, allowed are {allowed}", param, ctx)
        return red, green, blue


class Device(click.ParamType):
    """A device that torch has."""

    name = "DEVICE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> torch.device:
        """Of the option's text."""
        try:
            device = torch.device(str(value))
        except RuntimeError:
            self.fail(f"got {value!r}, allowed are cpu, cuda and cuda:0, cuda:1, ...", param, ctx)
        if device.type not in ("cpu", "cuda"):
            self.fail(f"got {value!r}, allowed are cpu and cuda", param, ctx)
        if device.type == "cuda" and not torch.cuda.is_available():
            self.fail(f"got {value!r}, and torch {torch.__version__} sees no GPU here", param, ctx)
        return device
