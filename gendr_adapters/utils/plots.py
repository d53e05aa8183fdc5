"""Save figures: labelled grids of pictures, and curves of a fit. Needs matplotlib."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .._extras import optional

_figures = optional("matplotlib.figure", __name__, "demo")


def save_grid(
    path: Path,
    rows: Sequence[Sequence[np.ndarray | str]],
    row_labels: Sequence[str],
    column_labels: Sequence[str],
    captions: Sequence[Sequence[str]] | None = None,
) -> None:
    """Write pictures (H, W, 3) uint8 as one grid with a label before each row and above each column.

    rows: a text stands where there is no picture. captions: of every picture, below it.
    """
    below = captions or [[""]] * len(row_labels)
    heights = [1.9 + 0.17 * max(len(caption.splitlines()) for caption in row) for row in below]
    size = (1.9 * len(column_labels) + 0.4, sum(heights) + 0.4)
    figure = _figures.Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(row_labels), len(column_labels), squeeze=False, height_ratios=heights)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            panel = axes[row, column]
            if isinstance(picture, str):
                panel.text(0.5, 0.5, picture, ha="center", va="center", fontsize="small")
                panel.set_box_aspect(1)
            else:
                panel.imshow(picture)
            panel.set(xticks=[], yticks=[])
            if captions is not None:
                panel.set_xlabel(captions[row][column], fontsize="small")
    for axis, label in zip(axes[:, 0], row_labels, strict=True):
        axis.set_ylabel(label)
    for axis, label in zip(axes[0], column_labels, strict=True):
        axis.set_title(label, fontsize="medium")
    figure.savefig(path, dpi=110)


def save_curves(path: Path, losses: Sequence[float], iou_steps: Sequence[int], ious: Sequence[float]) -> None:
    """Write the training loss and the hard IoU over the steps as one plot."""
    figure = _figures.Figure(figsize=(7, 4), layout="constrained")
    loss_axis = figure.subplots()
    loss_axis.plot(losses, color="tab:blue")
    loss_axis.set(xlabel="step", yscale="log")
    loss_axis.set_ylabel("loss", color="tab:blue")
    iou_axis = loss_axis.twinx()
    iou_axis.plot(iou_steps, ious, color="tab:orange")
    iou_axis.set_ylabel("mean IoU of the hard silhouettes", color="tab:orange")
    iou_axis.set_ylim(0, 1)
    iou_axis.axhline(0.9, color="tab:orange", linewidth=0.8, linestyle=":")
    figure.savefig(path, dpi=110)
