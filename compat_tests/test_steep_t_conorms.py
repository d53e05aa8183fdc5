"""The families of T-conorms with p < 1, whose slope grows without bound as a coverage falls to 0, against the textbook
formulas in 60 digits: the product with the pdf is finite, and the core gives it."""

from typing import Any

import mpmath
import pytest
import torch
from support.devices import DEVICES
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import Fragments, RenderSettings, blend_fragments, render
from gendr_adapters.distributions import cdf

FAMILIES = ("yager", "aczel_alsina", "dombi")
DISTRIBUTIONS: dict[str, tuple[dict[str, Any], list[float]]] = {
    "laplace": ({}, [-1.0, -7.0, -30.0, -60.0]),
    "logistic": ({}, [-2.0, -14.0, -40.0, -70.0]),
    "gudermannian": ({}, [-2.0, -20.0, -50.0]),
    "gaussian": ({}, [-2.0, -5.0, -9.0]),
    "gumbel_max": ({}, [-1.0, -3.0, -4.0]),
    "gumbel_min": ({}, [-3.0, -20.0, -60.0]),
    "cauchy": ({}, [-3.0, -1e4, -1e8]),
    "reciprocal": ({}, [-3.0, -1e4, -1e8]),
    "exponential_rev": ({}, [-1.0, -20.0, -70.0]),
    "uniform": ({}, [-0.9, -0.999, -1 + 2**-16]),
    "exponential": ({"dist_shift": 1.0}, [-0.9, -0.999, -1 + 2**-16]),
    "levy": ({"dist_shift": 1.0}, [-0.5, -0.8, -0.98]),
}


# As above, at u < 0.
CDF: dict[str, Any] = {
    "laplace": lambda u: mpmath.exp(u) / 2,
    "logistic": lambda u: 1 / (1 + mpmath.exp(-u)),
    "gudermannian": lambda u: 2 / mpmath.pi * mpmath.atan(mpmath.exp(u)),
    "gaussian": lambda u: mpmath.ncdf(u),
    "gumbel_max": lambda u: mpmath.exp(-mpmath.exp(-u)),
    "gumbel_min": lambda u: -mpmath.expm1(-mpmath.exp(u)),
    "cauchy": lambda u: mpmath.mpf(1) / 2 + mpmath.atan(u) / mpmath.pi,
    "reciprocal": lambda u: 1 / (2 * (1 - u)),
    "exponential_rev": lambda u: mpmath.exp(u),
    "uniform": lambda u: (1 + u) / 2,
    "exponential": lambda u: -mpmath.expm1(-(u + 1)),
    "levy": lambda u: mpmath.erfc(mpmath.sqrt(1 / (2 * (u + 1)))),
}


def expected_slopes(name: str, p: float, distribution: str, u: Tensor) -> Tensor:
    """d alpha / du."""
    with mpmath.workdps(60):
        power, slopes = mpmath.mpf(p), []
        at = [mpmath.mpf(x) for x in u.double().tolist()]
        a = [CDF[distribution](x) for x in at]
        # g = h^p of h = a, -log(1 - a) or a / (1 - a); S = h^-1(norm)
        h = [{"yager": c, "aczel_alsina": -mpmath.log1p(-c), "dombi": c / (1 - c)}[name] for c in a]
        norm = mpmath.fsum(x**power for x in h) ** (1 / power)
        outer = {"yager": mpmath.mpf(norm < 1), "aczel_alsina": mpmath.exp(-norm), "dombi": (1 + norm) ** -2}[name]
        for c, x, value in zip(a, at, h, strict=True):
            inner = {"yager": 1, "aczel_alsina": 1 / (1 - c), "dombi": (1 - c) ** -2}[name]
            slopes.append(outer * (value / norm) ** (power - 1) * inner * mpmath.diff(CDF[distribution], x, h=1e-25))
        return torch.tensor([float(x) for x in slopes], dtype=torch.float64)


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("p", [0.02, 0.05, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
@pytest.mark.parametrize("name", FAMILIES)
def test_slopes(name: str, distribution: str, p: float, dtype: torch.dtype, device: str) -> None:
    """One pixel, a fragment for each u."""
    shape, values = DISTRIBUTIONS[distribution]
    u = torch.tensor(values, dtype=dtype, device=device)
    expected = expected_slopes(name, p, distribution, u.cpu())
    n = len(values)
    distance2 = u.clone().requires_grad_()
    found = Fragments(
        offsets=torch.tensor([0, n], device=device),
        pixel=torch.zeros(n, dtype=torch.int64, device=device),
        face=torch.arange(n, device=device),
        weights=torch.full((n, 3), 1 / 3, dtype=dtype, device=device),
        depth=torch.full((n,), 2.0, dtype=dtype, device=device),
        distance2=distance2,
    )
    settings = RenderSettings(
        distribution=distribution, dist_scale=1.0, t_conorm=name, t_conorm_p=p, min_coverage=0.0, **shape
    )
    alpha = blend_fragments(found, None, 1, settings, outputs=("alpha",)).alpha
    assert alpha is not None
    (got,) = torch.autograd.grad(alpha.sum(), distance2)
    tolerance = 1e-7 if dtype == torch.float64 else 2e-3
    assert_close(got.double().cpu(), expected, rtol=tolerance, atol=1e-30)


@DEVICES
@pytest.mark.parametrize("min_coverage", [0.0, 1e-12, 1e-9, 1e-6])
@pytest.mark.parametrize("name", FAMILIES)
def test_equal_faces_far_out(name: str, min_coverage: float, device: str) -> None:
    """Three equal faces, laplace, p = 0.05, of which a pixel is at u = -9 and beyond: with min_coverage below 1e-6 the
    gradient was cut off at 1e6 times the pdf."""
    p, tau, size = 0.05, 0.02, 16
    face = torch.tensor([[-0.9, -0.9, 2.0], [0.0, -0.9, 2.0], [0.0, 0.9, 2.0]], dtype=torch.float64)
    moved = torch.zeros((), dtype=torch.float64, device=device, requires_grad=True)
    across = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64, device=device)
    faces = (face.to(device) + moved * across).expand(3, 3, 3)
    settings = RenderSettings(
        distribution="laplace",
        dist_scale=tau,
        dist_squared=False,
        t_conorm=name,
        t_conorm_p=p,
        min_coverage=min_coverage,
    )
    alpha = render(faces, size, settings=settings, outputs=("alpha",)).alpha
    assert alpha is not None
    row = alpha[0, size // 2, size // 2 :]
    x = (2 * torch.arange(size // 2, size, dtype=torch.float64) + 1 - size) / size
    coverage = cdf("laplace", -x / tau, 0.0, 0.0)
    checked = 0
    for i in range(len(x)):
        (got,) = torch.autograd.grad(row[i], moved, retain_graph=True)
        slopes = expected_slopes(name, p, "laplace", torch.full((3,), -x[i].item() / tau, dtype=torch.float64))
        wanted = slopes.sum().item() / tau if coverage[i] > min_coverage else 0.0
        checked += wanted > 0
        assert_close(got.item(), wanted, rtol=1e-7, atol=1e-30)
    # Above that coverage, all else are so far from 0 that alpha is 1.
    assert name == "yager" or min_coverage >= 1e-9 or checked >= 1
