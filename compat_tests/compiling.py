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
    close = {"rtol": 1e-4, "atol": 1e-3} if leaves[0].dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-9}
    expected = function(inputs)
    gradients = torch.autograd.grad(expected, leaves, retain_graph=True)
    value = compiled(inputs)
    assert_close(value, expected, **close)
    for found, gradient in zip(torch.autograd.grad(value, leaves), gradients, strict=True):
        assert gradient.any()
        assert_close(found, gradient, **close)
