"""Ops go past torch's dispatcher where nobody looks, with the same bits; whoever looks sees them as ever."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, ClassVar

import pytest
import torch
from support.compiled_cases import CASES, SETTINGS, SIZE, corners
from support.devices import DEVICES
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

from gendr_adapters import render
from gendr_adapters.ops import library, watched

NAMES = ["render", "scales", "packed", "find_and_blend", "blend", "gather", "soft_mask", "uv_textures", "dibr"]
BACKWARD = {"render_backward"}
# Older versions of torch cannot be asked: there every op goes through the dispatcher.
PAST = watched._CAN_ASK


def test_newer_versions_of_torch_can_be_asked() -> None:
    major, minor = map(int, torch.__version__.split(".")[:2])
    assert PAST or (major, minor) < (2, 9)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """torch's own gradient of x[index] adds up in any order where it has more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def value_and_gradient(function: Callable[[Tensor], Tensor], x: Tensor) -> list[Tensor]:
    leaf = x.detach().clone().requires_grad_()
    value = function(leaf)
    return [value.detach(), *torch.autograd.grad(value, leaf)]


@contextmanager
def answers(monkeypatch: pytest.MonkeyPatch, forced: bool | None = None) -> Iterator[list[bool]]:
    """What `unwatched` says within; with forced it says that."""
    said: list[bool] = []

    def noted(args: Any) -> bool:
        said.append(watched.unwatched(args) if forced is None else forced)
        return said[-1]

    with monkeypatch.context() as patch:
        patch.setattr(library, "unwatched", noted)
        yield said


@pytest.mark.parametrize("name", NAMES)
def test_calls_without_the_dispatcher_give_the_same_bits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, x = CASES[name].function, corners()
    with answers(monkeypatch) as said:
        found = value_and_gradient(function, x)
    assert len(said) >= 2 and set(said) == {PAST}
    with answers(monkeypatch, forced=False) as said:
        expected = value_and_gradient(function, x)
    assert len(said) >= 2
    assert all(map(torch.equal, found, expected))


