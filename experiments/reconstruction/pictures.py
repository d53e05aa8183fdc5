"""Pictures of data sets and of what was reconstructed."""

from pathlib import Path

import numpy as np
import torch
from lab.coloured import over_white
from PIL import Image
from torch import Tensor

import gendr_adapters.softras as sr
from gendr_adapters.utils.pictures import save_image, to_uint8

from . import views
from .data import ObjectSet
from .networks import Reconstruction

GREY = 0.75
SCALE = 2  # pixels of a picture's pixel


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


def write_turning(path: Path, images: Tensor, made: Reconstruction, faces: Tensor, truth: Tensor) -> None:
    """A GIF: in each column a picture (K, 4, 64, 64), under it what was made of it, turning, and the truth.

    truth: (K, 24, 4, 64, 64).
    """
    frames = []
    for number in range(views.COUNT):
        turned = seen_from(made, faces, torch.full((len(images),), number))
        rows = [torch.cat(list(over_white(row)), 2) for row in (images, turned.cpu(), truth[:, number])]
        frames.append(Image.fromarray(to_uint8(torch.cat(rows, 1))))
    frames = [frame.resize((frame.width * SCALE, frame.height * SCALE)) for frame in frames]
    # All share one palette, so that what rests is stored once.
    palette = frames[0].quantize(64, dither=Image.Dither.NONE)
    first, *others = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    first.save(path, save_all=True, append_images=others, duration=120, loop=0)
