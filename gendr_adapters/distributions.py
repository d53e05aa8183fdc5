"""The 18 distributions a soft edge can have, as ordinary differentiable torch functions.

A pixel at signed distance d from a face (positive inside) is covered by D = CDF(u), u = sign * d / tau or
sign * d^2 / tau. Everything here takes the scaled, dimensionless u. The formulas follow GenDR (Petersen et al.,
"GenDR: A Generalized Differentiable Renderer", CVPR 2022); the native core evaluates the
same functions in blocks, and the tests hold both against each other.

These are the readable versions, for plots and as a reference. Autograd of a CDF gives its PDF everywhere, without NaN
in the tails; where a density is undefined (a corner of the CDF) either one-sided value may come out.
"""

import difflib
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Param = float | Tensor
Curve = Callable[[Tensor, Param, Param], Tensor]


class Distribution(NamedTuple):
    """A distribution of the edge position.

    cdf, pdf: functions of (u, shape, shift), all dimensionless; shape and shift are ignored by most.
    uses_shape: shape must be given and > 0. uses_shift: shift moves the support. begins: the CDF is 0 up to some u; of
        the others it is 0 nowhere, though floating point may have no number that small.
    """

    cdf: Curve
    pdf: Curve
    uses_shape: bool = False
    uses_shift: bool = False
    begins: bool = False


def _symmetric(lower: Callable[[Tensor], Tensor]) -> Curve:
    """CDF of a symmetric distribution from its lower half. Each half sees only arguments <= 0, so that neither
    overflows, and small coverages keep their relative precision (1 - D would lose it)."""

    def cdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
        return torch.where(x < 0, lower(x.clamp(max=0)), 1 - lower(-x.clamp(min=0)))

    return cdf


def _one_sided(curve: Callable[[Tensor, Param], Tensor], start: float, below: float, reverse: bool = False) -> Curve:
    """A curve on a half line, v > start with v = x + shift (reverse: v = shift - x), and a constant before it.

    The inner where keeps the curve away from v <= start, where its gradient may be NaN even when not selected."""

    def shifted(x: Tensor, shape: Param, shift: Param) -> Tensor:
        v = shift - x if reverse else x + shift
        inside = v > start
        safe = torch.where(inside, v, torch.ones_like(v)).clamp(max=torch.finfo(v.dtype).max)
        return torch.where(inside, curve(safe, shape), torch.full_like(v, below))

    return shifted


# hard ---------------------------------------------------------------------------------------------------------------


def _hard_cdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return (x >= 0).to(x.dtype)  # the closed triangle: an edge (u = +-0) belongs to it


def _hard_pdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return torch.zeros_like(x)


# bounded support [-1, 1] --------------------------------------------------------------------------------------------


def _uniform_cdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return (0.5 * (x + 1)).clamp(0, 1)


def _uniform_pdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return 0.5 * (x.abs() < 1).to(x.dtype)


