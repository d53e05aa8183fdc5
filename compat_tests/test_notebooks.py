"""Every notebook runs from its first cell to its last, and is committed without outputs."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS


def why_not(path):
    """What a notebook needs that is not there: PyTorch3D (its Python layer), for those with it in their names."""
    if "pytorch3d" in path.stem:
        try:
            import pytorch3d.renderer  # noqa: F401
        except ImportError as error:
            return f"no PyTorch3D: {error} (compat_tests/pytorch3d/install.py installs its Python layer)"
    return None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path, tmp_path):
    if reason := why_not(path):
        if os.environ.get("GENDR_REQUIRE_PYTORCH3D") == "1":
            pytest.fail(f"GENDR_REQUIRE_PYTORCH3D=1, but there is {reason}", pytrace=False)
        pytest.skip(reason)
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_has_no_outputs(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)
