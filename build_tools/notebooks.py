"""`make notebooks`: runs the notebooks and stores their outputs in them.

    python -m build_tools.notebooks [NAME ...]

What is stored hangs as little as possible on the machine and the moment: no times, no warnings, figures without their
`<Figure ...>`. Text with a memory address or an absolute path is refused, as a notebook should not print such things.
compat_tests/test_notebooks.py runs the notebooks again and compares the kinds of outputs with those stored.
"""

import argparse
import base64
import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from PIL import Image, ImageChops, ImageStat

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
LARGEST, ALL_TOGETHER = 150_000, 1_500_000  # bytes of the files
TIMEOUT = 600  # seconds a cell

_PALETTES = (128, 64, 48)  # colours
_WELL_SHOWN = 0.55  # the largest root mean square of what a palette changes, of 255
_QUALITY = 78  # of a figure that is stored as a JPEG
_OF_THIS_MACHINE = re.compile(r"\bat 0x[0-9a-f]{6,}|(?<![\w.])/(?:home|root|tmp|work|usr|opt|Users)/")
_HASH = "sources_sha256"


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Run all cells in the folder; outputs and execution counts are then those of this run.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell fails.
    """
    where = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=TIMEOUT, kernel_name="python3", record_timing=False, resources=where).execute()


def kinds(cell: NotebookNode) -> list[str]:
    """What a code cell shows: 'text' for what it prints, MIME types for the rest; without repetitions side by side, as
    a print may come in several parts. An image is an image in any format. Warnings (stderr) are left out."""
    found: list[str] = []
    for output in cell.outputs:
        if output.output_type == "stream":
            kind = "text" if output.name == "stdout" else ""
        elif any(name.startswith("image/") for name in output.data):
            kind = "image"
        else:
            kind = ", ".join(sorted(output.data))
        if kind and not (kind == "text" and found[-1:] == ["text"]):
            found.append(kind)
    return found


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def stored_hash(notebook: NotebookNode) -> str:
    """Of the sources that the stored outputs belong to; empty where there are no outputs yet."""
    return notebook.metadata.get("gendr_adapters", {}).get(_HASH, "")


def hash_of_sources(notebook: NotebookNode) -> str:
    """Changes with the source of any code cell, and with their order."""
    return hashlib.sha256("\0".join(cell.source for cell in code_cells(notebook)).encode()).hexdigest()


def tidy(notebook: NotebookNode) -> None:
    """Make the outputs of a run those to be stored.

    Raises:
        ValueError: text that hangs on this machine.
    """
    notebook.metadata = NotebookNode(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "gendr_adapters": {_HASH: hash_of_sources(notebook)},
        }
    )
    for cell in code_cells(notebook):
        cell.metadata.pop("execution", None)
        cell.outputs = _joined([_tidied(output) for output in cell.outputs if output.get("name") != "stderr"])
        for output in cell.outputs:
            text = output.text if output.output_type == "stream" else output.data.get("text/plain", "")
            if found := _OF_THIS_MACHINE.search(text):
                raise ValueError(f"an output has {found[0]!r}, which differs from machine to machine:\n{cell.source}")


def _tidied(output: NotebookNode) -> NotebookNode:
    if "image/png" in output.get("data", {}):
        output.metadata = NotebookNode()
        output.data = NotebookNode(_smallest(base64.b64decode(output.data["image/png"])))
    return output


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Prints come in parts, cut at random; those side by side are made one."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream" and joined and joined[-1].output_type == "stream":
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _smallest(png: bytes) -> dict[str, str]:
    """The figure by its MIME type, in as few bytes as do: as a JPEG, or with a palette that shows it well."""
    figure = Image.open(io.BytesIO(png)).convert("RGB")
    stored = [("image/jpeg", _file(figure, "jpeg", quality=_QUALITY, progressive=True))]
    for colours in _PALETTES:
        with_palette = figure.quantize(colours, kmeans=1, dither=Image.Dither.NONE)
        # In the large, that is: what happens to single pixels of an outline is not seen, blotches are.
        changed = ImageChops.difference(figure.reduce(6), with_palette.convert("RGB").reduce(6))
        if max(ImageStat.Stat(changed).rms) < _WELL_SHOWN:
            stored.append(("image/png", _file(with_palette, "png")))
    kind, file = min(stored, key=lambda pair: len(pair[1]))
    return {kind: base64.b64encode(file).decode()}


def _file(picture: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, optimize=True, **options)
    return file.getvalue()


def write(path: Path) -> int:
    """Run a notebook and store what came out in it; return the bytes of the file."""
    notebook = nbformat.read(path, as_version=4)
    execute(notebook, path.parent)
    tidy(notebook)
    nbformat.write(notebook, path)
    return path.stat().st_size


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all): {', '.join(names)}")
    chosen = parser.parse_args(argv).names
    if unknown := [name for name in chosen if name not in names]:
        parser.error(f"no such notebook: {', '.join(unknown)}; there are {', '.join(names)}")
    for name in chosen or names:
        size = write(NOTEBOOKS / f"{name}.ipynb")
        too_large = f", more than the {LARGEST / 1000:.0f} kB allowed" if size > LARGEST else ""
        print(f"written: notebooks/{name}.ipynb, {size / 1000:.0f} kB{too_large}")


if __name__ == "__main__":
    main()
