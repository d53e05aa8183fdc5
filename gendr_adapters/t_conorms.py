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

import difflib
import math

import torch
from torch import Tensor

from ._numbers import is_finite

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

# Frank's family passes through the probabilistic sum at p = 1, where its formula is 0/0.
_FRANK_NEAR_ONE = 1e-4


def checked_p(name: str, p: float | None) -> float:
    """Validate a T-conorm's name and parameter; returns p as a float (nan for those without one, whose p is ignored).

    Raises ValueError for an unknown name (naming the nearest) or for p missing, not finite or out of range, TypeError
    for a name that is no string."""
    if not isinstance(name, str):
        raise TypeError(f"a T-conorm's name must be a string, got {name!r}")
    if name not in T_CONORMS:
        near = difflib.get_close_matches(str(name), T_CONORMS, n=1, cutoff=0.0)[0]
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


def t_conorm(name: str, a: Tensor, b: Tensor, p: float | None = None) -> Tensor:
    """S(a, b), the textbook formula, for coverages a, b in [0, 1] of any (broadcastable) shapes.

    name, p and errors as for `aggregate`; 'hard' and 'sum' are those of two faces.
    """
    p = checked_p(name, p)
    if name == "max":
        return torch.maximum(a, b)
    if name == "probabilistic" or (name == "frank" and abs(p - 1) < _FRANK_NEAR_ONE):
        return a + b - a * b
    if name == "einstein":
        return (a + b) / (1 + a * b)
    if name == "hamacher" and p > 0:
        return (a + b + (p - 2) * a * b) / (1 + (p - 1) * a * b)
    if name == "frank":
        return 1 - torch.log1p((p ** (1 - a) - 1) * (p ** (1 - b) - 1) / (p - 1)) / math.log(p)
    # The others need care where a formula becomes infinite or flat: the n-ary form has it.
    return aggregate(name, torch.stack(torch.broadcast_tensors(a, b)), 0, p)


def aggregate(name: str, d: Tensor, dim: int, p: float | None = None) -> Tensor:
    """S over one dimension of a tensor of coverages.

    name: one of T_CONORMS. d: floating point, values in [0, 1]. dim: the dimension that disappears (size 0 gives 0).
    p: the family's parameter (see T_CONORMS), ignored by those without one.
    A coverage of 0 contributes nothing, so leave faces out by zeroing them ('sum' still counts them in its mean).
    Where an alpha is saturated at 1 and the slope is infinite or undefined, the gradient is 0.
    Raises ValueError for an unknown name or p out of range.
    """
    p = checked_p(name, p)
    if d.shape[dim] == 0:
        return d.sum(dim)
    if name == "hard":
        return (d > 0.5).any(dim).to(d.dtype)
    if name == "max":
        return d.max(dim).values
    if name == "sum":
        return d.mean(dim)
    if name == "probabilistic" or (name == "frank" and abs(p - 1) < _FRANK_NEAR_ONE):
        return 1 - (1 - d).prod(dim)
    if name == "einstein":
        return _hamacher(d, dim, 2.0)
    if name == "hamacher" and p > 0:
        return _hamacher(d, dim, p)
    if name == "frank":
        return _frank(d, dim, p)
    if name == "yager":
        return _yager(d, dim, p)

    # What is left has a generator that is infinite at 1: take full coverages out first, their result is 1.
    full = d >= 1
    a = torch.where(full, torch.zeros_like(d), d)
    if name == "hamacher":
        s = _dombi(a, dim, 1.0)  # Hamacher with p = 0 is Dombi with p = 1
    elif name == "aczel_alsina":
        s = -torch.expm1(-_p_norm(-torch.log1p(-a), dim, p))
    elif name == "dombi":
        s = _dombi(a, dim, p)
    else:
        s = 1 - (1 + torch.expm1(p * torch.log1p(-a)).sum(dim)) ** (1 / p)  # schweizer_sklar
    return torch.where(full.any(dim), torch.ones_like(s), s)


def _p_norm(h: Tensor, dim: int, p: float) -> Tensor:
    """(sum h^p)^(1/p) of values h >= 0; zeros get no gradient, where that of the power would be infinite or NaN."""
    positive = h > 0
    total = torch.where(positive, torch.where(positive, h, torch.ones_like(h)) ** p, torch.zeros_like(h)).sum(dim)
    some = total > 0
    return torch.where(some, torch.where(some, total, torch.ones_like(total)) ** (1 / p), torch.zeros_like(total))


def _hamacher(d: Tensor, dim: int, p: float) -> Tensor:
    """g(a) = log((p + (1-p) x) / x), x = 1 - a, with the sums of logs multiplied out so that x = 0 is allowed."""
    x = (1 - d).prod(dim)
    y = (1 - (1 - p) * d).prod(dim)
    return (y - x) / (y - (1 - p) * x)


def _frank(d: Tensor, dim: int, p: float) -> Tensor:
    """g(a) = -log((p^x - 1) / (p - 1)), x = 1 - a, multiplied out likewise."""
    log_p = math.log(p)
    ratio = (torch.expm1((1 - d) * log_p) / math.expm1(log_p)).prod(dim)
    return 1 - torch.log1p((p - 1) * ratio) / log_p


def _yager(d: Tensor, dim: int, p: float) -> Tensor:
    """min(1, (sum a^p)^(1/p)), gradient 0 where saturated."""
    s = _p_norm(d, dim, p)
    return torch.where(s < 1, s, torch.ones_like(s))


def _dombi(a: Tensor, dim: int, p: float) -> Tensor:
    """g(a) = (a / (1 - a))^p."""
    norm = _p_norm(a / (1 - a), dim, p)
    return norm / (1 + norm)
