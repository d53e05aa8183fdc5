"""Silhouettes of one topology in many places, and how well they fit."""

import argparse
from pathlib import Path

from torch import Tensor

from gendr_adapters import RenderSettings, data, gather_corners, render
from gendr_adapters.demo.losses import iou


def silhouettes(projected: Tensor, faces: Tensor, image_size: int, settings: RenderSettings) -> Tensor:
    """(B, S, S) of vertices (B, V, 3), x, y in NDC and z the depth, with faces (F, 3) int64.

    The alpha of `GenDR`, without the time that its colours would take."""
    alpha = render(gather_corners(projected, faces), image_size, settings=settings, outputs=("alpha",)).alpha
    assert alpha is not None
    return alpha


def iou_losses(seen: Tensor, wanted: Tensor) -> Tensor:
    """One minus the IoU of each silhouette, summed up by the optimisers: (..., S, S) twice -> (...)."""
    return 1 - iou(seen.flatten(0, -3), wanted.flatten(0, -3)).reshape(seen.shape[:-2])


def in_every_run(values: Tensor, runs: int) -> Tensor:
    """(N, ...) once more for every run: (runs * N, ...)."""
    return values.expand(runs, *values.shape).flatten(0, 1)


def mesh_file(text: str) -> Path:
    """For argparse: an OBJ file, or the name of one that comes with the package."""
    bundled = [name for name in data.NAMES if name.endswith(".obj")]
    path = data.path(text) if text in bundled else Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no such file: {text}; with the package come {', '.join(bundled)}")
    return path


def positive(text: str) -> int:
    """For argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"got {value}, allowed are integers from 1")
    return value
