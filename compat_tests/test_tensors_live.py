"""While C runs, every tensor whose address it was given lives: what is freed early is read or written by chance."""

import ctypes
import gc
import weakref
from collections.abc import Callable, Iterator

import pytest
import torch
from support.compiled_cases import CASES, corners
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from gendr_adapters._native import interrupting, structs

NO_TENSORS = {"stream", "poll"}


FIELDS = {
    structs.Forward: ("workspace", "face_vertices", "features"),
    structs.Fragments: ("workspace", "face_vertices", "face_offsets"),
    structs.SoftMask: ("workspace", "face_vertices", "face_offsets"),
    structs.Corners: ("faces", "values", "out"),
}


@pytest.mark.parametrize("struct", FIELDS)
@pytest.mark.exact_coordinates  # --moved copies them
def test_a_call_keeps_tensors_as_long_as_it_lives(struct: type[structs.Call]) -> None:
    call = struct()
    part = getattr(call, "scene", call)
    of_call, of_part, of_nothing = FIELDS[struct]
    first, second = torch.zeros(3), torch.zeros(2)
    call.point([of_call], [first])
    call.point([of_part, of_nothing], [second, None], part)
    assert [getattr(call, of_call), getattr(part, of_part)] == [first.data_ptr(), second.data_ptr()]
    assert getattr(part, of_nothing) is None
    kept = [weakref.ref(first), weakref.ref(second)]
    del first, second
    assert all(tensor() is not None for tensor in kept)
    del call, part
    assert all(tensor() is None for tensor in kept)


def test_a_call_keeps_the_copy_it_points_to() -> None:
    call, strided = structs.Corners(), torch.arange(6.0).reshape(2, 3).T
    call.point(["values", "out"], [strided, torch.zeros(0)])
    assert call.out is None and call.values != strided.data_ptr()
    (copy,) = call._kept
    assert copy.data_ptr() == call.values and torch.equal(copy, strided)


@pytest.mark.parametrize("name", ["render", "scales", "packed", "find_and_blend", "soft_mask", "gather"])
def test_all_tensors_of_a_call_live(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and backward, workspaces too."""
    passed = []
    run = interrupting.call

    def watched(function: Callable[..., int], call: structs.Call) -> int:
        there = set(_addresses(call))
        passed.append(len(there))
        # What other tests left behind in transforms of torch.func has no memory of its own.
        tensors = [x for x in gc.get_objects() if type(x) is Tensor and not is_functorch_wrapped_tensor(x)]
        missing = there - {x.data_ptr() for x in tensors if x.layout == torch.strided}
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
