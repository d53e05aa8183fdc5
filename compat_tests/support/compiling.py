"""torch.compile against eager."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.testing import assert_close


def holds(
    function: Callable[..., Tensor],
    inputs: Any,
    leaves: list[Tensor],
    *,
    backend: str = "aot_eager",
    dynamic: bool | None = True,
    fullgraph: bool = False,
) -> None:
    """Value and gradients of function(inputs), a number, are those of eager, nearly: a compiler may fuse sums."""
    torch._dynamo.reset()
    compiled = torch.compile(function, backend=backend, dynamic=dynamic, fullgraph=fullgraph)
    close_like_eager(compiled, function, inputs, leaves)


def close_like_eager(
    compiled: Callable[..., Tensor], function: Callable[..., Tensor], inputs: Any, leaves: list[Tensor]
) -> None:
    share = 1e-3 if leaves[0].dtype == torch.float32 else 1e-9
    expected = function(inputs)
    gradients = torch.autograd.grad(expected, leaves, retain_graph=True)
    value = compiled(inputs)
    _close(value, expected, share)
    for found, gradient in zip(torch.autograd.grad(value, leaves), gradients, strict=True):
        assert gradient.any()
        _close(found, gradient, share)


def _close(found: Tensor, expected: Tensor, share: float) -> None:
    """Up to a share of the largest, or of 1: in a soft picture nearly all of a gradient's terms cancel."""
    assert_close(found, expected, rtol=0, atol=share * max(1.0, float(expected.detach().abs().max())))
