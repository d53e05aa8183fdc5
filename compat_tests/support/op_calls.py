"""Calls of our torch ops by the names of their arguments, for tests below the public functions."""

from typing import Any

import torch


def call_op(op: str, **arguments: Any) -> Any:
    """torch.ops.gendr_adapters.<op>, whose optional tensors that are not given are None."""
    names = [argument.name for argument in schema_of(op).arguments]
    unknown = set(arguments) - set(names)
    assert not unknown, f"{op} has no {unknown}, it has {names}"
    return getattr(torch.ops.gendr_adapters, op)(**{**dict.fromkeys(names), **arguments})


def schema_of(op: str) -> Any:
    return getattr(torch.ops.gendr_adapters, op).default._schema


def saved_of(op: str, results: Any) -> dict[str, Any]:
    """Those of an op's results that its backward takes, by name and in its order."""
    taken = {argument.name for argument in schema_of(f"{op}_backward").arguments}
    named = zip(schema_of(op).returns, results, strict=True)
    return {result.name: value for result, value in named if result.name in taken}


def packed(settings: Any) -> dict[str, Any]:
    """Settings as the arguments that an op takes them by."""
    ints, floats = settings.packed
    return {"ints": ints, "floats": floats}
