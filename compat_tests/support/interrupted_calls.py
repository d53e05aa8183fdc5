"""Native calls, each far too long to wait for, and signals while they last: run by test_interrupting.py, in a process
of its own. Prints the names of the cases that held.

    cd compat_tests && python -m support.interrupted_calls THREADS CASE...
"""

import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import torch
from support.op_calls import call_op, packed
from torch import Tensor

from gendr_adapters import RenderSettings, blend_fragments, find_fragments, gather_corners, ops, render
from gendr_adapters._native import interrupting
from gendr_adapters._nearest_fragments import find_nearest_fragments
from gendr_adapters.fragments import Fragments

SETTINGS = RenderSettings(dist_scale=0.1, gamma=0.1, near=1, far=10)
WIDE = 2048  # pixels a side of the pictures nobody waits for


def faces(n: int) -> Tensor:
    """n faces all over the picture and beyond: (n, 3, 3)."""
    x_y = torch.rand(n, 3, 2, generator=torch.Generator().manual_seed(0)) * 4 - 2
    return torch.cat([x_y, torch.full((n, 3, 1), 3.0)], 2)


def picture() -> list[Tensor]:
    """A small picture and its gradient."""
    corners = faces(20).requires_grad_()
    image, alpha, *_ = render(corners, 32, torch.linspace(0, 1, 180).reshape(20, 3, 3), settings=SETTINGS)
    assert image is not None and alpha is not None
    return [image.detach(), alpha.detach(), *torch.autograd.grad(image.sum() + alpha.sum(), corners)]


def silhouette(n: int = 20, size: int = 32) -> Tensor:
    alpha = render(faces(n), size, settings=SETTINGS, outputs=("alpha",)).alpha
    assert alpha is not None
    return alpha


def many_fragments() -> tuple[Fragments, Tensor]:
    """Three times 10^7 of them, at 1024 pixels, and a depth with a gradient."""
    n, per_pixel = 30 * 2**20, 30 * 2**10
    depth = torch.full((n,), 3.0, requires_grad=True)
    nothing = torch.empty(0, dtype=torch.int64)
    offsets = torch.arange(1025) * per_pixel
    return Fragments(offsets, nothing, nothing, torch.empty(0, 3), depth, torch.full((n,), -0.01)), depth


def render_backward() -> Callable[[], Any]:
    """The op, on states that no forward had to compute."""
    plane = torch.ones(1, WIDE, WIDE)
    arguments = {"grad_alpha": plane, "face_vertices": faces(20000), "alpha_state": plane}
    how = {"sampling": [], "size": [1, WIDE, WIDE], "needs": [True] + [False] * 7, **packed(SETTINGS)}
    return lambda: call_op("render_backward", **arguments, **how)


def autograd_backward() -> Callable[[], Any]:
    corners = faces(4000).requires_grad_()
    alpha = render(corners, 512, settings=SETTINGS, outputs=("alpha",)).alpha
    assert alpha is not None
    return alpha.sum().backward


def blend_backward() -> Callable[[], Any]:
    fragments, depth = many_fragments()
    image = blend_fragments(fragments, torch.ones(depth.shape[0], 1), 32, SETTINGS).image
    assert image is not None
    return image.sum().backward


def blend() -> Callable[[], Any]:
    fragments, _ = many_fragments()
    return lambda: blend_fragments(fragments, None, 32, SETTINGS, outputs=("alpha",))


def scatter() -> Callable[[], Any]:
    corners, index = torch.ones(1, 2**20, 3, 64), torch.arange(3 * 2**20).reshape(-1, 3) % 1000
    return lambda: ops.apply("scatter_corners", corners, index, 1000)


def forward() -> Callable[[], Any]:
    many = faces(20000)
    return lambda: render(many, WIDE, settings=SETTINGS)


def fragments() -> Callable[[], Any]:
    many = faces(20000)
    return lambda: find_fragments(many, WIDE, settings=SETTINGS)


def soft_mask() -> Callable[[], Any]:
    """Of all faces, so that no pixel stops."""
    many, selected = faces(20000), torch.full((1, WIDE, WIDE), -1)
    settings = RenderSettings(reach=0.1)
    return lambda: ops.apply("soft_mask", many, selected, 2**31 - 1, *settings.packed)


