"""Options that several programs have, and their types for argparse."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import torch

from gendr_adapters import data
from gendr_adapters.utils.command_line import positive_float, positive_int

Item = TypeVar("Item")


def device(text: str) -> torch.device:
    """A torch device that is there."""
    try:
        found = torch.device(text)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        raise argparse.ArgumentTypeError(f"got {text!r}: {str(error).splitlines()[0]}") from error
    return found


def mesh_file(text: str) -> Path:
    """An OBJ file, or the name of one that comes with the package."""
    bundled = [name for name in data.NAMES if name.endswith(".obj")]
    path = data.path(text) if text in bundled else Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no such file: {text}; with the package come {', '.join(bundled)}")
    return path


def mesh_name(path: Path) -> str:
    """What `mesh_file` reads: without its folder a mesh that comes with the package."""
    return path.name if path.name in data.NAMES and path == data.path(path.name) else str(path)


def given(choice: Item | None, quick: bool, small: Item, full: Item) -> Item:
    """What was asked for; else what a quick or a full run has."""
    return choice if choice is not None else small if quick else full


def add_sizes(parser: argparse.ArgumentParser, **what: str) -> None:
    """An option of integers from 1 for each name, image_size as --image-size; None unless it is given."""
    for name, text in what.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=positive_int, help=text)


def add_rates(parser: argparse.ArgumentParser, default: Sequence[float] | None) -> None:
    """--learning-rates, of which a program tries each; default None: a task's own."""
    shown = "each task's own" if default is None else " ".join(f"{rate:g}" for rate in default)
    parser.add_argument(
        "--learning-rates",
        type=positive_float,
        nargs="+",
        default=default,
        help=f"learning rates of Adam to try (default: {shown})",
    )
