"""Calls of the C ABI with any numbers in any arrays, made of random bytes (fuzz/calls.cpp): each is answered, and a
sanitizer finds nothing. The same calls every run; `make fuzz` looks for others."""

import re
import subprocess
from pathlib import Path

import pytest
from fuzz import builds

pytestmark = [pytest.mark.slow, pytest.mark.cpu_core]

COUNTS = re.compile(r"^(\w+) +(\d+) calls(?:, +(\d+) of them refused)?$", re.MULTILINE)


def replay(variant: str, folder: Path, calls: int, threads: int) -> dict[str, tuple[int, int]]:
    """How many calls of each function there were, and how many of these were refused."""
    corpus = builds.unpack_corpus(folder)
    command = [builds.build(variant), corpus, str(calls), str(threads)]
    done = subprocess.run(command, env=builds.environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-10_000:]
    return {name: (int(made), int(refused or 0)) for name, made, refused in COUNTS.findall(done.stdout)}


def check_counts(counts: dict[str, tuple[int, int]], calls: int) -> None:
    """That all functions were called, with arguments they take and with others."""
    all_calls, _ = counts.pop("all")
    assert all_calls >= calls and len(counts) == 13
    for name, (made, refused) in counts.items():
        assert made > all_calls / 200 and 0.02 * made < refused < 0.9 * made, (name, made, refused)


def test_calls_of_random_bytes(tmp_path: Path) -> None:
    check_counts(replay("memory", tmp_path, 20_000, threads=1), 20_000)


@pytest.mark.nightly
def test_calls_of_many_threads_at_once(tmp_path: Path) -> None:
    """With the library's own threads: OpenMP's are no sanitizer's business."""
    check_counts(replay("threads", tmp_path, 20_000, threads=3), 20_000)


def test_the_corpus_is_small() -> None:
    assert builds.CORPUS.stat().st_size < 200_000