@DEVICES
@pytest.mark.parametrize("leaf", [True, False], ids=["parameter", "no gradient"])
def test_calls_that_skip_the_dispatcher(leaf: bool, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.nn.Parameter(corners().to(device), requires_grad=leaf)
    with answers(monkeypatch) as said:
        alpha = render(x, SIZE, settings=SETTINGS, outputs=("alpha",)).alpha
    assert said == [PAST] and alpha is not None and type(alpha) is Tensor
    assert alpha.requires_grad == leaf and alpha.is_leaf != leaf


# Who looks


class Dispatched(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.seen.add(func._schema.name)
        return func(*args, **(kwargs or {}))


class Called(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_function__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self.seen.add(str(func).replace(".", "::"))
        return func(*args, **(kwargs or {}))


class Profiled(torch.profiler.profile):
    @property
    def seen(self) -> set[str]:
        return {event.key for event in self.key_averages()}


def ops_of(seen: set[str]) -> set[str]:
    return {name.partition("gendr_adapters::")[2] for name in seen if name.startswith("gendr_adapters::")}


# A mode of functions is not asked within torch.autograd.grad, which is one.
@pytest.mark.parametrize(("watcher", "in_backward"), [(Dispatched, BACKWARD), (Profiled, BACKWARD), (Called, set())])
def test_modes_and_profilers_see_the_ops(watcher: Callable[[], Any], in_backward: set[str]) -> None:
    """All of it within; and backward alone, of a picture that nobody saw being made."""
    function, x = CASES["render"].function, corners()
    expected = value_and_gradient(function, x)
    with watcher() as all_of_it:
        found = value_and_gradient(function, x)
    assert ops_of(all_of_it.seen) == {"render"} | in_backward
    leaf = x.requires_grad_()
    value = function(leaf)
    with watcher() as backward:
        (gradient,) = torch.autograd.grad(value, leaf)
    assert ops_of(backward.seen) == in_backward
    assert all(map(torch.equal, [*found, gradient], [*expected, expected[1]]))


@pytest.mark.filterwarnings("ignore")  # of torch.jit.trace, that shapes are constants then
def test_traces_have_the_op() -> None:
    function, x = CASES["render"].function, corners()
    graph = torch.jit.trace(function, (x,), check_trace=False).graph
    assert "gendr_adapters::render" in str(graph)
    code = make_fx(partial(value_and_gradient, function))(x).code
    assert "gendr_adapters.render.default" in code and "gendr_adapters.render_backward.default" in code


@pytest.mark.parametrize("mode", [FakeTensorMode, nullcontext], ids=["fake", "meta"])
def test_tensors_without_data(mode: Callable[[], AbstractContextManager[Any]]) -> None:
    with mode():
        x = torch.empty(60, 3, 3, device="meta" if mode is nullcontext else None)
        value, gradient = value_and_gradient(lambda y: render(y, SIZE, y, settings=SETTINGS).image.sum(), x)
    assert value.shape == () and gradient.shape == x.shape and gradient.device == x.device
    assert (type(gradient) is Tensor) == (mode is nullcontext)


class Marked(Tensor):
    seen: ClassVar[set[str]] = set()

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        cls.seen.add(str(func).replace(".", "::"))
        return super().__torch_function__(func, types, args, kwargs)


def test_subclasses_of_tensors_see_the_op_and_stay() -> None:
    x = corners()
    Marked.seen.clear()
    alpha = render(x.as_subclass(Marked), SIZE, settings=SETTINGS).alpha
    assert type(alpha) is Marked and ops_of(Marked.seen) == {"render"}
    assert torch.equal(alpha.as_subclass(Tensor), render(x, SIZE, settings=SETTINGS).alpha)


def test_a_sign_that_is_still_to_be_turned() -> None:
    """What is in memory is not the number then: of a tensor as of an incoming gradient."""
    function, x = CASES["render"].function, corners()
    negative = torch._neg_view(-x)
    assert negative.is_neg() and negative.is_contiguous() and torch.equal(negative, x)
    assert torch.equal(function(negative), function(x))
    alpha = render(x.requires_grad_(), SIZE, settings=SETTINGS).alpha
    assert alpha is not None
    weight = torch._neg_view(-alpha.detach())
    found, expected = (torch.autograd.grad(alpha, x, w, retain_graph=True)[0] for w in (weight, weight.resolve_neg()))
    assert expected.any() and torch.equal(found, expected)


def test_inference_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of tensors made before and within; and where gradients are on in it, which there are none of all the same."""
    x = corners()
    expected = render(x, SIZE, x, settings=SETTINGS).image
    with torch.inference_mode(), answers(monkeypatch) as said:
        found = [render(y, SIZE, y, settings=SETTINGS).image for y in (x, x.clone())]
        with torch.enable_grad():
            found.append(render(x.clone().requires_grad_(), SIZE, x, settings=SETTINGS).image)
    assert said == [PAST, PAST, False]
    assert all(y is not None and y.is_inference() and not y.requires_grad for y in found)
    assert all(torch.equal(y, expected) for y in found)


# What goes with autograd, past the dispatcher too


@pytest.mark.parametrize("name", NAMES)
def test_hooks_of_saved_tensors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What they hand back is what backward reads: here a copy at another place."""
    function, x = CASES[name].function, corners()
    expected = value_and_gradient(function, x)
    packed = []

    def pack(tensor: Tensor) -> Tensor:
        packed.append(tensor)
        return tensor.clone()

    with answers(monkeypatch) as said, torch.autograd.graph.saved_tensors_hooks(pack, Tensor.clone):
        found = value_and_gradient(function, x)
    assert set(said) == {PAST} and packed
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("name", NAMES)
def test_checkpoints(name: str) -> None:
    function, x = CASES[name].function, corners()
    found = value_and_gradient(lambda y: checkpoint(function, y, use_reentrant=False), x)
    assert all(map(torch.equal, found, value_and_gradient(function, x)))


def test_tensors_that_backward_reads_must_not_change() -> None:
    x = corners().requires_grad_()
    y = x * 1.0
    alpha = render(y, SIZE, settings=SETTINGS).alpha
    assert alpha is not None
    with torch.no_grad():
        y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        alpha.sum().backward()
