"""Pictures in workers of a DataLoader and in pools are the same bits, and so are gradients in training by processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.processes import CASES

pytestmark = [pytest.mark.cpu_core, pytest.mark.slow]


@pytest.mark.parametrize("name", CASES)
def test_processes(name: str) -> None:
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive", "GLOO_SOCKET_IFNAME": "lo"}
    done = subprocess.run(
        [sys.executable, "-m", "support.processes", name],
        cwd=Path(__file__).parent,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0 and done.stdout.split() == [name], done.stderr
