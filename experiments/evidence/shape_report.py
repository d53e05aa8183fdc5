"""What docs/experiments.md says of the shape task."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import optimize_shape
from lab.experiment import Row
from lab.variants import Edge, TConorm, Variant
from optimize_shape import Found, cell_of

from . import camera, shape, statistics
from .part import Lookup, Part
from .report import NOTHING, Claim, Said, Section, interval, plural

MAX = next(t for t in shape.T_CONORMS if t.name == "max")
PROBABILISTIC = next(t for t in shape.T_CONORMS if t.name == "probabilistic")
SOFTRAS = Variant(next(e for e in shape.EDGES if e.name == "logistic" and e.squared), PROBABILISTIC)

# Of a mesh, an elevation and a variant; None where it is not finished.
Search = Callable[[Lookup, Path, int, Variant], Found | None]
# The loss of each variant in each set that is finished.
Losses = Mapping[Variant, Mapping[int, float]]


def losses(lookup: Lookup, search: Search, mesh: Path, variants: Sequence[Variant] = shape.VARIANTS) -> Losses:
    """Of variants that have any."""
    found = {v: {e: search(lookup, mesh, e, v) for e in optimize_shape.ELEVATIONS} for v in variants}
    finished = {v: {e: of_set.loss for e, of_set in of_sets.items() if of_set} for v, of_sets in found.items()}
    return {variant: of_sets for variant, of_sets in finished.items() if of_sets}


def table(of_all: Losses, edges: Sequence[Edge], t_conorms: Sequence[TConorm]) -> list[Row]:
    """Mean and standard error over sets. Sets are named where there are fewer than SETS."""
    return [
        {"distribution": str(e), **{str(t): _number(of_all.get(Variant(e, t), {})) for t in t_conorms}} for e in edges
    ]


def _number(of_sets: Mapping[int, float]) -> str:
    if not of_sets:
        return ""
    values = list(of_sets.values())
    error = "" if len(values) == 1 else f" ± {statistics.standard_error(values):.3f}"
    few = f" ({plural(len(values), 'set')})" if len(values) < len(shape.SETS) else ""
    return f"{fmean(values):.3f}{error}{few}"


def numbers(of_all: Losses) -> list[Row]:
    """For the heat map: means, NaN where there is none."""
    return [
        {
            "distribution": str(e),
            **{
                str(t): fmean(of_all[Variant(e, t)].values()) if Variant(e, t) in of_all else math.nan
                for t in shape.T_CONORMS
            },
        }
        for e in shape.EDGES
    ]


def max_is_poor(of_all: Losses) -> Said:
    """By how much the loss with max is above that with the other T-conorms; an independent value a distribution."""
    above, worst = [], 0
    for e in shape.EDGES:
        of_edge = {t: of_all.get(Variant(e, t), {}) for t in shape.T_CONORMS}
        common = set.intersection(*(set(of_sets) for of_sets in of_edge.values()))
        if common:
            means = {t: fmean(of_edge[t][e] for e in common) for t in shape.T_CONORMS}
            above.append(means[MAX] - fmean(loss for t, loss in means.items() if t != MAX))
            worst += means[MAX] == max(means.values())
    if not above:
        return NOTHING
    estimate = statistics.mean(above)
    return (
        f"its loss is higher than the mean of the other four by {interval(estimate)}, and it is the worst of the five "
        f"with {worst} of {plural(len(above), 'distribution')}"
    ), estimate


def softras_is_not_special(of_all: Losses) -> Said:
    """By how much SoftRas' loss is above that of the variant which leads in the other sets; an independent value a
    set."""
    sets = sorted(of_all.get(SOFTRAS, {}))
    whole = {v: of_sets for v, of_sets in of_all.items() if set(sets) <= set(of_sets)}
    if not sets:
        return NOTHING
    above, leaders = [], []
    for held_out in sets:
        # With one set alone the choice and the comparison are of the same numbers, and no interval comes of it.
        others = [e for e in sets if e != held_out] or sets
        leader = min(whole, key=lambda v, others=others: fmean(whole[v][e] for e in others))  # type: ignore[misc]
        leaders.append(leader)
        above.append(whole[SOFTRAS][held_out] - whole[leader][held_out])
    ranked = sorted(whole, key=lambda v: fmean(whole[v].values()))
    estimate = statistics.mean(above)
    return (
        f"{SOFTRAS} is number {ranked.index(SOFTRAS) + 1} of {len(ranked)}; its loss is higher by {interval(estimate)} "
        f"than that of the variant which leads in the other sets ({'; '.join(dict.fromkeys(map(str, leaders)))})"
    ), estimate


def ranks(of_all: Losses) -> str:
    """Who leads and who is last, among those of most sets."""
    most = max((len(of_sets) for of_sets in of_all.values()), default=0)
    if not most:
        return ""
    means = {v: fmean(of_sets.values()) for v, of_sets in of_all.items() if len(of_sets) == most}
    ranked = sorted(means, key=means.__getitem__)
    said = [f"{v} ({means[v]:.3f})" for v in (*ranked[:3], ranked[-1])]
    return f"of {len(ranked)} variants {'; '.join(said[:3])} lead, and {said[3]} is last" if len(ranked) > 3 else ""


def leader(lookup: Lookup, variants: Sequence[Variant] = camera.VARIANTS) -> Variant | None:
    """Of those that the camera task has too; None unless all of them have the same sets."""
    of_all = losses(lookup, shape.coarse_best, shape.AIRPLANE, variants)
    if len(of_all) < len(variants) or len({tuple(of_sets) for of_sets in of_all.values()}) > 1:
        return None
    return min(of_all, key=lambda v: fmean(of_all[v].values()))


def rates(lookup: Lookup) -> list[Row]:
    """Where all three learning rates are finished: in how many searches each is the best."""
    best: dict[float, int] = dict.fromkeys(shape.PROTOCOL.learning_rates, 0)
    total: dict[float, list[float]] = {rate: [] for rate in best}
    for elevation in shape.SETS:
        for variant in shape.VARIANTS:
            found = []
            for rate in best:
                cell = cell_of(shape.PROTOCOL, shape.AIRPLANE, elevation, variant, shape.NARROW, rate)
                result = lookup(cell)
                if result is not None:
                    found.append(optimize_shape.best(cell, result))
            if len(found) == len(best):
                best[min(found).learning_rate] += 1
                for one in found:
                    total[one.learning_rate].append(one.loss)
    n = sum(best.values())
    return [
        {
            "learning rate": rate,
            "searches that it leads": f"{times} of {n}",
            "mean loss": f"{fmean(total[rate]):.3f}",
        }
        for rate, times in best.items()
        if n
    ]


def where(lookup: Lookup, of_all: Losses) -> list[Row]:
    """The ten best of the coarse search, with their tau."""
    most = max((len(of_sets) for of_sets in of_all.values()), default=0)
    means = {v: fmean(of_sets.values()) for v, of_sets in of_all.items() if len(of_sets) == most}
    rows: list[Row] = []
    for rank, variant in enumerate(sorted(means, key=means.__getitem__)[:10], 1):
        found = [shape.coarse_best(lookup, shape.AIRPLANE, e, variant) for e in of_all[variant]]
        taus = dict.fromkeys(f"{one.tau:g}" for one in found if one)
        rows.append(
            {
                "rank": rank,
                "distribution": str(variant.edge),
                "T-conorm": str(variant.t_conorm),
                "IoU loss": _number(of_all[variant]),
                "tau": ", ".join(taus),
            }
        )
    return rows


def claims(lookup: Lookup) -> list[Claim]:
    fine = losses(lookup, shape.searched, shape.AIRPLANE)
    # One search for all: variants that are searched further would look better.
    of_all = losses(lookup, shape.coarse_best, shape.AIRPLANE)
    parts: tuple[Part, ...] = (shape.FIRST_SET, shape.OTHER_SETS)
    if len(fine) == len(shape.VARIANTS):
        of_all, parts = fine, (*parts, shape.REFINED)
    return [
        Claim(
            "Shape: the T-conorm max is poor.",
            "GenDR, 5.1",
            *max_is_poor(of_all),
            parts,
        ),
        Claim(
            "Shape: SoftRas' choice, the squared logistic distribution with the probabilistic T-conorm, is not "
            "special: others are better.",
            "GenDR, 5.1",
            *softras_is_not_special(of_all),
            parts,
        ),
        Claim("Shape: which lead and which is last.", "here", ranks(of_all), None, parts),
    ]


def section(lookup: Lookup) -> Section:
    tables: dict[str, list[Row]] = {}
    searches = {
        "coarse search: six tau from 1e-2 to 1e-7 at the learning rate 10^-1.5": shape.coarse_best,
        "coarse search and then 21 tau around its best": shape.searched,
    }
    for mesh in (shape.AIRPLANE, *shape.CHAIRS):
        for what, search in searches.items():
            of_all = losses(lookup, search, mesh)
            if of_all:
                tables[f"{mesh.stem}, {what}"] = table(of_all, shape.EDGES, shape.T_CONORMS)
    coarse = losses(lookup, shape.coarse_best, shape.AIRPLANE)
    if coarse:
        tables["The ten best of the airplane's coarse search"] = where(lookup, coarse)
    others = losses(
        lookup, shape.coarse_best, shape.AIRPLANE, [Variant(e, t) for t in shape.OTHER_T_CONORMS for e in shape.EDGES]
    )
    if others:
        tables["airplane, coarse search, other T-conorms"] = table(others, shape.EDGES, shape.OTHER_T_CONORMS)
    of_rates = rates(lookup)
    if of_rates:
        tables["The three learning rates, airplane, six tau each"] = of_rates
    return Section(
        "Shape from 24 silhouettes (GenDR, section 5.1)",
        "A number is the least IoU loss of the hard silhouettes over 100 steps and over the tau that were searched, "
        f"its mean over sets of views (elevations {', '.join(map(str, shape.SETS))} degrees) ± its standard error. The "
        "sets are the repetitions; they are of one object, so the error says little about other objects. `hard`, the "
        "18th distribution of the package, has no gradient; logistic_squared is SoftRas'.",
        tables,
        {PICTURE: "Least IoU loss on the airplane, coarse search, by distribution and T-conorm. White: not run."}
        if coarse
        else {},
    )


PICTURE = "evidence-shape.png"
