"""Every public name that computes with tensors has a case (public_cases.py), and tensors of every kind go through it.

What is promised of a case holds of the tensors that come out and of the gradient. Cases of Kaolin and PyTorch3D run the
code of these, too (of Kaolin's test double).
"""

import pytest
import torch
from public_cases import FACES, Case, params, uncovered
from torch import Tensor, func
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.testing import assert_close

BEFORE_THE_FIRST_CALL = FACES.clone()


def total(tensors: list[Tensor]) -> Tensor:
    """A sum in which no number counts as much as another."""
    return torch.stack([(x * weights_of(x)).sum() for x in tensors if x.dtype.is_floating_point]).sum()


def weights_of(x: Tensor) -> Tensor:
    return torch.cos(torch.arange(x.numel(), dtype=x.dtype, device=x.device)).reshape(x.shape)


def outcome(public: Case, x: Tensor) -> list[Tensor]:
    """What comes out, and last the gradient."""
    leaf = x.detach().requires_grad_()
    tensors = public(leaf)
    gradient = torch.autograd.grad(total(tensors), leaf) if public.differentiable else ()
    return [*(tensor.detach() for tensor in tensors), *gradient]


def assert_same(found: list[Tensor], expected: list[Tensor]) -> None:
    """Bit for bit, of the same types and on the same device."""
    assert [(x.dtype, x.device, x.shape) for x in found] == [(x.dtype, x.device, x.shape) for x in expected]
    assert all(map(torch.equal, found, expected))


def test_public_names_have_cases() -> None:
    """A new one needs a case, or a word in OTHERS on why it needs none."""
    assert uncovered() == set()


@params()
def test_public_results_and_gradients(public: Case) -> None:
    results = outcome(public, FACES)
    assert all(x.isfinite().all() for x in results) and all(x.any() for x in results[-1:])
    assert torch.equal(FACES, BEFORE_THE_FIRST_CALL)
    if public.differentiable:
        assert results[-1].dtype == torch.float32 and results[-1].shape == FACES.shape


@params()
def test_public_without_gradients(public: Case) -> None:
    """In no_grad and in inference mode, of a tensor that would have one."""
    leaf = FACES.clone().requires_grad_()
    expected = [x.detach() for x in public(leaf)]
    with torch.no_grad():
        found = public(leaf)
    with torch.inference_mode():
        inferred = public(leaf)
    assert not any(x.requires_grad for x in (*found, *inferred))
    # torch.matmul, which cameras of other libraries use, multiplies in another order where there are gradients.
    compare = assert_close if public.needs else assert_same
    compare(found, expected)
    compare(inferred, expected)


@params()
@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16], ids=str)
def test_public_inside_autocast(public: Case, low: torch.dtype) -> None:
    """Float32 stays float32, in backward, too."""
    expected = outcome(public, FACES)
    with torch.autocast("cpu", dtype=low):
        assert_same(outcome(public, FACES), expected)


@params()
def test_public_default_dtype_is_ignored(public: Case) -> None:
    expected = outcome(public, FACES)
    torch.set_default_dtype(torch.float64)
    try:
        found = outcome(public, FACES)
    finally:
        torch.set_default_dtype(torch.float32)
    if not public.needs:
        assert_same(found, expected)
    assert_close(found, expected)  # of the same dtypes; what other libraries make in double is rounded otherwise


@params(needs=False)
def test_public_default_device_is_ignored(public: Case) -> None:
    """Other libraries may make tensors of their own there."""
    expected = outcome(public, FACES)
    with torch.device("meta"):
        found = public(FACES)
    assert_same(found, expected[: len(found)])


@params()
def test_public_deterministic_algorithms(public: Case) -> None:
    """Everything has one, which is what runs in any case."""
    expected = outcome(public, FACES)
    torch.use_deterministic_algorithms(True)
    try:
        assert_same(outcome(public, FACES), expected)
    finally:
        torch.use_deterministic_algorithms(False)


@params()
def test_public_views(public: Case) -> None:
    """Tensors whose numbers are not one after the other in memory, and such as stand for several."""
    expected = outcome(public, FACES)
    views = {
        "transposed": FACES.mT.contiguous().mT,
        "slice": torch.cat([FACES[:1], FACES, FACES[:2]])[1:13],
        "every other": torch.stack([FACES, FACES], -1)[..., 0],
        "reversed twice": FACES.flip(0).flip(0),
    }
    for view in views.values():
        assert_close(outcome(public, view), expected, rtol=1e-4, atol=1e-4)
    repeated = FACES[:1].expand(12, 3, 3)
    assert_close(outcome(public, repeated), outcome(public, repeated.clone()), rtol=1e-4, atol=1e-4, equal_nan=True)


