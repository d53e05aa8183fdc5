"""The Python code of the documentation's pages runs as it stands, a page in one namespace and in an empty folder."""

import importlib
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from support.kaolin_modules import stand_in_kaolin
from support.markdown import blocks

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(path.stem for path in DOCS.glob("*.md") if any(one.kind == "python" for one in blocks(path)))
SLOW = {"cookbook"}


def code(page: str) -> list[str]:
    return [one.code for one in blocks(DOCS / f"{page}.md") if one.kind == "python" and one.why is None]


def test_pages() -> None:
    assert {"cookbook", "kaolin", "redner", "render", "softras"} <= set(PAGES)


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[pytest.mark.slow] if page in SLOW else []) for page in PAGES]
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_code_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page == "jax":
        importlib.import_module("support.jax_door")  # skips, or fails, where there is no jax
    if page == "pytorch3d":
        pytest.importorskip("pytorch3d.renderer")
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    with stand_in_kaolin() if page == "kaolin" else nullcontext():
        for number, block in enumerate(code(page), 1):
            exec(compile(block, f"{page}.md, block {number}", "exec"), namespace)
    assert namespace


def test_cookbook_checks_itself() -> None:
    """Every recipe says in its code what comes out."""
    assert [block for block in code("cookbook")[1:] if "assert" not in block] == []
