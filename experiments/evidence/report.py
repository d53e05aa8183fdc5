"""What the page says: tables, and claims of the papers with what came out beside them."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from lab.experiment import Row

from .part import Part
from .statistics import Estimate

NOT_RUN = "not run yet"


# What came out, in words, and as a number that is above 0 where a claim holds.
Said = tuple[str, Estimate | None]
NOTHING: Said = ("", None)


class Claim(NamedTuple):
    """says: the claim. source: whose it is. here: what came out, in words and numbers. evidence: a number that is above
    0 where the claim holds, and its interval; None where nothing was run, or where there is nothing to compare with.
    parts: of the plan, on which it rests."""

    says: str
    source: str
    here: str
    evidence: Estimate | None
    parts: Sequence[Part]

    def verdict(self) -> str:
        if not self.here:
            return NOT_RUN
        if self.evidence is None:
            return "nothing to compare with"
        if math.isnan(self.evidence.low):
            return "too few cells yet"
        return {1: "agrees", -1: "does not agree", 0: "undecided"}[self.evidence.sign]

    def row(self) -> Row:
        done, planned = (
            sum(values) for values in zip(*((len(p.finished()), p.planned) for p in self.parts), strict=True)
        )
        verdict = self.verdict() + (", partial" if self.here and done < planned else "")
        return {
            "claim": self.says,
            "whose": self.source,
            "here": self.here or "",
            "verdict": f"**{verdict}**",
            "cells done": f"{done:,} of {planned:,} ({', '.join(f'`{part.name}`' for part in self.parts)})",
        }


class Section(NamedTuple):
    """text: paragraphs. tables: by what stands above them."""

    title: str
    text: str
    tables: dict[str, list[Row]]
    pictures: dict[str, str] = {}  # noqa: RUF012 (a tuple's default, never changed)


def interval(estimate: Estimate, digits: int = 3) -> str:
    """12.3 [10.1, 14.5]."""
    if math.isnan(estimate.low):
        return f"{estimate.value:.{digits}g}"
    return f"{estimate.value:.{digits}g} [{estimate.low:.{digits}g}, {estimate.high:.{digits}g}]"


def percent(estimate: Estimate) -> str:
    """64% [44, 80]."""
    return f"{100 * estimate.value:.0f}% [{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"


def plural(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"
