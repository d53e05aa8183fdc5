"""How sure a mean, a share and a paired difference are: intervals of 95 percent."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev
from typing import NamedTuple

LEVEL = 0.95
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)


class Estimate(NamedTuple):
    """A number and its interval; of one value alone nothing is known about how sure it is: low and high are NaN."""

    value: float
    low: float
    high: float

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval is above or below 0, else 0."""
        return (self.low > 0) - (self.high < 0)


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of independent values."""
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def mean(values: Sequence[float]) -> Estimate:
    """Of independent values, with Student's interval."""
    middle = fmean(values)
    half = student(len(values) - 1) * standard_error(values) if len(values) > 1 else math.nan
    return Estimate(middle, middle - half, middle + half)


def paired(some: Sequence[float], others: Sequence[float]) -> Estimate:
    """The mean of some - others, which are of the same pairs, poses or sets."""
    return mean([a - b for a, b in zip(some, others, strict=True)])


def share(successes: int, n: int) -> Estimate:
    """Wilson's interval of a binomial share, which is right for few trials and for shares near 0 and 1 too."""
    at, width = successes / n, Z * Z / n
    middle = (at + width / 2) / (1 + width)
    half = Z * math.sqrt(at * (1 - at) / n + width / (4 * n)) / (1 + width)
    return Estimate(at, middle - half, middle + half)


def student(degrees: int) -> float:
    """Student's quantile for LEVEL: by its formulas for 1 and 2 degrees of freedom, else Fisher's expansion, which is
    0.7 percent too low for 3 and better for more."""
    if degrees == 1:
        return math.tan(math.pi * LEVEL / 2)
    if degrees == 2:
        return LEVEL * math.sqrt(2 / (1 - LEVEL**2))
    return (
        Z
        + (Z**3 + Z) / (4 * degrees)
        + (5 * Z**5 + 16 * Z**3 + 3 * Z) / (96 * degrees**2)
        + (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / (384 * degrees**3)
    )
