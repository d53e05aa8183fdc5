"""What docs/experiments.md says of comparisons: the cube, the body, the two gradients."""

from collections.abc import Mapping, Sequence
from statistics import fmean, median
from typing import Any, NamedTuple

import cube_pose
from cube_pose import Method
from lab.experiment import Row

from . import body, cube, gradients, statistics
from .comparison import Comparison
from .part import Lookup, Part
from .report import Claim, Section, interval, percent
from .statistics import Estimate

SOFT, SOFT_EXACT = Method("soft", "reference"), Method("soft", "exact")
FIXED, HARD, HARD_INSIDE = Method("soft", "reference", "fixed"), Method("hard"), Method("hard inside")


class Shown(NamedTuple):
    """A comparison as the page has it. task: what a task is called. left: what is left, with its unit. below: what
    counts as solved."""

    comparison: Comparison
    task: str
    left: str
    below: float | None = None


CUBE = Shown(cube.PUBLISHED, "cube", "degrees left", cube_pose.SOLVED)
LESS_BLUR = Shown(cube.LESS_BLUR, "cube", "degrees left", cube_pose.SOLVED)
BODY = Shown(body.PUBLISHED, "forearm", "hand off by, arm's lengths", 0.1)
GRADIENTS = Shown(gradients.BOTH, "task", "left")


def rows(shown: Shown, lookup: Lookup) -> list[Row]:
    """What is finished."""
    made: list[Row] = []
    for task in shown.comparison.tasks:
        rates = shown.comparison.rates(task)
        for method in shown.comparison.methods:
            left, rate = shown.comparison.left(lookup, task, method), shown.comparison.rate(lookup, task, method)
            if left is None or rate is None:
                continue
            edge = " (at the end of those tried)" if rate in (min(rates), max(rates)) else ""
            row: Row = {shown.task: task, "renderer": str(method), "learning rate": f"{rate:g}{edge}"}
            row[f"{shown.left}: mean ± standard error"] = f"{fmean(left):.3g} ± {statistics.standard_error(left):.2g}"
            row["median"] = f"{median(left):.3g}"
            if shown.below is not None:
                share = statistics.share(sum(value < shown.below for value in left), len(left))
                row[f"below {shown.below:g}"] = percent(share)
            made.append(row | {"n": len(left)})
    return made


def tuning(shown: Shown, lookup: Lookup) -> list[Row]:
    """Means on the problems for tuning, a column for each learning rate."""
    comparison, made = shown.comparison, []
    columns = sorted({rate for task in comparison.tasks for rate in comparison.rates(task)})
    for task in comparison.tasks:
        for method in comparison.methods:
            row: Row = {shown.task: task, "renderer": str(method)}
            for rate in columns:
                tried = rate in comparison.rates(task)
                result = lookup(comparison.cell(task, method, rate, comparison.tuning_seed)) if tried else None
                row[f"{rate:g}"] = "" if result is None else f"{fmean(result[comparison.measure]):.3g}"
            made.append(row)
    return made if any(row[f"{rate:g}"] for row in made for rate in columns) else []


def apart(shown: Shown, lookup: Lookup, task: str, some: Any, other: Any) -> Estimate | None:
    """What `some` leaves minus what `other` leaves, on the same problems."""
    both = [shown.comparison.left(lookup, task, method) for method in (some, other)]
    return None if None in both else statistics.paired(*both)


def differences(shown: Shown, lookup: Lookup, pairs: Sequence[tuple[Any, Any]]) -> list[Row]:
    made: list[Row] = []
    for task in shown.comparison.tasks:
        for some, other in pairs:
            estimate = apart(shown, lookup, task, some, other)
            if estimate is not None:
                pair: Row = {shown.task: task, "renderer": str(some), "minus": str(other)}
                made.append(pair | {"difference": interval(estimate)})
    return made


def claim(
    says: str, source: str, shown: Shown, lookup: Lookup, task: str, worse: Any, better: Any, part: Part
) -> Claim:
    """That `better` leaves less than `worse`."""
    estimate = apart(shown, lookup, task, worse, better)
    here = ""
    if estimate is not None:
        both = [fmean(shown.comparison.left(lookup, task, method) or []) for method in (worse, better)]
        here = f"{worse}: {both[0]:.3g}; {better}: {both[1]:.3g}; difference {interval(estimate)}"
    return Claim(says, source, here, estimate, (part,))


