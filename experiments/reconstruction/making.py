"""Renders the things of shapes.py into files of the NMR ShapeNet layout."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from tqdm import tqdm

import gendr_adapters.softras as sr

from . import data, views
from .shapes import CLASSES
from .solids import Solid
from .voxels import voxels_of

DESCRIPTION = "made.json"
AMBIENT = 0.55
LAMP = 0.45
LAMP_DIRECTION = (0.32, 0.84, -0.44)


class Recipe(NamedTuple):
    """What make_dataset.py is to make: a set is known by it. Objects are a class."""

    train: int = 200
    val: int = 10
    test: int = 10
    seed: int = 0


QUICK = Recipe(100, 4, 4)


def make(folder: Path, recipe: Recipe) -> None:
    """Write a set, unless the folder has it already. It is whole once DESCRIPTION is there, which comes last.

    Raises FileExistsError where other classes are in the folder: they would be taken for part of the set.
    """
    folder.mkdir(parents=True, exist_ok=True)
    others = sorted({p.name for p in folder.glob("*_images.npz") if p.name.split("_")[0] not in CLASSES})
    if others:
        raise FileExistsError(f"{folder} has files of another data set, {', '.join(others[:3])}: choose another folder")
    description = folder / DESCRIPTION
    if description.exists() and _recipe_in(description) == recipe._asdict():
        return
    description.unlink(missing_ok=True)
    jobs = [(name, set_name) for name in CLASSES for set_name in data.SETS]
    with tqdm(total=len(CLASSES) * sum(recipe[:3]), desc="rendering", unit="object") as progress:
        for name, set_name in jobs:
            pictures, grids = [], []
            for index in range(getattr(recipe, set_name)):
                solid = thing(name, set_name, index, recipe.seed)
                pictures.append(photograph(solid))
                grids.append(voxels_of(solid.vertices[None], solid.faces)[0].numpy())
                progress.update()
            data.save_class(folder, name, set_name, np.stack(pictures), np.stack(grids))
    description.write_text(json.dumps(recipe._asdict()) + "\n")


def _recipe_in(description: Path) -> object:
    """What a file says was made; None where it says nothing that can be read, so that all is made again."""
    try:
        return json.loads(description.read_text())
    except ValueError:
        return None


def thing(name: str, set_name: str, index: int, seed: int) -> Solid:
    """An object by its place in the set: it does not depend on how many there are."""
    key = (seed, list(CLASSES).index(name), data.SETS.index(set_name), index)
    return CLASSES[name](np.random.default_rng(key))


@torch.no_grad()
def photograph(solid: Solid) -> np.ndarray:
    """(24, 4, 64, 64) uint8: all views of it."""
    renderer = views.hard_renderer(views.eyes_of(torch.arange(views.COUNT)), AMBIENT, LAMP, LAMP_DIRECTION)
    vertices, faces, colours = (
        part.expand(views.COUNT, *part.shape) for part in (solid.vertices, solid.faces, solid.colours[:, None])
    )
    pictures = renderer(sr.Mesh(vertices, faces, colours))
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
