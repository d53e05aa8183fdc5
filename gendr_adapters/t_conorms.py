"""T-conorms: functions that combine the coverages of several faces at a pixel into one alpha.

A T-conorm S is a soft "or": commutative, associative, monotone, and S(a, 0) = a. `t_conorm` is the textbook formula for
two coverages (Klement, Mesiar & Pap, "Triangular Norms", 2000; GenDR, CVPR 2022). `aggregate` applies it along a
dimension of a tensor. An Archimedean T-conorm is S = g^-1(sum g(a_i)) with an additive generator g, so the order of the
faces does not matter.

Two more aggregations are included although they are not T-conorms: 'hard' is 1 where any coverage exceeds 1/2, and has
no gradient; 'sum' is SoftRas' mean over the faces. With 'hard', a pixel exactly on an edge, where the coverage is 1/2,
counts as inside if pixels right inside do, so there are no seams between faces. All functions here are plain
differentiable torch formulas, written to be read; the native core has forms that are accurate in float32, too.

For yager, aczel_alsina and dombi with p < 1, the derivative dS/da goes to infinity as a goes to 0. The core computes
its product with the distribution's density exactly, up to 1e30 in float32 and 1e300 in float64. At the end of a bounded
support (uniform, cubic_hermite, wigner_semicircle, shifted distributions) the product has no limit, and its value
depends on how a is rounded.
"""

import math
from typing import TYPE_CHECKING

from . import _other_words
from ._numbers import is_finite

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["T_CONORMS", "aggregate", "t_conorm"]

# name -> allowed p, or None for no parameter. In the order of csrc/core/tconorms.def, which numbers the names.
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

# Outside this range every family equals its limit in float32, and its formulas overflow.
_P_MIN, _P_MAX = 1e-6, 1e6


def checked_p(name: str, p: float | None) -> float:
    """Check the name and the parameter of a T-conorm. Returns p as a float, or NaN for T-conorms without a parameter.

    Raises ValueError for an unknown name (with the most similar name), or if p is missing, not finite or out of range;
    TypeError if the name is not a string.
    """
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
    """S(a, b), the textbook formula, for coverages a and b in [0, 1] of shapes that broadcast.

    name, p and errors are those of `aggregate`. 'hard' and 'sum' give the result for two faces.

    Example:
        >>> import torch
        >>> from gendr_adapters.t_conorms import t_conorm
        >>> t_conorm("probabilistic", torch.tensor(0.5), torch.tensor(0.5)).item()
        0.75
    """
    from . import _aggregates

    return _aggregates.t_conorm(name, a, b, checked_p(name, p))


def aggregate(name: str, d: "Tensor", dim: int, p: float | None = None) -> "Tensor":
    """Combine the coverages along one dimension of a tensor.

    name: one of T_CONORMS.
    d: floating-point tensor of coverages in [0, 1].
    dim: the dimension that is combined; the result lacks it. A dimension of size 0 gives 0.
    p: parameter of the T-conorm (see T_CONORMS). T-conorms without a parameter ignore it.

    A coverage of 0 changes nothing, so set it to 0 to leave a face out. (The mean of 'sum' still counts that face.)
    Where the result is 1 and the derivative is infinite or undefined, the gradient is 0.

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
