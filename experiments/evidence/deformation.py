"""SoftRas' sphere that becomes an airplane: which cells of deform are computed."""

from collections.abc import Iterator

import deform
from lab.cells import Name

from .part import Lookup, Part

PUBLISHED = tuple(deform.cell_of(gradient=gradient) for gradient in ("exact", "reference"))
SOFTER_AND_SHARPER = tuple(deform.cell_of(sigma=sigma) for sigma in (1e-5, 3e-5, 3e-4, 1e-3))


def cells(lookup: Lookup) -> Iterator[Name]:
    yield from PUBLISHED
    yield from SOFTER_AND_SHARPER


DEFORM = Part(
    "deform",
    "120 silhouettes, 2,000 steps: both gradients at the published sigma 1e-4; four other sigma",
    "deform",
    len(PUBLISHED) + len(SOFTER_AND_SHARPER),
    300,
    cells,
    deform.compute,
)
