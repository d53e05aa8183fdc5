"""The 18 distributions a soft edge can have: their names, what they need, and their CDFs and PDFs.

A pixel at signed distance d from a face (positive inside) is covered by D = CDF(u), u = sign * d / tau or
sign * d^2 / tau. Everything here takes the scaled, dimensionless u. The formulas follow GenDR (Petersen et al.,
"GenDR: A Generalized Differentiable Renderer", CVPR 2022); the native core evaluates the
same functions in blocks, and the tests hold both against each other.

`cdf` and `pdf` are the readable versions, for plots and as a reference (_curves.py). Autograd of a CDF gives its PDF
everywhere, without NaN in the tails; where a density is undefined (a corner of the CDF) either one-sided value may come
out.
"""

from typing import TYPE_CHECKING, NamedTuple

from . import _other_words

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ALIASES", "DISTRIBUTIONS", "Distribution", "cdf", "distribution", "pdf"]


class Distribution(NamedTuple):
    """What is to be known of a distribution of the edge position.

    uses_shape: shape must be given and > 0. uses_shift: shift moves the support. begins: the CDF is 0 up to some u; of
        the others it is 0 nowhere, though floating point may have no number that small.
    """

    uses_shape: bool = False
    uses_shift: bool = False
    begins: bool = False


# In the order of csrc/core/distributions.def: the position of a name is its number in the native core.
DISTRIBUTIONS: dict[str, Distribution] = {
    "hard": Distribution(begins=True),
    "uniform": Distribution(begins=True),
    "cubic_hermite": Distribution(begins=True),
    "wigner_semicircle": Distribution(begins=True),
    "gaussian": Distribution(),
    "laplace": Distribution(),
    "logistic": Distribution(),
    "gudermannian": Distribution(),
    "cauchy": Distribution(),
    "reciprocal": Distribution(),
    "gumbel_max": Distribution(),
    "gumbel_min": Distribution(),
    "exponential": Distribution(uses_shift=True, begins=True),
    "exponential_rev": Distribution(uses_shift=True),
    "gamma": Distribution(uses_shape=True, uses_shift=True, begins=True),
    "gamma_rev": Distribution(uses_shape=True, uses_shift=True),
    "levy": Distribution(uses_shift=True, begins=True),
    "levy_rev": Distribution(uses_shift=True),
}

ALIASES: dict[str, str] = {"heaviside": "hard", "hyperbolic_secant": "gudermannian"}


def distribution(name: str) -> Distribution:
    """Look a distribution up by name or alias. Raises ValueError that names the nearest, TypeError for no string.

    Example:
        >>> from gendr_adapters.distributions import distribution
        >>> distribution("gamma").uses_shape, distribution("heaviside").begins
        (True, True)
    """
    if not isinstance(name, str):
        raise TypeError(f"a distribution's name must be a string, got {name!r}")
    found = DISTRIBUTIONS.get(ALIASES.get(name, name))
    if found is None:
        names = [*DISTRIBUTIONS, *ALIASES]
        near = _other_words.nearest(str(name), names, _other_words.DISTRIBUTIONS)
        raise ValueError(f"unknown distribution {name!r}; did you mean {near!r}? Allowed: {', '.join(names)}")
    return found


def cdf(name: str, x: "Tensor", shape: "float | Tensor" = 0.0, shift: "float | Tensor" = 0.0) -> "Tensor":
    """Coverage D = CDF(x) of a pixel at scaled signed distance x.

    name: one of DISTRIBUTIONS or ALIASES.
    x: floating point tensor of any shape, dimensionless: the signed distance (or signed square) over tau, > 0 inside.
    shape: the gamma distributions' shape parameter, > 0.
    shift: moves the support of the exponential, gamma and levy distributions, in units of tau: x + shift; the _rev ones
        are mirrored, cdf_rev(x, shift) = 1 - cdf(-x, shift).
    Returns a tensor like x, in [0, 1]. Raises ValueError for an unknown name or a shape that is not positive.

    Example:
        >>> import torch
        >>> from gendr_adapters.distributions import cdf
        >>> cdf("uniform", torch.tensor([-2.0, -0.5, 0.0, 2.0])).tolist()
        [0.0, 0.25, 0.5, 1.0]
    """
    from ._curves import curves

    return curves(name, shape).cdf(x, shape, shift)


def pdf(name: str, x: "Tensor", shape: "float | Tensor" = 0.0, shift: "float | Tensor" = 0.0) -> "Tensor":
    """Density d cdf / dx, in 1 / (unit of x); arguments and errors as for `cdf`. 0 for 'hard'.

    Example:
        >>> import torch
        >>> from gendr_adapters.distributions import pdf
        >>> pdf("uniform", torch.tensor([-2.0, 0.0, 2.0])).tolist()
        [0.0, 0.5, 0.0]
    """
    from ._curves import curves

    return curves(name, shape).pdf(x, shape, shift)