def claims(lookups: Mapping[str, Lookup]) -> list[Claim]:
    of_cube, of_body, of_gradients = (lookups[p.program] for p in (cube.CUBE, body.BODY, gradients.COMPARED))
    made = []
    for says, source, task, worse, better in (
        ("soft finds the pose where hard with a soft outline does not", "SoftRas", "sides", HARD_INSIDE, SOFT),
        ("a blur that falls is better than a fixed one", "SoftRas", "sides", FIXED, SOFT),
        ("the exact gradient is better than the reference's", "asked here", "sides", SOFT, SOFT_EXACT),
        ("soft is better than hard", "asked here", "corners", HARD, SOFT),
        ("soft with the exact gradient is better than hard", "asked here", "corners", HARD, SOFT_EXACT),
        ("the exact gradient is better than the reference's", "asked here", "corners", SOFT, SOFT_EXACT),
    ):
        which = "Cube of plain sides" if task == "sides" else "Cube with colours that vary"
        made.append(claim(f"{which}: {says}.", source, CUBE, of_cube, task, worse, better, cube.CUBE))
    for direction in body.PUBLISHED.tasks:
        says = f"Body whose forearm {direction}: soft finds the hand where hard with a soft outline does not."
        pair = ("hard inside", "soft, reference")
        made.append(claim(says, "SoftRas", BODY, of_body, direction, *pair, body.BODY))
    for task in gradients.BOTH.tasks:
        says = f"{task.capitalize()}: the exact gradient is better than the reference's."
        pair = ("reference", "exact")
        made.append(claim(says, "asked here", GRADIENTS, of_gradients, task, *pair, gradients.COMPARED))
    return made


def section(
    title: str, text: str, lookup: Lookup, blocks: Sequence[tuple[str, Shown, Sequence[tuple[Any, Any]]]]
) -> Section:
    """blocks: what stands above the tables, the comparison, and whose differences are shown."""
    tables: dict[str, list[Row]] = {}
    for what, shown, pairs in blocks:
        for name, table in (
            (f"{what}: what is left", rows(shown, lookup)),
            (
                f"{what}: differences on the same problems, with the interval of 95 percent",
                differences(shown, lookup, pairs),
            ),
            (
                f"{what}: mean of what is left of other problems, on which learning rates were chosen",
                tuning(shown, lookup),
            ),
        ):
            if table:
                tables[name] = table
    return Section(title, text, tables)


def sections(lookups: Mapping[str, Lookup]) -> list[Section]:
    by_gradient = [
        (Method("soft", "exact", blur), Method("soft", "reference", blur)) for blur in ("fixed", "scheduled")
    ]
    of_less = [
        (Method("soft", "exact", blur), Method("soft", "reference", blur))
        for blur in ("scheduled from less", "scheduled from little")
    ]
    return [
        section(
            "Pose of a coloured cube (SoftRas)",
            "Random starts and goals, uniform over all rotations: 126.5 degrees are left to those who guess. 64 x 64 "
            "pixels, 300 steps, the pairs of three seeds. The learning rate of each renderer was chosen on the pairs "
            "of another seed.",
            lookups[cube.CUBE.program],
            [
                (
                    "Published",
                    CUBE,
                    [(SOFT, HARD_INSIDE), (SOFT, HARD), (SOFT, FIXED), (SOFT_EXACT, HARD), *by_gradient],
                ),
                ("Blur that begins with less", LESS_BLUR, of_less),
            ],
        ),
        section(
            "Pose of a body with a hidden forearm (SoftRas)",
            "128 x 128 pixels, 300 steps, the poses of three seeds. The learning rate of each renderer was chosen on "
            "the poses of another seed.",
            lookups[body.BODY.program],
            [
                (
                    "Body",
                    BODY,
                    [
                        ("soft, reference", "hard inside"),
                        ("soft, reference", "hard"),
                        ("soft, exact", "soft, reference"),
                    ],
                )
            ],
        ),
        section(
            "The exact gradient of colours against the reference's",
            "64 x 64 pixels, 300 steps, 16 starts. The learning rate of each was chosen from 16 other starts.",
            lookups[gradients.COMPARED.program],
            [("Tasks", GRADIENTS, [("exact", "reference")])],
        ),
    ]
