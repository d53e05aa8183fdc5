"""Signals while a native call lasts: what a handler raises stops it, and everything works afterwards."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.interrupted_calls import CASES

pytestmark = [pytest.mark.cpu_core, pytest.mark.slow]  # calls of the CUDA core do not wait
LARGE = {"blend", "blend_backward", "gather", "scatter"}  # a GB of memory, or nearly


def run(threads: int, names: list[str]) -> None:
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, "-m", "support.interrupted_calls", str(threads), *names]
    beside = Path(__file__).parent
    done = subprocess.run(command, cwd=beside, env=environment, capture_output=True, text=True, timeout=600)
    assert done.stdout.split() == names, done.stderr
    assert not done.stderr, done.stderr


@pytest.mark.parametrize("threads", [1, 2])
def test_interrupted(threads: int) -> None:
    run(threads, [name for name in CASES if name not in LARGE])


@pytest.mark.nightly
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_interrupted_in_all_cases(threads: int) -> None:
    run(threads, list(CASES))
