"""torch.compile, with and without graph breaks, gives what eager gives, and Dynamo stays out of the ops.

Run with a sanitized build (make sanitize) these tests also see memory that C reads after a compiler freed it.
"""

import logging
from collections.abc import Iterator
from itertools import product

import pytest
import torch
from compiled_cases import CASES, Case, corners
from torch.testing import assert_close

BACKENDS = ("eager", "aot_eager", "inductor")
pytestmark = pytest.mark.filterwarnings("ignore")  # the compiler's own


@pytest.fixture(autouse=True)
def _without_the_compilers_logs() -> Iterator[None]:
    """pytest asks for all of them, which takes longer than compiling."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def holds(
    case: Case, *, backend: str, dynamic: bool | None, fullgraph: bool, dtype: torch.dtype, sizes: tuple[int, ...]
) -> None:
    """Value and gradient, for inputs of these sizes, are those of eager, nearly: a compiler may fuse sums."""
    torch._dynamo.reset()
    compiled = torch.compile(case.function, backend=backend, dynamic=dynamic, fullgraph=fullgraph)
    close = {"rtol": 1e-4, "atol": 1e-3} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-9}
    for n in sizes:
        x = corners(n, dtype).requires_grad_()
        expected = case.function(x)
        (gradient,) = torch.autograd.grad(expected, x)
        value = compiled(x)
        assert_close(value, expected, **close)
        assert_close(torch.autograd.grad(value, x)[0], gradient, **close)


@pytest.mark.parametrize("name", [name for name in CASES if not CASES[name].nightly])
def test_compiled_with_graph_breaks(name: str) -> None:
    holds(CASES[name], backend="aot_eager", dynamic=True, fullgraph=False, dtype=torch.float32, sizes=(60,))


@pytest.mark.parametrize("name", ["render", "find_and_blend", "gather", "soft_rasterize", "gendr_render"])
def test_compiled_by_inductor(name: str) -> None:
    holds(CASES[name], backend="inductor", dynamic=None, fullgraph=False, dtype=torch.float32, sizes=(60,))


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
    holds(CASES[name], backend=backend, dynamic=dynamic, fullgraph=fullgraph, dtype=dtype, sizes=(60, 41))


def test_dynamo_does_not_look_into_the_ops(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it makes of code that hands addresses to C is not to be known."""
    import torch._dynamo.convert_frame as convert_frame

    seen = set()
    convert = convert_frame.ConvertFrameAssert.__call__

    def watched(self, frame, *args, **kwargs):  # type: ignore[no-untyped-def]
        seen.add((frame.f_code.co_filename.rpartition("gendr_adapters/")[2], frame.f_code.co_name))
        return convert(self, frame, *args, **kwargs)

    monkeypatch.setattr(convert_frame.ConvertFrameAssert, "__call__", watched)
    torch._dynamo.reset()
    x = corners().requires_grad_()

    def loss_and_gradient(x: torch.Tensor) -> None:
        CASES["find_and_blend"].function(x).backward()

    torch.compile(loss_and_gradient, backend="eager")(x)
    assert ("fragments.py", "find_fragments") in seen
    # Of ops.py only what chooses the op.
    assert {name for file, name in seen if file.startswith(("ops", "_native"))} <= {"apply"}
