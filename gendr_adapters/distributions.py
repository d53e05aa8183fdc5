"""The 18 distributions that a soft edge can have: names, parameters, CDFs and PDFs.

A pixel at signed distance d from a face (positive inside) is covered by D = CDF(u), with u = sign * d / tau or
u = sign * d^2 / tau. All functions here take the scaled, dimensionless u. The formulas are those of GenDR (Petersen et
al., "GenDR: A Generalized Differentiable Renderer", CVPR 2022). The native core computes the same functions in blocks,
and the tests compare both.

`cdf` and `pdf` are simple versions in torch, for plots and as a reference (_curves.py). The gradient of a CDF by
autograd is its PDF, without NaN in the tails. Where a density is undefined, at a corner of the CDF, the gradient is one
of the two one-sided values.
"""

from typing import TYPE_CHECKING, NamedTuple

from . import _other_words

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ALIASES", "DISTRIBUTIONS", "Distribution", "cdf", "distribution", "pdf"]


class Distribution(NamedTuple):
    """The parameters of a distribution.

    uses_shape: a shape parameter > 0 is required. uses_shift: the shift moves the support. begins: the CDF is 0 up to
    some u. Other CDFs are above 0 everywhere, although they may underflow to 0 in floating point."""

    uses_shape: bool = False
    uses_shift: bool = False
    begins: bool = False


# In the order of csrc/core/distributions.def: a name's position is its number in the native core.
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
    """Look up a distribution by its name or alias.

    Raises ValueError for an unknown name, with the most similar name, and TypeError if the name is not a string.

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
    """Coverage D = CDF(x) of a pixel at the scaled signed distance x.

    name: one of DISTRIBUTIONS or ALIASES.
    x: floating-point tensor of any shape, dimensionless: signed distance (or signed squared distance) / tau, > 0
        inside.
    shape: shape parameter of the gamma distributions, > 0.
    shift: moves the support of the exponential, gamma and levy distributions, in units of tau: their argument is x +
        shift. The _rev forms are mirrored: cdf_rev(x, shift) = 1 - cdf(-x, shift).

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
    """Density: the derivative of `cdf` with respect to x, in 1 / (unit of x).

    Arguments and errors are those of `cdf`. For 'hard' it is 0.

    Example:
        >>> import torch
        >>> from gendr_adapters.distributions import pdf
        >>> pdf("uniform", torch.tensor([-2.0, 0.0, 2.0])).tolist()
        [0.0, 0.5, 0.0]
    """
    from ._curves import curves

    return curves(name, shape).pdf(x, shape, shift)