def _cubic_hermite_cdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    t = (0.5 * (x + 1)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def _cubic_hermite_pdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return 0.75 * (1 - x * x).clamp(min=0)


def _wigner_semicircle_cdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    inside = x.abs() < 1
    safe = torch.where(inside, x, torch.zeros_like(x))  # asin and sqrt have infinite slopes at +-1
    curve = 0.5 + (safe * (1 - safe * safe).sqrt() + safe.asin()) / math.pi
    return torch.where(inside, curve, (x > 0).to(x.dtype))


def _wigner_semicircle_pdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    inside = x.abs() < 1
    safe = torch.where(inside, x, torch.zeros_like(x))
    return torch.where(inside, 2 / math.pi * (1 - safe * safe).sqrt(), torch.zeros_like(x))


# the whole line, symmetric ------------------------------------------------------------------------------------------


def _gaussian_cdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return 0.5 * torch.erfc(-x / math.sqrt(2))


def _gaussian_pdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return (-0.5 * x * x).exp() / math.sqrt(2 * math.pi)


def _laplace_lower(x: Tensor) -> Tensor:
    return 0.5 * x.exp()


def _laplace_pdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return 0.5 * (-x.abs()).exp()


def _logistic_cdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return x.sigmoid()


def _logistic_pdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return x.sigmoid() * (-x).sigmoid()


def _gudermannian_lower(x: Tensor) -> Tensor:
    return 2 / math.pi * x.exp().atan()


def _gudermannian_pdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    e = (-x.abs()).exp()  # sech(x) / pi = 2 e / (pi (1 + e^2)): e never overflows
    return 2 / math.pi * e / (1 + e * e)


def _cauchy_cdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return torch.atan2(torch.ones_like(x), -x) / math.pi  # 1/2 + atan(x)/pi without its cancellation for x << 0


def _cauchy_pdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return 1 / (math.pi * (1 + x * x))


def _reciprocal_lower(x: Tensor) -> Tensor:
    return 0.5 / (1 - x)


def _reciprocal_pdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return 0.5 / (1 + x.abs()) ** 2


# the whole line, asymmetric -----------------------------------------------------------------------------------------

# exp(-exp(20)) is 0 and exp(20) is not yet inf: beyond, 0 * inf would make the gradient NaN.
_GUMBEL_MAX_ARGUMENT = 20.0


def _gumbel_max_cdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return (-(-x).clamp(max=_GUMBEL_MAX_ARGUMENT).exp()).exp()


def _gumbel_max_pdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    y = (-x).clamp(max=_GUMBEL_MAX_ARGUMENT)
    return (y - y.exp()).exp()


def _gumbel_min_cdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return -torch.expm1(-x.clamp(max=_GUMBEL_MAX_ARGUMENT).exp())


def _gumbel_min_pdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return _gumbel_max_pdf(-x, shape, shift)


# one-sided: v > 0 is the curve's own variable -----------------------------------------------------------------------

# Below this v the Levy CDF, erfc(sqrt(1 / (2 v))), is under 1e-2000, and 1 / v^2 in its derivative may overflow.
_LEVY_START = 1e-4


def _exponential_lower(v: Tensor, shape: Param) -> Tensor:
    return -torch.expm1(-v)


def _exponential_upper(v: Tensor, shape: Param) -> Tensor:
    return (-v).exp()


def _gamma_lower(v: Tensor, shape: Param) -> Tensor:
    return torch.special.gammainc(torch.as_tensor(shape, dtype=v.dtype, device=v.device), v)


def _gamma_upper(v: Tensor, shape: Param) -> Tensor:
    return torch.special.gammaincc(torch.as_tensor(shape, dtype=v.dtype, device=v.device), v)


def _gamma_density(v: Tensor, shape: Param) -> Tensor:
    a = torch.as_tensor(shape, dtype=v.dtype, device=v.device)
    return ((a - 1) * v.log() - v - a.lgamma()).exp()


def _levy_lower(v: Tensor, shape: Param) -> Tensor:
    return torch.erfc((2 * v).rsqrt())


def _levy_upper(v: Tensor, shape: Param) -> Tensor:
    return torch.erf((2 * v).rsqrt())


def _levy_density(v: Tensor, shape: Param) -> Tensor:
    r = v.rsqrt()
    return r**3 * (-0.5 * r * r).exp() / math.sqrt(2 * math.pi)


# In the order of csrc/core/distributions.def: the position of a name is its number in the native core.
DISTRIBUTIONS: dict[str, Distribution] = {
    "hard": Distribution(_hard_cdf, _hard_pdf, begins=True),
    "uniform": Distribution(_uniform_cdf, _uniform_pdf, begins=True),
    "cubic_hermite": Distribution(_cubic_hermite_cdf, _cubic_hermite_pdf, begins=True),
    "wigner_semicircle": Distribution(_wigner_semicircle_cdf, _wigner_semicircle_pdf, begins=True),
    "gaussian": Distribution(_gaussian_cdf, _gaussian_pdf),
    "laplace": Distribution(_symmetric(_laplace_lower), _laplace_pdf),
    "logistic": Distribution(_logistic_cdf, _logistic_pdf),
    "gudermannian": Distribution(_symmetric(_gudermannian_lower), _gudermannian_pdf),
    "cauchy": Distribution(_cauchy_cdf, _cauchy_pdf),
    "reciprocal": Distribution(_symmetric(_reciprocal_lower), _reciprocal_pdf),
    "gumbel_max": Distribution(_gumbel_max_cdf, _gumbel_max_pdf),
    "gumbel_min": Distribution(_gumbel_min_cdf, _gumbel_min_pdf),
    "exponential": Distribution(
        _one_sided(_exponential_lower, 0.0, 0.0),
        _one_sided(_exponential_upper, 0.0, 0.0),
        uses_shift=True,
        begins=True,
    ),
    "exponential_rev": Distribution(
        _one_sided(_exponential_upper, 0.0, 1.0, reverse=True),
        _one_sided(_exponential_upper, 0.0, 0.0, reverse=True),
        uses_shift=True,
    ),
    "gamma": Distribution(
        _one_sided(_gamma_lower, 0.0, 0.0),
        _one_sided(_gamma_density, 0.0, 0.0),
        uses_shape=True,
        uses_shift=True,
        begins=True,
    ),
    "gamma_rev": Distribution(
        _one_sided(_gamma_upper, 0.0, 1.0, reverse=True),
        _one_sided(_gamma_density, 0.0, 0.0, reverse=True),
        uses_shape=True,
        uses_shift=True,
    ),
    "levy": Distribution(
        _one_sided(_levy_lower, _LEVY_START, 0.0),
        _one_sided(_levy_density, _LEVY_START, 0.0),
        uses_shift=True,
        begins=True,
    ),
    "levy_rev": Distribution(
        _one_sided(_levy_upper, _LEVY_START, 1.0, reverse=True),
        _one_sided(_levy_density, _LEVY_START, 0.0, reverse=True),
        uses_shift=True,
    ),
}

ALIASES: dict[str, str] = {"heaviside": "hard", "hyperbolic_secant": "gudermannian"}


def distribution(name: str) -> Distribution:
    """Look a distribution up by name or alias. Raises ValueError that names the nearest, TypeError for no string."""
    if not isinstance(name, str):
        raise TypeError(f"a distribution's name must be a string, got {name!r}")
    found = DISTRIBUTIONS.get(ALIASES.get(name, name))
    if found is None:
        names = [*DISTRIBUTIONS, *ALIASES]
        near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.0)[0]
        raise ValueError(f"unknown distribution {name!r}; did you mean {near!r}? Allowed: {', '.join(names)}")
    return found


