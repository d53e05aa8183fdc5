"""examples/kaolin_fit.py, cut down to a few steps on tiny pictures; on the test double of Kaolin and on Kaolin."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from support.example_programs import EXAMPLES, assert_it_learns, assert_it_writes, imported_example
from torch import Tensor

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]  # Kaolin's own


@pytest.fixture
def example(kaolin: ModuleType) -> Iterator[Any]:
    with imported_example("kaolin_fit") as module:
        yield module


def test_the_fit_learns(example: Any) -> None:
    fit = example.Fit(example.Options(steps=40, image_size=48, views=8))
    assert_it_learns(fit)
    assert len(fit.verts) == 4 * 4 ** example.LEVELS[-1] + 2


def test_pictures_are_written(example: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert_it_writes(example, "kaolin_fit", tmp_path / "new", capsys)


def test_the_sphere(example: Any) -> None:
    """Closed, its faces counter-clockwise from outside; and the texture is wrapped around it without a gap: corners
    of neighbours have the same place in it, or are both on the square's border."""
    fit = example.Fit(example.Options(steps=1, image_size=8, views=1))
    a, b, c = fit.verts[fit.faces].unbind(1)
    assert ((torch.linalg.cross(b - a, c - a) * (a + b + c)).sum(1) > 0).all()
    edges = fit.faces[:, [[0, 1], [1, 2], [2, 0]]].flatten(0, 1)
    ways = {tuple(edge) for edge in edges.tolist()}
    assert len(ways) == len(edges) and all((v, u) in ways for u, v in ways)

    corners: dict[int, set[int]] = {}
    for vertex, uv in zip(fit.faces.flatten().tolist(), fit.face_uvs_idx.flatten().tolist(), strict=True):
        corners.setdefault(vertex, set()).add(uv)
    several = [uv for found in corners.values() if len(found) > 1 for uv in found]

    def on_border(uvs: Tensor) -> Tensor:
        return ((uvs == 0) | (uvs == 1)).any(1)

    assert on_border(fit.uvs[several]).all() and len(several) == on_border(fit.uvs).sum() - 4  # where it folds
    flat_a, flat_b, flat_c = fit.uvs[fit.face_uvs_idx].unbind(1)
    areas = torch.linalg.det(torch.stack([flat_b - flat_a, flat_c - flat_a], 1)) / 2
    assert (areas.sign() == areas[0].sign()).all() and torch.isclose(areas.abs().sum(), torch.tensor(1.0), atol=1e-5)


def test_absence_of_kaolin_is_said_in_one_line() -> None:
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.modules['kaolin'] = None; sys.path.insert(0, {str(EXAMPLES)!r}); import kaolin_fit",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 1 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert "needs Kaolin" in line and "https://kaolin.readthedocs.io" in line
