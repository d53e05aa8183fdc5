"""gendr_adapters.distributions against GenDR's tables, and CDF against PDF."""

import math

import numpy as np
import pytest
import torch
from support.devices import DEVICES
from support.golden import golden_file

from gendr_adapters import _native
from gendr_adapters.distributions import ALIASES, DISTRIBUTIONS, cdf, distribution, pdf

TABLES = [m for m in golden_file("gendr_scalars").meta if m["kind"] == "distribution"]
NAMES = list(DISTRIBUTIONS)
DTYPES = [torch.float32, torch.float64]


def parameters(name: str) -> list[tuple[float, float]]:
    """(shape, shift) worth trying."""
    d = DISTRIBUTIONS[name]
    shapes = [0.5, 1.0, 2.5] if d.uses_shape else [0.0]
    shifts = [0.0, 1.5] if d.uses_shift else [0.0]
    return [(shape, shift) for shape in shapes for shift in shifts]


def derivative(name: str, x: torch.Tensor, shape: float, shift: float) -> torch.Tensor:
    x = x.clone().requires_grad_()
    value = cdf(name, x, shape, shift)
    return torch.autograd.grad(value.sum(), x)[0] if value.requires_grad else torch.zeros_like(x)


@pytest.mark.parametrize("table", TABLES, ids=lambda m: f"{m['id']}-{m['dist_func']}")
def test_table(table: dict) -> None:
    arrays = golden_file("gendr_scalars").arrays
    name, scale, shape, shift = (table[k] for k in ("dist_func", "dist_scale", "dist_shape", "dist_shift"))
    x = torch.from_numpy(arrays[table["id"] + "_x"]) / scale
    wide = table["id"] + "_cdf_wide"  # Cauchy: GenDR's own CDF uses a float32 arctangent
    expected = arrays[wide] if wide in arrays.files else arrays[table["id"] + "_cdf"]
    np.testing.assert_allclose(cdf(name, x, shape, shift).numpy(), expected, rtol=0, atol=1e-14)
    expected = arrays[table["id"] + "_pdf"] * scale
    np.testing.assert_allclose(pdf(name, x, shape, shift).numpy(), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_pdf_is_the_derivative_of_the_cdf(name: str) -> None:
    # No point on a corner (0, +-1, +-1.5); both tails.
    x = torch.linspace(-30.003, 29.017, 4001, dtype=torch.float64)
    for shape, shift in parameters(name):
        got = derivative(name, x, shape, shift)
        torch.testing.assert_close(got, pdf(name, x, shape, shift), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", ["exponential", "gamma_rev", "levy"])
def test_shift_has_a_gradient(name: str) -> None:
    x = torch.linspace(-2.9, 2.9, 7, dtype=torch.float64)
    shift = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda s: cdf(name, x, 2.0, s), shift)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_sane_everywhere(name: str, dtype: torch.dtype) -> None:
    positive = [1e-30, 1e-10, 1e-3, 1.0, 1.5, 20.0, 90.0, 1e3, 1e10, 1e37, math.inf]
    x = torch.tensor([-v for v in reversed(positive)] + [-0.0, 0.0] + positive, dtype=dtype)
    for shape, shift in parameters(name):
        values, slope = cdf(name, x, shape, shift), derivative(name, x, shape, shift)
        assert values.dtype == dtype
        assert values[0] == 0 and values[-1] == 1
        # atol: float32 rounding of 1 - D
        assert (values.diff() >= -torch.finfo(dtype).eps).all()
        assert slope.isfinite().all() and (slope >= 0).all()
        assert pdf(name, x, shape, shift).isfinite().all()


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith("_rev")])
def test_rev_is_the_mirror_image(name: str) -> None:
    x = torch.linspace(-6, 6, 101, dtype=torch.float64)
    for shape, shift in parameters(name):
        mirrored = 1 - cdf(name.removesuffix("_rev"), -x, shape, shift)
        torch.testing.assert_close(cdf(name, x, shape, shift), mirrored, rtol=0, atol=1e-14)


def test_small_coverages_keep_their_digits() -> None:
    """The tail outside a face decides over colour where no other face is near, so it must not be rounded to 0."""
    x = torch.tensor([-60.0], dtype=torch.float64)
    for name in ("laplace", "logistic", "gudermannian", "gumbel_min", "exponential_rev"):
        assert 1e-27 < cdf(name, x).item() < 1e-25, name
    assert cdf("gamma_rev", x, 1.0).item() == pytest.approx(math.exp(-60), rel=1e-9)
    assert cdf("gaussian", x / 3).item() == pytest.approx(0.5 * math.erfc(20 / math.sqrt(2)), rel=1e-9)


def test_names() -> None:
    assert len(DISTRIBUTIONS) == 18
    for alias, name in ALIASES.items():
        assert distribution(alias) is DISTRIBUTIONS[name]


