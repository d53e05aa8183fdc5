"""Calls of our torch ops by the names of their arguments, for tests below the public functions."""

from typing import Any

import torch


def call_op(op: str, **arguments: Any) -> Any:
    """torch.ops.gendr_adapters.<op>, whose optional tensors that are not given are None."""
    schema = getattr(torch.ops.gendr_adapters, op).default._schema
    names = [argument.name for argument in schema.arguments]
    unknown = set(arguments) - set(names)
    assert not unknown, f"{op} has no {unknown}, it has {names}"
    return getattr(torch.ops.gendr_adapters, op)(**{**dict.fromkeys(names), **arguments})


def packed(settings: Any) -> dict[str, Any]:
    """Settings as the arguments that an op takes them by."""
    ints, floats = settings.packed
    return {"ints": ints, "floats": floats}
