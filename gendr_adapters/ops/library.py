"""torch's library of our ops: how one is registered, and called."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.library import Library

from .._transformable import transformable
from .._untraced import untraced

_library = Library("gendr_adapters", "DEF")
_in_transforms: dict[str, Any] = {}


def register(
    name: str,
    signature: str,
    native: Callable[..., Any],
    fake: Callable[..., Any],
    backward: Callable[..., Any],
    setup_context: Callable[..., None],
) -> None:
    """Define the op gendr_adapters::name. signature: of its schema, '(Tensor x) -> Tensor'. native: what it does, for
    CPU and CUDA tensors; fake: the same for tensors without data. backward, setup_context: see torch.library."""
    _library.define(f"{name}{signature}")
    for key in ("CPU", "CUDA"):
        _library.impl(name, untraced(native), key)
    torch.library.register_fake(f"gendr_adapters::{name}", fake, lib=_library)
    backward, setup_context = untraced(backward), untraced(setup_context)
    _library.impl(name, _differentiable(name, backward, setup_context), "Autograd")
    _in_transforms[name] = transformable(name, backward, setup_context)


def _differentiable(name: str, backward: Callable[..., Any], setup_context: Callable[..., None]) -> Callable[..., Any]:
    """The op with its gradient. As torch.library.register_autograd, which looks up an op's arguments in its schema one
    by one at every call: a third of what a small picture takes."""
    op = getattr(torch.ops.gendr_adapters, name).default

    @untraced
    def forward(ctx: Any, *args: Any) -> Any:
        with torch._C._AutoDispatchBelowAutograd():
            output = op(*args)
        setup_context(ctx, args, output)
        return output

    function: Any = type(
        f"gendr_adapters_{name}",
        (torch.autograd.Function,),
        {"forward": staticmethod(forward), "backward": staticmethod(backward)},
    )

    @untraced
    def call(*args: Any) -> Any:
        if torch.is_grad_enabled() and any(isinstance(x, Tensor) and x.requires_grad for x in args):
            return function.apply(*args)
        with torch._C._AutoDispatchBelowAutograd():
            return op(*args)

    return call


def apply(name: str, *args: Any) -> Any:
    """The op of this name, inside transforms of torch.func, too."""
    if not torch.compiler.is_compiling() and torch._C._are_functorch_transforms_active():
        return _in_transforms[name].apply(*args)
    return getattr(torch.ops.gendr_adapters, name)(*args)


def no_double_backward(ctx: Any, *grads: Any) -> Any:
    raise NotImplementedError("gendr_adapters has no second derivatives: double backward is not implemented")


def nothing_saved(ctx: Any, inputs: Any, output: Any) -> None:
    pass


def empty_gradients(inputs: Any, needs: Any) -> list[Tensor]:
    """A tensor like each input that needs a gradient, one of no elements for the others. The first is none of None."""
    like = inputs[0]
    wanted = zip(inputs, needs, strict=True)
    return [like.new_empty(x.shape if need and x is not None else (0,)) for x, need in wanted]


def given(grad: Tensor | None) -> Tensor | None:
    """The gradient of an output, None if it was not wanted."""
    return grad if grad is not None and grad.numel() else None
