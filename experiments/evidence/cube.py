"""SoftRas' pose of a coloured cube: which cells of cube_pose are computed."""

from collections.abc import Iterator, Sequence
from functools import partial
from statistics import fmean

import cube_pose
from cube_pose import METHODS, RATES, TUNING_SEED, Method, cell_of
from lab.cells import Name

from .part import Lookup, Part

CUBES = ("sides", "corners")
SEEDS = (0, 1, 2)
LESS_BLUR = tuple(
    Method("soft", gradient, blur)
    for blur in ("scheduled from less", "scheduled from little")
    for gradient in ("reference", "exact")
)


def cells(lookup: Lookup, methods: Sequence[Method]) -> Iterator[Name]:
    """All learning rates on the pairs for tuning, then the reported pairs at the best of them."""
    for kind in CUBES:
        for method in methods:
            for rate in RATES:
                yield cell_of(kind, method, rate, TUNING_SEED)
            chosen = rate_of(lookup, kind, method)
            if chosen is not None:
                for seed in SEEDS:
                    yield cell_of(kind, method, chosen, seed)


def rate_of(lookup: Lookup, kind: str, method: Method) -> float | None:
    """The best one on the pairs for tuning; None unless all were tried."""
    results = [lookup(cell_of(kind, method, rate, TUNING_SEED)) for rate in RATES]
    left = [fmean(result["degrees"]) for result in results if result is not None]
    return RATES[left.index(min(left))] if len(left) == len(RATES) else None


def degrees_left(lookup: Lookup, kind: str, method: Method) -> list[float] | None:
    """Of all pairs of all seeds, in one order for all methods; None unless all are finished."""
    rate = rate_of(lookup, kind, method)
    results = [None if rate is None else lookup(cell_of(kind, method, rate, seed)) for seed in SEEDS]
    return None if None in results else [degrees for result in results for degrees in result["degrees"]]


def _part(name: str, what: str, methods: Sequence[Method]) -> Part:
    planned = len(CUBES) * len(methods) * (len(RATES) + len(SEEDS))
    return Part(name, what, "cube_pose", planned, 22, partial(cells, methods=methods), cube_pose.compute)


PUBLISHED = _part(
    "cube", f"{len(METHODS)} renderers x 2 cubes x (4 learning rates on 100 pairs for tuning + 3 x 100 pairs)", METHODS
)
SCHEDULES = _part("cube-schedules", "the same of soft renderers whose blur begins with less", LESS_BLUR)
