"""`python -m benchmarks.gpu`: timings of the CUDA core and of other renderers on this machine, a table and a JSON file.

`--device cpu --quick` walks the same way over tiny scenes without a GPU; those numbers mean nothing.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.ceilings import measure_ceilings
from benchmarks.gpu.goals import judge
from benchmarks.gpu.kernels import kernel_times
from benchmarks.gpu.machine import describe as describe_machine
from benchmarks.gpu.measure import (
    COPIES,
    OURS,
    Row,
    describe,
    measure_peer,
    measure_renderer,
    measure_scene,
    measure_shaded,
)
from benchmarks.gpu.ours import from_corners
from benchmarks.gpu.overhead import measure_overhead
from benchmarks.gpu.peers import PEERS
from benchmarks.gpu.report import table
from benchmarks.gpu.scenes import all_cases, peer_cases, quick_cases, standard_cases, view
from benchmarks.gpu.shaded import quick_shaded_cases, shaded_cases
from benchmarks.gpu.timing import Repeated
from gendr_adapters.utils.command_line import positive_float

OUT_OF_TIME = "skipped: out of time"


def parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, ... or cpu (default: cuda)")
    parser.add_argument("--seconds", type=positive_float, default=1.0, help="time for each row (default: 1)")
    parser.add_argument("--limit", type=positive_float, default=480.0, help="seconds after which nothing new is begun")
    parser.add_argument("--full", action="store_true", help="every combination of mesh, size, tau, output and batch")
    parser.add_argument("--quick", action="store_true", help="tiny scenes, to test the benchmark")
    parser.add_argument("--json", type=Path, help="write the numbers here, too")
    parser.add_argument("--commit", help="what is measured, where there is no git")
    parser.add_argument("--peer", choices=PEERS, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    device = torch.device(options.device)
    if device.type == "cuda":
        if not torch.cuda.is_available():
            raise SystemExit("no CUDA device: `--device cpu --quick` tests the benchmark without one")
        torch.cuda.set_device(device)
    if options.quick:
        options.seconds = min(options.seconds, 0.02)
    if options.peer:
        cases = quick_cases() if options.quick else peer_cases()
        print(json.dumps(measure_peer(options.peer, cases, device, options.seconds)))
        return
    result: dict[str, Any] = {}
    try:
        measure(options, device, result)
    except KeyboardInterrupt:
        progress("interrupted: these are the numbers so far")
        raise SystemExit(130) from None
    finally:
        if result:
            print("\n" + table(result))


def measure(options: argparse.Namespace, device: torch.device, result: dict[str, Any]) -> None:
    """Everything, written to options.json after each part: what is there when time runs out is kept."""
    deadline = time.monotonic() + options.limit
    result |= {
        "machine": describe_machine(device, options.commit),
        "options": {"seconds": options.seconds, "limit": options.limit, "full": options.full, "quick": options.quick},
        "ceilings": {},
        "overhead": {},
        "kernels": [],
        "scenes": [],
        "shaded": [],
        "peers": [],
        "goals": [],
    }

    def keep() -> None:
        if device.type == "cuda":
            result["goals"] = judge(result["scenes"], result["peers"], result["overhead"])
        if options.json:
            options.json.parent.mkdir(parents=True, exist_ok=True)
            options.json.write_text(json.dumps(result, indent=1))

    def part(name: str, function: Any, *values: Any) -> None:
        progress(name)
        try:
            result[name] = function(*values)
        except Exception as error:
            result[f"{name}_error"] = describe(error)
            progress(result[f"{name}_error"])
        keep()

    cases = quick_cases() if options.quick else all_cases() if options.full else standard_cases()
    part("ceilings", measure_ceilings, device, options.seconds, options.quick)
    part("overhead", measure_overhead, device, options.seconds / 2)
    part("kernels", lambda: kernel_times(Repeated(lambda: from_corners(view(cases[0], device)), COPIES), device))
    # Side by side before the sweeps: most of the goals are there.
    compared = quick_cases() if options.quick else peer_cases()
    for title, make in OURS.items():
        for case in compared:
            if time.monotonic() > deadline:
                result["peers"].append({"renderer": title, "scene": case.name, "error": OUT_OF_TIME})
                continue
            progress(f"{title}: {case.name}")
            result["peers"].append(measure_renderer(title, make, case, device, options.seconds))
            keep()
    for name in PEERS:
        progress(PEERS[name].title)
        result["peers"] += run_peer(name, options, deadline - time.monotonic())
        keep()
    for shaded_case in quick_shaded_cases() if options.quick else shaded_cases():
        if time.monotonic() > deadline:
            result["shaded"].append({"scene": shaded_case.name, **shaded_case._asdict(), "error": OUT_OF_TIME})
            continue
        progress(shaded_case.name)
        result["shaded"].append(measure_shaded(shaded_case, device, options.seconds))
        keep()
    for case in cases:
        if time.monotonic() > deadline:
            result["scenes"].append({"scene": case.name, **case._asdict(), "error": OUT_OF_TIME})
            continue
        progress(case.name)
        result["scenes"].append(measure_scene(case, device, options.seconds, result["ceilings"]))
        keep()
    keep()


def run_peer(name: str, options: argparse.Namespace, seconds: float) -> list[Row]:
    """In a process of its own, so that one that crashes is a row that says so."""
    peer = PEERS[name]

    def no(why: str) -> list[Row]:
        return [{"renderer": peer.title, "scene": "all", "error": why}]

    if not peer.installed():
        return no(f"not installed: no module {peer.needs}")
    if seconds <= 0:
        return no(OUT_OF_TIME)
    command = [sys.executable, "-m", "benchmarks.gpu", "--peer", name, "--device", options.device]
    command += ["--seconds", str(options.seconds), *(["--quick"] if options.quick else [])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=min(seconds, 150.0))
    except subprocess.TimeoutExpired as expired:
        return no(f"took longer than {expired.timeout:.0f} s")
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return no(f"ended with {done.returncode}: {last[:160]}")
    rows: list[Row] = json.loads(lines[-1])
    return rows


def progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
