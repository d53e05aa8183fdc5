"""The CPU core works on the threads of torch's OpenMP."""

import pytest
import torch
from test_determinism import run_script

from gendr_adapters.ops import openmp

pytestmark = [
    pytest.mark.cpu_core,
    pytest.mark.skipif(openmp.gomp_parallel() is None, reason="torch works without OpenMP, or with one of several"),
]

SCRIPT = """
import os, sys, torch
from gendr_adapters import RenderSettings, _native, render

def threads():
    return set(os.listdir("/proc/self/task"))

torch.set_num_threads(2)
torch.ones(1 << 20).exp_()
before = threads()
if sys.argv[1] == "own":
    _native.library().gendr_work_on(None)
corners = torch.rand(2000, 3, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1 + torch.tensor([0.0, 0, 2])
corners.requires_grad_()
for _ in range(3):
    alpha = render(corners, 200, settings=RenderSettings(dist_scale=1e-2), outputs=("alpha",)).alpha
    alpha.sum().backward()
print(len(threads() - before), alpha.sum().item(), corners.grad.abs().sum().item())
"""


def test_no_threads_of_its_own() -> None:
    on_openmp, on_its_own = (run_script(SCRIPT, which, OMP_NUM_THREADS="2").split() for which in ("openmp", "own"))
    assert on_openmp[0] == "0" and on_its_own[0] == "1"
    assert on_openmp[1:] == on_its_own[1:]


def test_which_openmp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several only one that came with torch; of one, wherever it is."""
    own, found = min(openmp._loaded(), key=lambda path: not openmp._is_torchs(path)), openmp.gomp_parallel()
    monkeypatch.setattr(openmp, "_is_torchs", lambda path: path == own)
    monkeypatch.setattr(openmp, "_loaded", lambda: {own, own.with_name("libomp.so")})
    assert openmp.gomp_parallel() == found is not None
    monkeypatch.setattr(openmp, "_is_torchs", lambda path: False)
    assert openmp.gomp_parallel() is None
    monkeypatch.setattr(openmp, "_loaded", lambda: {own})
    assert openmp.gomp_parallel() == found
    monkeypatch.setattr(torch.backends.openmp, "is_available", lambda: False)
    assert openmp.gomp_parallel() is None