@params(differentiable=True)
def test_public_incoming_gradients_of_any_strides(public: Case) -> None:
    leaf = FACES.clone().requires_grad_()
    results = [x for x in public(leaf) if x.requires_grad]
    plain = [weights_of(x) for x in results]
    transposed = [x.movedim(0, -1).contiguous().movedim(-1, 0) if x.dim() else x for x in plain]
    expanded = [x[..., :1].expand(x.shape) if x.dim() else x for x in plain]

    def gradient(incoming: list[Tensor]) -> Tensor:
        return torch.autograd.grad(results, leaf, incoming, retain_graph=True)[0]

    assert_close(gradient(transposed), gradient(plain), rtol=1e-4, atol=1e-4)
    assert_close(gradient(expanded), gradient([x.contiguous() for x in expanded]), rtol=1e-4, atol=1e-4)


class Marked(Tensor):
    """A subclass without a say of its own."""


@params()
def test_public_subclasses_of_tensors(public: Case) -> None:
    """And parameters, which are one."""
    expected = outcome(public, FACES)
    found = outcome(public, FACES.clone().as_subclass(Marked))
    assert_same([x.as_subclass(Tensor) for x in found], expected)
    assert_same([x.detach() for x in public(torch.nn.Parameter(FACES.clone()))], expected[: len(found) - 1] or expected)


@params(differentiable=True)
def test_public_hooks(public: Case) -> None:
    """Of saved tensors, and of what goes in and comes out."""
    expected = outcome(public, FACES)
    with saved_tensors_hooks(Tensor.clone, Tensor.clone):
        assert_same(outcome(public, FACES), expected)
    leaf, seen = FACES.clone().requires_grad_(), []
    results = [x for x in public(leaf) if x.requires_grad]
    for x in (leaf, *results):
        x.register_hook(lambda gradient: seen.append(gradient.shape))
    total(results).backward()
    assert sorted(seen) == sorted(x.shape for x in (leaf, *results))
    assert leaf.grad is not None and torch.equal(leaf.grad, expected[-1])


@params(differentiable=True)
def test_public_second_derivatives(public: Case) -> None:
    """Of the core there are none, and it says so. Silence would mean zeros."""
    leaf = FACES.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(total(public(leaf)), leaf, create_graph=True)
    if public.core:
        with pytest.raises(NotImplementedError, match="gendr_adapters has no second derivatives"):
            gradient.square().sum().backward()
    elif gradient.requires_grad:  # else it is linear
        (second,) = torch.autograd.grad(gradient.square().sum(), leaf)
        assert second.isfinite().all()


@params(differentiable=True)
def test_public_forward_mode(public: Case) -> None:
    """It raises, or is what reverse mode says."""
    gradient, direction = outcome(public, FACES)[-1], weights_of(FACES)
    try:
        slope = func.jvp(lambda x: total(public(x)), (FACES,), (direction,))[1]
    except NotImplementedError as error:
        assert "forward" in str(error)
        return
    assert not public.core
    assert_close(slope, (gradient * direction).sum(), rtol=1e-3, atol=1e-3)


@params(differentiable=True)
def test_public_func_grad(public: Case) -> None:
    found = func.grad(lambda x: total(public(x)))(FACES)
    assert_close(found, outcome(public, FACES)[-1], rtol=1e-5, atol=1e-5)


@params()
def test_public_vmap(public: Case) -> None:
    """Each item as by itself; or it raises, which only those may that break graphs."""
    items = torch.stack([FACES, FACES * 0.95])
    try:
        found = func.vmap(lambda x: tuple(public(x)))(items)
    except (NotImplementedError, RuntimeError) as error:
        assert public.breaks and ("vmap" in str(error)), error
        return
    for results, item in zip(zip(*found, strict=True), items, strict=True):
        assert_close([*results], public(item), rtol=1e-5, atol=1e-5)


@params(core=True, breaks=False)
def test_public_functionalize_raises(public: Case) -> None:
    """torch cannot functionalize an autograd.Function inside torch.func, and says so."""
    with pytest.raises(RuntimeError, match="Functionalize rule"):
        func.functionalize(lambda x: tuple(public(x)))(FACES)


@params(breaks=False)
def test_public_fake_tensors(public: Case) -> None:
    """Shapes, types and gradients' shapes without a number being computed."""
    expected = public(FACES)
    # Faces' indices and the like are real ones.
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        leaf = mode.from_tensor(FACES).requires_grad_()
        found = public(leaf)
        gradient = torch.autograd.grad(total(found), leaf)[0]
    assert [(x.shape, x.dtype, x.device) for x in found] == [(x.shape, x.dtype, x.device) for x in expected]
    assert isinstance(gradient, FakeTensor) and gradient.shape == FACES.shape
