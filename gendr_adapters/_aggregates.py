"""The T-conorms of t_conorms.py, as ordinary differentiable torch functions."""

import math

import torch
from torch import Tensor

# Frank's family passes through the probabilistic sum at p = 1, where its formula is 0/0.
_FRANK_NEAR_ONE = 1e-4


def t_conorm(name: str, a: Tensor, b: Tensor, p: float) -> Tensor:
    """See t_conorms.t_conorm. p is checked; it is NaN for T-conorms without a parameter."""
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
    # The other formulas become infinite or flat at some values; `aggregate` handles these.
    return aggregate(name, torch.stack(torch.broadcast_tensors(a, b)), 0, p)


def aggregate(name: str, d: Tensor, dim: int, p: float) -> Tensor:
    """See t_conorms.aggregate. p is checked; it is NaN for T-conorms without a parameter."""
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
    if name == "frank":
        return _frank(d, dim, p)
    if name == "yager":
        return _yager(d, dim, p)

    # The generators of the remaining T-conorms are infinite at 1, so handle coverages of 1 separately: the result is 1.
    full = d >= 1
    a = torch.where(full, torch.zeros_like(d), d)
    if name == "einstein":
        s = _hamacher(a, dim, 2.0)
    elif name == "hamacher":
        s = _hamacher(a, dim, p) if p > 0 else _dombi(a, dim, 1.0)  # its limit is Dombi with p = 1
    elif name == "aczel_alsina":
        s = -torch.expm1(-_p_norm(-torch.log1p(-a), dim, p))
    elif name == "dombi":
        s = _dombi(a, dim, p)
    else:
        s = _schweizer_sklar(a, dim, p)
    return torch.where(full.any(dim), torch.ones_like(s), s)


# e to this power is large, but its square and its inverse are still finite.
_MAX_EXPONENT = 300.0


def _p_norm(h: Tensor, dim: int, p: float) -> Tensor:
    """(sum h^p)^(1/p) of values h >= 0. Zeros get no gradient, because that of the power may be infinite or NaN.

    Powers are taken relative to the largest value, because its own power may underflow or overflow. The largest value
    is detached where it is used as the unit: it contributes to the norm as a term, and only there.
    """
    largest = h.detach().amax(dim, keepdim=True)
    some = largest > 0
    unit = torch.where(some, largest, torch.ones_like(largest))
    positive = h > 0
    # The inverse of a denormal number may be infinite, so its slope would be, too.
    slope = h > torch.finfo(h.dtype).tiny / torch.finfo(h.dtype).eps * unit
    ratio = torch.where(positive, torch.where(slope, h, h.detach()) / unit, torch.ones_like(h))
    total = torch.where(positive, ratio**p, torch.zeros_like(h))
    total = torch.where(some, total.sum(dim, keepdim=True), torch.ones_like(largest))
    # In two factors: the inverse of a unit that is nearly 0 is infinite.
    exponent = torch.minimum(total.log() / p, _MAX_EXPONENT - unit.log())
    most = 2 * _MAX_EXPONENT
    norm = unit * exponent.clamp(max=most).exp() * (exponent - most).clamp(min=0).exp()
    return torch.where(some, norm, torch.zeros_like(norm)).squeeze(dim)


def _schweizer_sklar(a: Tensor, dim: int, p: float) -> Tensor:
    """1 - (1 + sum(x^p - 1))^(1/p), x = 1 - a. Large powers are taken relative to the largest."""
    y = p * torch.log1p(-a)  # >= 0
    largest = y.detach().amax(dim, keepdim=True)
    small = largest < 1
    near = torch.expm1(torch.where(small, y, torch.zeros_like(y))).sum(dim).log1p()
    one = (-largest).exp()
    far = largest.squeeze(dim) + (one.squeeze(dim) + ((y - largest).exp() - one).sum(dim)).log()
    return -torch.expm1(torch.where(small.squeeze(dim), near, far) / p)


def _hamacher(d: Tensor, dim: int, p: float) -> Tensor:
    """g(a) = log((p + (1-p) x) / x) = log(1 + p a / x), x = 1 - a > 0."""
    m = torch.expm1(torch.log1p(p * d / (1 - d)).sum(dim).clamp(max=_MAX_EXPONENT))
    return m / (m + p)


def _frank(d: Tensor, dim: int, p: float) -> Tensor:
    """g(a) = -log((p^x - 1) / (p - 1)), x = 1 - a. The sum of logarithms is computed as a product."""
    log_p = math.log(p)
    ratio = torch.expm1((1 - d) * log_p) / math.expm1(log_p)
    if p > 1:
        return 1 - torch.log1p((p - 1) * ratio.prod(dim)) / log_p
    # p^x - 1 = (p - 1) (1 + k (p^-a - 1)), k = p / (p - 1): for a small a, computing 1 - ratio would lose digits.
    return -torch.log1p((1 / p - 1) * _union(p / (1 - p) * torch.expm1(-d * log_p), dim)) / log_p


def _union(d: Tensor, dim: int) -> Tensor:
    """1 - prod(1 - d), accurate for small d."""
    full = d >= 1
    total = -torch.expm1(torch.log1p(-torch.where(full, torch.zeros_like(d), d)).sum(dim))
    return torch.where(full.any(dim), torch.ones_like(total), total)


def _yager(d: Tensor, dim: int, p: float) -> Tensor:
    """min(1, (sum a^p)^(1/p)), gradient 0 where saturated."""
    s = _p_norm(d, dim, p)
    return torch.where(s < 1, s, torch.ones_like(s))


def _dombi(a: Tensor, dim: int, p: float) -> Tensor:
    """g(a) = (a / (1 - a))^p."""
    norm = _p_norm(a / (1 - a), dim, p)
    return norm / (1 + norm)
