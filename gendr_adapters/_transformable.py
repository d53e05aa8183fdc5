"""Our ops inside the transforms of torch.func (grad, vjp, jacrev, and vmap of them). These do not know torch.library's
autograd and need a torch.autograd.Function. vmap runs an op item by item.
"""

from collections.abc import Callable
from typing import Any

import torch


def transformable(name: str, backward: Callable[..., Any], setup_context: Callable[..., None]) -> Any:
    """The op gendr_adapters::name as a torch.autograd.Function, made from the functions of the op's own autograd."""

    def item_by_item(info: Any, in_dims: Any, *args: Any) -> Any:
        def item(i: int) -> list[Any]:
            pairs = zip(args, in_dims, strict=True)
            return [x.select(dim, i) if isinstance(x, torch.Tensor) and dim is not None else x for x, dim in pairs]

        results = [made.apply(*item(i)) for i in range(info.batch_size)]
        if isinstance(results[0], torch.Tensor):
            return torch.stack(results), 0
        stacked = [None if items[0] is None else torch.stack(items) for items in zip(*results, strict=True)]
        return tuple(stacked), tuple([None if items is None else 0 for items in stacked])

    members = {
        "forward": staticmethod(getattr(torch.ops.gendr_adapters, name)),
        "setup_context": staticmethod(setup_context),
        "backward": staticmethod(backward),
        "jvp": staticmethod(_no_forward_mode),
        "vmap": staticmethod(_no_vmap if name == "fragments" else item_by_item),
    }
    made: Any = type(name, (torch.autograd.Function,), members)
    return made


def differs_by_item(x: torch.Tensor) -> bool:
    """Is x a tensor inside torch.vmap that has other values in each item? Then its values cannot be read."""
    functorch = torch._C._functorch
    while functorch.is_functorch_wrapped_tensor(x):
        if functorch.is_batchedtensor(x):
            return True
        x = functorch.get_unwrapped(x)
    return False


def _no_forward_mode(ctx: Any, *tangents: Any) -> Any:
    raise NotImplementedError("gendr_adapters has no forward-mode derivatives (jvp); use reverse mode (backward)")


def _no_vmap(info: Any, in_dims: Any, *args: Any) -> Any:
    raise _fragments_inside_vmap("find_fragments", "(B, F, 3, 3)")


def refuse_vmap(function: str, batch: str, *inputs: Any) -> None:
    """Raise NotImplementedError if an input differs by item of torch.vmap, for functions that use lists of fragments.

    function: name of the function. batch: the shape of the batch that it takes instead.
    """
    if any(isinstance(x, torch.Tensor) and differs_by_item(x) for x in inputs):
        raise _fragments_inside_vmap(function, batch)


def _fragments_inside_vmap(function: str, batch: str) -> NotImplementedError:
    return NotImplementedError(
        f"gendr_adapters.{function} cannot be called inside torch.vmap, where each item would have its own number of "
        f"fragments; pass all items at once, as a batch {batch}"
    )
