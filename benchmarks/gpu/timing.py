"""Timing: marks in a device's own time line, medians over repeated calls that rotate among several inputs."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Work(NamedTuple):
    """Something to time. forward() renders, differentiably; its gradient goes to `leaf`, one or several."""

    forward: Callable[[], tuple[Tensor, ...]]
    leaf: Tensor | tuple[Tensor, ...]


class Stats(NamedTuple):
    """Milliseconds."""

    median: float
    low: float  # a tenth of the samples are below
    high: float  # a tenth are above
    repeats: int


class Clock:
    """Marks on the current stream of a GPU (events), or of the host's clock where the device is the CPU."""

    def __init__(self, device: torch.device) -> None:
        self.cuda = device.type == "cuda"

    def mark(self) -> Any:
        if not self.cuda:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()

    def elapsed(self, first: Any, last: Any) -> float:
        """Milliseconds between two marks; after wait()."""
        return float(first.elapsed_time(last)) if self.cuda else 1e3 * (last - first)


class Repeated:
    """A work's forward and backward, on several copies of its input in turn, so that not the same buffers are always in
    the cache. (Copies of small scenes all fit into a large GPU's L2; then the cache is warm, as it is in training.)"""

    def __init__(self, make: Callable[[], Work], copies: int) -> None:
        self.works = [make() for _ in range(copies)]
        self.gradients = [tuple(map(torch.rand_like, work.forward())) for work in self.works]

    def forward(self, i: int) -> tuple[Tensor, ...]:
        return self.works[i % len(self.works)].forward()

    def backward(self, i: int, pictures: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        k = i % len(self.works)
        return torch.autograd.grad(pictures, self.works[k].leaf, self.gradients[k])

    def both(self, i: int) -> tuple[Tensor, ...]:
        return self.backward(i, self.forward(i))


def time_passes(work: Repeated, clock: Clock, seconds: float) -> tuple[Stats, Stats]:
    """Forward and backward, each by itself."""

    def step(i: int) -> tuple[Any, ...]:
        start = clock.mark()
        pictures = work.forward(i)
        middle = clock.mark()
        work.backward(i, pictures)
        return start, middle, clock.mark()

    marks = repeat(step, clock, seconds)
    forward = [clock.elapsed(start, middle) for start, middle, _ in marks]
    backward = [clock.elapsed(middle, end) for _, middle, end in marks]
    return summarise(forward), summarise(backward)


def time_call(call: Callable[[int], object], clock: Clock, seconds: float) -> Stats:
    """One call with everything in it; call(i) is told how often it has been called."""

    def step(i: int) -> tuple[Any, ...]:
        start = clock.mark()
        call(i)
        return start, clock.mark()

    return summarise([clock.elapsed(*marks) for marks in repeat(step, clock, seconds)])


def repeat(step: Callable[[int], tuple[Any, ...]], clock: Clock, seconds: float) -> list[tuple[Any, ...]]:
    """Marks of about `seconds` of steps, at least 5 (3 of very slow ones), after a warm-up.

    Steps are queued in groups without waiting, as a training loop does: where the GPU is slower than Python, marks are
    of the GPU's work alone; where it is faster, they include the wait for Python.
    """
    begin = time.perf_counter()
    for i in range(3):
        step(i)
        clock.wait()
        if time.perf_counter() - begin > seconds:
            break
    begin = time.perf_counter()
    marks = [step(3)]
    clock.wait()
    once = time.perf_counter() - begin
    least = 3 if once > seconds else 5
    group = max(1, min(100, int(0.05 / max(once, 1e-9))))
    deadline = time.perf_counter() + seconds
    while len(marks) < least or time.perf_counter() < deadline:
        first = len(marks)
        marks += [step(i) for i in range(first, first + group)]
        clock.wait()
    return marks[1:] if len(marks) > least else marks  # the first was alone on the device


def summarise(samples: Sequence[float]) -> Stats:
    ordered = sorted(samples)
    tenth = len(ordered) // 10
    return Stats(statistics.median(ordered), ordered[tenth], ordered[-1 - tenth], len(ordered))


def peak_mib(call: Callable[[int], object], device: torch.device) -> float | None:
    """MiB of device memory a call needs at its peak, over what is there before it; None where nobody counts (CPU)."""
    if device.type != "cuda":
        return None
    call(0)
    torch.cuda.synchronize(device)
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    call(0)
    torch.cuda.synchronize(device)
    return (torch.cuda.max_memory_allocated(device) - before) / 2**20


class Replay:
    """A call captured in a CUDA graph; calling this replays it. What it makes stays in the graph's memory."""

    def __init__(self, call: Callable[[], object]) -> None:
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                call()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.kept = call()

    def __call__(self) -> None:
        self.graph.replay()


def time_replays(call: Callable[[int], object], copies: int, clock: Clock, seconds: float) -> Stats:
    """The same calls as graphs, one a copy of the input: the GPU's time without Python's."""
    graphs = [Replay(lambda i=i: call(i)) for i in range(copies)]  # type: ignore[misc]
    return time_call(lambda i: graphs[i % copies](), clock, seconds)
