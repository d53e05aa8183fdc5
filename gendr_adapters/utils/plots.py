"""Save figures: labelled grids of pictures, and curves of a fit. Needs matplotlib."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._extras import optional
from .._picture_files import write_image

_figures = optional("matplotlib.figure", __name__, "demo")
_agg = optional("matplotlib.backends.backend_agg", __name__, "demo")

DPI = 110


class Grid:
    """Pictures in rows and columns, with a label before each row, one above each column and a caption below each."""

    def __init__(
        self,
        row_labels: Sequence[str],
        column_labels: Sequence[str],
        title: str = "",
        inches: float = 1.9,
        caption_lines: Sequence[int] | None = None,
    ) -> None:
        """title: above all of it. inches: side of a picture and what stands around it. caption_lines: of each row, for
        which it gets higher; None for captions of one line at most."""
        heights = [inches + 0.17 * lines for lines in caption_lines or [0] * len(row_labels)]
        size = (inches * len(column_labels) + 0.4, sum(heights) + 0.4)
        self._figure = _figures.Figure(figsize=size, layout="constrained", dpi=DPI)
        self._canvas = _agg.FigureCanvasAgg(self._figure)
        self._axes = self._figure.subplots(len(row_labels), len(column_labels), squeeze=False, height_ratios=heights)
        self._images: dict[tuple[int, int], Any] = {}
        for axis in self._axes.flat:
            axis.set(xticks=[], yticks=[])
        for axis, label in zip(self._axes[:, 0], row_labels, strict=True):
            axis.set_ylabel(label)
        for axis, label in zip(self._axes[0], column_labels, strict=True):
            axis.set_title(label, fontsize="medium")
        self._title = self._figure.suptitle(title, fontsize="medium") if title else None

    def rename(self, title: str) -> None:
        """Replace the title, in its place; as many lines as before."""
        if self._title is None:
            raise ValueError("the grid has no title, give it one when it is made")
        self._title.set_text(title)

    def show(self, rows: Sequence[Sequence[np.ndarray | str]], captions: Sequence[Sequence[str]] | None = None) -> None:
        """Put in pictures (H, W, 3) uint8 and what stands below them, or replace those that are there. A text stands
        where there is no picture, and stays."""
        for i, pictures in enumerate(rows):
            for j, picture in enumerate(pictures):
                if isinstance(picture, str):
                    self._axes[i, j].text(0.5, 0.5, picture, ha="center", va="center", fontsize="small")
                    self._axes[i, j].set_box_aspect(1)
                elif (i, j) in self._images:
                    self._images[i, j].set_data(picture)
                else:
                    self._images[i, j] = self._axes[i, j].imshow(picture)
                if captions is not None:
                    self._axes[i, j].set_xlabel(captions[i][j], fontsize="small")

    def pixels(self) -> np.ndarray:
        """(H, W, 3) uint8. All frames of an animation have the layout of the first."""
        self._canvas.draw()
        self._figure.set_layout_engine("none")
        return np.array(self._canvas.buffer_rgba())[..., :3]

    def save(self, path: Path) -> None:
        """Write it to a file: without transparency, which would make it larger."""
        write_image(path, self.pixels())


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
    lines = None if captions is None else [max(len(one.splitlines()) for one in row) for row in captions]
    grid = Grid(row_labels, column_labels, caption_lines=lines)
    grid.show(rows, captions)
    grid.save(path)


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
    figure.savefig(path, dpi=DPI)