def _checked(name: str, shape: Param) -> Distribution:
    found = distribution(name)
    if found.uses_shape and not bool((torch.as_tensor(shape) > 0).all()):
        raise ValueError(f"distribution {name!r} needs shape > 0, got {shape}")
    return found


def cdf(name: str, x: Tensor, shape: Param = 0.0, shift: Param = 0.0) -> Tensor:
    """Coverage D = CDF(x) of a pixel at scaled signed distance x.

    name: one of DISTRIBUTIONS or ALIASES.
    x: floating point tensor of any shape, dimensionless: the signed distance (or signed square) over tau, > 0 inside.
    shape: the gamma distributions' shape parameter, > 0.
    shift: moves the support of the exponential, gamma and levy distributions, in units of tau: x + shift; the _rev ones
        are mirrored, cdf_rev(x, shift) = 1 - cdf(-x, shift).
    Returns a tensor like x, in [0, 1]. Raises ValueError for an unknown name or a shape that is not positive.
    """
    return _checked(name, shape).cdf(x, shape, shift)


def pdf(name: str, x: Tensor, shape: Param = 0.0, shift: Param = 0.0) -> Tensor:
    """Density d cdf / dx, in 1 / (unit of x); arguments and errors as for `cdf`. 0 for 'hard'."""
    return _checked(name, shape).pdf(x, shape, shift)
