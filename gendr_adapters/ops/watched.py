"""Whether an op need not go through torch's dispatcher: nobody would see it there but autograd and our own code."""

from typing import Any

import torch
from torch import Tensor
from torch._C import DispatchKey, DispatchKeySet
from torch.nn import Parameter

from .._untraced import untraced

# What is asked of torch, none of it documented: where a version lacks any, every op goes through the dispatcher.
_ASKED = {
    torch._C: ("_dispatch_tls_local_include_set", "_dispatch_keys", "_len_torch_function_stack"),
    torch._C._autograd: ("_profiler_enabled",),
    DispatchKey: (
        "BackendSelect",
        "ADInplaceOrView",
        "CPU",
        "CUDA",
        "AutogradCPU",
        "AutogradCUDA",
        "AutocastCPU",
        "AutocastCUDA",
    ),
}
_CAN_ASK = all(hasattr(of, name) for of, names in _ASKED.items() for name in names)
# Before torch 2.9 sets of keys are never equal.
_CAN_ASK = _CAN_ASK and DispatchKeySet(DispatchKey.CPU) == DispatchKeySet(DispatchKey.CPU)


def _keys(*names: str) -> DispatchKeySet | None:
    if not _CAN_ASK:
        return None
    keys = DispatchKeySet(getattr(DispatchKey, names[0]))
    for name in names[1:]:
        keys = keys.add(getattr(DispatchKey, name))
    return keys


# What is among a thread's keys in any case, and in inference mode. A dispatch mode, a transform of torch.func and
# torch.jit.trace add theirs.
_THREAD = _keys("BackendSelect", "ADInplaceOrView")
_IN_INFERENCE = _keys("BackendSelect")
# Of a tensor with its elements in memory as they are: not on meta, fake, wrapped, sparse, or with a sign to be turned.
_DENSE = (
    _keys("CPU", "AutogradCPU", "AutocastCPU", "ADInplaceOrView"),
    _keys("CUDA", "AutogradCUDA", "AutocastCUDA", "ADInplaceOrView"),
    _keys("CPU", "AutocastCPU"),  # made in inference mode, as the next
    _keys("CUDA", "AutocastCUDA"),
)
_PLAIN = {int, list, tuple}


@untraced
def unwatched(args: Any) -> bool:
    """Of an op's arguments, outside torch.compile. False also where that is not known."""
    if not _CAN_ASK:
        return False
    thread = torch._C._dispatch_tls_local_include_set()
    if thread != _THREAD and (thread != _IN_INFERENCE or torch.is_grad_enabled()):
        return False
    if torch._C._len_torch_function_stack() or torch._C._autograd._profiler_enabled():
        return False
    for x in args:
        if x is None:
            continue
        kind = type(x)
        if kind is Tensor or kind is Parameter:
            if torch._C._dispatch_keys(x) not in _DENSE:
                return False
        elif kind not in _PLAIN:
            return False
    return True
