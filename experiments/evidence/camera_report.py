"""What docs/experiments.md says of the camera task."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, median

from lab.experiment import Row
from lab.variants import Variant
from optimize_camera import STARTS, SUCCESS

from . import camera, shape, statistics
from .part import Lookup
from .report import NOTHING, Claim, Said, Section, interval, percent
from .shape_report import MAX, PROBABILISTIC, SOFTRAS
from .statistics import Estimate

# A pose: its start and its number.
Pose = tuple[int, int]
# Whether each pose was found, by variant.
Found = Mapping[Variant, Mapping[Pose, bool]]
NAMES = [f"{low} to {high} degrees off" for low, high in STARTS]


def degrees(lookup: Lookup, variant: Variant) -> dict[Pose, float]:
    return {
        (start, pose): off
        for start in range(len(STARTS))
        for pose, off in camera.degrees_off(lookup, variant, start).items()
    }


def all_degrees(lookup: Lookup) -> dict[Variant, dict[Pose, float]]:
    """Of variants that have any."""
    of_all = {variant: degrees(lookup, variant) for variant in (*camera.VARIANTS, *camera.OTHERS)}
    return {variant: poses for variant, poses in of_all.items() if poses}


def found(of_all: Mapping[Variant, Mapping[Pose, float]]) -> Found:
    return {v: {pose: off < SUCCESS for pose, off in poses.items()} for v, poses in of_all.items()}


def rows(of_all: Mapping[Variant, Mapping[Pose, float]]) -> list[Row]:
    made: list[Row] = []
    for variant, poses in of_all.items():
        row: Row = {"distribution": str(variant.edge), "T-conorm": str(variant.t_conorm)}
        for start, name in enumerate(NAMES):
            off = [value for (s, _), value in poses.items() if s == start]
            good = sum(value < SUCCESS for value in off)
            row[name] = f"{percent(statistics.share(good, len(off)))}, n = {len(off)}" if off else ""
        row["median of all, degrees"] = f"{median(poses.values()):.3g}"
        made.append(row)
    return made


def against(of_all: Found, some: Variant, other: Variant, poses: Sequence[Pose] | None = None) -> Estimate | None:
    """The share that `some` finds minus that of `other`, of the poses that both have."""
    common = [pose for pose in of_all.get(some, {}) if pose in of_all.get(other, {})]
    if poses is not None:
        common = [pose for pose in common if pose in set(poses)]
    if not common:
        return None
    return statistics.paired(*([float(of_all[v][pose]) for pose in common] for v in (some, other)))


def differences(of_all: Found) -> list[Row]:
    made: list[tuple[float, Row]] = []
    for variant in of_all:
        estimate = against(of_all, variant, SOFTRAS)
        if variant != SOFTRAS and estimate is not None:
            n = len(set(of_all[variant]) & set(of_all[SOFTRAS]))
            row: Row = {
                "distribution": str(variant.edge),
                "T-conorm": str(variant.t_conorm),
                "share found minus SoftRas'": interval(estimate, 2),
                "poses": n,
            }
            made.append((-estimate.value, row))
    return [row for _, row in sorted(made, key=lambda pair: pair[0])]


def halves(of_all: Found) -> tuple[list[Pose], list[Pose]]:
    """The poses that all variants have: those to choose a variant by, and those to compare it on."""
    common = sorted(set.intersection(*(set(poses) for poses in of_all.values()))) if of_all else []
    return [pose for pose in common if pose[1] % 2 == 0], [pose for pose in common if pose[1] % 2 == 1]


def leader(of_all: Found, poses: Sequence[Pose]) -> Variant:
    return max(of_all, key=lambda v: fmean(of_all[v][pose] for pose in poses))


def depends_on_the_task(of_all: Found, of_shape: Variant | None) -> Said:
    """The share found by the variant that leads on half of the poses minus that found by the shape task's leader."""
    choosing, comparing = halves(of_all)
    if of_shape is None or of_shape not in of_all or not comparing:
        return NOTHING
    best = leader(of_all, choosing)
    if best == of_shape:
        return f"{best} leads in both tasks", Estimate(0, 0, 0)
    estimate = against(of_all, best, of_shape, comparing)
    assert estimate is not None
    return (
        f"{of_shape} leads in the shape task, {best} in the camera task, where it finds a share that is higher by "
        f"{interval(estimate, 2)}"
    ), estimate