@pytest.mark.parametrize(("wrong", "near"), [("logistik", "logistic"), ("cubic", "cubic_hermite"), ("levi", "levy")])
def test_unknown_name(wrong: str, near: str) -> None:
    with pytest.raises(ValueError, match=f"{wrong}.*{near}"):
        cdf(wrong, torch.zeros(1))


@pytest.mark.parametrize("shape", [0.0, -1.0, math.nan])
def test_gamma_needs_a_shape(shape: float) -> None:
    with pytest.raises(ValueError, match="shape > 0"):
        pdf("gamma_rev", torch.zeros(1), shape)


def mirror(name: str) -> str:
    """The distribution of -x: a survival function, 1 - CDF, is the mirror's CDF at -x, with all its digits."""
    pairs = {"gumbel_max": "gumbel_min", "gumbel_min": "gumbel_max"}
    for one_sided in ("exponential", "gamma", "levy"):
        pairs |= {one_sided: one_sided + "_rev", one_sided + "_rev": one_sided}
    return pairs.get(name, name)


def native(name: str, x: torch.Tensor, shape: float, shift: float, device: str = "cpu") -> list[torch.Tensor]:
    """The core's CDF, log survival and hazard, as float64."""
    x = x.to(device).contiguous()
    outputs = [torch.empty_like(x) for _ in range(3)]
    dtype = [torch.float32, torch.float64].index(x.dtype)
    pointers = [v.data_ptr() for v in (x, *outputs)]
    number = list(DISTRIBUTIONS).index(name)
    lib = _native.library(device)
    place = (x.get_device(), torch.cuda.current_stream(x.device).cuda_stream) if x.is_cuda else (0, None)
    call = (dtype, number, shape, shift, x.numel(), *pointers, *place)
    _native.check(lib.gendr_evaluate_distribution(*call), lib)
    return [v.cpu().double() for v in outputs]


@DEVICES
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_native(name: str, dtype: torch.dtype, device: str) -> None:
    """What the kernels evaluate, in both tails: CDF, log(1 - CDF) and pdf / (1 - CDF) keep their relative precision."""
    x = torch.linspace(-30.003, 29.017, 4001, dtype=torch.float64).to(dtype)
    eps, tiny = torch.finfo(dtype).eps, torch.finfo(dtype).tiny
    rtol, atol = 2000 * eps, 1e3 * tiny  # the tails are e^-450 at most: 450 rounding errors of the exponent
    if name == "wigner_semicircle":
        x, atol = torch.linspace(-0.98, 0.98, 801).to(dtype), eps  # asin cancels at the ends of the support
    for shape, shift in parameters(name):
        wide = x.double()
        coverage, survival = cdf(name, wide, shape, shift), cdf(mirror(name), -wide, shape, shift)
        got, log_survival, hazard = native(name, x, shape, shift, device)
        torch.testing.assert_close(got, coverage, rtol=rtol, atol=atol)
        some = survival > 1e3 * tiny
        expected = torch.where(coverage < 0.5, torch.log1p(-coverage), survival.log())[some]
        torch.testing.assert_close(log_survival[some], expected, rtol=rtol, atol=atol)
        expected = pdf(name, wide, shape, shift)[some] / survival[some]
        torch.testing.assert_close(hazard[some], expected, rtol=rtol, atol=atol)


@DEVICES
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ["hard", "uniform", "cubic_hermite", "wigner_semicircle"])
def test_native_is_exact_outside_a_bounded_support(name: str, dtype: torch.dtype, device: str) -> None:
    """A rounding error there would be a coverage, and a coverage however small outweighs the background's colour."""
    x = torch.tensor([-1e30, -30, -1.001, 1.001, 30, 1e30], dtype=dtype)
    got, _, hazard = native(name, x, 0.0, 0.0, device)
    assert got.tolist() == [0, 0, 0, 1, 1, 1]
    assert hazard.tolist() == [0] * 6


@pytest.mark.parametrize("coverage", [1e-12, 1e-6, 0.01, 0.5, 0.9])
@pytest.mark.parametrize("name", [n for n in NAMES if n != "hard"])
def test_native_quantile(name: str, coverage: float) -> None:
    number = list(DISTRIBUTIONS).index(name)
    for shape, shift in parameters(name):
        u = _native.library().gendr_quantile(number, shape, shift, coverage)
        if math.isinf(u):  # further than floating point squares
            u = -1e15
            assert cdf(name, torch.tensor(u), shape, shift).item() > coverage
            continue
        step = 1e-9 * max(1.0, abs(u))
        below, above = cdf(name, torch.tensor([u - step, u + step], dtype=torch.float64), shape, shift).tolist()
        assert below <= coverage * (1 + 1e-9) and coverage * (1 - 1e-9) <= above
