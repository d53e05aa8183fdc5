"""Compute what is missing of the papers' tables, the most telling cells first (`make evidence`).

Each finished cell becomes a line of benchmarks/results/experiments/PROGRAM.jsonl, to be committed. Stop it with Ctrl-C
whenever you like: what is lost is the cells it was at, one a process, and the next run goes on. Several processes, also
of several calls of this program, share the work and compute no cell twice. A cell does not depend on who computes it,
or when. `python experiments/make_docs.py` writes docs/experiments.md of what is there.

    python experiments/run_evidence.py --list
    python experiments/run_evidence.py --processes 2 --parts cube deform
"""

import argparse
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial

import torch
from evidence.part import Part
from evidence.plan import BY_NAME

from gendr_adapters.utils.command_line import positive_int

WAIT = 5.0  # seconds until what other processes are at is looked at again


def work(names: Sequence[str], limit: int | None = None) -> None:
    """Compute until nothing is left, or that many cells. One thread: the others have processes of their own."""
    torch.set_num_threads(1)
    done = 0
    while limit is None or done < limit:
        state = _one_cell([BY_NAME[name] for name in names])
        if state == "nothing left":
            return
        if state == "others are at it":
            time.sleep(WAIT)
        else:
            done += 1
            print(f"{time.strftime('%H:%M:%S')}  {state}", flush=True)


def _work_quietly(names: Sequence[str], limit: int | None) -> None:
    """In a process beside the first one, which alone says that it was stopped."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    work(names, limit)


def _one_cell(parts: Sequence[Part]) -> str:
    """The first that is missing and that nobody is at."""
    waiting = False
    for part in parts:
        for cell in part.cells(part.file.result):
            if part.file.result(cell) is not None:
                continue
            if part.file.try_get(cell, partial(part.compute, cell)) is None:
                waiting = True
                continue
            line = part.file.line(cell)
            assert line is not None
            return f"{part.name}: {line.seconds:.0f} s: {', '.join(map(str, cell.values()))}"
    return "others are at it" if waiting else "nothing left"


def show(parts: Sequence[Part]) -> None:
    print(f"{'part':20} {'cells':>6} {'done':>6} {'s a cell':>9} {'hours left':>11}  what")
    for part in parts:
        lines = part.finished()
        seconds = sum(line.seconds for line in lines) / len(lines) if lines else part.seconds
        left = (part.planned - len(lines)) * seconds / 3600
        print(f"{part.name:20} {part.planned:6} {len(lines):6} {seconds:9.0f} {left:11.1f}  {part.what}")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print what is done and what is left, and compute nothing")
    parser.add_argument(
        "--processes", type=positive_int, default=os.cpu_count() or 1, help="how many at once (default: one a core)"
    )
    parser.add_argument(
        "--parts", nargs="+", choices=tuple(BY_NAME), default=list(BY_NAME), help="parts to compute, in this order"
    )
    parser.add_argument("--cells", type=positive_int, help="cells that each process computes at most (default: all)")
    options = parser.parse_args(argv)
    if options.list:
        show([BY_NAME[name] for name in options.parts])
        return
    spawned = multiprocessing.get_context("spawn")
    arguments = (options.parts, options.cells)
    workers = [spawned.Process(target=_work_quietly, args=arguments) for _ in range(options.processes - 1)]
    for worker in workers:
        worker.start()
    try:
        work(options.parts, options.cells)
        for worker in workers:
            worker.join()
    except KeyboardInterrupt:
        for worker in workers:
            worker.kill()
            worker.join()
        sys.exit("stopped; the same command goes on with what is missing")
    sys.exit(any(worker.exitcode for worker in workers))


if __name__ == "__main__":
    # A plain `kill` stops all processes, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    main()
