"""What CUDA programs expect beside the numbers: streams, threads, graphs, no waiting, no memory that grows.

Each test needs a GPU of its own; on the emulator there is nothing of this to see.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import torch
from support.scenes import ALL_OUTPUTS, sphere
from test_determinism import IDS, SETTINGS, Gradients, same_bits, screen_filling_face, views
from torch import Tensor

from gendr_adapters import RenderSettings, gather_corners, render

pytestmark = pytest.mark.cuda(real=True)

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
LONG = 1_000_000_000  # cycles: half a second
SIZE = (60, 80)
COPIES = 3  # of the sphere in a scene


class Inputs(NamedTuple):
    """Tensors a loss is a function of, all on the GPU."""

    positions: Tensor  # (COPIES, V, 3)
    colours: Tensor  # (COPIES, V, 3)
    background: Tensor  # (COPIES, 3)
    dist_scale: Tensor  # (COPIES,)
    gamma: Tensor  # (1,)
    offsets: Tensor  # (COPIES + 1,), for packed meshes


class Work:
    """Renders three spheres and returns loss, image and gradients, with nothing in it that waits for the GPU."""

    def __init__(self, packed: bool = False, device: str = "cuda") -> None:
        self.device, self.packed = device, packed
        vertices, faces = sphere(12, 16)
        self.vertices, self.faces = vertices.float().to(device), faces.to(device)
        generator = torch.Generator().manual_seed(0)
        self.weights = torch.randn((COPIES, 5, *SIZE), generator=generator).to(device)

    def inputs(self, seed: int) -> Inputs:
        generator = torch.Generator().manual_seed(seed)

        def random(*shape: int) -> Tensor:
            return torch.rand(shape, generator=generator).to(self.device)

        n, cuts = len(self.faces), sorted(torch.randint(3 * len(self.faces), (2,), generator=generator).tolist())
        return Inputs(
            self.vertices + 0.3 * random(COPIES, 1, 3),
            random(COPIES, len(self.vertices), 3),
            random(COPIES, 3),
            1e-3 + 1e-2 * random(COPIES),
            0.01 + random(1),
            torch.tensor([0, *cuts, COPIES * n], device=self.device),
        )

    def forward(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        corners, colours = gather_corners(inputs.positions, self.faces), gather_corners(inputs.colours, self.faces)
        offsets = None
        if self.packed:
            corners, colours, offsets = corners.flatten(0, 1), colours.flatten(0, 1), inputs.offsets
        settings = RenderSettings(dist_scale=inputs.dist_scale, gamma=inputs.gamma, far=10.0)
        rendered = render(corners, SIZE, colours, offsets, settings, inputs.background, ALL_OUTPUTS)
        assert rendered.image is not None and rendered.alpha is not None and rendered.depth is not None
        everything = torch.cat([rendered.image, rendered.alpha[:, None], rendered.depth[:, None]], 1)
        return (everything * self.weights).sum(), everything

    def __call__(self, inputs: Inputs) -> Gradients:
        leaves = [x.detach().requires_grad_() for x in inputs[:5]]
        loss, everything = self.forward(Inputs(*leaves, inputs.offsets))
        return (everything.detach(), *torch.autograd.grad(loss, leaves))


@pytest.fixture(params=[False, True], ids=["batch", "packed"])
def work(request: pytest.FixtureRequest) -> Work:
    return Work(request.param)


@pytest.fixture
def batch() -> Work:
    return Work()


# Streams


def test_another_stream(work: Work) -> None:
    inputs = work.inputs(1)
    expected = work(inputs)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        got = work(inputs)
    stream.synchronize()
    assert same_bits(got, expected)


def test_work_queued_behind_a_long_kernel(batch: Work) -> None:
    """The inputs are there only once the stream gets to them: work on any other stream would read NaN."""
    values = batch.inputs(1)
    expected = batch(values)
    inputs = Inputs(*(torch.full_like(x, float("nan")) for x in values[:5]), values.offsets)
    torch.cuda.synchronize()
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream):
        torch.cuda._sleep(LONG)
        for x, value in zip(inputs[:5], values[:5], strict=True):
            x.copy_(value, non_blocking=True)
        got = batch(inputs)
        waited = stream.query()
    assert not waited, "rendering waited for the GPU"
    assert torch.cuda.current_stream().query(), "rendering put work on the default stream"
    stream.synchronize()
    assert same_bits(got, expected)


def test_a_call_does_not_wait(batch: Work) -> None:
    """Nor does torch on its behalf: no copy to or from the CPU."""
    inputs = batch.inputs(1)
    corners = gather_corners(inputs.positions, batch.faces).requires_grad_()
    colours = gather_corners(inputs.colours, batch.faces).requires_grad_()

    def once() -> None:
        rendered = render(
            corners,
            SIZE,
            colours,
            settings=RenderSettings(dist_scale=1e-3, gamma=0.1),
            background=[0.1, 0.2, 0.3],
            outputs=ALL_OUTPUTS,
        )
        assert rendered.image is not None and rendered.alpha is not None
        torch.autograd.grad(rendered.image.sum() + rendered.alpha.sum(), [corners, colours])
        batch(inputs)

    once()  # what is loaded and allocated at first use may wait
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        torch.cuda._sleep(LONG)
        once()
        waited = torch.cuda.current_stream().query()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert not waited, "rendering waited for the GPU"


# The same bits


@DTYPES
@pytest.mark.parametrize("settings", SETTINGS, ids=IDS)
@pytest.mark.parametrize("scene", [views, screen_filling_face])
def test_fifty_times_beside_other_work(
    scene: Callable[..., Gradients], settings: dict[str, object], dtype: torch.dtype
) -> None:
    """With part of the GPU taken by another stream, blocks are scheduled another way each time."""
    first = scene(dtype, settings, device="cuda")
    other, noise = torch.cuda.Stream(), torch.randn(2048, 2048, device="cuda")
    torch.cuda.synchronize()
    for k in range(50):
        with torch.cuda.stream(other):
            for _ in range(k % 5):
                noise = (noise @ noise).clamp(-1, 1)
        assert same_bits(scene(dtype, settings, device="cuda"), first), f"run {k}"
    torch.cuda.synchronize()


# Threads


def test_backward_from_another_thread(work: Work) -> None:
    inputs = work.inputs(1)
    expected = work(inputs)
    leaves = [x.detach().requires_grad_() for x in inputs[:5]]
    loss, everything = work.forward(Inputs(*leaves, inputs.offsets))
    thread = threading.Thread(target=loss.backward)
    thread.start()
    thread.join()
    assert same_bits((everything.detach(), *(x.grad for x in leaves)), expected)


def test_two_threads_at_once(work: Work) -> None:
    """Each on a stream of its own."""
    inputs = [work.inputs(seed) for seed in range(4)]
    expected = [work(x) for x in inputs]
    torch.cuda.synchronize()

    def on_its_stream(k: int) -> bool:
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream):
            results = [work(inputs[k % 4]) for _ in range(5)]
        stream.synchronize()
        return all(same_bits(got, expected[k % 4]) for got in results)

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(on_its_stream, range(12)))


# Several devices


@pytest.mark.parametrize("packed", [False, True], ids=["batch", "packed"])
def test_tensors_on_a_device_that_is_not_current(packed: bool) -> None:
    if torch.cuda.device_count() < 2:
        pytest.skip(f"needs two GPUs, there is {torch.cuda.device_count()}")
    here, there = Work(packed, "cuda:0"), Work(packed, "cuda:1")
    expected = here(here.inputs(1))
    with torch.cuda.device(0):
        got = there(there.inputs(1))
        assert torch.cuda.current_device() == 0
    assert all(x.device == torch.device("cuda:1") for x in got)
    for a, b in zip(got, expected, strict=True):  # the GPUs need not be of one kind
        torch.testing.assert_close(a.cpu(), b.cpu())


# CUDA graphs


def capture(function: Callable[[], Gradients]) -> tuple[torch.cuda.CUDAGraph, Gradients]:
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # as torch's manual has it: some runs before
        for _ in range(3):
            function()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        results = function()
    return graph, results


@pytest.mark.parametrize("backward", [False, True], ids=["forward", "forward and backward"])
def test_graph(backward: bool, work: Work) -> None:
    """Captured once, replayed with other values: positions, colours, scales, even the images' shares of the faces."""
    static = Inputs(*(x.clone() for x in work.inputs(0)))

    def step() -> Gradients:
        if backward:
            return work(static)
        with torch.no_grad():
            return (work.forward(static)[1],)

    graph, results = capture(step)
    for seed in (1, 2, 3):
        values = work.inputs(seed)
        for x, value in zip(static, values, strict=True):
            x.copy_(value)
        graph.replay()
        assert same_bits(results, work(values)[: len(results)])


