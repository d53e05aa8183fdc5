"""`python -m benchmarks.jax_door`: the door for JAX on both of its ways, torch's, and a dense sum in JAX.

Silhouettes and their gradients to the corners, compiled by jax.jit, one processor. All four take turns in one run, so
that what else the machine does falls on all of them alike. CPU time, medians; memory: by how much the process grows.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from unittest.mock import patch

import jax
import jax.numpy as jnp
import torch

import gendr_adapters
from benchmarks.measure import rise_of_peak
from benchmarks.scenes import Scene, silhouette_settings, sphere_views, spot_faces
from gendr_adapters.jax import _handlers, render
from gendr_adapters.utils.command_line import positive_int
from gendr_adapters.utils.machine import processor

WAYS = ("torch", "XLA's interface", "through Python", "dense")
# Beyond this the dense sum takes several GiB: some 200 bytes a pair.
MOST_DENSE_PAIRS = 2**24
Call = Callable[[], Any]


class Row(NamedTuple):
    """milliseconds: of each of WAYS, for the picture and its gradient. mebibytes: the same."""

    scene: str
    pairs: int
    all_pairs: int
    milliseconds: dict[str, float]
    mebibytes: dict[str, float]


def scenes() -> list[Scene]:
    soft = silhouette_settings(1e-4)
    return [
        Scene("one sphere of 1,280 faces, 64 x 64", sphere_views(1), 64, soft),
        Scene("one sphere of 1,280 faces, 128 x 128", sphere_views(1), 128, soft),
        Scene("spot, 5,856 faces, 256 x 256", spot_faces()[None], 256, soft),
    ]


def dense_alpha(corners: Any, size: int, tau: float) -> Any:
    """(H, W): 1 minus the product of 1 - D over all faces (F, 3, 3), as arrays over all pairs of a pixel and a face."""
    centres = (2 * jnp.arange(size) + 1) / size - 1
    x, y = jnp.meshgrid(centres, -centres)
    points = jnp.stack([x, y], -1).reshape(-1, 1, 1, 2)
    starts = corners[..., :2]
    along = jnp.roll(starts, -1, 1) - starts
    to_point = points - starts
    share = jnp.clip((to_point * along).sum(-1) / ((along * along).sum(-1) + 1e-12), 0, 1)
    away = to_point - share[..., None] * along
    distance2 = (away * away).sum(-1).min(-1)
    sides = along[..., 0] * to_point[..., 1] - along[..., 1] * to_point[..., 0]
    inside = (sides > 0).all(-1) | (sides < 0).all(-1)
    exponents = jnp.where(inside, distance2, -distance2) / tau
    return (1 - jnp.exp(-jax.nn.softplus(exponents).sum(-1))).reshape(size, size)


def calls(scene: Scene) -> Iterator[tuple[str, Call]]:
    """Of each way: a call that returns alpha's sum and its gradient."""
    settings, size = scene.settings, scene.image_size
    leaf = scene.faces.clone().requires_grad_()

    def by_torch() -> Any:
        alpha = gendr_adapters.render(leaf, size, settings=settings, outputs=("alpha",)).alpha
        assert alpha is not None
        total = alpha.sum()
        return total, torch.autograd.grad(total, leaf)[0]

    yield "torch", by_torch
    corners = jnp.asarray(scene.faces.numpy())

    def total(corners: Any) -> Any:
        alpha = render(corners, size, settings=settings, outputs=("alpha",)).alpha
        assert alpha is not None
        return alpha.sum()

    missing = _handlers.missing()
    if missing is not None:
        raise SystemExit(f"{missing}: python -m build_tools.handlers")
    with_handlers = jax.jit(jax.value_and_grad(total)).lower(corners).compile()
    # Which way a program takes is decided when it is traced.
    with patch.object(_handlers, "missing", lambda: "the benchmark wants it so"):
        with_python = jax.jit(jax.value_and_grad(lambda corners: total(corners))).lower(corners).compile()
    yield "XLA's interface", lambda: jax.block_until_ready(with_handlers(corners))
    yield "through Python", lambda: jax.block_until_ready(with_python(corners))
    if pairs_of_all(scene) > MOST_DENSE_PAIRS:
        return
    tau, scene_corners = float(settings.dist_scale), corners[0]
    dense = jax.jit(jax.value_and_grad(lambda corners: dense_alpha(corners, size, tau).sum()))
    nothing = jax.jit(lambda corners: corners + 1)

    def densely() -> Any:
        found = jax.block_until_ready(dense(scene_corners))
        jax.block_until_ready(nothing(scene_corners))  # jax frees the memory of a call in its next one
        return found

    yield "dense", densely


def pairs_of_all(scene: Scene) -> int:
    """Pixels times faces."""
    return scene.image_size**2 * scene.faces.shape[0] * scene.faces.shape[1]


def measure(scene: Scene, repeats: int) -> Row:
    """Times and memory of all ways, in turn."""
    by_way = dict(calls(scene))
    for call in by_way.values():
        call()
        call()
    times: dict[str, list[float]] = {way: [] for way in by_way}
    for _ in range(repeats):
        for way, call in by_way.items():
            start = time.process_time()
            call()
            times[way].append(time.process_time() - start)
    memory = {way: rise_of_peak(call) for way, call in by_way.items()}
    milliseconds = {way: 1e3 * statistics.median(found) for way, found in times.items()}
    return Row(scene.name, scene.count_pairs(), pairs_of_all(scene), milliseconds, memory)


def table(rows: list[Row]) -> str:
    """Markdown, as in docs/jax.md: milliseconds, how many times those of torch, and MiB."""
    lines = [
        f"| scene | pairs near, all | {' | '.join(WAYS)} |",
        f"|---|---|{'---|' * len(WAYS)}",
    ]
    for row in rows:
        cells = [_cell(row, way) if way in row.milliseconds else "" for way in WAYS]
        lines.append(f"| {row.scene} | {row.pairs:,}, {row.all_pairs:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(row: Row, way: str) -> str:
    taken, memory = row.milliseconds[way], row.mebibytes[way]
    grown = f"{memory:,.0f} MiB" if memory >= 1 else "< 1 MiB"
    return f"{taken:,.{2 if taken < 100 else 0}f} ms ({taken / row.milliseconds['torch']:,.2f}), {grown}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jax_door", description=__doc__)
    parser.add_argument("--repeats", type=positive_int, default=15, help="calls of each (default: 15)")
    repeats = parser.parse_args().repeats
    # Before jax makes its threads, of which there are as many as processors.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    rows = [measure(scene, repeats) for scene in scenes()]
    print(f"{time.strftime('%Y-%m-%d')}, {processor()}, jax {jax.__version__}, torch {torch.__version__}")
    print(f"load average {load:.1f} at the beginning, {os.getloadavg()[0]:.1f} at the end\n")
    print(table(rows))


if __name__ == "__main__":
    main()
