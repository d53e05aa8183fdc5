"""GenDR's section 5.1: which cells of optimize_shape are computed, and in which order."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import optimize_shape
from lab.cells import Name
from lab.options import mesh_file
from lab.variants import Variant, edge, t_conorm
from optimize_shape import ELEVATIONS, Found, Protocol, cell_of

from .part import Lookup, Part

# Those of gendr_adapters.distributions that have a gradient, and SoftRas' edge.
EDGES = tuple(
    map(
        edge,
        "uniform cubic_hermite wigner_semicircle gaussian laplace logistic logistic_squared gudermannian cauchy "
        "reciprocal gumbel_max gumbel_min exponential exponential_rev gamma:0.5 gamma_rev:0.5 levy levy_rev".split(),
    )
)
T_CONORMS = tuple(map(t_conorm, "max probabilistic einstein yager:2 dombi:1".split()))
OTHER_T_CONORMS = tuple(map(t_conorm, "hamacher:0 frank:2 aczel_alsina:0.5 yager:1.5 dombi:0.5".split()))
VARIANTS = tuple(Variant(e, t) for t in T_CONORMS for e in EDGES)
PROTOCOL = Protocol()
SETS = (30, 0, -30)  # elevations; 60 and -60 are the published protocol's other two
AIRPLANE, *CHAIRS = (mesh_file(name) for name in ("airplane.obj", "chair_1.obj", "chair_2.obj"))
NARROW, WIDE = PROTOCOL.batches()
# The middle one of the three; the others are tried later.
RATE = PROTOCOL.learning_rates[1]


def coarse(
    lookup: Lookup,
    mesh: Path = AIRPLANE,
    sets: Sequence[int] = SETS,
    variants: Iterable[Variant] = VARIANTS,
    taus: Sequence[float] = NARROW,
    rates: Sequence[float] = (RATE,),
) -> Iterator[Name]:
    """Set by set, so that the table is whole with each."""
    for elevation in sets:
        for rate in rates:
            for variant in variants:
                yield cell_of(PROTOCOL, mesh, elevation, variant, taus, rate)


def coarse_best(lookup: Lookup, mesh: Path, elevation: int, variant: Variant) -> Found | None:
    """The best tau of the coarse search."""
    cell = cell_of(PROTOCOL, mesh, elevation, variant, NARROW, RATE)
    result = lookup(cell)
    return None if result is None else optimize_shape.best(cell, result)


def refined(lookup: Lookup, mesh: Path = AIRPLANE, sets: Sequence[int] = SETS) -> Iterator[Name]:
    """21 tau around the best one of the coarse search."""
    for elevation in sets:
        for variant in VARIANTS:
            found = coarse_best(lookup, mesh, elevation, variant)
            if found is not None:
                yield cell_of(PROTOCOL, mesh, elevation, variant, PROTOCOL.refined(found.tau), RATE)


def searched(lookup: Lookup, mesh: Path, elevation: int, variant: Variant) -> Found | None:
    """The best of the coarse and the refined search; None unless both are finished."""
    found = coarse_best(lookup, mesh, elevation, variant)
    if found is None:
        return None
    cell = cell_of(PROTOCOL, mesh, elevation, variant, PROTOCOL.refined(found.tau), RATE)
    result = lookup(cell)
    return None if result is None else min(found, optimize_shape.best(cell, result))


def _part(name: str, what: str, seconds: float, planned: int, cells: Callable[[Lookup], Iterator[Name]]) -> Part:
    return Part(name, what, "optimize_shape", planned, seconds, cells, optimize_shape.compute)


def _coarse(name: str, what: str, seconds: float, **given: Any) -> Part:
    cells = partial(coarse, **given)
    return _part(name, what, seconds, len(list(cells(lambda cell: None))), cells)


OF = f"{len(EDGES)} distributions x {len(T_CONORMS)} T-conorms"
FIRST_SET = _coarse(
    "shape-set-1", f"airplane, elevation 30: {OF}, learning rate 10^-1.5, tau 1e-2 to 1e-7", 30, sets=SETS[:1]
)
OTHER_SETS = _coarse("shape-sets-2-3", "the same at elevations 0 and -30", 30, sets=SETS[1:])
REFINED = _part("shape-fine", "airplane, three sets: 21 tau around the best", 120, len(VARIANTS) * len(SETS), refined)
RATES = _coarse(
    "shape-rates",
    "airplane, three sets: the learning rates 10^-1.25 and 10^-1.75",
    30,
    rates=(PROTOCOL.learning_rates[0], PROTOCOL.learning_rates[2]),
)
WIDEST = _coarse("shape-wide", "airplane, three sets: tau = 0.1", 90, taus=WIDE)
CHAIR_SETS = [
    _coarse(f"shape-{mesh.stem.replace('_', '-')}", f"{mesh.stem}, three sets, as the airplane", 30, mesh=mesh)
    for mesh in CHAIRS
]
FAR_SETS = _coarse(
    "shape-sets-4-5", "airplane at elevations 60 and -60", 30, sets=[e for e in ELEVATIONS if e not in SETS]
)
OTHERS = _coarse(
    "shape-t-conorms",
    "airplane, three sets: hamacher, frank, aczel_alsina, other p",
    40,
    variants=[Variant(e, t) for t in OTHER_T_CONORMS for e in EDGES],
)
