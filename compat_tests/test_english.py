"""Phrases that readers stumble over stay out of pages, notebooks, docstrings and comments; each with what to write
instead."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Regular expressions over text whose line breaks are spaces. A new riddle found by a reader gets a line here.
RIDDLES = {
    r"\bin the places? of\b": "instead of; drop-in replacement for",
    r"\b(has|have|had|all the|any) say\b|\bno say\b": "is ignored; decides",
    r"\bcounts? nowhere\b": "is ignored",
    r"(?<!nothing )\bbut for (?!2 P\()": "except",
    r"\bone behind the other\b": "concatenated; stacked in depth",
    r"\bof no meaning\b": "arbitrary; meaningless",
    r"\bprograms that end\b": "reproductions",
    r"\bLooked for are\b": "is searched for in",
    r"\bthat nobody has\b": "synthetic",
    r"\bmay show what is no number\b|\bwhat is no number\b": "may be NaN",
    r"\bfor what is no\b": "for what is not a",
    r"\bpull on vert": "give gradients to vertices",
    r"\b(has|have) run where\b": "test status",
    r"\b(is|are|was) not to be had\b": "is not available; fails",
    r"\bwill not do\b": "does not work",
    r"\b(of|on) either sign\b": "of both signs",
    r"\b(fields|those|ones) that shall\b": "fields to set",
    r"\bof any meaning\b": "any; for example colours or normals",
    r"\bin front of which\b": "the nearest",
    r"\b(is|are|was|were) mended\b": "is corrected",
    r"\bas said[:;,]": "as described",
    r"\bfor the asking\b": "can be read",
    r"\bsees (far|only what)\b": "gives gradients far from the outline",
    r"\bwins as soon as\b": "gets nearly all the weight",
    r"\bend(ing)? narrow\b": "end with a narrow band; with sharp edges",
}
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "experiments/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
SOURCES = [
    path
    for folder in ("gendr_adapters", "benchmarks", "build_tools", "examples", "experiments")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def riddles(text: str) -> list[str]:
    """A line for each phrase of the text that has a plainer one."""
    plain = re.sub(r"\s+(# )?", " ", text)
    return [
        f"{found[0]!r} in '{plain[max(0, found.start() - 40) : found.end() + 30]}': write {better!r}"
        for riddle, better in RIDDLES.items()
        for found in re.finditer(riddle, plain, re.IGNORECASE)
    ]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_pages(path: Path) -> None:
    assert riddles(path.read_text()) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks(path: Path) -> None:
    sources = ["".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]]
    assert len(sources) > 5 and riddles("\n".join(sources)) == []


def test_sources() -> None:
    assert len(SOURCES) > 100
    found = {path.relative_to(ROOT).as_posix(): riddles(path.read_text()) for path in SOURCES}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_riddles_are_found_across_lines() -> None:
    assert len(riddles("our functions in the\n    place of Kaolin's; `knum` has no\n# say")) == 2
    assert riddles("nothing but for its own sake; they take the place of a list") == []
