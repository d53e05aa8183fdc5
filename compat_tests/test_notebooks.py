"""Every notebook runs from its first cell to its last, and its cells give outputs of the same kinds as the stored ones,
which `make notebooks` writes. Pixels and numbers may differ, as they depend on the machine."""

import importlib.util
import os
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from support.example_programs import EXAMPLES
from support.kaolin_modules import STAND_INS

from build_tools.notebooks import (
    ALL_TOGETHER,
    LARGEST,
    NOTEBOOKS,
    code_cells,
    execute,
    hash_of_sources,
    kinds,
    stored_hash,
    tidy,
)

PATHS = sorted(NOTEBOOKS.glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
# Fits that take long, of functions that other tests run too: `make nightly` runs these.
LONG = ("05_shape_from_silhouettes", "06_camera_pose", "08_face", "09_jax")
NEEDS_KAOLIN = "needs-kaolin"  # a tag of cells that show something else where there is no Kaolin


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def kinds_of(notebook: NotebookNode) -> dict[int, list[str]]:
    """By the number of the code cell, without cells that need Kaolin."""
    cells = enumerate(code_cells(notebook), 1)
    return {number: kinds(cell) for number, cell in cells if NEEDS_KAOLIN not in cell.metadata.get("tags", [])}


def everything_of(notebook: NotebookNode) -> dict[int, list[str]]:
    return {number: kinds(cell) for number, cell in enumerate(code_cells(notebook), 1)}


def printed_by(notebook: NotebookNode) -> str:
    outputs = [output for cell in code_cells(notebook) for output in cell.outputs]
    return "".join(output.text for output in outputs if output.output_type == "stream")


def test_notebooks_exist():
    assert len(PATHS) == 9


@each_notebook
def test_outputs_are_those_of_the_sources(path):
    notebook = read(path)
    assert stored_hash(notebook) == hash_of_sources(notebook), "a code cell was changed since: run `make notebooks`"
    assert [cell.execution_count for cell in code_cells(notebook)] == list(range(1, len(code_cells(notebook)) + 1))
    assert any("image" in shown for shown in everything_of(notebook).values())


@each_notebook
def test_outputs_are_as_make_notebooks_stores_them(path):
    """Neither warnings, nor times, nor what names this machine: nothing that would differ in the next run."""
    notebook = read(path)
    before = nbformat.writes(notebook)
    for cell in code_cells(notebook):
        assert not any(output.get("name") == "stderr" for output in cell.outputs)
        assert "execution" not in cell.metadata
        for output in cell.outputs:
            assert not output.get("metadata")
            if kinds(NotebookNode(outputs=[output])) == ["image"]:
                assert list(output.data) in (["image/png"], ["image/jpeg"])
                output.data = NotebookNode()  # writing a JPEG again would change it
    pictureless = nbformat.writes(notebook)
    tidy(notebook)
    assert nbformat.writes(notebook) == pictureless != before


def test_outputs_are_small():
    sizes = {path.stem: path.stat().st_size for path in PATHS}
    assert {name: size for name, size in sizes.items() if size > LARGEST} == {}
    assert sum(sizes.values()) <= ALL_TOGETHER


def cell_with(*outputs: NotebookNode, source: str = "show()") -> NotebookNode:
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=1)


def stream(text: str, name: str = "stdout") -> NotebookNode:
    return nbformat.v4.new_output("stream", name=name, text=text)


def display(**data: str) -> NotebookNode:
    return nbformat.v4.new_output("display_data", data={name.replace("_", "/"): value for name, value in data.items()})


def test_kinds_of_outputs():
    image = display(image_png="", text_plain="<Figure size 1x1 with 1 Axes>")
    assert kinds(cell_with()) == []
    assert kinds(cell_with(stream("a"), stream("b"), image)) == ["text", "image"]
    assert kinds(cell_with(stream("a"), image, stream("b"), display(image_jpeg=""))) == ["text", "image"] * 2
    assert kinds(cell_with(stream("a warning", "stderr"), image, image)) == ["image", "image"]
    assert kinds(cell_with(display(text_html="", text_plain=""))) == ["text/html, text/plain"]


