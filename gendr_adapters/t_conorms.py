"""T-conorms: how the coverages of several faces at one pixel become one alpha.

A T-conorm S is commutative, associative, monotone, with S(a, 0) = a: a soft "or". `t_conorm` is the binary textbook
formula (Klement, Mesiar & Pap, "Triangular Norms", 2000; GenDR, CVPR 2022), `aggregate` the same over a whole
dimension. An Archimedean T-conorm is S = g^-1(sum g(a_i)) with an additive generator g, hence independent of order.

Two aggregations are no T-conorms but live beside them: 'hard' (1 where any coverage exceeds 1/2; no gradient) and
SoftRas' 'sum' (the mean over faces). In a picture a pixel on a face's edge counts for 'hard' as those right inside do,
whose coverage exceeds 1/2 where its own is 1/2: no seams between faces. All are ordinary differentiable torch
functions, plain formulas meant to be read; the native core has forms that also hold in float32.

For yager, aczel_alsina and dombi with p < 1, dS/da grows without bound as a falls to 0. The core gives its product with
the distribution's density exactly, up to 1e30 in float32 and 1e300 in float64. At the very end of a bounded support
(uniform, cubic_hermite, wigner_semicircle, shifted ones) the product has no limit, and is what rounding makes of a.
"""

import math
from typing import TYPE_CHECKING

from . import _other_words
from ._numbers import is_finite

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["T_CONORMS", "aggregate", "t_conorm"]

# name -> allowed p, None where there is no parameter; in the order of csrc/core/tconorms.def, which numbers them
T_CONORMS: dict[str, str | None] = {
    "hard": None,
    "max": None,
    "probabilistic": None,
    "einstein": None,
    "hamacher": "p >= 0",
    "frank": "p > 0",
    "yager": "p > 0",
    "aczel_alsina": "p > 0",
    "dombi": "p > 0",
    "schweizer_sklar": "p < 0",
    "sum": None,
}

# Beyond these, every family is its limit in float32, and its formulas overflow.
_P_MIN, _P_MAX = 1e-6, 1e6


def checked_p(name: str, p: float | None) -> float:
    """Validate a T-conorm's name and parameter; returns p as a float (nan for those without one, whose p is ignored).

    Raises ValueError for an unknown name (naming the nearest) or for p missing, not finite or out of range, TypeError
    for a name that is no string."""
    if not isinstance(name, str):
        raise TypeError(f"a T-conorm's name must be a string, got {name!r}")
    if name not in T_CONORMS:
        near = _other_words.nearest(str(name), T_CONORMS, _other_words.T_CONORMS)
        raise ValueError(f"unknown T-conorm {name!r}; did you mean {near!r}? Allowed: {', '.join(T_CONORMS)}")
    rule = T_CONORMS[name]
    if rule is None:
        return math.nan
    if p is None:
        raise ValueError(f"T-conorm {name!r} needs its parameter p, {rule}")
    value = float(p)
    allowed = {"p >= 0": value >= 0, "p > 0": value > 0, "p < 0": value < 0}[rule]
    if not (allowed and is_finite(value)):
        raise ValueError(f"T-conorm {name!r} needs a finite {rule}, got p = {p}")
    if value != 0 and not _P_MIN <= abs(value) <= _P_MAX:
        raise ValueError(f"T-conorm {name!r} needs abs(p) from {_P_MIN:g} to {_P_MAX:g}, got p = {p}")
    return value


def t_conorm(name: str, a: "Tensor", b: "Tensor", p: float | None = None) -> "Tensor":
    """S(a, b), the textbook formula, for coverages a, b in [0, 1] of any (broadcastable) shapes.

    name, p and errors as for `aggregate`; 'hard' and 'sum' are those of two faces.

    Example:
        >>> import torch
        >>> from gendr_adapters.t_conorms import t_conorm
        >>> t_conorm("probabilistic", torch.tensor(0.5), torch.tensor(0.5)).item()
        0.75
    """
    from . import _aggregates

    return _aggregates.t_conorm(name, a, b, checked_p(name, p))


def aggregate(name: str, d: "Tensor", dim: int, p: float | None = None) -> "Tensor":
    """S over one dimension of a tensor of coverages.

    name: one of T_CONORMS. d: floating point, values in [0, 1]. dim: the dimension that disappears (size 0 gives 0).
    p: the family's parameter (see T_CONORMS), ignored by those without one.
    A coverage of 0 contributes nothing, so leave faces out by zeroing them ('sum' still counts them in its mean).
    Where an alpha is saturated at 1 and the slope is infinite or undefined, the gradient is 0.
    Raises ValueError for an unknown name or p out of range.

    Example:
        >>> import torch
        >>> from gendr_adapters.t_conorms import aggregate
        >>> coverages = torch.tensor([[0.5, 0.25], [0.5, 0.0]])  # two faces, two pixels
        >>> aggregate("max", coverages, dim=0).tolist(), aggregate("probabilistic", coverages, dim=0).tolist()
        ([0.5, 0.25], [0.75, 0.25])
    """
    from . import _aggregates

    return _aggregates.aggregate(name, d, dim, checked_p(name, p))
