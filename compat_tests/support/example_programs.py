"""The programs in examples/, imported as they are when run as scripts: their folder is where they find each other."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
FRAME_SIZE = 144  # of the animations' pictures


@contextmanager
def imported_example(name: str) -> Iterator[Any]:
    """The module; afterwards it, and what the examples share, is forgotten."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield importlib.import_module(name)
    finally:
        sys.path.remove(str(EXAMPLES))
        for known in (name, "fitting"):
            sys.modules.pop(known, None)


def assert_it_learns(fit: Any) -> None:
    """The loss falls; in views it never saw the silhouettes overlap better and the grey becomes the right colours."""
    iou, rgb_error = fit.score()
    losses = [fit.loss for _ in fit.steps()]
    assert losses[-1] < losses[0] / 2
    better_iou, better_rgb_error = fit.score()
    assert better_iou > iou + 0.1 and better_rgb_error < 0.85 * rgb_error


def assert_it_writes(example: Any, name: str, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The animation and the picture, to a folder that is not there yet; and prints how good the fit is."""
    example.main(["--out", str(out), "--steps", "4", "--image-size", "32", "--views", "4", "--frames", "3"])
    frames, picture = imageio.imread(out / f"{name}.gif"), imageio.imread(out / f"{name}.png")
    assert frames.shape == (3, 2 * FRAME_SIZE, 3 * FRAME_SIZE, 3)
    assert picture.shape == (4 * FRAME_SIZE, 6 * FRAME_SIZE, 3)
    assert (frames[0] != frames[-1]).any() and picture.std() > 10
    assert "silhouette_iou=0." in capsys.readouterr().out
