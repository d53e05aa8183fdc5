"""The part of docs/experiments.md that is made of committed cells."""

from collections.abc import Callable, Mapping
from pathlib import Path

from lab import grids
from lab.experiment import IMAGES, Row

from . import bias_report, camera_report, comparison_report, deformation_report, shape, shape_report
from .part import Lookup, cells_of
from .plan import PARTS
from .report import Claim, Section

# Of what a run's line says. core: the first digits of its library's SHA-256.
MADE_BY = ("device", "threads", "python", "torch", "commit", "core", "isa")
Table = Callable[[list[Row]], str]

NOT_PLANNED: list[Row] = [
    {
        "part": "single-view reconstruction: 3 seeds x 4 distributions x 3 T-conorms at --small (GenDR, 5.3: the "
        "uniform distribution is the best on average)",
        "cells": 36,
        "cost": "1,650 s of wall-clock time of one run on a busy machine; 17 hours in all",
        "what is in its place": "one run with SoftRas' settings, below",
    },
    {
        "part": "PyTorch3D's own renderer (K = 50) on the shape task",
        "cells": 10,
        "cost": "not measured",
        "what is in its place": "nothing: there is no compiled PyTorch3D on this machine",
    },
    {
        "part": "variance of the gradient; what a smaller reach changes",
        "cells": "",
        "cost": "not measured",
        "what is in its place": "nothing: no program measures it yet; `anneal_camera.py` has what wide edges cost",
    },
]

SOURCES = """\
The papers are GenDR (Petersen et al., "GenDR: A Generalized Differentiable Renderer", CVPR 2022) and SoftRas (Liu et
al., "Soft Rasterizer: A Differentiable Renderer for Image-based 3D Reasoning", ICCV 2019). Of both only the
abstracts were at hand when this page was written. GenDR's says that the best distribution depends on the task, and
that the uniform one is the best on average for single-view reconstruction; SoftRas' says that gradients reach
occluded vertices and those far away. The other claims under their names are what the papers are known for, in our
words. So a verdict is about the sentence in its row, and not about a number in a paper."""

VERDICTS = """\
Each claim that can be compared is put as a number that is above 0 where the claim holds: `agrees` where its whole
interval of 95 percent is above 0, `does not agree` where it is below, `undecided` where 0 is within it. Intervals
are of paired differences (Student) or shares (Wilson); many of them are on this page, so one in twenty may be wrong
by chance. `partial` says that cells of its plan are missing; they are then missing in the tables too."""

PLAN = """\
A cell is one search, batch or fit; each finished one is a line of `benchmarks/results/experiments/PROGRAM.jsonl`
with all that identifies it, what came out, its seconds of processor time, and the machine, versions and commit that
computed it. Its numbers do not depend on which process computed it, or when. `make evidence` computes what is
missing in this order; `EVIDENCE_ARGS='--parts NAME'` computes one part. Seconds are the mean of the cells that are
done, or of a sample that was measured before. The processor was shared with other programs, which makes its time
longer by up to a half."""


def lookups() -> dict[str, Lookup]:
    """By program, what its file has."""
    return {part.program: part.file.result for part in PARTS}


def claims(of_programs: Mapping[str, Lookup]) -> list[Claim]:
    return [
        *shape_report.claims(of_programs["optimize_shape"]),
        *camera_report.claims(of_programs["optimize_camera"], shape_report.leader(of_programs["optimize_shape"])),
        *comparison_report.claims(of_programs),
        *deformation_report.claims(of_programs["deform"]),
        *bias_report.claims(of_programs["softness_bias"]),
    ]


def sections(of_programs: Mapping[str, Lookup]) -> list[Section]:
    return [
        shape_report.section(of_programs["optimize_shape"]),
        camera_report.section(of_programs["optimize_camera"]),
        *comparison_report.sections(of_programs),
        deformation_report.section(of_programs["deform"]),
        bias_report.section(of_programs["softness_bias"]),
    ]


def plan() -> list[Row]:
    rows: list[Row] = []
    for part in PARTS:
        lines = part.finished()
        seconds = sum(line.seconds for line in lines) / len(lines) if lines else part.seconds
        rows.append(
            {
                "part": f"`{part.name}`",
                "what": part.what,
                "program": f"`{part.program}`",
                "done": f"{len(lines):,} of {part.planned:,}",
                "seconds a cell": f"{seconds:.0f}" if lines else f"about {seconds:.0f}",
                "hours done": f"{sum(line.seconds for line in lines) / 3600:.2f}",
                "hours left": f"{(part.planned - len(lines)) * seconds / 3600:.1f}",
            }
        )
    return rows


def computed_by() -> list[Row]:
    """A row for each program and run."""
    rows: list[Row] = []
    for program in dict.fromkeys(part.program for part in PARTS):
        cells = cells_of(program)
        for run, made_by in cells.runs().items():
            lines = [line for line in cells.finished().values() if line.run == run]
            rows.append(
                {
                    "program": f"`{program}`",
                    "cells": len(lines),
                    "hours": f"{sum(line.seconds for line in lines) / 3600:.2f}",
                    **{name: made_by.get(name, "") for name in MADE_BY},
                }
            )
    return rows


def summary(table: Table) -> str:
    """Markdown; table: of rows."""
    rows = [claim.row() for claim in claims(lookups())]
    return "\n\n".join(["## Do the papers' results hold here?", table(rows), VERDICTS, SOURCES])


def details(table: Table) -> str:
    """The plan, and all numbers."""
    of_programs = lookups()
    parts = ["## What was computed, and what is left", PLAN, table(plan())]
    made_by = computed_by()
    if made_by:
        parts += ["What computed them:", table(made_by)]
    parts += ["Not in the plan yet:", table(NOT_PLANNED)]
    for section in sections(of_programs):
        parts += [f"## {section.title}", section.text]
        parts += [f"![{what}](images/experiments/{name})\n\n{what}" for name, what in section.pictures.items()]
        for title, rows in section.tables.items():
            parts += [title, table(rows)]
        if not section.tables:
            parts.append("Not run yet.")
    return "\n\n".join(parts)


def write_pictures(folder: Path = IMAGES) -> None:
    of_programs = lookups()
    losses = shape_report.losses(of_programs["optimize_shape"], shape.coarse_best, shape.AIRPLANE)
    if losses:
        tables = {"IoU loss, airplane, coarse search": shape_report.numbers(losses)}
        grids.write_heat_maps(folder / shape_report.PICTURE, tables, best="low")
    degrees = camera_report.all_degrees(of_programs["optimize_camera"])
    if degrees:
        tables = camera_report.heat_maps(camera_report.found(degrees))
        grids.write_heat_maps(folder / camera_report.PICTURE, tables, best="high")
