"""torch.func: reverse mode gives what backward gives; forward mode raises, where silence would mean zeros."""

from collections.abc import Callable
from itertools import product

import pytest
import torch
from support.compiled_cases import CASES, SETTINGS, SIZE, corners, total
from torch import Tensor, func
from torch.autograd import forward_ad
from torch.testing import assert_close

from gendr_adapters import blend_fragments, find_fragments, render

Function = Callable[[Tensor], Tensor]

NAMES = ["render", "packed", "find_and_blend", "blend", "gather", "dibr", "soft_rasterize", "gendr_render"]
REVERSE: dict[str, Callable[[Function, Tensor], Tensor]] = {
    "grad": lambda f, x: func.grad(f)(x),
    "vjp": lambda f, x: func.vjp(f, x)[1](torch.ones((), dtype=x.dtype))[0],
    "jacrev": lambda f, x: func.jacrev(lambda y: torch.stack([f(y), 2 * f(y)]))(x)[1] / 2,
    "grad_and_value": lambda f, x: func.grad_and_value(f)(x)[0],
    "vectorized jacobian": lambda f, x: torch.autograd.functional.jacobian(f, x, vectorize=True),
}
FORWARD: dict[str, Callable[[Function, Tensor], object]] = {
    "jvp": lambda f, x: func.jvp(f, (x,), (x,)),
    "jacfwd": lambda f, x: func.jacfwd(f)(x),
    "linearize": lambda f, x: func.linearize(f, x),
    "hessian": lambda f, x: func.hessian(f)(x),
    "vmap of jvp": lambda f, x: func.vmap(lambda t: func.jvp(f, (x,), (t,)))(torch.stack([x, x])),
}


def gradient_of(function: Function, x: Tensor) -> Tensor:
    leaf = x.clone().requires_grad_()
    return torch.autograd.grad(function(leaf), leaf)[0]


def few(name: str) -> tuple[Function, Tensor]:
    return CASES[name].function, corners(12, torch.float64)


@pytest.mark.parametrize("transform", REVERSE)
@pytest.mark.parametrize("name", NAMES)
def test_reverse_mode(name: str, transform: str) -> None:
    function, x = few(name)
    assert_close(REVERSE[transform](function, x), gradient_of(function, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "transform"),
    # linearize traces, and what looks at values cannot be traced.
    [pair for pair in product(NAMES, FORWARD) if pair != ("dibr", "linearize")],
)
def test_forward_mode_raises(name: str, transform: str) -> None:
    function, x = few(name)
    with pytest.raises(NotImplementedError, match="gendr_adapters has no forward-mode derivatives"):
        FORWARD[transform](function, x)


@pytest.mark.parametrize("name", NAMES)
def test_dual_tensors_raise(name: str) -> None:
    function, x = few(name)
    with forward_ad.dual_level(), pytest.raises(NotImplementedError, match="no forward-mode derivatives"):
        function(forward_ad.make_dual(x, x))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "gather"])
def test_second_derivatives_raise(name: str) -> None:
    function, x = few(name)
    for second in (
        lambda: func.grad(lambda y: func.grad(function)(y).square().sum())(x),
        lambda: func.jacrev(func.grad(function))(x),
        lambda: torch.autograd.functional.hessian(function, x),
    ):
        with pytest.raises(NotImplementedError, match="gendr_adapters has no second derivatives"):
            second()


def test_corners_have_second_derivatives() -> None:
    """They are linear; what is done with them need not be."""
    function, x = few("gather")
    squared = lambda y: function(y).square()  # noqa: E731
    expected = torch.autograd.functional.hessian(squared, x)
    assert expected.any()
    assert_close(func.jacrev(func.grad(squared))(x), expected)


@pytest.mark.parametrize("name", ["render", "blend", "gather", "soft_rasterize"])
def test_vmap(name: str) -> None:
    """Item by item, of values and of gradients, and gradients of it."""
    function, _ = few(name)
    items = torch.stack([corners(12, torch.float64), corners(12, torch.float64) * 0.9, corners(12).double() * 1.1])
    expected = torch.stack([gradient_of(function, x) for x in items])
    assert_close(func.vmap(function)(items), torch.stack([function(x) for x in items]), rtol=1e-12, atol=1e-12)
    assert_close(func.vmap(func.grad(function))(items), expected, rtol=1e-12, atol=1e-12)
    assert_close(func.grad(lambda x: func.vmap(function)(x).sum())(items), expected, rtol=1e-12, atol=1e-12)
    assert_close(func.vmap(func.grad(function), randomness="same", chunk_size=2)(items), expected)


def test_vmap_over_what_each_item_has_of_its_own() -> None:
    """Scales too, which are settings."""
    from gendr_adapters import RenderSettings

    x = corners(12, torch.float64)

    def loss(scale: Tensor) -> Tensor:
        return total(render(x, SIZE, x, settings=RenderSettings(dist_scale=scale, gamma=0.1, near=1)).image)

    scales = torch.tensor([[1e-2], [3e-2]], dtype=torch.float64)
    expected = torch.stack([gradient_of(loss, scale) for scale in scales])
    assert_close(func.vmap(func.grad(loss))(scales), expected)


def test_fragments_are_not_for_vmap() -> None:
    """Each item has its own number of them. It raises even where these happen to agree."""
    items = torch.stack([corners(12), corners(12)])
    for function in (CASES["find"].function, func.grad(CASES["find_and_blend"].function)):
        with pytest.raises(NotImplementedError, match=r"find_fragments cannot be called inside torch\.vmap.*batch"):
            func.vmap(function)(items)


def test_a_module_without_state() -> None:
    class Shape(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.corners = torch.nn.Parameter(corners(12, torch.float64))

        def forward(self, gain: Tensor) -> Tensor:
            return CASES["render"].function(self.corners * gain)

    shape, gain = Shape(), torch.tensor(1.1, dtype=torch.float64)
    loss = lambda parameters: func.functional_call(shape, parameters, (gain,))  # noqa: E731
    found = func.grad(loss)(dict(shape.named_parameters()))["corners"]
    shape(gain).backward()
    assert shape.corners.grad is not None
    assert_close(found, shape.corners.grad)


def test_integers_of_fragments_have_no_gradient() -> None:
    """Offsets, pixels and faces come out of a transform as they went in: int64, and without gradients."""
    x = corners(12, torch.float64)
    expected = find_fragments(x, SIZE, settings=SETTINGS)

    def loss(y: Tensor) -> tuple[Tensor, object]:
        found = find_fragments(y, SIZE, settings=SETTINGS)
        image = blend_fragments(found, found.weights, SIZE, SETTINGS).image
        assert image is not None
        return image.sum(), found

    _, found = func.grad(loss, has_aux=True)(x)
    for name in ("offsets", "pixel", "face"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
