"""Gradients in full precision of what was computed in full precision, also where torch.autocast is on in backward."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode

# Leaves have this number, whenever they were made.
_LEAF = 2**64 - 1


class ExactGradients(TorchFunctionMode):
    """Inside it every operation's node in the graph switches autocast off for itself, whoever calls backward where.

    Else a matmul that ran in float32 has its gradient taken by a matmul in half precision where autocast is on then:
    a torch.inverse or a camera of another library cannot be told not to. A gradient's own gradient is not covered.
    """

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
    """In a node and those it was made of, as far as they were made since the first: a function may make many."""
    found, seen = [node], set()
    while found:
        node = found.pop()
        if node not in seen and first <= node._sequence_nr() < _LEAF:
            seen.add(node)
            node.register_prehook(_without_autocast)
            found += [before for before, _ in node.next_functions if before is not None]


def _without_autocast(gradients: tuple[Tensor, ...]) -> None:
    """For one node alone: autograd hands the state of backward's caller to each anew."""
    for device in ("cpu", "cuda"):
        torch.set_autocast_enabled(device, False)
