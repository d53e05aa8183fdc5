"""torch.compile, with and without graph breaks, gives what eager gives, and Dynamo stays out of the ops.

Run with a sanitized build (make sanitize) these tests also see memory that C reads after a compiler freed it.
"""

from itertools import product

import pytest
import torch
from support.compiled_cases import CASES, corners
from support.compiling import close_like_eager, holds

BACKENDS = ("eager", "aot_eager", "inductor")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quiet_compiler")]


@pytest.mark.parametrize("name", CASES)
def test_compiled_with_graph_breaks(name: str) -> None:
    x = corners().requires_grad_()
    holds(CASES[name].function, x, [x])


@pytest.mark.parametrize("name", ["render", "find_and_blend", "gather", "soft_rasterize", "gendr_render"])
def test_compiled_by_inductor(name: str) -> None:
    x = corners().requires_grad_()
    holds(CASES[name].function, x, [x], backend="inductor", dynamic=None)


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("dynamic", [False, True, None])
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("name", "fullgraph"), [(n, whole) for n, whole in product(CASES, (False, True)) if CASES[n].one_graph or not whole]
)
def test_all_ways_to_compile(
    name: str, fullgraph: bool, backend: str, dynamic: bool | None, dtype: torch.dtype
) -> None:
    function = CASES[name].function
    torch._dynamo.reset()
    compiled = torch.compile(function, backend=backend, dynamic=dynamic, fullgraph=fullgraph)
    for n in (60, 41):
        x = corners(n, dtype).requires_grad_()
        close_like_eager(compiled, function, x, [x])


def test_dynamo_does_not_look_into_the_ops(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it makes of code that hands addresses to C is not to be known."""
    import torch._dynamo.convert_frame as convert_frame

    seen = set()
    convert = convert_frame.ConvertFrameAssert.__call__

    def watched(self, frame, *args, **kwargs):
        seen.add((frame.f_code.co_filename.rpartition("gendr_adapters/")[2], frame.f_code.co_name))
        return convert(self, frame, *args, **kwargs)

    monkeypatch.setattr(convert_frame.ConvertFrameAssert, "__call__", watched)
    torch._dynamo.reset()
    x = corners().requires_grad_()

    def loss_and_gradient(x: torch.Tensor) -> None:
        CASES["find_and_blend"].function(x).backward()

    torch.compile(loss_and_gradient, backend="eager")(x)
    assert ("fragments.py", "find_fragments") in seen
    # Of the ops only what chooses one.
    assert {name for file, name in seen if file.startswith(("ops", "_native"))} <= {"apply"}
