"""From tensors to files: animations, labelled grids, curves."""

from collections.abc import Sequence
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from gendr_adapters import Rendered


def over(rendered: Rendered, backdrop: Sequence[float]) -> Tensor:
    """Lay a rendering over a plain colour by its alpha: (B, 3, H, W) in [0, 1].

    The renderer's own background competes with the faces inside the softmax and loses long before their coverage fades;
    for a soft rim in a picture the alpha has to do it.
    """
    if rendered.image is None or rendered.alpha is None:
        raise ValueError("got a rendering without image or alpha, both outputs are needed")
    alpha = rendered.alpha[:, None]
    colour = torch.tensor(backdrop)[:, None, None]
    return (rendered.image * alpha + colour * (1 - alpha)).clamp(0, 1)


def to_bytes(picture: Tensor) -> np.ndarray:
    """(3, H, W) in [0, 1] -> (H, W, 3) uint8."""
    return (picture.detach().permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()


def write_gif(path: Path, frames: Sequence[np.ndarray], frames_per_second: float) -> None:
    """Write (H, W, 3) uint8 frames as an endless GIF."""
    imageio.imwrite(path, np.stack(list(frames)), extension=".gif", duration=1000 / frames_per_second, loop=0)


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write (H, W, 3) uint8 as PNG."""
    imageio.imwrite(path, picture)


def write_grid(
    path: Path, rows: Sequence[Sequence[np.ndarray]], row_labels: Sequence[str], column_labels: Sequence[str]
) -> None:
    """Write pictures (H, W, 3) as one grid with a label before each row and above each column."""
    size = (1.9 * len(column_labels) + 0.4, 1.9 * len(row_labels) + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(row_labels), len(column_labels), squeeze=False)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            axes[row, column].imshow(picture)
            axes[row, column].set(xticks=[], yticks=[])
    for axis, label in zip(axes[:, 0], row_labels, strict=True):
        axis.set_ylabel(label)
    for axis, label in zip(axes[0], column_labels, strict=True):
        axis.set_title(label, fontsize="medium")
    figure.savefig(path, dpi=110)


def write_curves(path: Path, losses: Sequence[float], iou_steps: Sequence[int], ious: Sequence[float]) -> None:
    """Write the training loss and the hard IoU over the steps as one plot."""
    figure = Figure(figsize=(7, 4), layout="constrained")
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
