"""A call of the CUDA core that fails says so, and the next one, which is good, does not fail for it.

On the emulator, which has one device: a call for another fails.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from emulator.builds import emulated_core
from torch import Tensor

from gendr_adapters import RenderSettings, _native, blend_fragments, find_fragments, gather_corners, render
from gendr_adapters._native import structs
from gendr_adapters._nearest_fragments import find_nearest_fragments
from gendr_adapters.kaolin import dibr_soft_mask

pytestmark = pytest.mark.slow

SIZE = (9, 10)


class WithAFailure:
    """The emulated core. While `failing` is one of its functions' names, that one is called for a missing device."""

    def __init__(self) -> None:
        self.core = _native.load(emulated_core("device"))
        self.failing: str | None = None
        self.called: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        function = getattr(self.core, name)
        self.called.add(name)
        return self._for_a_missing_device(function) if name == self.failing else function

    @staticmethod
    def _for_a_missing_device(function: Callable[..., int]) -> Callable[..., int]:
        def call(reference: Any) -> int:
            arguments = reference._obj  # of ctypes.byref
            where = arguments if isinstance(arguments, structs.Corners) else arguments.scene
            where.device += 1
            return function(reference)

        return call


@cache
def core() -> WithAFailure:
    return WithAFailure()


def rendered() -> list[Tensor]:
    """Results of every function that does its work on the device."""
    generator = torch.Generator().manual_seed(0)
    vertices = torch.rand(12, 3, generator=generator).requires_grad_()
    corners = gather_corners(vertices + torch.tensor([-0.5, -0.5, 2.0]), torch.arange(12).view(4, 3))
    settings = RenderSettings(dist_scale=1e-2, far=10.0)
    colours = torch.rand(4, 3, 3, generator=generator)
    image, alpha, *_ = render(corners, SIZE, colours, settings=settings)
    found = find_fragments(corners, SIZE, settings=settings)
    blended, *_ = blend_fragments(found, found.weights, SIZE, settings)
    nearest = find_nearest_fragments(corners, SIZE, 2, None, settings).depth
    mask = dibr_soft_mask(corners[None, ..., :2], torch.full((1, *SIZE), -1))
    assert image is not None and alpha is not None and blended is not None
    loss = image.square().sum() + alpha.sum() + blended.square().sum() + nearest.sum() + mask.sum()
    return [image.detach(), alpha.detach(), blended.detach(), mask.detach(), *torch.autograd.grad(loss, vertices)]


WORKING = ["gendr_render_forward", "gendr_render_backward", "gendr_count_fragments", "gendr_fill_fragments",
           "gendr_nearest_fragments", "gendr_fragments_backward", "gendr_blend_fragments",
           "gendr_blend_fragments_backward", "gendr_soft_mask_forward", "gendr_soft_mask_backward",
           "gendr_gather_corners", "gendr_scatter_corners"]  # fmt: skip


@pytest.mark.parametrize("failing", WORKING)
def test_a_good_call_after_one_that_failed(failing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library = core()
    monkeypatch.setattr(_native, "library", lambda device_type="cpu": library)
    expected = rendered()
    assert library.called >= set(WORKING)
    monkeypatch.setattr(library, "failing", failing)
    with pytest.raises(RuntimeError, match="cudaSetDevice: invalid device ordinal"):
        rendered()
    monkeypatch.setattr(library, "failing", None)
    for got, wanted in zip(rendered(), expected, strict=True):
        assert torch.equal(got, wanted)


def test_evaluation_of_a_distribution_reports_errors() -> None:
    library = core().core
    u, results = torch.zeros(4), torch.empty(3, 4)
    places = [ctypes.c_void_p(x.data_ptr()) for x in (u, *results)]

    def evaluate(device: int) -> int:
        arguments = (0, 1, ctypes.c_double(0), ctypes.c_double(0), ctypes.c_int64(4))
        return int(library.gendr_evaluate_distribution(*arguments, *places, device, None))

    assert evaluate(0) == 0
    before = results.clone()
    assert evaluate(7) != 0
    assert b"invalid device ordinal" in library.gendr_last_error()
    assert evaluate(0) == 0
    assert torch.equal(results, before)
