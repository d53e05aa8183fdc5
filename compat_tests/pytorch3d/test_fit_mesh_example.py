"""examples/pytorch3d_fit_mesh.py, cut down to a few steps on tiny pictures."""

import importlib.util
import sys
from pathlib import Path

import imageio.v3 as imageio
import pytest
import pytorch3d.renderer  # noqa: F401

EXAMPLE = Path(__file__).parents[2] / "examples" / "pytorch3d_fit_mesh.py"
# PyTorch3D's Laplacian is made of a deprecated sparse tensor.
pytestmark = pytest.mark.filterwarnings("ignore:torch.sparse.SparseTensor:UserWarning")


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location(EXAMPLE.stem, EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclass looks itself up there
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_it_learns(example):
    """The loss falls; in views it never saw the silhouettes overlap better and the grey becomes the right colours."""
    fit = example.Fit(example.Options(steps=40, size=48, views=8))
    iou, rgb_error = example.score(fit.mesh(), fit.target)
    losses = [fit.loss for _ in fit.steps()]
    assert losses[-1] < losses[0] / 2
    better_iou, better_rgb_error = example.score(fit.mesh(), fit.target)
    assert better_iou > iou + 0.1 and better_rgb_error < 0.85 * rgb_error
    assert len(fit.verts) == 10 * 4 ** example.LEVELS[-1] + 2


def test_it_writes_its_pictures(example, tmp_path, capsys):
    example.main(["--out", str(tmp_path / "new"), "--steps", "4", "--size", "32", "--views", "4", "--frames", "3"])
    frames = imageio.imread(tmp_path / "new" / "pytorch3d_fit.gif")
    picture = imageio.imread(tmp_path / "new" / "pytorch3d_fit.png")
    assert frames.shape == (3, 2 * example.FRAME_SIZE, 3 * example.FRAME_SIZE, 3)
    assert picture.shape == (4 * example.FRAME_SIZE, 6 * example.FRAME_SIZE, 3)
    assert (frames[0] != frames[-1]).any() and picture.std() > 10
    assert "silhouette_iou=0." in capsys.readouterr().out
