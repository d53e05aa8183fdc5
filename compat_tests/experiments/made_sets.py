"""A tiny made data set, and the numbers of a run's files."""

import sys
from pathlib import Path

import torch

sys.path.append(str(Path(__file__).parents[2] / "experiments"))  # which is not installed

from reconstruction import data, making

RECIPE = making.Recipe(train=2, val=1, test=1)


def make(folder: Path) -> Path:
    making.make(folder, RECIPE)
    return folder


def load(folder: Path, set_name: str = "train") -> data.ObjectSet:
    return data.load_set(folder, data.find_classes(folder, None), set_name)


def same(a: object, b: object) -> bool:
    """Whether two nests of dicts, lists and tensors are the same, bit for bit."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return type(a) is type(b) and a == b
