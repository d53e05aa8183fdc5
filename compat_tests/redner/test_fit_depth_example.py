"""examples/fit_depth.py, cut down to a few steps."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import imageio.v3 as imageio
import pytest

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "fit_depth.py"


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location(EXAMPLE.stem, EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_fit_finds_the_triangles_back(example: ModuleType) -> None:
    fit = example.Fit(example.Options(steps=120, learning_rate=0.02))
    depth_error, corner_error = fit.errors()
    list(fit.steps())
    better_depth_error, better_corner_error = fit.errors()
    assert better_depth_error < 0.15 * depth_error and better_corner_error < 0.4 * corner_error


def test_the_fit_without_the_boundary_term_does_not_find_them(example: ModuleType) -> None:
    fit = example.Fit(example.Options(steps=120, learning_rate=0.02, edge_samples=0.0))
    _, corner_error = fit.errors()
    list(fit.steps())
    assert fit.errors()[1] > 0.9 * corner_error


def test_a_picture_is_written(example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example.main(["--out", str(tmp_path / "new"), "--steps", "3"])
    picture = imageio.imread(tmp_path / "new" / "fit_depth.png")
    assert picture.shape[0] == 560 and picture.std() > 20
    out = capsys.readouterr().out
    assert "depth_error=0." in out and "corner_error=0." in out
