"""docs/experiments.md: made from benchmarks/results/experiments/*.json and *.jsonl.

python experiments/make_docs.py
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evidence import page as evidence
from lab.experiment import RESULTS, Row

DOCS = Path(__file__).resolve().parent.parent / "docs" / "experiments.md"
INTRODUCTION = Path(__file__).resolve().parent / "README.md"


def page(records: Sequence[dict[str, Any]]) -> str:
    """What the cells of `make evidence` say, the introduction (experiments/README.md), the cells' numbers, the table of
    all headlines, and the experiments' own pictures and tables."""
    title, introduction = INTRODUCTION.read_text().split("\n", 1)
    parts = [title, evidence.summary(_table), "## The programs", introduction.strip(), evidence.details(_table)]
    parts += ["## Results of the programs", _overview(records)]
    for record in records:
        if record["tables"]:
            parts.append(f"### {_title(record)}")
        parts += [f"![{text}](images/experiments/{name})\n\n{text}" for name, text in record["pictures"].items()]
        for title, rows in record["tables"].items():
            parts += [title, _table(rows)]
    parts.append("This page is made by `python experiments/make_docs.py`.")
    return "\n\n".join(parts) + "\n"


def records() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]


def _title(record: dict[str, Any]) -> str:
    return record["experiment"] + (" --quick" if record["quick"] else "")


def _overview(records: Sequence[dict[str, Any]]) -> str:
    rows: list[Row] = []
    for record in records:
        headline = "; ".join(f"{name} = {_shown(value)}" for name, value in record["headline"].items())
        threads = record["machine"]["threads"]
        where = f"{record['machine']['device']}, {threads} thread{'s' if threads > 1 else ''}"
        seconds = f"{record['seconds']:.0f} s"
        rows.append({"command": f"`{record['command']}`", "what came out": headline, "time": seconds, "machine": where})
    return _table(rows)


def _table(rows: Sequence[Row]) -> str:
    columns = list(rows[0]) if rows else []
    lines = [columns, ["---"] * len(columns), *([_shown(row[c]) for c in columns] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _shown(value: float | int | str) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=DOCS, help=f"file to write (default: docs/{DOCS.name})")
    out = parser.parse_args(argv).out
    out.write_text(page(records()))
    if out == DOCS:
        evidence.write_pictures()
    print("written:", out)


if __name__ == "__main__":
    main()
