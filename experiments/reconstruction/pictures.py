"""Pictures of data sets and of what was reconstructed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from lab.coloured import over_white
from torch import Tensor

import gendr_adapters.softras as sr
from gendr_adapters.utils.pictures import save_gif, save_image, to_uint8
from gendr_adapters.utils.plots import Grid

from . import views
from .data import ObjectSet
from .networks import Reconstruction

GREY = 0.75


@torch.no_grad()
def seen_from(made: Reconstruction, faces: Tensor, numbers: Tensor) -> Tensor:
    """Anti-aliased pictures (N, 4, 64, 64) of N reconstructions, one view (N,) each; without colours grey and lit."""
    vertices, colours = made
    lights = (0.5, 0.5) if colours is None else (1.0, 0.0)
    renderer = views.hard_renderer(views.eyes_of(numbers).to(vertices), *lights, (0.0, 1.0, 0.0))
    if colours is None:
        colours = torch.full_like(vertices, GREY)
    return renderer(sr.Mesh(vertices.clone(), faces.expand(len(vertices), -1, -1), colours, texture_type="vertex"))


def write_overview(path: Path, objects: ObjectSet, columns: int = 8) -> None:
    """A row for each class: its first objects, each a view further on."""
    rows = []
    for images in objects.images.values():
        shown = np.arange(min(columns, len(images)))
        row = torch.from_numpy(images[shown, (5 * shown + 2) % views.COUNT]).float() / 255
        rows.append(torch.cat([*over_white(row), torch.ones(3, 64, 64 * (columns - len(row)))], 2))
    save_image(path, to_uint8(torch.cat(rows, 1)))


def write_turning(
    path: Path, images: Tensor, made: Reconstruction, faces: Tensor, truth: Tensor, labels: Sequence[tuple[str, str]]
) -> None:
    """A GIF: in each column a picture (K, 4, 64, 64), under it what was made of it, turning, and the truth.

    truth: (K, 24, 4, 64, 64). labels: of each column what stands above it, and below what was made.
    """
    names, scores = zip(*labels, strict=True)
    grid = Grid(["picture", "reconstruction", "the object"], names, inches=0.95)
    frames = []
    for number in range(views.COUNT):
        turned = seen_from(made, faces, torch.full((len(images),), number)).cpu()
        rows = [[to_uint8(picture) for picture in over_white(row)] for row in (images, turned, truth[:, number])]
        grid.show(rows, [[""] * len(names), scores, [""] * len(names)])
        frames.append(grid.pixels())
    save_gif(path, frames, frames_per_second=8)
