"""SoftRas' pose of a body with a hidden arm: which cells of fit_body are computed."""

import fit_body
from fit_body import DIRECTIONS, METHODS, RATES, TUNING_SEED, cell_of

from .comparison import Comparison

PUBLISHED = Comparison(DIRECTIONS, METHODS, lambda direction: RATES, cell_of, "hand", (0, 1, 2), TUNING_SEED)
BODY = PUBLISHED.part(
    "body",
    f"{len(METHODS)} renderers x 2 directions x ({len(RATES)} learning rates on 64 poses for tuning + 3 x 64 poses)",
    "fit_body",
    95,
    fit_body.compute,
)
