"""Ops inside the transforms of torch.func (grad, vjp, jacrev, vmap of them), which do not know torch.library's autograd
and ask for a torch.autograd.Function."""

from collections.abc import Callable
from typing import Any

import torch


def transformable(name: str, backward: Callable[..., Any], setup_context: Callable[..., None]) -> Any:
    """The op gendr_adapters::name as such a Function, from what the op itself differentiates with.

    vmap runs the op item by item.
    """
    members = {
        "forward": staticmethod(getattr(torch.ops.gendr_adapters, name)),
        "setup_context": staticmethod(setup_context),
        "backward": staticmethod(backward),
        "jvp": staticmethod(_no_forward_mode),
    }
    how = {"vmap": staticmethod(_no_vmap)} if name == "fragments" else {"generate_vmap_rule": True}
    return type(name, (torch.autograd.Function,), members | how)


def _no_forward_mode(ctx: Any, *tangents: Any) -> Any:
    raise NotImplementedError("gendr_adapters has no forward-mode derivatives (jvp); use reverse mode (backward)")


def _no_vmap(info: Any, in_dims: Any, *args: Any) -> Any:
    raise NotImplementedError(
        "gendr_adapters.find_fragments cannot be called inside torch.vmap, where each item would have its own number "
        "of fragments; pass all items at once, as a batch (B, F, 3, 3)"
    )
