"""examples/pytorch3d_fit_mesh.py, cut down to a few steps on tiny pictures."""

import pytest
import pytorch3d.renderer  # noqa: F401
from support.example_programs import assert_it_learns, assert_it_writes, imported_example

# PyTorch3D's Laplacian is made of a deprecated sparse tensor.
pytestmark = [pytest.mark.filterwarnings("ignore:torch.sparse.SparseTensor:UserWarning"), pytest.mark.slow]


@pytest.fixture(scope="module")
def example():
    with imported_example("pytorch3d_fit_mesh") as module:
        yield module


def test_the_fit_learns(example):
    fit = example.Fit(example.Options(steps=40, image_size=48, views=8))
    assert_it_learns(fit)
    assert len(fit.verts) == 10 * 4 ** example.LEVELS[-1] + 2


def test_pictures_are_written(example, tmp_path, capsys):
    assert_it_writes(example, "pytorch3d_fit", tmp_path / "new", capsys)
