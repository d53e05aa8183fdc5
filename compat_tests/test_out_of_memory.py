"""Too little memory is an error that says so, and the next call works."""

import sys

import pytest
from test_determinism import run_script

pytestmark = [
    pytest.mark.cpu_core,
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space as Linux does"),
]

CALLS = """
import os, resource, sys, torch
from support.scenes import loss, random_scene
from gendr_adapters import RenderSettings, _native, find_fragments, gather_corners, render

SETTINGS = RenderSettings(dist_scale=1e-2, gamma=0.1, near=1, far=10)

def small():
    scene = random_scene(0, faces=30)
    inputs = [x.float().requires_grad_() for x in scene]
    drawn = render(inputs[0], 64, inputs[1], settings=SETTINGS, background=inputs[2])
    return [drawn.image.detach(), drawn.alpha.detach(), *torch.autograd.grad(loss(drawn), inputs)]

def picture():
    return render(random_scene(1).face_vertices.float(), 4096, torch.ones(4, 3, 8), settings=SETTINGS)

def fragments():
    wide = RenderSettings(dist_scale=10.0)
    return find_fragments(random_scene(2, faces=60).face_vertices.float(), 1024, settings=wide)

def gather():
    return gather_corners(torch.zeros(3, 64), torch.zeros(2**20, 3, dtype=torch.int64))

def limit(megabytes):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20, resource.RLIM_INFINITY))

expected = small()
"""

REFUSED = """
limit(100)
for _ in range(2):
    try:
        globals()[sys.argv[1]]()
    except RuntimeError as error:
        assert "memory" in str(error).lower(), error
    else:
        raise AssertionError("there was enough")
    assert all(map(torch.equal, small(), expected))
print("fine")
"""


@pytest.mark.parametrize("call", ["picture", "fragments", "gather"])
def test_out_of_memory(call: str) -> None:
    assert run_script(CALLS + REFUSED, call, OMP_NUM_THREADS="2") == "fine"


# Threads of the core's own: where OpenMP gets none, it ends the process, as in any work of torch's.
NO_THREADS = """
_native.library().gendr_work_on(None)
torch.set_num_threads(9)
before = len(os.listdir("/proc/self/task"))
limit(4)  # less than eight stacks of threads
assert all(map(torch.equal, small(), expected))
print(len(os.listdir("/proc/self/task")) - before)
"""


def test_threads_that_the_system_does_not_give() -> None:
    assert int(run_script(CALLS + NO_THREADS, OMP_NUM_THREADS="1")) < 9
