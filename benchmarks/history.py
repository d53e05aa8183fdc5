"""`python -m benchmarks.history`: how the standard scenes' times went from commit to commit, a line each that
`make bench` appends to benchmarks/results/history.jsonl.

--docs writes docs/benchmarks.md and its picture. Times of two machines say nothing about the code, so each machine has
a plot and a table of its own.
"""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

ROOT = Path(__file__).parent.parent
HISTORY = ROOT / "benchmarks" / "results" / "history.jsonl"
PAGE = ROOT / "docs" / "benchmarks.md"
PICTURE = ROOT / "docs" / "images" / "benchmark_history.png"
# Runnable processes besides this one, in the last minute's mean, from which on a machine is busy.
BUSY = 0.5

Entry = dict[str, Any]


def entry(machine: Mapping[str, Any], commit: str | None, scenes: Sequence[Mapping[str, Any]]) -> Entry:
    """A line: what was measured, on what; of each scene the medians [forward, backward] in milliseconds."""
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "commit": commit,
        "machine": dict(machine),
        "ms": {scene["scene"]: [scene["forward_ms"], scene["backward_ms"]] for scene in scenes},
    }


def append(path: Path, line: Entry) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")


def why_not_now() -> str | None:
    """What would make times measured now no record of the code; None on a machine that is idle."""
    load = os.getloadavg()[0]
    return f"the machine is busy (load {load:.1f})" if load > BUSY else None


def read(path: Path) -> list[Entry]:
    """The lines, oldest first. Raises ValueError with the number of an invalid line."""
    lines = path.read_text().splitlines() if path.exists() else []
    entries = []
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
            entries.append({name: found[name] for name in ("date", "commit", "machine", "ms")})
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}:{number}: not a line of the history: {error!r}") from error
    return entries


def by_machine(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """By processor, instruction set and threads."""
    found: dict[str, list[Entry]] = {}
    for one in entries:
        machine = one["machine"]
        title = f"{machine['processor']}, {machine['instruction_set']}, {machine['threads']} threads"
        found.setdefault(title, []).append(one)
    return found


def page(entries: Sequence[Entry], picture: str) -> str:
    """docs/benchmarks.md. picture: where it is, seen from the page."""
    parts = [
        "# Times from commit to commit",
        "The table has the times of the standard scenes, forward and backward together, in milliseconds: medians of "
        "wall-clock time. `make bench` appends a line to `benchmarks/results/history.jsonl` if the machine is idle. "
        "`make pages` writes this page. To compare two commits precisely, use `python -m benchmarks.compare`.",
    ]
    if not entries:
        return "\n\n".join([*parts, "Nothing has been recorded yet."]) + "\n"
    parts.append(f"![times of the standard scenes over the commits, a plot for each machine]({picture})")
    for machine, lines in by_machine(entries).items():
        scenes = list(dict.fromkeys(name for line in lines for name in line["ms"]))
        rows = [["commit", *scenes], ["---"] * (1 + len(scenes))]
        for line in lines:
            times = [f"{sum(line['ms'][name]):.2f}" if name in line["ms"] else "" for name in scenes]
            rows.append([f"{(line['commit'] or 'unknown')[:10]}, {line['date']}", *times])
        table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
        parts += [f"## {machine}", table]
    return "\n\n".join(parts) + "\n"


def draw(entries: Sequence[Entry], path: Path) -> None:
    machines = by_machine(entries)
    figure = Figure(figsize=(8, 3.5 * len(machines)), layout="constrained")
    for axis, (machine, lines) in zip(
        figure.subplots(len(machines), squeeze=False)[:, 0], machines.items(), strict=True
    ):
        for scene in dict.fromkeys(name for line in lines for name in line["ms"]):
            at = [i for i, line in enumerate(lines) if scene in line["ms"]]
            axis.plot(at, [sum(lines[i]["ms"][scene]) for i in at], marker="o", label=scene)
        axis.set_xticks(range(len(lines)), [(line["commit"] or "?")[:7] for line in lines], rotation=45)
        axis.set(title=machine, ylabel="forward and backward, ms", yscale="log")
        axis.legend(fontsize="x-small", loc="center left", bbox_to_anchor=(1, 0.5))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--docs", action="store_true", help="write docs/benchmarks.md and its picture")
    options = parser.parse_args(arguments)
    entries = read(HISTORY)
    text = page(entries, PICTURE.relative_to(PAGE.parent).as_posix())
    if not options.docs:
        print(text)
        return
    if entries:
        draw(entries, PICTURE)
    PAGE.write_text(text)
    print("written:", PAGE)


if __name__ == "__main__":
    main()