def test_hash_changes_with_any_code_cell():
    one, two = cell_with(source="a"), cell_with(source="b")
    notebooks = [
        nbformat.v4.new_notebook(cells=cells)
        for cells in ([one, two], [two, one], [one], [cell_with(source="a\0b")], [one, cell_with(source="b ")])
    ]
    assert len({hash_of_sources(notebook) for notebook in notebooks[:3] + notebooks[4:]}) == 4
    text = nbformat.v4.new_markdown_cell("words")
    assert hash_of_sources(nbformat.v4.new_notebook(cells=[one, text, two])) == hash_of_sources(notebooks[0])


@pytest.mark.parametrize("text", ["<Legend at 0x7f65aa595550>", "written: /tmp/a.png", "/home/someone/spot.obj"])
def test_outputs_of_one_machine_are_refused(text):
    notebook = nbformat.v4.new_notebook(cells=[cell_with(stream(text))])
    with pytest.raises(ValueError, match="differs from machine to machine"):
        tidy(notebook)


def test_tidy_outputs_are_without_noise():
    cell = cell_with(stream("a"), stream("a warning", "stderr"), stream("b"))
    cell.metadata["execution"] = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"language_info": {"name": "python", "version": "3"}})
    tidy(notebook)
    assert [output.text for output in cell.outputs] == ["ab"] and "execution" not in cell.metadata
    assert notebook.metadata.language_info == {"name": "python"}
    assert stored_hash(notebook) == hash_of_sources(notebook)


def why_not(path):
    """What a notebook needs that is not there: PyTorch3D's Python layer or jax, for those with it in their names."""
    if "pytorch3d" in path.stem:
        try:
            import pytorch3d.renderer  # noqa: F401
        except ImportError as error:
            return f"no PyTorch3D: {error} (compat_tests/pytorch3d/install.py installs its Python layer)"
    if "jax" in path.stem:
        lacking = [name for name in ("jax", "optax") if importlib.util.find_spec(name) is None]
        if lacking:
            return f"no {' and no '.join(lacking)}"
    return None


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=pytest.mark.nightly if path.stem in LONG else ()) for path in PATHS],
)
def test_notebook_runs(path, tmp_path):
    if reason := why_not(path):
        required = "GENDR_REQUIRE_JAX" if "jax" in path.stem else "GENDR_REQUIRE_PYTORCH3D"
        if os.environ.get(required) == "1":
            pytest.fail(f"{required}=1, but there is {reason}", pytrace=False)
        pytest.skip(reason)
    of = kinds_of if importlib.util.find_spec("kaolin") else everything_of
    assert of(run(path, tmp_path)) == of(read(path))


@pytest.mark.slow
def test_kaolins_cells_run_on_the_stand_in(tmp_path, monkeypatch):
    path = NOTEBOOKS / "03_train_with_kaolin.ipynb"
    monkeypatch.setenv("PYTHONPATH", f"{STAND_INS}:{os.environ.get('PYTHONPATH', '')}")
    notebook, stored = run(path, tmp_path), read(path)
    assert kinds_of(notebook) == kinds_of(stored)
    (cell,) = (cell for cell in code_cells(notebook) if NEEDS_KAOLIN in cell.metadata.get("tags", []))
    assert kinds(cell) == ["text", "image"]
    assert "loss of the masks" in printed_by(notebook) and "Kaolin is not installed" not in printed_by(notebook)


def test_stored_outputs_are_without_kaolin():
    """As the notebook says. Those of the stand-in, a double made for tests, would pass for Kaolin's."""
    printed = printed_by(read(NOTEBOOKS / "03_train_with_kaolin.ipynb"))
    assert "Kaolin is not installed" in printed and "loss of the masks" not in printed


def run(path, folder):
    """The notebook after a run."""
    notebook = read(path)
    # In a folder of its own, but beside the examples, as in the repository.
    (folder / "examples").symlink_to(EXAMPLES)
    (folder / "notebooks").mkdir()
    execute(notebook, folder / "notebooks")
    return notebook
