"""Looking at the numbers in a tensor: whether they are there, and for how much."""

from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from ._transformable import differs_by_item


def has_numbers(x: Tensor) -> bool:
    """There are none while torch.compile or torch.export trace, nor in meta and fake tensors; inside torch.vmap there
    are several for each. On a GPU asking waits for them."""
    return not (torch.compiler.is_compiling() or x.is_meta or isinstance(x, FakeTensor) or differs_by_item(x))


def is_known(x: Tensor) -> bool:
    """Its numbers are there for the asking: a check of them costs next to nothing."""
    return x.device.type == "cpu" and has_numbers(x)


def as_list(x: Tensor) -> Any:
    """x.tolist(), which fails in torch 2.5 to 2.7 inside the transforms of torch.func, where .item() does not."""
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        return [as_list(row) for row in x] if x.dim() else x.item()
    return x.tolist()
