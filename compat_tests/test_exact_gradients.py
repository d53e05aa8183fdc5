"""What full_precision computed has exact gradients, also where backward runs inside autocast; nothing else has."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gendr_adapters._autocast import full_precision
from gendr_adapters._exact_gradients import ExactGradients

EYE = torch.eye(4)
# Of a (5, 4, 4) and b (5, 4, 4), each by a name of its own in torch.
OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "@": lambda a, b: a @ b,
    "matmul": torch.matmul,
    "method": lambda a, b: a.matmul(b),
    "bmm": torch.bmm,
    "mm": lambda a, b: torch.mm(a[0], b[0]),
    "mv": lambda a, b: a[0] @ b[0, 0],
    "einsum": lambda a, b: torch.einsum("nij,nkj->ik", a, b),
    "linear": lambda a, b: F.linear(a, b[0], b[0, 0]),
    "baddbmm": lambda a, b: torch.baddbmm(b, a, b),
    "inverse": lambda a, b: torch.inverse(a + 3 * EYE) * b,
    "solve": lambda a, b: torch.linalg.solve(a + 3 * EYE, b),
    "det": lambda a, b: torch.linalg.det(a + 3 * EYE) * b[:, 0, 0],
    "in place": lambda a, b: torch.zeros(4, 4).addmm_(a[0], b[0]),
    "one of a tuple": lambda a, b: (a @ b).unbind(1)[2],
    "two in a row": lambda a, b: F.normalize(a @ b, dim=1) @ a,
    "nested": full_precision(lambda a, b: full_precision(torch.matmul)(a, b) @ a),
}


def numbers(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(len(shape)), requires_grad=True)


def gradients(call: Callable[[Tensor, Tensor], Tensor]) -> tuple[Tensor, ...]:
    a, b = numbers(5, 4, 4), numbers(5, 4, 4)
    return torch.autograd.grad(call(a, b).square().sum(), (a, b), materialize_grads=True)


@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients_inside_autocast(name: str, low: torch.dtype) -> None:
    expected = gradients(OPERATIONS[name])
    with torch.autocast("cpu", dtype=low):
        found = gradients(full_precision(OPERATIONS[name]))
    assert expected[0].any() and all(map(torch.equal, found, expected))


def test_gradients_without_full_precision_are_not_exact() -> None:
    """What this is for: that the forward pass had autocast off is no help."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = gradients(torch.autocast("cpu", enabled=False)(torch.matmul))
    assert max(float((a - b).abs().max()) for a, b in zip(found, gradients(torch.matmul), strict=True)) > 1e-3


def test_other_nodes_and_the_caller_keep_autocast() -> None:
    """Layers before and after are trained in half precision as ever, also where a gradient raises."""
    seen = []

    def watch(value: Tensor, name: str) -> Tensor:
        assert value.grad_fn is not None
        value.grad_fn.register_prehook(lambda _: seen.append((name, torch.is_autocast_enabled("cpu"))))
        return value

    def exact(a: Tensor) -> Tensor:
        return watch(a @ a, "exact")

    def refuse(gradient: Tensor) -> None:
        raise RuntimeError("no gradient")

    before, after, x = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4), numbers(5, 4, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = watch(before(x), "before")
        shown = full_precision(exact)(made)
        assert made.dtype == torch.bfloat16 and shown.dtype == torch.float32
        watch(after(shown), "after").float().sum().backward()
        assert seen == [("after", True), ("exact", False), ("before", True)]
        assert torch.is_autocast_enabled("cpu")
        failing = full_precision(exact)(x)
        x.register_hook(refuse)
        with pytest.raises(RuntimeError, match="no gradient"):
            failing.sum().backward()
        assert torch.is_autocast_enabled("cpu")
    assert not torch.is_autocast_enabled("cpu")


def test_nodes_made_before_are_unchanged() -> None:
    """Only nodes made inside: a function that hands back what it got has none."""
    x = numbers(5, 4, 4) * 2
    calls = []
    x.grad_fn.register_prehook(lambda _: calls.append(torch.is_autocast_enabled("cpu")))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with ExactGradients():
            assert x.contiguous() is x
            y = x.mT
        y.sum().backward()
    assert calls == [True]