def test_graph_with_plain_numbers(batch: Work) -> None:
    """Scales as floats and the background as a list: copies of the CPU's memory would be of what it was at capture."""
    positions = batch.inputs(0).positions.clone()

    def step() -> Gradients:
        leaf = positions.detach().requires_grad_()
        corners = gather_corners(leaf, batch.faces)
        settings = RenderSettings(dist_scale=1e-3, gamma=0.1, far=10.0)
        rendered = render(corners, SIZE, corners.sin(), settings=settings, background=[0.1, 0.5, 0.9])
        assert rendered.image is not None
        return rendered.image.detach(), *torch.autograd.grad((rendered.image * batch.weights[:, :3]).sum(), leaf)

    graph, results = capture(step)
    for seed in (1, 2):
        torch.rand(1000).tolist()  # the CPU's memory is used for something else
        positions.copy_(batch.inputs(seed).positions)
        graph.replay()
        got = [x.clone() for x in results]
        assert same_bits(tuple(got), step())


# Memory


def test_memory_does_not_grow(work: Work) -> None:
    inputs = work.inputs(0)

    def hundred_times() -> int:
        for _ in range(100):
            work(inputs)
        torch.cuda.synchronize()
        return torch.cuda.memory_allocated()

    allocated, reserved = hundred_times(), torch.cuda.memory_reserved()
    assert hundred_times() == allocated
    assert torch.cuda.memory_reserved() == reserved


