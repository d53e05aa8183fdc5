"""Every notebook runs from its first cell to its last, and is committed without outputs."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from support.example_programs import EXAMPLES
from support.kaolin_modules import STAND_INS

pytestmark = pytest.mark.slow

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def test_notebooks_exist():
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
    run(path, tmp_path)


def test_kaolins_cells_run_on_the_stand_in(tmp_path, monkeypatch):
    path = NOTEBOOKS[0].with_name("03_train_with_kaolin.ipynb")
    monkeypatch.setenv("PYTHONPATH", f"{STAND_INS}:{os.environ.get('PYTHONPATH', '')}")
    printed = run(path, tmp_path)
    assert "loss of the masks" in printed and "There is no Kaolin" not in printed


def run(path, folder):
    """What it prints."""
    notebook = nbformat.read(path, as_version=4)
    # In a folder of its own, but beside the examples, as in the repository.
    (folder / "examples").symlink_to(EXAMPLES)
    (folder / "notebooks").mkdir()
    where = {"metadata": {"path": folder / "notebooks"}}
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.text for output in outputs if output.output_type == "stream")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_has_no_outputs(path):
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)
