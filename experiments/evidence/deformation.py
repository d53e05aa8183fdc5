"""SoftRas' sphere that becomes an airplane: which cells of deform are computed."""

from collections.abc import Iterator, Sequence
from functools import partial

import deform
from lab.cells import Name

from .part import Lookup, Part

PUBLISHED = tuple(deform.cell_of(gradient=gradient) for gradient in ("exact", "reference"))
SOFTER_AND_SHARPER = tuple(deform.cell_of(sigma=sigma) for sigma in (1e-5, 3e-5, 3e-4, 1e-3))


def cells(lookup: Lookup, names: Sequence[Name]) -> Iterator[Name]:
    yield from names


def _part(name: str, what: str, names: Sequence[Name]) -> Part:
    return Part(name, what, "deform", len(names), 300, partial(cells, names=names), deform.compute)


DEFORM = _part(
    "deform",
    "120 silhouettes, 2,000 steps, sigma 1e-4, both gradients; the airplane itself",
    (deform.AIRPLANE_CELL, *PUBLISHED),
)
DEFORM_SIGMAS = _part("deform-sigmas", "the same with four other sigma", SOFTER_AND_SHARPER)
