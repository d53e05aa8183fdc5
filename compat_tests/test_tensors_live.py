"""While C runs, every tensor whose address it was given lives: what is freed early is read or written by chance."""

import ctypes
import gc
import weakref
from collections.abc import Callable, Iterator

import pytest
import torch
from support.compiled_cases import CASES, corners
from torch import Tensor

from gendr_adapters._native import interrupting, structs

NO_TENSORS = {"stream", "poll"}


@pytest.mark.parametrize("struct", [structs.Forward, structs.Fragments, structs.SoftMask, structs.Corners])
def test_a_call_keeps_tensors_as_long_as_it_lives(struct: type[structs.Call]) -> None:
    call = struct()
    first, second = torch.zeros(3), torch.zeros(2)
    addresses = [first.data_ptr(), second.data_ptr()]
    assert call.addresses(first, None) + call.addresses(second) == [addresses[0], None, addresses[1]]
    kept = [weakref.ref(first), weakref.ref(second)]
    del first, second
    assert all(tensor() is not None for tensor in kept)
    del call
    assert all(tensor() is None for tensor in kept)


@pytest.mark.parametrize("name", ["render", "scales", "packed", "find_and_blend", "soft_mask", "gather"])
def test_all_tensors_of_a_call_live(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and backward, workspaces too."""
    passed = []
    run = interrupting.call

    def watched(function: Callable[..., int], call: structs.Call) -> int:
        there = set(_addresses(call))
        passed.append(len(there))
        missing = there - {x.data_ptr() for x in gc.get_objects() if type(x) is Tensor}
        assert not missing, f"{function.__name__} is given {len(missing)} addresses of no tensor that lives"
        return run(function, call)

    monkeypatch.setattr(interrupting, "call", watched)
    x = corners(12).requires_grad_()
    CASES[name].function(x).backward()
    assert len(passed) >= 2 and min(passed) >= 3


def _addresses(struct: ctypes.Structure) -> Iterator[int]:
    for name, kind, *_ in struct._fields_:
        value = getattr(struct, name)
        if isinstance(value, ctypes.Structure):
            yield from _addresses(value)
        elif kind is ctypes.c_void_p and value and name not in NO_TENSORS:
            yield value
