"""Whether an op need not go through torch's dispatcher: nobody would see it there but autograd and our own code."""

from typing import Any

import torch
from torch import Tensor
from torch._C import DispatchKey, DispatchKeySet
from torch.nn import Parameter

from .._untraced import untraced


def _keys(*names: str) -> DispatchKeySet:
    keys = DispatchKeySet(getattr(DispatchKey, names[0]))
    for name in names[1:]:
        keys = keys.add(getattr(DispatchKey, name))
    return keys


# What is always among a thread's keys. A dispatch mode, a transform of torch.func and torch.jit.trace add theirs;
# inference mode takes one away.
_THREAD = _keys("BackendSelect", "ADInplaceOrView")
# Of a tensor with its elements in memory as they are: not on meta, fake, wrapped, sparse, or with a sign to be turned.
_CPU = _keys("CPU", "AutogradCPU", "AutocastCPU", "ADInplaceOrView")
_CUDA = _keys("CUDA", "AutogradCUDA", "AutocastCUDA", "ADInplaceOrView")
_PLAIN = {int, list, tuple}


@untraced
def unwatched(args: Any) -> bool:
    """Of an op's arguments, outside torch.compile. False also where that is not known."""
    if (
        torch._C._dispatch_tls_local_include_set() != _THREAD
        or torch._C._len_torch_function_stack()
        or torch._C._autograd._profiler_enabled()
    ):
        return False
    for x in args:
        if x is None:
            continue
        kind = type(x)
        if kind is Tensor or kind is Parameter:
            keys = torch._C._dispatch_keys(x)
            if keys != _CPU and keys != _CUDA:
                return False
        elif kind not in _PLAIN:
            return False
    return True
