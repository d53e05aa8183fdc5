"""`python -m benchmarks.call`: what a call costs beside the rendering, of one face at 8 x 8.

First quartiles of CPU time of one thread, forward and backward in turn, as a program calls them: alone in a loop either
takes a fifth less, because the processor still has its instructions at hand.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from benchmarks.scenes import one_face, silhouette_settings
from gendr_adapters import RenderSettings, blend_fragments, find_fragments, gather_corners, ops, render
from gendr_adapters._nearest_fragments import find_nearest_fragments
from gendr_adapters._soft_mask import soft_mask
from gendr_adapters.ops import library as op_library
from gendr_adapters.ops import render as render_op
from gendr_adapters.utils.command_line import positive_float

Row = dict[str, float | str]
Outputs = tuple[Tensor, ...]

SIZE = 8
SETTINGS = silhouette_settings(1e-4)


class Nothing(torch.autograd.Function):
    """An op of as many arguments and results as `render`'s, which does nothing."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> tuple[Tensor | None, ...]:
        faces = args[0]
        alpha, state = (faces.new_empty(1, SIZE, SIZE) for _ in range(2))
        ctx.save_for_backward(faces, state)
        ctx.set_materialize_grads(False)
        return None, alpha, None, None, state, None, None, None

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor | None, ...]:
        faces, _ = ctx.saved_tensors
        return torch.empty_like(faces), *[None] * 14


def calls() -> Iterator[tuple[str, Tensor, Callable[[Tensor], Outputs]]]:
    """Name, the leaf, and what is called: differentiable pictures of it."""
    face = one_face()
    colours = torch.rand(1, 3, 3)
    scale = torch.tensor([1e-4], requires_grad=True)
    vertices, faces = torch.rand(40, 3), torch.arange(60 * 3).reshape(60, 3) % 40
    unseen = torch.full((1, SIZE, SIZE), -1)
    masks = RenderSettings(reach=0.1)

    def silhouette(x: Tensor, settings: RenderSettings = SETTINGS) -> Outputs:
        return _given(render(x, SIZE, settings=settings, outputs=("alpha",)))

    def blended(x: Tensor) -> Outputs:
        found = find_fragments(x, SIZE, settings=SETTINGS)
        return _given(blend_fragments(found, found.weights, SIZE, SETTINGS))

    def learning(x: Tensor) -> Outputs:
        return silhouette(x, RenderSettings(dist_scale=scale, reach=0.03, min_coverage=0.0))

    yield "silhouette", face, silhouette
    yield "silhouette, settings made anew, tau a tensor", face, learning
    yield "silhouette and colour", face, lambda x: _given(render(x, SIZE, colours, settings=SETTINGS))
    yield "find_fragments", face, lambda x: find_fragments(x, SIZE, settings=SETTINGS)[3:]
    yield "find_fragments, blend_fragments", face, blended
    yield "nearest fragments", face, lambda x: find_nearest_fragments(x, SIZE, 2, None, SETTINGS)[1:]
    yield "soft mask", face[None], lambda x: (soft_mask(x, unseen, 30, masks),)
    yield "gather_corners, 60 faces", vertices, lambda x: (gather_corners(x, faces),)


def _given(rendered: Any) -> Outputs:
    return tuple([x for x in rendered if x is not None])


def measure(seconds: float) -> dict[str, list[Row]]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {"calls": [_row(*call, seconds) for call in calls()], "pieces": list(_pieces(seconds))}
    finally:
        torch.set_num_threads(threads)


def _pieces(seconds: float) -> Iterator[Row]:
    """Of the silhouette: by what it takes without them."""
    _name, leaf, function = next(calls())
    arguments: list[Any] = []

    def noted(_: str, *args: Any) -> list[None]:
        arguments[:] = args
        return [None] * 8

    whole = _row("all", leaf, function, seconds)
    with patch.object(render_op, "run", lambda *_: None):
        no_library = _row("", leaf, function, seconds)
    library = _less(whole, no_library, "workspace and native library")
    with patch.object(ops, "apply", noted):
        checks = _row("checks of the arguments", leaf, function, seconds)
    torchs = "torch: a Function that does nothing"
    nothing = _row(torchs, leaf, lambda x: (Nothing.apply(x, *arguments[1:])[1],), seconds)
    rest = _less(_less(no_library, checks, ""), nothing, "the rest: results, structs, does anybody watch?")
    with torch.no_grad():
        without_graph = _row("all, without a gradient", leaf, function, seconds)
    with patch.object(op_library, "unwatched", lambda _: False):
        watched = _row("all, through torch's dispatcher", leaf, function, seconds)
    yield from (whole, library, checks, nothing, rest, without_graph, watched)


def _less(row: Row, part: Row, name: str) -> Row:
    return {"call": name, **{key: float(row[key]) - float(part[key]) for key in ("forward_us", "backward_us")}}


def _row(name: str, leaf: Tensor, function: Callable[[Tensor], Outputs], seconds: float) -> Row:
    leaf = leaf.detach().requires_grad_(torch.is_grad_enabled())
    clock = time.thread_time_ns
    forward: list[int] = []
    backward: list[int] = []
    gradients = None
    deadline = time.perf_counter() + seconds
    while len(forward) < 100 or time.perf_counter() < deadline:
        start = clock()
        pictures = function(leaf)
        forward.append(clock() - start)
        if pictures and pictures[0].requires_grad:
            gradients = gradients or [torch.ones_like(picture) for picture in pictures]
            start = clock()
            torch.autograd.backward(pictures, gradients)
            backward.append(clock() - start)
            leaf.grad = None
        del pictures
    return {"call": name, "forward_us": _quartile(forward), "backward_us": _quartile(backward)}


def _quartile(nanoseconds: list[int]) -> float:
    return sorted(nanoseconds)[len(nanoseconds) // 4] / 1e3 if nanoseconds else 0.0


def print_report(tables: dict[str, list[Row]]) -> None:
    print(f"\nThe call: one face at {SIZE} x {SIZE}, CPU time of one thread, first quartiles\n")
    for title, rows in tables.items():
        print(f"{title:44} {'forward':>10} {'backward':>13}")
        for r in rows:
            print(f"{r['call']:44} {r['forward_us']:7.1f} us {r['backward_us']:10.1f} us")
        print()
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.call", description=__doc__)
    parser.add_argument("--seconds", type=positive_float, default=1.0, help="time for each line (default: 1)")
    print_report(measure(parser.parse_args().seconds))


if __name__ == "__main__":
    main()
