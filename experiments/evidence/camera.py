"""GenDR's section 5.2: which cells of optimize_camera are computed, and in which order."""

from collections.abc import Iterator, Sequence
from functools import partial

import optimize_camera
from lab.cells import Name
from lab.variants import Variant, edge, t_conorm
from optimize_camera import STARTS, Protocol, batches, cell_of

from .part import Lookup, Part
from .shape import EDGES

PROTOCOL = Protocol()
BATCHES = batches(PROTOCOL.poses)
T_CONORMS = tuple(map(t_conorm, "probabilistic yager:2 max".split()))
LIGHT = tuple(map(edge, "uniform gaussian logistic logistic_squared laplace exponential".split()))
VARIANTS = tuple(Variant(e, t) for t in T_CONORMS for e in LIGHT)
OTHERS = tuple(Variant(e, t) for t in T_CONORMS for e in EDGES if e not in LIGHT)


def cells(lookup: Lookup, variants: Sequence[Variant], poses: Sequence[range]) -> Iterator[Name]:
    """Batch by batch of poses, so that the table is whole with each."""
    for batch in poses:
        for start in range(len(STARTS)):
            for variant in variants:
                yield cell_of(PROTOCOL, variant, start, batch)


def degrees_off(lookup: Lookup, variant: Variant, start: int) -> dict[int, float]:
    """Of the poses that are finished, by their numbers."""
    found: dict[int, float] = {}
    for batch in BATCHES:
        result = lookup(cell_of(PROTOCOL, variant, start, batch))
        if result is not None:
            found |= zip(batch, optimize_camera.degrees_of(result), strict=True)
    return found


def _part(name: str, what: str, seconds: float, variants: Sequence[Variant], poses: Sequence[range]) -> Part:
    planned = len(variants) * len(STARTS) * len(poses)
    return Part(
        name,
        what,
        "optimize_camera",
        planned,
        seconds,
        partial(cells, variants=variants, poses=poses),
        optimize_camera.compute,
    )


OF = f"{len(LIGHT)} distributions x {len(T_CONORMS)} T-conorms x {len(STARTS)} ranges"
FIRST_POSES = _part("camera-25", f"{OF}: the first 25 of 200 poses", 160, VARIANTS, BATCHES[:1])
HUNDRED_POSES = _part("camera-100", "the same: poses 26 to 100", 160, VARIANTS, BATCHES[1:4])
OTHER_EDGES = _part(
    "camera-others", f"the other {len(EDGES) - len(LIGHT)} distributions: 25 poses", 500, OTHERS, BATCHES[:1]
)
ALL_POSES = _part("camera-200", f"{OF}: poses 101 to 200", 160, VARIANTS, BATCHES[4:])
