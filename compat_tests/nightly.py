"""`make nightly`: the long checks; an item that has passed on this source is not run again.

Items are the tests marked `nightly`, a file at a time; 10^5 scenes of the sweep (compat_tests/sweep.py); the core's
tests under sanitizers, and random calls of it; the suite on the plainest instruction set, with torch's own libraries
capped too, and on two threads; the suite on AVX2, with coordinates moved by their last bit, and without where they must
not move; the core's tests on a build by another compiler, and on one for another machine. Items of one process go
first, as many at once as there are cores. Each item has a time limit, so the run ends; stop it whenever you like, the
next run goes on with what is left.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = ROOT / "compat_tests"

SWEPT = 100_000  # scenes of compat_tests/sweep.py

RESULTS = "results.jsonl"

PYTEST = (sys.executable, "-m", "pytest", "-q")
PARALLEL = (*PYTEST, "--numprocesses=auto", "--dist=worksteal")
# Run other builds of the core than the installed one, so its instruction set is nothing to them.
OTHER_BUILDS = """
    test_build test_call_fuzz test_cuda_driver test_cuda_errors test_emulated_core test_emulator test_filing
    test_gpu_counts test_kernels_agree test_tile_parts test_wheels
"""
SUITE = (*PARALLEL, "compat_tests", *(f"--ignore=compat_tests/{name}.py" for name in OTHER_BUILDS.split()))
# Those that compare the core with other renderers and with the reference, every function of it.
CROSS_TESTS = """
    test_parity test_core_vs_reference test_fragments test_nearest_fragments test_blend test_near_clip test_shading
    test_map_gradients kaolin/test_kaolin_golden kaolin/test_soft_mask_native pytorch3d/test_fragments_parity
"""


@dataclass(frozen=True)
class Item:
    """name: also its log's; minutes: its time limit; needs: programs without which it is left out, visibly; alone: it
    uses every core, or a folder that others use."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    minutes: float = 60.0
    needs: tuple[str, ...] = ()
    alone: bool = False


