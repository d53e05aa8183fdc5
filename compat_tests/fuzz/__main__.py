"""`make fuzz`: calls of the C ABI made of random bytes, in a library that checks memory and undefined behaviour, and
from several threads in one that checks for races.

With a clang, libFuzzer looks for inputs that take new ways; else copies of the corpus are changed blindly. What it
finds lies in build/fuzz/: a crash-* file is the input of a failing call, which the program takes as its argument.
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from compat_tests.fuzz import builds


def search(calls: int) -> int:
    corpus = builds.BUILT / "corpus"  # kept: the next run begins where this one ended
    corpus.mkdir(parents=True, exist_ok=True)
    builds.unpack_corpus(corpus)
    command = [str(builds.build("search")), str(corpus), "-max_len=1024", "-timeout=60", "-rss_limit_mb=3000"]
    # Entropic schedules cost two thirds of the time here.
    command += [f"-artifact_prefix={builds.BUILT}/", "-entropic=0", "-len_control=0", "-print_final_stats=1"]
    return subprocess.run(command, env={**builds.environment(), "FUZZ_CALLS": str(calls)}).returncode


def replay(variant: str, calls: int, threads: int) -> int:
    program = builds.build(variant)
    corpus = builds.unpack_corpus(builds.BUILT / "replayed")
    environment = {**builds.environment(), "FUZZ_KEEP": str(builds.BUILT / "crash-replayed")}
    return subprocess.run([str(program), str(corpus), str(calls), str(threads)], env=environment).returncode


def save_corpus(folder: Path) -> int:
    """Let the corpus in the repository be the few inputs of a folder that reach all it reaches."""
    small = builds.BUILT / "merged"
    shutil.rmtree(small, ignore_errors=True)
    small.mkdir(parents=True)
    command = [str(builds.build("search")), "-merge=1", "-use_counters=0", "-max_len=512", str(small), str(folder)]
    status = subprocess.run(command, env=builds.environment()).returncode
    if status == 0:
        builds.pack_corpus(small)
    return status


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m compat_tests.fuzz", description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=1_000_000, help="calls of the C ABI, one thread at a time")
    parser.add_argument("--threaded-calls", type=int, default=20_000, help="calls of several threads at once")
    parser.add_argument("--save-corpus", type=Path, metavar="FOLDER", help="make the repository's corpus of a folder's")
    options = parser.parse_args()
    if options.save_corpus:
        return save_corpus(options.save_corpus)
    found = search(options.calls) if builds.clang() else replay("memory", options.calls, 1)
    return found or replay("threads", options.threaded_calls, 3)


if __name__ == "__main__":
    sys.exit(main())
