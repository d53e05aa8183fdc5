"""`pytest --moved` moves what the core is given, on every route; else its runs say nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from support.moved_coordinates import moved_coordinates
from torch import Tensor

from gendr_adapters import render

pytestmark = pytest.mark.exact_coordinates  # else they move twice

CORNERS = torch.tensor([[[[-0.7, -0.6, 2.0], [0.8, -0.5, 2.1], [0.1, 0.7, 2.2]]]])


def gradient(corners: Tensor) -> Tensor:
    corners = corners.clone().requires_grad_()
    alpha = render(corners, 8, outputs=("alpha",)).alpha
    assert alpha is not None
    return torch.autograd.grad(alpha.square().sum(), corners)[0]


def compiled(corners: Tensor) -> Tensor:
    return torch.compile(gradient, backend="eager")(corners)


def in_a_thread(corners: Tensor) -> Tensor:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(gradient, corners).result()


@pytest.mark.parametrize("way", [gradient, compiled, in_a_thread])
def test_float32_moves_by_its_rounding(way: Callable[[Tensor], Tensor]) -> None:
    still = way(CORNERS)
    with moved_coordinates():
        shaken = way(CORNERS)
    assert not torch.equal(shaken, still)
    torch.testing.assert_close(shaken, still, rtol=1e-3, atol=1e-3 * still.abs().max().item())


def test_float64_stays() -> None:
    still = gradient(CORNERS.double())
    with moved_coordinates():
        assert torch.equal(gradient(CORNERS.double()), still)