def soft_mask_backward() -> Callable[[], Any]:
    """The op, on states that no forward had to compute."""
    many, plane, selected = faces(20000), torch.ones(1, WIDE, WIDE), torch.full((1, WIDE, WIDE), -1)
    last = torch.full((1, WIDE, WIDE), 2**31 - 1, dtype=torch.int32)
    settings = RenderSettings(reach=0.1)
    return lambda: ops.apply("soft_mask_backward", plane, many, selected, plane, last, 30, *settings.packed)


def nearest() -> Callable[[], Any]:
    many = faces(20000)
    return lambda: find_nearest_fragments(many, WIDE, 3, None, SETTINGS)


def gather() -> Callable[[], Any]:
    values, index = torch.ones(1000, 64), torch.arange(3 * 2**20).reshape(-1, 3) % 1000
    return lambda: gather_corners(values, index)


CALLS: dict[str, Callable[[], Callable[[], Any]]] = {
    "forward": forward,
    "fragments": fragments,
    "nearest": nearest,
    "render_backward": render_backward,
    "autograd_backward": autograd_backward,
    "blend": blend,
    "blend_backward": blend_backward,
    "soft_mask": soft_mask,
    "soft_mask_backward": soft_mask_backward,
    "gather": gather,
    "scatter": scatter,
}


class Alarm(Exception):
    pass


def stop(*_: object) -> None:
    raise Alarm


def interrupted(call: Callable[[], Any], expected: type[BaseException]) -> None:
    """The call raises what a handler raised while it lasted, not after it: the handler ran in a poll."""
    try:
        call()
    except expected as error:
        names = [frame.name for frame in traceback.extract_tb(error.__traceback__)]
        assert "_answers" in names, names
    else:
        raise AssertionError("the call came to its end")


def each_call(name: str) -> None:
    call = CALLS[name]()
    # In the process's own time: on a busy machine 10 ms may be over before the call begins. Each takes 38 ms or more.
    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 0.01)
    interrupted(call, Alarm)


def keyboard() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background process ignores it
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    interrupted(CALLS["forward"](), KeyboardInterrupt)


def handler_that_returns() -> None:
    """The call goes on as if nothing had been."""
    expected = silhouette(400, 512)
    ticks: list[int] = []
    signal.signal(signal.SIGALRM, lambda *_: ticks.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
    found = silhouette(400, 512)
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert torch.equal(found, expected) and ticks


def handler_that_renders() -> None:
    """Calls nest; and a signal stops the inner one, whose exception stops the outer one. (Without gradients: torch has
    them off within an op.)"""
    expected, call = silhouette(), forward()
    depth: list[int] = []

    def handler(*_: object) -> None:
        depth.append(len(depth))
        assert torch.equal(silhouette(), expected)
        if len(depth) == 2:
            raise Alarm
        signal.setitimer(signal.ITIMER_PROF, 0.02)
        call()

    signal.signal(signal.SIGPROF, handler)
    signal.setitimer(signal.ITIMER_PROF, 0.02)
    interrupted(call, Alarm)
    assert depth == [0, 1]


def other_thread() -> None:
    """A call of another thread is not for handlers to stop: they run on the main thread, which waits for it."""
    expected, found, ran = picture(), [], []
    signal.signal(signal.SIGALRM, lambda *_: ran.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
    thread = threading.Thread(target=lambda: found.extend([silhouette(400, 512), *picture()]))
    thread.start()
    thread.join()
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert all(map(torch.equal, found[1:], expected)) and ran


CASES: dict[str, Callable[[], None]] = {
    **{name: lambda name=name: each_call(name) for name in CALLS},  # type: ignore[misc]
    "keyboard": keyboard,
    "handler_that_returns": handler_that_returns,
    "handler_that_renders": handler_that_renders,
    "other_thread": other_thread,
}


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]))
    expected = picture()
    for name in sys.argv[2:]:
        CASES[name]()
        assert all(map(torch.equal, picture(), expected)), f"{name}: the next picture is another"
        gc.collect()
        polls = sum(type(x) is interrupting._Poll for x in gc.get_objects())
        assert polls == len(interrupting._idle) <= 2, f"{name}: {polls} polls, {len(interrupting._idle)} of them idle"
        print(name, flush=True)


if __name__ == "__main__":
    main()
