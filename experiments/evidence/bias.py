"""How far off softness makes a pose that is fitted: which cells of softness_bias are computed."""

from collections.abc import Iterator

import softness_bias
from lab.cells import Name
from lab.variants import Variant
from softness_bias import EDGES, SEARCHED, T_CONORMS, TAUS, cell_of

from .part import Lookup, Part

POSES = range(25)
VARIANTS = tuple(Variant(e, t) for t in T_CONORMS for e in EDGES)


def cells(lookup: Lookup) -> Iterator[Name]:
    """The narrow edges first: they cost next to nothing."""
    for what in SEARCHED:
        yield cell_of(what, None, 0.0, POSES)
    for tau in reversed(TAUS):
        for what in SEARCHED:
            for variant in VARIANTS:
                yield cell_of(what, variant, tau, POSES)


BIAS = Part(
    "bias",
    f"{len(EDGES)} distributions x {len(T_CONORMS)} T-conorms x {len(TAUS)} tau: distance and elevation of 25 poses",
    "softness_bias",
    len(SEARCHED) * (1 + len(VARIANTS) * len(TAUS)),
    6,
    cells,
    softness_bias.compute,
)
