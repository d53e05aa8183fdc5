"""What all experiments share: their command line, the seed, and the file with their results."""

import argparse
import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

import gendr_adapters
from gendr_adapters.utils.machine import processor

from .cells import commit
from .options import device

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "benchmarks" / "results" / "experiments"
IMAGES = ROOT / "docs" / "images" / "experiments"

Row = dict[str, float | int | str]


class Results(NamedTuple):
    """headline: the few numbers that say what came out, by their names. tables: more of them, by titles; all rows of a
    table have the same columns. pictures: files that were written. shown: those of them that belong beside the tables
    in the documentation, each with a sentence that says what it shows."""

    headline: Row
    tables: dict[str, list[Row]]
    pictures: list[Path]
    shown: dict[Path, str] = {}  # noqa: RUF012 (a tuple's default, never changed)


def run(
    name: str,
    doc: str,
    experiment: Callable[[argparse.Namespace], Results],
    add_options: Callable[[argparse.ArgumentParser], None] | None = None,
    argv: Sequence[str] | None = None,
) -> Results:
    """Run an experiment from the command line: `run("optimize_shape", __doc__, main)`.

    Every experiment has --quick (two minutes on two cores), --seed, --device, --out (a folder for pictures) and --json.
    experiment gets the options, out created and the seed set; its results are printed and written to --json, by
    default benchmarks/results/experiments/NAME.json, or NAME-quick.json, together with the command, the time, the
    machine and the commit. They are written in one go at the end: an experiment that is interrupted leaves the last
    results alone. Results in that folder are for docs/experiments.md, and their pictures go to
    docs/images/experiments, so that tables and pictures are of one run. Of processes that torchrun started, the first
    one writes.
    """
    parser = argparse.ArgumentParser(
        prog=f"python experiments/{name}.py", description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a small run: about two minutes on two cores")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random (default: 0)")
    parser.add_argument(
        "--device", type=device, default=torch.device("cpu"), help="where to compute: cpu, cuda, cuda:1 (default: cpu)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out") / name, help="folder for pictures (default: %(default)s)"
    )
    parser.add_argument("--json", type=Path, help="file for the results (default: in benchmarks/results/experiments)")
    if add_options is not None:
        add_options(parser)
    options = parser.parse_args(argv)
    path = options.json or RESULTS / f"{name}{'-quick' if options.quick else ''}.json"
    options.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.seed)
    source = commit()  # as it is now: it may be changed during a run of hours
    start = time.perf_counter()
    results = experiment(options)
    if int(os.environ.get("RANK", "0")) > 0:
        return results
    seconds = time.perf_counter() - start
    given = sys.argv[1:] if argv is None else argv
    record = {
        "experiment": name,
        "command": shlex.join(["python", f"experiments/{name}.py", *given]),
        "quick": options.quick,
        "seed": options.seed,
        "seconds": round(seconds, 1),
        "machine": machine(options.device),
        "commit": source,
        "headline": results.headline,
        "tables": results.tables,
        "pictures": {f"{path.stem}-{picture.name}": text for picture, text in results.shown.items()},
    }
    write_json(path, record)
    if path.resolve().parent == RESULTS:
        IMAGES.mkdir(parents=True, exist_ok=True)
        for picture, name in zip(results.shown, record["pictures"], strict=True):
            shutil.copyfile(picture, IMAGES / name)
    for title, rows in results.tables.items():
        print_table(title, rows)
    print("written:", *results.pictures, path)
    print("  ".join(f"{key}={_shown(value)}" for key, value in results.headline.items()), f" in {seconds:.0f} s")
    return results


def write_json(path: Path, record: dict[str, Any]) -> None:
    """All of it or nothing: a file that is there stays whole until the new one is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    unfinished.write_text(json.dumps(record, indent=1) + "\n")
    unfinished.replace(path)


def print_table(title: str, rows: Sequence[Row]) -> None:
    print(f"\n{title}\n")
    columns = list(rows[0]) if rows else []
    cells = [columns, *([_shown(row[c]) for c in columns] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    for line in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))
    print(flush=True)


def machine(device: torch.device) -> Row:
    """Where the numbers come from."""
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "gendr_adapters": gendr_adapters.__version__,
    }


def _shown(value: float | int | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
