"""The code of the documentation's pages runs as it stands, a page in one namespace and in an empty folder."""

import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
# Every page whose code needs nothing but the package.
PAGES = [pytest.param("cookbook", marks=pytest.mark.slow), "render"]


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (DOCS / f"{page}.md").read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_code_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {}
    found = blocks(page)
    assert len(found) >= 3
    for number, block in enumerate(found, 1):
        exec(compile(block, f"{page}.md, block {number}", "exec"), namespace)


def test_cookbook_checks_itself() -> None:
    """Every recipe that computes something says what comes out."""
    silent = [block for block in blocks("cookbook")[1:] if "assert" not in block]
    assert silent == []
