"""A table over distributions and T-conorms: its options, its cells, its picture."""

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from .cells import Cells
from .experiment import Row, machine
from .variants import ALL_EDGES, ALL_T_CONORMS, Edge, TConorm, Variant, argument, edge, t_conorm

KEPT = "cells.jsonl"


def add_options(parser: argparse.ArgumentParser) -> None:
    """--distributions, --t-conorms, --gradient, --resume."""
    add_variants(parser)
    parser.add_argument(
        "--gradient",
        choices=("exact", "reference"),
        default="exact",
        help="exact: the derivative of the picture; reference: what GenDR's backward pass computes (default: exact)",
    )


def add_variants(parser: argparse.ArgumentParser) -> None:
    """--distributions, --t-conorms, --resume."""
    parser.add_argument(
        "--distributions",
        type=argument(edge),
        nargs="+",
        metavar="NAME",
        help="rows: NAME, NAME_squared for the square of the distance, gamma:SHAPE (default: all; --quick: some)",
    )
    parser.add_argument(
        "--t-conorms",
        type=argument(t_conorm),
        nargs="+",
        metavar="NAME",
        help="columns: NAME or NAME:P (default: one of each; --quick: some)",
    )
    parser.add_argument(
        "--resume", action="store_true", help=f"take the cells that an interrupted run left in OUT/{KEPT}"
    )


def variants(options: argparse.Namespace, quick: tuple[Sequence[Edge], Sequence[TConorm]]) -> list[Variant]:
    """The cells row by row; quick: rows and columns of a quick run."""
    edges = options.distributions or (quick[0] if options.quick else ALL_EDGES)
    t_conorms = options.t_conorms or (quick[1] if options.quick else ALL_T_CONORMS)
    return [Variant(e, t) for e in dict.fromkeys(edges) for t in dict.fromkeys(t_conorms)]


def opened(options: argparse.Namespace) -> Cells:
    """The cells in OUT; none without --resume."""
    path = options.out / KEPT
    if not options.resume:
        path.unlink(missing_ok=True)
    return Cells(path, machine(options.device))


def table(cells: dict[Variant, float]) -> list[Row]:
    """A row a distribution, a column a T-conorm."""
    t_conorms = list(dict.fromkeys(variant.t_conorm for variant in cells))
    return [
        {"distribution": str(e), **{str(t): cells[Variant(e, t)] for t in t_conorms}}
        for e in dict.fromkeys(variant.edge for variant in cells)
    ]


def write_heat_maps(path: Path, tables: dict[str, list[Row]], best: str) -> None:
    """Tables by their titles, side by side, with the numbers in them; best: 'low' or 'high', which is dark green. NaN
    is left white."""
    rows, columns = _names(next(iter(tables.values())))
    figure = Figure(
        figsize=(1.6 + len(tables) * (0.9 * len(columns) + 0.3), 1.6 + 0.32 * len(rows)), layout="constrained"
    )
    numbers = [value for cells in tables.values() for value in _numbers(cells) if math.isfinite(value)]
    low, high = min(numbers), max(numbers)
    axes = figure.subplots(1, len(tables), squeeze=False, sharey=True)[0]
    for axis, (title, cells) in zip(axes, tables.items(), strict=True):
        values = [[float(row[name]) for name in columns] for row in cells]
        colours = "YlGn_r" if best == "low" else "YlGn"
        axis.imshow(values, cmap=colours, vmin=low, vmax=high, aspect="auto")
        for i, line in enumerate(values):
            for j, value in enumerate(line):
                dark = (value - low) * 2 > high - low
                axis.text(
                    j,
                    i,
                    f"{value:.3g}" if math.isfinite(value) else "",
                    ha="center",
                    va="center",
                    color="white" if dark == (best == "high") else "black",
                )
        axis.set_title(title, fontsize="medium")
        axis.set_xticks(range(len(columns)), columns, rotation=30, ha="right")
        axis.set_yticks(range(len(rows)), rows)
    figure.savefig(path, dpi=110)


def _names(rows: Sequence[Row]) -> tuple[list[str], list[str]]:
    return [str(row["distribution"]) for row in rows], [name for name in rows[0] if name != "distribution"]


def _numbers(rows: Sequence[Row]) -> Iterator[float]:
    for row in rows:
        yield from (float(value) for name, value in row.items() if name != "distribution")