def claims(lookup: Lookup, of_shape: Variant | None) -> list[Claim]:
    """of_shape: the shape task's leader among the variants of the camera task."""
    parts = (camera.FIRST_POSES, camera.HUNDRED_POSES)
    of_plan = {v: poses for v, poses in found(all_degrees(lookup)).items() if v in camera.VARIANTS}
    choosing, comparing = halves(of_plan)
    special, ranked, poor = NOTHING, "", NOTHING
    if comparing and SOFTRAS in of_plan and len(of_plan) > 1:
        best = leader(of_plan, choosing)
        shares = {v: fmean(poses[pose] for pose in (*choosing, *comparing)) for v, poses in of_plan.items()}
        order = sorted(shares, key=shares.__getitem__, reverse=True)
        said = [f"{v} ({100 * shares[v]:.0f}%)" for v in (*order[:3], order[-1])]
        ranked = f"of {len(order)} variants {'; '.join(said[:3])} find most, {said[3]} fewest"
        estimate = against(of_plan, best, SOFTRAS, comparing)
        if estimate is not None and best != SOFTRAS:
            special = (
                f"SoftRas' is number {order.index(SOFTRAS) + 1} of {len(order)}; {best}, which leads on half of the "
                f"poses, finds a share of the other half that is higher by {interval(estimate, 2)}",
                estimate,
            )
        elif best == SOFTRAS:
            special = ("SoftRas' own leads on half of the poses", Estimate(0, 0, 0))
        poor = _max(of_plan, [*choosing, *comparing])
    return [
        Claim("Camera: the T-conorm max is poor.", "here", *poor, parts),
        Claim(
            "Camera: SoftRas' choice is not special: others are better.",
            "GenDR, 5.2",
            *special,
            parts,
        ),
        Claim(
            "The best choice depends on the task.",
            "GenDR, abstract",
            *depends_on_the_task(of_plan, of_shape),
            (shape.FIRST_SET, shape.OTHER_SETS, *parts),
        ),
        Claim("Camera: which find most and which fewest.", "here", ranked, None, parts),
    ]


def _max(of_all: Found, poses: Sequence[Pose]) -> Said:
    """The share found with the probabilistic T-conorm minus that with max, pose by pose, a mean over distributions."""
    edges = [v.edge for v in of_all if v.t_conorm == MAX and Variant(v.edge, PROBABILISTIC) in of_all]
    if not edges:
        return NOTHING
    by_pose = [
        [fmean(float(of_all[Variant(e, t)][pose]) for e in edges) for pose in poses] for t in (PROBABILISTIC, MAX)
    ]
    estimate = statistics.paired(*by_pose)
    return (
        f"the probabilistic one finds a share that is higher by {interval(estimate, 2)}, a mean of {len(edges)}",
        estimate,
    )


def heat_maps(of_all: Found) -> dict[str, list[Row]]:
    """A table a start: the share found, NaN where nothing was run."""
    edges = list(dict.fromkeys(v.edge for v in of_all))
    return {
        name: [
            {
                "distribution": str(e),
                **{str(t): _share(of_all.get(Variant(e, t), {}), start) for t in camera.T_CONORMS},
            }
            for e in edges
        ]
        for start, name in enumerate(NAMES)
    }


def _share(poses: Mapping[Pose, bool], start: int) -> float:
    good = [was for (s, _), was in poses.items() if s == start]
    return fmean(good) if good else math.nan


PICTURE = "evidence-camera.png"


def section(lookup: Lookup) -> Section:
    of_all = all_degrees(lookup)
    tables = {}
    if of_all:
        tables["Share of poses found, with the interval of 95 percent (Wilson), and how many poses were run"] = rows(
            of_all
        )
    apart = differences(found(of_all))
    if apart:
        tables[f"Against SoftRas' variant ({SOFTRAS}) on the same poses, with the interval of 95 percent"] = apart
    return Section(
        "Camera from a silhouette (GenDR, section 5.2)",
        "200 poses of the teapot and three ranges of starts are drawn as published; what is run of them is the first "
        "25, then the first 100, then all. 1,000 steps, tau from 1e-1 to 1e-7. A pose is found that ends less than "
        f"{SUCCESS:g} degrees off.",
        tables,
        {PICTURE: "Share of poses found, by distribution and T-conorm. White: not run."} if of_all else {},
    )
