"""`python -m benchmarks.compare REVISION`: this source's speed over another commit's, scene by scene.

The two take turns within one run, each a process with its own copy of this program, since a machine's speed drifts by
more than what is looked for. A turn is the median of several calls. Printed: the median of each, and the median ratio
(this / that) of the pairs of turns with the interval in which it lies with 95 % confidence, from the order statistics:
of n independent pairs the median lies between the k-th from either end but for 2 P(Binomial(n, 1/2) < k).
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.measure import time_runs, time_scene
from benchmarks.scenes import Scene, one_face, spot_faces, standard_scenes
from gendr_adapters import find_fragments
from gendr_adapters.utils.command_line import positive_int

FRAGMENTS = "spot 256^2, fragments"
SECONDS = 0.1  # of a turn, at least


def scenes() -> list[Scene]:
    return [*standard_scenes()[:5], Scene("one face, 8^2", one_face(), 8, standard_scenes()[0].settings)]


def find_depths() -> Callable[[], tuple[list[Tensor], Tensor]]:
    """What time_runs takes: the depths of spot's fragments, and the leaf their gradient goes to."""
    leaf, settings = spot_faces().requires_grad_(), standard_scenes()[0].settings
    return lambda: ([find_fragments(leaf, 256, settings=settings).depth], leaf)


def serve(threads: int) -> None:
    """Answer each line of stdin, a scene's name, with a turn's times as JSON."""
    torch.set_num_threads(threads)
    turns = {scene.name: partial(time_scene, scene, SECONDS) for scene in scenes()}
    turns[FRAGMENTS] = partial(time_runs, find_depths(), SECONDS)
    for line in sys.stdin:
        timing = turns[line.strip()]()
        print(json.dumps([timing.forward, timing.backward]), flush=True)


def median_interval(values: list[float]) -> tuple[float, float]:
    """Where the median lies with 95 % confidence; the extremes where there are too few values to say."""
    n, below, k = len(values), 0.0, 0
    while below + math.comb(n, k) / 2**n < 0.025:
        below += math.comb(n, k) / 2**n
        k += 1
    ordered = sorted(values)
    return ordered[max(k - 1, 0)], ordered[-max(k, 1)]


def start_server(tree: Path, threads: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.compare", "--serve", str(threads)]
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_WAIT_POLICY": "passive"}
    return subprocess.Popen(
        command, cwd=tree, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def ask(server: subprocess.Popen[str], name: str) -> tuple[float, float]:
    assert server.stdin is not None and server.stdout is not None
    print(name, file=server.stdin, flush=True)
    forward, backward = json.loads(server.stdout.readline())
    return forward, backward


def compare(name: str, this: subprocess.Popen[str], that: subprocess.Popen[str], pairs: int) -> str:
    times: dict[str, list[tuple[float, float]]] = {"this": [], "that": []}
    for pair in range(pairs + 1):
        for which, server in (("this", this), ("that", that))[:: 1 if pair % 2 else -1]:
            times[which].append(ask(server, name))
    line = f"{name:40}"
    for direction in (0, 1):
        mine, theirs = ([turn[direction] for turn in times[which][1:]] for which in ("this", "that"))
        ratios = [a / b for a, b in zip(mine, theirs, strict=True)]
        low, high = median_interval(ratios)
        line += f"{statistics.median(theirs):9.3f} {statistics.median(mine):9.3f} ms"
        line += f" {statistics.median(ratios):6.3f} [{low:.3f}, {high:.3f}]"
    return line


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("revision", nargs="?", default="HEAD", help="the commit to compare with (default: HEAD)")
    parser.add_argument("--pairs", type=positive_int, default=20, help="pairs of turns a scene (default: 20)")
    parser.add_argument(
        "--threads", type=positive_int, nargs="+", default=[1, 2], help="numbers of threads to time (default: 1 2)"
    )
    parser.add_argument("--serve", type=int, metavar="THREADS", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return

    from build_tools.revision import ROOT, built_revision

    other = built_revision(options.revision)
    for threads in options.threads:
        servers = start_server(ROOT, threads), start_server(other, threads)
        print(f"\n{threads} threads{'':30} forward: {options.revision}, this, ratio; backward: the same")
        for name in (*(scene.name for scene in scenes()), FRAGMENTS):
            print(compare(name, *servers, options.pairs), flush=True)
        for server in servers:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
