"""torch's library of our ops: how an op is registered and called."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.library import Library

from .._transformable import transformable
from .._untraced import untraced
from .watched import unwatched

_TWICE = (
    f"gendr_adapters ({__file__}) is imported a second time in this process, from the same place or another, but torch "
    "has its operators from the first import: restart Python, or keep using the modules that were imported first"
)


def _of_our_name() -> Library:
    try:
        return Library("gendr_adapters", "DEF")
    except RuntimeError as error:
        raise ImportError(_TWICE) from error


_library = _of_our_name()
_direct: dict[str, Any] = {}
_in_transforms: dict[str, Any] = {}


def register(
    name: str,
    signature: str,
    native: Callable[..., Any],
    fake: Callable[..., Any],
    backward: Callable[..., Any],
    setup_context: Callable[..., None],
) -> None:
    """Define the op gendr_adapters::name.

    signature: of its schema, '(Tensor x) -> Tensor'. A result may be None where it says Tensor, because torch.jit.trace
    refuses Tensor?. native: the implementation for CPU and CUDA tensors. fake: the same for tensors without data.
    backward,
    setup_context: see torch.library.
    """
    if name in _direct:
        raise ImportError(_TWICE)
    native, backward, setup_context = map(untraced, (native, backward, setup_context))
    _library.define(f"{name}{signature}")
    for key in ("CPU", "CUDA"):
        _library.impl(name, native, key)
    torch.library.register_fake(f"gendr_adapters::{name}", fake, lib=_library)
    op = getattr(torch.ops.gendr_adapters, name).default

    @untraced
    def below_autograd(*args: Any) -> Any:
        with torch._C._AutoDispatchBelowAutograd():
            return op(*args)

    through_dispatcher, past_it = (_node(name, f, backward, setup_context) for f in (below_autograd, native))
    _library.impl(name, _differentiable(below_autograd, through_dispatcher.apply), "Autograd")
    # Skip Function.apply: it repeats the checks of `unwatched`, which takes a tenth of the time of a small image.
    _direct[name] = _differentiable(native, super(torch.autograd.Function, past_it).apply)
    _in_transforms[name] = transformable(name, backward, setup_context)


def _node(
    name: str, function: Callable[..., Any], backward: Callable[..., Any], setup_context: Callable[..., None]
) -> Any:
    """A torch.autograd.Function for this function. torch.library.register_autograd would make one, too, but it looks up
    the op's arguments in its schema one by one at every call."""

    @untraced
    def forward(ctx: Any, *args: Any) -> Any:
        output = function(*args)
        setup_context(ctx, args, output)
        return output

    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type(f"gendr_adapters_{name}", (torch.autograd.Function,), members)


def _differentiable(function: Callable[..., Any], recorded: Callable[..., Any]) -> Callable[..., Any]:
    """The function; if a gradient is needed, as a node of the graph."""

    @untraced
    def call(*args: Any) -> Any:
        if torch.is_grad_enabled() and any(isinstance(x, Tensor) and x.requires_grad for x in args):
            return recorded(*args)
        return function(*args)

    return call


def apply(name: str, *args: Any) -> Any:
    """Call the op of this name, also inside the transforms of torch.func.

    torch's dispatcher takes longer than a small image, so it is skipped if it would not change anything.
    """
    if not torch.compiler.is_compiling():
        if unwatched(args):
            return _direct[name](*args)
        if torch._C._are_functorch_transforms_active():
            return _in_transforms[name].apply(*args)
    return getattr(torch.ops.gendr_adapters, name)(*args)


def no_double_backward(ctx: Any, *grads: Any) -> Any:
    """The backward pass of a backward pass: raises NotImplementedError."""
    raise NotImplementedError("gendr_adapters has no second derivatives: double backward is not implemented")


def nothing_saved(ctx: Any, inputs: Any, output: Any) -> None:
    """setup_context for an op whose backward pass is `no_double_backward`: saves nothing."""


def empty_gradients(inputs: Any, needs: Any) -> tuple[Tensor | None, ...]:
    """A tensor like each input that needs a gradient, None for the others."""
    wanted = zip(inputs, needs, strict=True)
    return tuple([empty_like(x) if need and x is not None else None for x, need in wanted])


def empty_like(x: Tensor) -> Tensor:
    """An empty tensor of x's shape, always contiguous."""
    return torch.empty_like(x, memory_format=torch.contiguous_format)