def items() -> Iterator[Item]:
    """Every item; of those of one process the longest first, so that they end together."""
    yield Item("fuzz", ("make", "fuzz"), minutes=120)
    yield Item("sanitize", ("make", "sanitize"))
    for path in sorted(TESTS.rglob("test_*.py")):
        if "mark.nightly" in path.read_text():
            name = path.relative_to(TESTS).with_suffix("").as_posix().replace("/", ".")
            yield Item(f"long.{name}", (*PYTEST, "--nightly", str(path.relative_to(ROOT))))
    for first in range(0, SWEPT, SWEPT // 10):
        scenes = ("--first", str(first), "--count", str(SWEPT // 10))
        yield Item(f"sweep.{first}", (sys.executable, "-m", "compat_tests.sweep", *scenes))
    cross_tests = [f"compat_tests/{name}.py" for name in CROSS_TESTS.split()]
    clang = next(filter(shutil.which, ("clang++", *(f"clang++-{release}" for release in range(30, 13, -1)))), "clang++")
    yield Item("clang", ("make", "clang", f"CLANG={clang}"), needs=(clang,), alone=True)
    # On this machine's best instruction set with one thread the suite is `make test`.
    baseline = {"GENDR_ISA": "baseline", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2", **torch_on("default")}
    avx2 = {"GENDR_ISA": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", **torch_on("avx2")}
    yield Item("suite.baseline", SUITE, {"OMP_NUM_THREADS": "2", **baseline}, alone=True)
    # Tests of exact coordinates are right to fail when these move.
    moved = (*SUITE, "--moved", "-m", "not exact_coordinates")
    yield Item("suite.avx2_moved", moved, {"OMP_NUM_THREADS": "1", **avx2}, alone=True)
    exact = (*SUITE, "-m", "exact_coordinates")
    yield Item("suite.avx2_exact", exact, {"OMP_NUM_THREADS": "1", **avx2}, alone=True)
    under_qemu = (*PARALLEL, "--aarch64", "-m", "not cuda", *cross_tests)
    yield Item("aarch64", under_qemu, minutes=120.0, needs=("aarch64-linux-gnu-g++", "qemu-aarch64"), alone=True)


def torch_on(instructions: str) -> dict[str, str]:
    """inductor's cache does not know for which instructions its code is: on others it does not compile, or is wrong."""
    cache = ROOT / "build" / f"inductor-{instructions}"
    return {"ATEN_CPU_CAPABILITY": instructions, "TORCHINDUCTOR_CACHE_DIR": str(cache)}


def source_state() -> str:
    """A hash of all that git tracks or would track: what has passed holds for it alone."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    ).stdout
    digest = hashlib.sha256()
    for name in sorted(filter(None, listed.split(b"\0"))):
        path = ROOT / os.fsdecode(name)
        digest.update(name + b"\0" + (path.read_bytes() if path.is_file() else b""))
    return digest.hexdigest()[:16]


class Runner:
    """Runs items, each within its time; `folder` gets NAME.log of each, and a line of each in results.jsonl."""

    def __init__(self, folder: Path, source: str) -> None:
        self.folder, self.source = folder, source
        self.running: set[subprocess.Popen[bytes]] = set()
        self.lock = threading.Lock()

    def run(self, item: Item) -> bool:
        """Whether it passed."""
        began = time.monotonic()
        log = self.folder / f"{item.name}.log"
        with log.open("w") as output:
            with self.lock:
                process = subprocess.Popen(
                    item.command,
                    cwd=ROOT,
                    env={**os.environ, "OMP_WAIT_POLICY": "passive", **item.environment},
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self.running.add(process)
            try:
                status = process.wait(60 * item.minutes)
                outcome = "passed" if status == 0 else f"failed, exit status {status}"
            except subprocess.TimeoutExpired:
                outcome = f"stopped after {item.minutes:g} minutes"
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        lines = log.read_text(errors="replace").strip().splitlines()
        last = lines[-1].strip("= ") if lines else ""
        seconds = round(time.monotonic() - began)
        entry = {"source": self.source, "item": item.name, "outcome": outcome, "seconds": seconds, "last_line": last}
        with self.lock:
            self.running.remove(process)
            with (self.folder / RESULTS).open("a") as file:
                file.write(json.dumps(entry) + "\n")
            print(f"{item.name:45} {outcome}, {seconds} s: {last}", flush=True)
        return outcome == "passed"

    def run_all(self, chosen: Sequence[Item]) -> int:
        """How many failed."""
        failed = 0
        for several in (True, False):
            items = [item for item in chosen if item.alone != several]
            pool = ThreadPoolExecutor(max_workers=(os.cpu_count() or 1) if several else 1)
            try:
                failed += sum(not passed for passed in pool.map(self.run, items))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self.kill()
                raise
            pool.shutdown()
        return failed

    def kill(self) -> None:
        with self.lock:
            for process in self.running:
                os.killpg(process.pid, signal.SIGKILL)


def passed_before(results: Path, source: str) -> set[str]:
    lines = results.read_text().splitlines() if results.exists() else []
    entries = [json.loads(line) for line in lines]
    return {entry["item"] for entry in entries if entry["source"] == source and entry["outcome"] == "passed"}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m compat_tests.nightly", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="run only these items; * and ? match as in file names")
    parser.add_argument("--list", action="store_true", help="print the items' names and end")
    parser.add_argument("--again", action="store_true", help="also run the items that have passed on this source")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "nightly", help="folder for logs and results.jsonl")
    options = parser.parse_args(arguments)
    chosen = [item for item in items() if not options.names or any(fnmatch(item.name, n) for n in options.names)]
    if not chosen:
        parser.error(f"no item is called {' or '.join(options.names)}; --list prints the names")
    if options.list:
        print(*(item.name for item in chosen), sep="\n")
        return 0
    options.out.mkdir(parents=True, exist_ok=True)
    source = source_state()
    done = set() if options.again else passed_before(options.out / RESULTS, source)
    left = []
    for item in chosen:
        if item.name in done:
            print(f"{item.name:45} has passed before", flush=True)
        elif missing := [program for program in item.needs if not shutil.which(program)]:
            print(f"{item.name:45} LEFT OUT: {' and '.join(missing)} not installed", flush=True)
        else:
            left.append(item)
    return 1 if Runner(options.out, source).run_all(left) else 0


if __name__ == "__main__":
    sys.exit(main())
