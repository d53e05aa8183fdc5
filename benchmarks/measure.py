"""Timing: medians over repeated calls, forward and backward apart."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.scenes import Scene


class Timing(NamedTuple):
    """Medians in milliseconds, op and autograd overhead included."""

    forward: float
    backward: float
    repeats: int


def time_scene(scene: Scene, seconds: float = 1.0) -> Timing:
    """Call forward and backward in turn for about `seconds`, at least 5 times, after two warm-up calls."""
    run = scene.renderer()
    forward: list[float] = []
    backward: list[float] = []
    gradient = None
    deadline = None
    while deadline is None or len(forward) < 5 or time.perf_counter() < deadline:
        start = time.perf_counter()
        picture, faces = run()
        middle = time.perf_counter()
        if gradient is None:
            gradient = torch.ones_like(picture)
        before_backward = time.perf_counter()
        picture.backward(gradient)
        end = time.perf_counter()
        forward.append(middle - start)
        backward.append(end - before_backward)
        faces.grad = None
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
