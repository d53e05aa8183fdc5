"""Keeping torch.compile out of functions that talk to C."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch

_F = TypeVar("_F", bound=Callable[..., Any])


def untraced(function: _F) -> _F:
    """The function, which torch.compile runs as it is, with all that it calls.

    Where a graph breaks around an op, Dynamo takes the op's own implementation for a function to compile; what it made
    of ours freed tensors before C read them. And what must break graphs somewhere is compiled in vain, at a second a
    piece. torch.compiler.disable does the same, but imports Dynamo (a second) and costs 2 us a call, so it is for
    versions of torch (2.5, 2.6) that have no mark for the code itself.
    """
    try:
        from torch._C._dynamo import eval_frame

        skip = eval_frame._FrameAction.SKIP
        eval_frame.set_code_exec_strategy(function.__code__, eval_frame._FrameExecStrategy(skip, skip))
    except (ImportError, AttributeError):
        disabled: _F = torch.compiler.disable(function)
        return disabled
    # The mark above is for Python's calls; this is for those that Dynamo would put in line.
    function._torchdynamo_disable = True  # type: ignore[attr-defined]
    return function
