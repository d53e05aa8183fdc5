"""What a computation in torch decides: every comparison in it, and every operation that contains one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

_WHOLE = {torch.floor, Tensor.floor, torch.round, Tensor.round}
_SMALLEST = {torch.amin, Tensor.amin, torch.min, Tensor.min}
_LARGEST = {torch.amax, Tensor.amax, torch.max, Tensor.max}
_CLAMP = {torch.clamp, Tensor.clamp, torch.clip, Tensor.clip}
_SIGN = {torch.abs, Tensor.abs, torch.sign, Tensor.sign}
_TWO = {torch.maximum, torch.minimum, Tensor.maximum, Tensor.minimum}


class Decisions(TorchFunctionMode):
    """Inside it, what comes of each decision about `n` things is noted: of tensors whose first dimension has n entries.

    Two runs of the same function on inputs that hardly differ made the same decisions about a thing where `differing`
    says no. Decisions of other shapes (about all of the things at once) count for each.
    """

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n
        self.noted: list[Tensor] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if func in _CLAMP:
            low, high = _limits(*args[1:], **kwargs)
            for limit in (low, high):
                if limit is not None:
                    self.noted.append((args[0].detach() - limit).sign())
        elif func in _SMALLEST or func in _LARGEST:
            values = result if isinstance(result, Tensor) else result.values
            if isinstance(result, Tensor):
                where = args[1] if len(args) > 1 else kwargs.get("dim")
                if where is not None:
                    kept = values if values.dim() == args[0].dim() else values.unsqueeze(where)
                    self.noted.append((args[0] == kept).detach())
            else:
                self.noted.append(result.indices)
        elif func in _SIGN:
            self.noted.append(args[0].detach().sign())
        elif func in _TWO:
            self.noted.append((args[0].detach() - args[1].detach()).sign())
        elif func in _WHOLE:
            self.noted.append(result.detach())
        elif isinstance(result, Tensor) and not result.is_floating_point():
            self.noted.append(result)
        return result

    def differing(self, other: "Decisions") -> Tensor:
        """(n,) bool: of which things the two have not decided alike."""
        all_of_them = torch.ones(self.n, dtype=torch.bool)
        if [x.shape for x in self.noted] != [x.shape for x in other.noted]:
            return all_of_them
        different = ~all_of_them
        for a, b in zip(self.noted, other.noted, strict=True):
            if a.dim() == 0 or a.shape[0] != self.n:
                if not torch.equal(a, b):
                    return all_of_them
            else:
                different |= (a != b).reshape(self.n, -1).any(1)
        return different


def _limits(min: Any = None, max: Any = None) -> tuple[Any, Any]:
    return min, max
