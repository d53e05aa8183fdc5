"""`untraced`: keep torch.compile out of functions that call C."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch

_F = TypeVar("_F", bound=Callable[..., Any])


def untraced(function: _F) -> _F:
    """Return the function marked so that torch.compile does not compile it or anything that it calls.

    At a graph break around an op, Dynamo would compile the op's own implementation. The compiled code freed tensors
    before C read them. And compiling functions that break graphs anyway wastes a second each. torch.compiler.disable
    does the same, but imports Dynamo (a second) and costs 2 us a call, so it is used only for versions of torch (2.5,
    2.6) that cannot mark the code itself."""
    try:
        from torch._C._dynamo import eval_frame

        skip = eval_frame._FrameAction.SKIP
        eval_frame.set_code_exec_strategy(function.__code__, eval_frame._FrameExecStrategy(skip, skip))
    except (ImportError, AttributeError):
        disabled: _F = torch.compiler.disable(function)
        return disabled
    # The mark above is for calls from Python; this one is for calls that Dynamo would inline.
    function._torchdynamo_disable = True  # type: ignore[attr-defined]
    return function
