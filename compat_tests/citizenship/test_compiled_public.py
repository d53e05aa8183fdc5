"""Every public name under torch.compile and torch.export: in one graph, unless its case says what breaks it.

A few in `make test`, all in `make nightly`. More scenes, and what Dynamo must not look into: test_compiled.py.
"""

from collections.abc import Callable

import pytest
import torch
from public_cases import CASES, FACES, Case, params
from support.compiled_cases import corners
from test_public_cases import total
from torch import Tensor
from torch.testing import assert_close
from torch.utils._pytree import tree_leaves

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quiet_compiler")]

FEW = (
    "RenderSettings",
    "gather_corners",
    "cameras.PinholeCamera",
    "softras.FlattenLoss",
    "softras.functional.look_at",
    "gendr.Lighting",
    "redner.SpotLight",
    "redner.compute_vertex_normal",
)


def few(names: tuple[str, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("public", [pytest.param(CASES[name], id=name) for name in names])


def plain(public: Case) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """A function that Dynamo of older versions of torch knows: it cannot call a Case."""
    if public.needs == "kaolin":
        return lambda x: tuple(public(x))
    call = public.call

    def function(x: Tensor) -> tuple[Tensor, ...]:
        return tuple([value for value in tree_leaves(call(x)) if isinstance(value, Tensor)])

    return function


def agrees_with_eager(public: Case, backend: str, dynamic: bool | None, fullgraph: bool) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(plain(public), backend=backend, dynamic=dynamic, fullgraph=fullgraph)
    for scene in (FACES, FACES * 1.01):
        x = scene.clone().requires_grad_()
        found, expected = compiled(x), public(x)
        close(found, expected)
        if public.differentiable:
            gradients = [torch.autograd.grad(total([*tensors]), x)[0] for tensors in (found, expected)]
            close(gradients[:1], gradients[1:])


def close(found: object, expected: list[Tensor]) -> None:
    """Up to a share of the largest number: a compiler may fuse sums."""
    for value, right in zip(found, expected, strict=True):
        if not right.dtype.is_floating_point:
            assert torch.equal(value, right)
            continue
        assert_close(value, right, rtol=0, atol=1e-3 * max(1.0, float(right.detach().abs().max())))


def exported(public: Case, strict: bool) -> None:
    function = plain(public)

    class Module(torch.nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return function(x)

    torch._dynamo.reset()
    program = torch.export.export(Module(), (FACES,), strict=strict)
    # Numbers that it was not exported with.
    other = corners(12).flip(0)
    close(program.module()(other), public(other))


@few(FEW)
def test_compiled_public_functions(public: Case) -> None:
    agrees_with_eager(public, "eager", None, fullgraph=True)


@few(("redner.render_albedo",))
def test_compiled_with_the_breaks_that_are_said(public: Case) -> None:
    agrees_with_eager(public, "eager", None, fullgraph=False)


@few(("find_fragments", "blend_fragments"))
def test_compiled_fragments_in_one_graph(public: Case) -> None:
    """Their number depends on values, which Dynamo takes where it is told to."""
    with torch._dynamo.config.patch(capture_dynamic_output_shape_ops=True):
        agrees_with_eager(public, "eager", None, fullgraph=True)


@pytest.mark.parametrize("strict", [True, False])
@few(("render", "softras.functional.soft_rasterize"))
def test_exported_public_functions(public: Case, strict: bool) -> None:
    exported(public, strict)


@pytest.mark.nightly
@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("backend", ["eager", "aot_eager", "inductor"])
@params()
def test_all_public_functions_compiled(public: Case, backend: str, dynamic: bool) -> None:
    agrees_with_eager(public, backend, dynamic, fullgraph=not public.breaks)


@pytest.mark.nightly
@pytest.mark.parametrize("strict", [True, False])
@params(breaks=False)
def test_all_public_functions_exported(public: Case, strict: bool) -> None:
    exported(public, strict)
