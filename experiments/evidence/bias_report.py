"""What docs/experiments.md says of the error of softness."""

from collections.abc import Callable
from statistics import fmean

from lab.experiment import Row
from lab.variants import Variant
from softness_bias import TAUS, cell_of

from . import bias, statistics
from .part import Lookup
from .report import NOTHING, Claim, Said, Section, interval


def off(lookup: Lookup, what: str, variant: Variant | None, tau: float) -> list[float] | None:
    result = lookup(cell_of(what, variant, tau, bias.POSES))
    return None if result is None else result["off"]


def table(lookup: Lookup, what: str, measure: Callable[[float], float]) -> list[Row]:
    """Mean and standard error over poses; empty where nothing was run."""
    rows: list[Row] = []
    for variant in (None, *bias.VARIANTS):
        errors = {tau: off(lookup, what, variant, tau) for tau in (TAUS if variant else (0.0,))}
        said = {tau: _number([measure(error) for error in of_tau]) for tau, of_tau in errors.items() if of_tau}
        if said:
            row: Row = {
                "distribution": str(variant.edge) if variant else "hard",
                "T-conorm": str(variant.t_conorm) if variant else "",
            }
            rows.append(row | {f"tau {tau:g}": said.get(tau, said.get(0.0, "")) for tau in TAUS})
    return rows


def _number(values: list[float]) -> str:
    return f"{fmean(values):.2f} ± {statistics.standard_error(values):.2f}"


def by_pose(lookup: Lookup, tau: float, measure: Callable[[float], float]) -> list[float] | None:
    """Of the distance: of each pose the mean over variants; None unless all are finished."""
    errors = [off(lookup, "distance", variant, tau) for variant in bias.VARIANTS]
    finished = [of_variant for of_variant in errors if of_variant is not None]
    if len(finished) < len(errors):
        return None
    return [fmean(map(measure, of_pose)) for of_pose in zip(*finished, strict=True)]


def too_wide(lookup: Lookup, tau: float = 1e-2) -> Said:
    errors = by_pose(lookup, tau, lambda error: 100 * error)
    if errors is None:
        return NOTHING
    estimate = statistics.mean(errors)
    return f"at tau {tau:g} the distance is too far by {interval(estimate)} percent, a mean of all variants", estimate


def falls(lookup: Lookup, first: float = 1e-2, last: float = 1e-6) -> Said:
    both = [by_pose(lookup, tau, lambda error: 100 * abs(error)) for tau in (first, last)]
    if both[0] is None or both[1] is None:
        return NOTHING
    estimate = statistics.paired(both[0], both[1])
    return (
        f"the distance is off by {fmean(both[0]):.3g} percent at tau {first:g}, by {fmean(both[1]):.3g} at {last:g}; "
        f"difference {interval(estimate)}"
    ), estimate


def claims(lookup: Lookup) -> list[Claim]:
    says = "A soft silhouette is wider than a hard one, so a fit ends too far away."
    of_schedule = "A smaller tau at the end makes that error smaller."
    return [
        Claim(says, "asked here", *too_wide(lookup), (bias.BIAS,)),
        Claim(of_schedule, "asked here", *falls(lookup), (bias.BIAS,)),
    ]


def section(lookup: Lookup) -> Section:
    tables = {
        "Error of the distance, percent (above 0: too far away)": table(lookup, "distance", lambda error: 100 * error),
        "Size of the error of the elevation, degrees": table(lookup, "elevation", abs),
    }
    return Section(
        "How far off softness makes a pose",
        "The pose with the least IoU loss against a hard silhouette, searched on a grid around the true one; means "
        f"over {len(bias.POSES)} poses of the teapot ± standard error, 64 x 64 pixels. The same tau is not the same "
        "width of an edge for all distributions: with logistic_squared an edge is about the square root of tau "
        "wide, with the others about tau, in units of half the picture.",
        {title: rows for title, rows in tables.items() if rows},
    )
