"""Can an op skip torch's dispatcher? It can if only autograd and our own code would use the dispatcher."""

from typing import Any

import torch
from torch import Tensor
from torch._C import DispatchKey, DispatchKeySet
from torch.nn import Parameter

from .._untraced import untraced

# The functions of torch that are used here. They are not documented: if a version of torch lacks one, every op uses the
# dispatcher.
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
# Before torch 2.9, sets of keys are never equal.
_CAN_ASK = _CAN_ASK and DispatchKeySet(DispatchKey.CPU) == DispatchKeySet(DispatchKey.CPU)


def _keys(*names: str) -> DispatchKeySet | None:
    if not _CAN_ASK:
        return None
    keys = DispatchKeySet(getattr(DispatchKey, names[0]))
    for name in names[1:]:
        keys = keys.add(getattr(DispatchKey, name))
    return keys


# The keys that every thread has, outside and inside inference mode. A dispatch mode, a transform of torch.func and
# torch.jit.trace add keys.
_THREAD = _keys("BackendSelect", "ADInplaceOrView")
_IN_INFERENCE = _keys("BackendSelect")
# The keys of a plain tensor in memory. Meta, fake, wrapped and sparse tensors, and lazily negated ones, have others.
_DENSE = (
    _keys("CPU", "AutogradCPU", "AutocastCPU", "ADInplaceOrView"),
    _keys("CUDA", "AutogradCUDA", "AutocastCUDA", "ADInplaceOrView"),
    _keys("CPU", "AutocastCPU"),  # this and the next: made in inference mode
    _keys("CUDA", "AutocastCUDA"),
)
_PLAIN = {int, list, tuple}


@untraced
def unwatched(args: Any) -> bool:
    """Can the op with these arguments skip the dispatcher? For calls outside torch.compile. False if that is not
    known."""
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
