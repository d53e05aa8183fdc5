"""Timing: medians over repeated calls, forward and backward apart."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.scenes import Scene


class Timing(NamedTuple):
    """Medians in milliseconds, op and autograd overhead included."""

    forward: float
    backward: float
    repeats: int


def time_scene(scene: Scene, seconds: float = 1.0) -> Timing:
    """Call forward and backward in turn for about `seconds`, at least 5 times, after two warm-up calls."""
    run = scene.renderer()

    def one() -> tuple[list[Tensor], Tensor]:
        picture, faces = run()
        return [picture], faces

    return time_runs(one, seconds)


def time_runs(
    run: Callable[[], tuple[list[Tensor], Tensor]],
    seconds: float,
    wait: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """The same for a function that returns pictures and the leaf their gradient goes to. wait: for a GPU to be done.
    clock: in seconds; time.process_time counts what the processor did for this process, however busy it is besides.
    """
    forward: list[float] = []
    backward: list[float] = []
    gradients = None
    deadline = None
    while deadline is None or len(forward) < 5 or time.perf_counter() < deadline:
        start = clock()
        pictures, leaf = run()
        wait()
        middle = clock()
        if gradients is None:
            gradients = [torch.ones_like(picture) for picture in pictures]
            wait()
        before_backward = clock()
        torch.autograd.backward(pictures, gradients)
        wait()
        end = clock()
        forward.append(middle - start)
        backward.append(end - before_backward)
        leaf.grad = None
        if deadline is None and len(forward) == 2:
            forward.clear()
            backward.clear()
            deadline = time.perf_counter() + seconds
    return Timing(1e3 * statistics.median(forward), 1e3 * statistics.median(backward), len(forward))


def peak_memory(scene: Scene) -> float:
    """MiB by which the process's peak memory rises in a forward and backward call of this scene. Linux only."""
    tiny = scene._replace(faces=scene.faces[..., :1, :, :], image_size=1).renderer()
    picture, _ = tiny()
    picture.backward(torch.ones_like(picture))  # a process's first backward loads half of torch: not ours to count
    run = scene.renderer()

    def once() -> None:
        picture, _ = run()
        picture.backward(torch.ones_like(picture))

    return rise_of_peak(once)


def rise_of_peak(call: Callable[[], None]) -> float:
    """MiB by which the process's peak memory rises during the call. Linux only."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from what is resident now
    before = _peak_kib()
    call()
    return (_peak_kib() - before) / 1024


def _peak_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
