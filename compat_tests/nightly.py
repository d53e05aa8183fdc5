"""`make nightly`: the long checks, one item after the other; an item that has passed on this source is not run again.

Items are the tests marked `nightly`, a file at a time; 10^5 scenes of the sweep (compat_tests/sweep.py); the core's
tests under sanitizers, and random calls of it; the whole suite on every instruction set, on one and two threads, with
the instruction sets of torch's own libraries capped, and with coordinates moved by their last bit; the core's tests on
a build by another compiler, and on one for another machine. Each item has a time limit, so the run ends; stop it
whenever you like, the next run goes on with what is left.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = ROOT / "compat_tests"

SWEPT = 100_000  # scenes of compat_tests/sweep.py

PYTEST = (sys.executable, "-m", "pytest", "-q")
PARALLEL = (*PYTEST, "--numprocesses=auto", "--dist=worksteal")
WHOLE_SUITE = (*PARALLEL, "compat_tests")
# Those that compare the core with other renderers and with the reference, every function of it.
CROSS_TESTS = """
    test_parity test_core_vs_reference test_fragments test_nearest_fragments test_blend test_near_clip test_shading
    test_map_gradients kaolin/test_kaolin_golden kaolin/test_soft_mask_native pytorch3d/test_fragments_parity
"""


@dataclass(frozen=True)
class Item:
    """name: also its log's; minutes: its time limit; needs: programs without which it is left out, visibly."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    minutes: float = 60.0
    needs: tuple[str, ...] = ()


def items() -> Iterator[Item]:
    """Every item, the quick ones first."""
    for path in sorted(TESTS.rglob("test_*.py")):
        if "mark.nightly" in path.read_text():
            name = path.relative_to(TESTS).with_suffix("").as_posix().replace("/", ".")
            yield Item(f"long.{name}", (*PYTEST, "--nightly", str(path.relative_to(ROOT))))
    for first in range(0, SWEPT, SWEPT // 10):
        scenes = ("--first", str(first), "--count", str(SWEPT // 10))
        yield Item(f"sweep.{first}", (sys.executable, "-m", "compat_tests.sweep", *scenes))
    # Tests of exact coordinates are right to fail when these move.
    yield Item("moved", (*WHOLE_SUITE, "--moved", "-m", "not exact_coordinates"))
    yield Item("sanitize", ("make", "sanitize"))
    cross_tests = [f"compat_tests/{name}.py" for name in CROSS_TESTS.split()]
    clang = next(filter(shutil.which, ("clang++", *(f"clang++-{release}" for release in range(30, 13, -1)))), "clang++")
    yield Item("clang", ("make", "clang", f"CLANG={clang}"), needs=(clang,))
    under_qemu = (*PARALLEL, "--aarch64", "-m", "not cuda", *cross_tests)
    yield Item("aarch64", under_qemu, minutes=120.0, needs=("aarch64-linux-gnu-g++", "qemu-aarch64"))
    yield Item("fuzz", ("make", "fuzz"), minutes=120)
    for instruction_set in ("baseline", "avx2", "avx512"):
        for threads in ("1", "2"):
            environment = {"GENDR_ISA": instruction_set, "OMP_NUM_THREADS": threads}
            yield Item(f"suite.{instruction_set}.threads{threads}", WHOLE_SUITE, environment)
    for capability, mkl in (("default", "SSE4_2"), ("avx2", "AVX2")):
        environment = {"ATEN_CPU_CAPABILITY": capability, "MKL_ENABLE_INSTRUCTIONS": mkl}
        yield Item(f"suite.torch-{capability}", WHOLE_SUITE, environment)


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


def run(item: Item, folder: Path) -> dict[str, object]:
    """Run one item within its time; its log is `folder/NAME.log`. Returns a line of results.jsonl."""
    began = time.monotonic()
    log = folder / f"{item.name}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            item.command,
            cwd=ROOT,
            env={**os.environ, "OMP_WAIT_POLICY": "passive", **item.environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(60 * item.minutes)
            outcome = "passed" if status == 0 else f"failed, exit status {status}"
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            outcome = f"stopped after {item.minutes:g} minutes"
    lines = log.read_text(errors="replace").strip().splitlines()
    last = lines[-1].strip("= ") if lines else ""
    return {"item": item.name, "outcome": outcome, "seconds": round(time.monotonic() - began), "last_line": last}


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
    results = options.out / "results.jsonl"
    source = source_state()
    done = set() if options.again else passed_before(results, source)
    failed = 0
    for item in chosen:
        if item.name in done:
            print(f"{item.name:45} has passed before", flush=True)
            continue
        if missing := [program for program in item.needs if not shutil.which(program)]:
            print(f"{item.name:45} LEFT OUT: {' and '.join(missing)} not installed", flush=True)
            continue
        print(f"{item.name:45} ", end="", flush=True)
        entry = {"source": source, **run(item, options.out)}
        with results.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        failed += entry["outcome"] != "passed"
        print(f"{entry['outcome']}, {entry['seconds']} s: {entry['last_line']}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
