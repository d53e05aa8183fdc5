"""What a call costs the host: Python, autograd, allocations and launches of a scene too small to keep a GPU busy."""

import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.gpu.ours import from_corners
from benchmarks.gpu.scenes import SCREEN, Case, view
from benchmarks.gpu.timing import Clock, Repeated, Replay, time_call

TINY = Case(SCREEN, image_size=8)


def measure_overhead(device: torch.device, seconds: float) -> dict[str, float | str | None]:
    """Microseconds a call. *_us: of the host, many calls in a row without waiting; replay_*: of a CUDA graph."""
    clock = Clock(device)
    tiny = view(TINY, device)
    work = Repeated(lambda: from_corners(tiny), copies=1)
    leaf = work.works[0].leaf
    assert isinstance(leaf, Tensor)

    def without_autograd() -> None:
        with torch.no_grad():
            work.forward(0)

    def to_the_end() -> None:
        work.both(0)
        clock.wait()

    result: dict[str, float | str | None] = {
        "forward_us": host_us(lambda: work.forward(0), clock, seconds),
        "forward_no_grad_us": host_us(without_autograd, clock, seconds),
        "forward_and_backward_us": host_us(lambda: work.both(0), clock, seconds),
        "torch_add_us": host_us(lambda: leaf.detach() + 1, clock, seconds),  # the host's speed, for comparison
        "latency_us": 1e3 * time_call(lambda _: to_the_end(), clock, seconds).median,
    }
    result |= {"replay_forward_us": None, "replay_both_us": None, "replay_host_us": None}
    if device.type == "cuda":
        try:
            forward, both = Replay(lambda: work.forward(0)), Replay(lambda: work.both(0))
            result["replay_forward_us"] = 1e3 * time_call(lambda _: forward(), clock, seconds).median
            result["replay_both_us"] = 1e3 * time_call(lambda _: both(), clock, seconds).median
            result["replay_host_us"] = host_us(both, clock, seconds)
        except Exception as error:
            result["replay_error"] = f"{type(error).__name__}: {error}"
    return result


def host_us(call: Callable[[], object], clock: Clock, seconds: float, burst: int = 40) -> float:
    """The host's microseconds a call: the median of bursts too short to fill a launch queue (1,024 entries)."""
    for _ in range(burst):
        call()
    bursts: list[float] = []
    deadline = time.perf_counter() + seconds
    while len(bursts) < 5 or time.perf_counter() < deadline:
        clock.wait()
        start = time.perf_counter()
        for _ in range(burst):
            call()
        bursts.append((time.perf_counter() - start) / burst)
    clock.wait()
    return 1e6 * statistics.median(bursts)
