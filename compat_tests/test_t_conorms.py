"""gendr_adapters.t_conorms against GenDR's tables, and the axioms."""

import functools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support.golden import golden_file

from gendr_adapters.t_conorms import T_CONORMS, aggregate, t_conorm

TABLES = [m for m in golden_file("gendr_scalars").meta if m["kind"] == "tconorm"]
ARCHIMEDEAN = [
    ("probabilistic", None), ("einstein", None),
    ("hamacher", 0.0), ("hamacher", 0.5), ("hamacher", 1.0), ("hamacher", 5.0),
    ("frank", 0.1), ("frank", 1.0), ("frank", 2.0), ("frank", 50.0),
    ("yager", 0.5), ("yager", 1.0), ("yager", 2.0), ("yager", 5.0),
    ("aczel_alsina", 0.5), ("aczel_alsina", 1.0), ("aczel_alsina", 5.0),
    ("dombi", 0.5), ("dombi", 1.0), ("dombi", 5.0),
    ("schweizer_sklar", -0.5), ("schweizer_sklar", -1.0), ("schweizer_sklar", -4.0),
]  # fmt: skip
FAMILIES = [("max", None), *ARCHIMEDEAN]
coverage = st.floats(0, 1) | st.floats(1e-9, 1e-3) | st.floats(0, 1e-9).map(lambda v: 1 - v)


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    # 1 - a of a coverage that is itself rounded costs a family with infinite slope half the digits.
    torch.testing.assert_close(a, b, rtol=0, atol=1e-7)


def scalar(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("table", TABLES, ids=lambda m: f"{m['id']}-{m['name']}-{m['p']}")
def test_table(table: dict) -> None:
    arrays = golden_file("gendr_scalars").arrays
    name, p = table["name"], table["p"]
    a = torch.from_numpy(arrays["tcn_a"])
    b = torch.from_numpy(arrays["tcn_b"]).requires_grad_()
    expected = arrays[table["id"] + "_S"]
    result = t_conorm(name, a, b, p)
    np.testing.assert_allclose(result.detach().numpy(), expected, rtol=0, atol=1e-14)
    np.testing.assert_allclose(
        aggregate(name, torch.stack([a, b]), 0, p).detach().numpy(), expected, rtol=0, atol=1e-14
    )

    (slope,) = torch.autograd.grad(result.sum(), b)
    inner = ((a > 0) & (a < 1) & (b > 0) & (b < 1)).numpy()
    if name == "max":
        inner &= (a != b).numpy()  # GenDR gives the gradient to every tied face
    tolerance = 1e-4 if name == "frank" else 1e-12  # GenDR adds 1e-6 to Frank's denominator
    expected = arrays[table["id"] + "_dSdb"]
    np.testing.assert_allclose(slope.numpy()[inner], expected[inner], rtol=tolerance, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "p"), FAMILIES)
@settings(max_examples=60, deadline=None)
@given(a=coverage, b=coverage, c=coverage)
def test_axioms(name: str, p: float | None, a: float, b: float, c: float) -> None:
    s = functools.partial(t_conorm, name, p=p)
    a, b, c = sorted([a, b, c])
    x, y, z, zero, one = map(scalar, (a, b, c, 0.0, 1.0))
    close(s(x, y), s(y, x))
    close(s(s(x, y), z), s(x, s(y, z)))
    close(s(x, zero), x)
    close(s(x, one), one)
    assert s(x, y) <= s(x, z) + 1e-9  # y <= z
    assert y - 1e-9 <= s(x, y) <= 1 + 1e-9  # max is the smallest T-conorm


@pytest.mark.slow
@pytest.mark.parametrize(("name", "p"), FAMILIES)
@settings(max_examples=60, deadline=None)
@given(values=st.lists(coverage, min_size=1, max_size=8))
def test_aggregate_is_a_fold(name: str, p: float | None, values: list[float]) -> None:
    d = torch.tensor(values, dtype=torch.float64)
    close(aggregate(name, d, 0, p), functools.reduce(functools.partial(t_conorm, name, p=p), d, scalar(0.0)))


@pytest.mark.parametrize(("name", "p"), [*FAMILIES, ("sum", None)])
def test_gradient(name: str, p: float | None) -> None:
    d = torch.tensor([[0.1, 0.2, 0.03], [0.02, 0.3, 0.04], [0.05, 0.4, 0.005]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: aggregate(name, v, 1, p), d)


@pytest.mark.parametrize(("name", "p"), [*FAMILIES, ("sum", None), ("hard", None)])
def test_edges_of_the_interval(name: str, p: float | None) -> None:
    """All zero, some zero, some one, nearly one, all one: values right, gradients finite."""
    rows = [[0, 0, 0], [0, 0.25, 0], [0, 1, 0.3], [1 - 2**-53, 0.5, 0], [1, 1, 1], [1e-300, 0, 1e-12]]
    d = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    s = aggregate(name, d, 1, p)
    if name not in ("sum", "hard"):
        torch.testing.assert_close(s.detach(), torch.tensor([0, 0.25, 1, 1, 1, 0], dtype=s.dtype), rtol=0, atol=1e-9)
    if s.requires_grad:
        s.sum().backward()
        assert d.grad.isfinite().all()


@pytest.mark.parametrize("least", [1e-300, 1e-200, 1e-30])
@pytest.mark.parametrize("name", ["yager", "aczel_alsina", "dombi"])
def test_coverages_that_are_nearly_0_under_a_small_p(name: str, least: float) -> None:
    """Two alike are 2^(1 / p) times as much: 1, however small they are."""
    d = torch.full((2,), least, dtype=torch.float64)
    assert aggregate(name, d, 0, 1e-6).item() == 1
    assert aggregate(name, d, 0, 0.5).item() == pytest.approx(4 * least, rel=1e-12)


def test_hard_and_sum() -> None:
    d = torch.tensor([[0.5, 0.4], [0.2, 0.51]])
    assert aggregate("hard", d, 1).tolist() == [0, 1]
    torch.testing.assert_close(aggregate("sum", d, 0), torch.tensor([0.35, 0.455]))


def test_equal_coverages_give_the_gradient_to_the_first() -> None:
    d = torch.full((4,), 0.3, requires_grad=True)
    aggregate("max", d, 0).backward()
    assert d.grad.tolist() == [1, 0, 0, 0]


def test_no_faces() -> None:
    for name in T_CONORMS:
        assert aggregate(name, torch.zeros(2, 0), 1, -1.0 if name == "schweizer_sklar" else 1.0).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("name", "p"),
    [("hamacher", -0.1), ("frank", 0.0), ("yager", 0.0), ("aczel_alsina", -1.0), ("dombi", 0.0),
     ("schweizer_sklar", 0.0), ("schweizer_sklar", 1.0), ("yager", math.nan), ("dombi", math.inf), ("frank", None)],
)  # fmt: skip
def test_bad_p(name: str, p: float | None) -> None:
    with pytest.raises(ValueError, match=f"{name}.*p [<>]"):
        aggregate(name, torch.zeros(1), 0, p)


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="einstien.*einstein"):
        t_conorm("einstien", torch.zeros(1), torch.zeros(1))