def peak_of_a_silhouette(size: int, faces: int, spread: float) -> int:
    """Bytes beyond what was there before, forward and backward together. spread: size of faces, NDC."""
    generator = torch.Generator().manual_seed(0)
    corners = torch.rand((faces, 1, 3), generator=generator) * 2 - 1
    corners = corners + spread * torch.rand((faces, 3, 3), generator=generator) + torch.tensor([0.0, 0.0, 5.0])
    corners = corners.cuda().requires_grad_()
    weights = torch.ones((1, size, size), device="cuda")

    def once() -> None:
        alpha = render(corners, size, settings=RenderSettings(dist_scale=1e-5), outputs=("alpha",)).alpha
        assert alpha is not None
        torch.autograd.grad(alpha, corners, weights)

    torch.cuda.empty_cache()
    once()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    once()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def test_memory_is_of_the_order_of_pixels_and_faces() -> None:
    """However many pairs of them there are. In bytes, of results and workspace together; the rest: torch hands out
    memory in large blocks, and faces over the screen are cut in up to 4096 pieces."""
    per_face, per_pixel, rest = 256, 16, 8 << 20
    for size, faces in ((64, 1000), (64, 100_000), (2048, 1000), (512, 20_000)):
        for spread in (0.01, 2.0):
            peak = peak_of_a_silhouette(size, faces, spread)
            assert peak <= per_face * faces + per_pixel * size**2 + rest, (size, faces, spread)
