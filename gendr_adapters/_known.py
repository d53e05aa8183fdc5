"""Can the values of a tensor be read, and does reading them wait for a GPU?"""

from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from ._transformable import differs_by_item


def has_numbers(x: Tensor) -> bool:
    """Does the tensor have values that can be read?

    It has none while torch.compile or torch.export trace, and if it is a meta or fake tensor. Inside torch.vmap each
    element has several values. On a GPU, reading waits."""
    return not (torch.compiler.is_compiling() or x.is_meta or isinstance(x, FakeTensor) or differs_by_item(x))


def is_known(x: Tensor) -> bool:
    """Can the values be read without waiting? Then checking them costs little."""
    return x.device.type == "cpu" and has_numbers(x)


def as_list(x: Tensor) -> Any:
    """x.tolist(). In torch 2.5 to 2.7 tolist fails inside the transforms of torch.func, but .item() works there."""
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        return [as_list(row) for row in x] if x.dim() else x.item()
    return x.tolist()
