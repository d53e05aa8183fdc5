"""The CDFs and PDFs of distributions.py, as ordinary differentiable torch functions."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .distributions import ALIASES, distribution

Param = float | Tensor
Curve = Callable[[Tensor, Param, Param], Tensor]


class Curves(NamedTuple):
    """Functions of (u, shape, shift), all dimensionless. Most ignore shape and shift."""

    cdf: Curve
    pdf: Curve


def _symmetric(lower: Callable[[Tensor], Tensor]) -> Curve:
    """CDF of a symmetric distribution from its lower half. Each half gets only arguments <= 0, so neither overflows,
    and small coverages keep their relative precision (1 - D would lose it)."""

    def cdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
        return torch.where(x < 0, lower(x.clamp(max=0)), 1 - lower(-x.clamp(min=0)))

    return cdf


def _one_sided(curve: Callable[[Tensor, Param], Tensor], start: float, below: float, reverse: bool = False) -> Curve:
    """A curve on the half line v > start, with v = x + shift (reverse: v = shift - x), and the constant `below` before
    it.

    The inner `where` keeps v <= start out of the curve, whose gradient may be NaN there even if it is not selected.
    """

    def shifted(x: Tensor, shape: Param, shift: Param) -> Tensor:
        v = shift - x if reverse else x + shift
        inside = v > start
        safe = torch.where(inside, v, torch.ones_like(v)).clamp(max=torch.finfo(v.dtype).max)
        return torch.where(inside, curve(safe, shape), torch.full_like(v, below))

    return shifted


# hard ---------------------------------------------------------------------------------------------------------------


def _hard_cdf(x: Tensor, shape: Param, shift: Param) -> Tensor:
    return (x >= 0).to(x.dtype)  # the triangle is closed: it contains its edges (u = +-0)


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

# exp(-exp(20)) is 0 and exp(20) is still finite. For larger arguments, 0 * inf would make the gradient NaN.
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


# one-sided: the variable is v > 0 -----------------------------------------------------------------------------------

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


CURVES: dict[str, Curves] = {
    "hard": Curves(_hard_cdf, _hard_pdf),
    "uniform": Curves(_uniform_cdf, _uniform_pdf),
    "cubic_hermite": Curves(_cubic_hermite_cdf, _cubic_hermite_pdf),
    "wigner_semicircle": Curves(_wigner_semicircle_cdf, _wigner_semicircle_pdf),
    "gaussian": Curves(_gaussian_cdf, _gaussian_pdf),
    "laplace": Curves(_symmetric(_laplace_lower), _laplace_pdf),
    "logistic": Curves(_logistic_cdf, _logistic_pdf),
    "gudermannian": Curves(_symmetric(_gudermannian_lower), _gudermannian_pdf),
    "cauchy": Curves(_cauchy_cdf, _cauchy_pdf),
    "reciprocal": Curves(_symmetric(_reciprocal_lower), _reciprocal_pdf),
    "gumbel_max": Curves(_gumbel_max_cdf, _gumbel_max_pdf),
    "gumbel_min": Curves(_gumbel_min_cdf, _gumbel_min_pdf),
    "exponential": Curves(
        _one_sided(_exponential_lower, 0.0, 0.0),
        _one_sided(_exponential_upper, 0.0, 0.0),
    ),
    "exponential_rev": Curves(
        _one_sided(_exponential_upper, 0.0, 1.0, reverse=True),
        _one_sided(_exponential_upper, 0.0, 0.0, reverse=True),
    ),
    "gamma": Curves(
        _one_sided(_gamma_lower, 0.0, 0.0),
        _one_sided(_gamma_density, 0.0, 0.0),
    ),
    "gamma_rev": Curves(
        _one_sided(_gamma_upper, 0.0, 1.0, reverse=True),
        _one_sided(_gamma_density, 0.0, 0.0, reverse=True),
    ),
    "levy": Curves(
        _one_sided(_levy_lower, _LEVY_START, 0.0),
        _one_sided(_levy_density, _LEVY_START, 0.0),
    ),
    "levy_rev": Curves(
        _one_sided(_levy_upper, _LEVY_START, 1.0, reverse=True),
        _one_sided(_levy_density, _LEVY_START, 0.0, reverse=True),
    ),
}


def curves(name: str, shape: Param) -> Curves:
    """The curves of a distribution. Raises ValueError or TypeError for an unknown name or a shape that is not
    positive."""
    if distribution(name).uses_shape and not bool((torch.as_tensor(shape, device="cpu") > 0).all()):
        raise ValueError(f"distribution {name!r} needs shape > 0, got {shape}")
    return CURVES[ALIASES.get(name, name)]
