"""Gradients in full precision for operations that ran in full precision, even if backward is called inside
torch.autocast."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode

# The sequence number of all leaves.
_LEAF = 2**64 - 1


class ExactGradients(TorchFunctionMode):
    """Every operation inside this context computes its gradient without autocast, wherever backward is called.

    Without it, the gradient of a float32 matmul is computed in half precision if backward runs inside autocast. That
    also happens in torch.inverse and in cameras of other libraries, which we cannot change. Second derivatives are not
    covered."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        first = torch._C._autograd._get_sequence_nr()
        result = func(*args, **(kwargs or {}))
        for value in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(value, Tensor) and value.grad_fn is not None:
                _switch_autocast_off(value.grad_fn, first)
        return result


def _switch_autocast_off(node: Node, first: int) -> None:
    """Switch autocast off for a node and for the nodes before it that were made since `first`: a function may make
    many."""
    found, seen = [node], set()
    while found:
        node = found.pop()
        if node not in seen and first <= node._sequence_nr() < _LEAF:
            seen.add(node)
            node.register_prehook(_without_autocast)
            found += [before for before, _ in node.next_functions if before is not None]


def _without_autocast(gradients: tuple[Tensor, ...]) -> None:
    """Switch autocast off for one node. autograd restores the state of backward's caller for the next one."""
    for device in ("cpu", "cuda"):
        torch.set_autocast_enabled(device, False)
