"""The T-conorms of t_conorms.py, as ordinary differentiable torch functions."""

import math

import torch
from torch import Tensor

# Frank's family passes through the probabilistic sum at p = 1, where its formula is 0/0.
_FRANK_NEAR_ONE = 1e-4


def t_conorm(name: str, a: Tensor, b: Tensor, p: float) -> Tensor:
    """See t_conorms.t_conorm. p: checked, NaN for those without."""
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


def aggregate(name: str, d: Tensor, dim: int, p: float) -> Tensor:
    """See t_conorms.aggregate. p: checked, NaN for those without."""
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
