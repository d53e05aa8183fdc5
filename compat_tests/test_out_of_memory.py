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
import resource, sys, torch
from support.scenes import loss, random_scene
from gendr_adapters import RenderSettings, _native, find_fragments, gather_corners, render

MANY = 4096  # pixels a side: a picture of a channel takes 64 MB
SETTINGS = RenderSettings(dist_scale=1e-2, gamma=0.1, near=1, far=10)

def small():
    scene = random_scene(0, faces=30)
    inputs = [x.float().requires_grad_() for x in scene]
    drawn = render(inputs[0], 64, inputs[1], settings=SETTINGS, background=inputs[2])
    return [drawn.image.detach(), drawn.alpha.detach(), *torch.autograd.grad(loss(drawn), inputs)]

def picture():
    scene = random_scene(1)
    return render(scene.face_vertices.float(), MANY, scene.features[..., :1].expand(-1, -1, 8).float(), settings=SETTINGS)

def fragments():
    wide = random_scene(2, faces=60).face_vertices.float()
    return find_fragments(wide, 1024, settings=RenderSettings(dist_scale=10.0))

def workspace():
    return render(FACES, 8, settings=SETTINGS, outputs=("alpha",))

def gather():
    return gather_corners(torch.zeros(3, 64), torch.zeros(2**20, 3, dtype=torch.int64))

def backward():
    return BACKWARD.backward()

FACES = torch.rand(1_000_000, 3, 3).expand(1_000_000, 3, 3) + 1
_vertices = torch.rand(3, 64, requires_grad=True)
_big = render(torch.rand(4, 3, 3).add(1).requires_grad_(), 1024, settings=SETTINGS, outputs=("alpha",)).alpha
BACKWARD = _big.expand(12, 1024, 1024).reshape(-1).sum()

def limit(megabytes):
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + megabytes * 2**20, resource.RLIM_INFINITY))
"""

REFUSED = (
    CALLS
    + """
torch.set_num_threads(2)
expected = small()
limit(100)
for _ in range(2):
    try:
        globals()[sys.argv[1]]()
    except (RuntimeError, MemoryError) as error:
        assert "memory" in str(error).lower(), error
    else:
        raise AssertionError("there was enough")
    assert all(map(torch.equal, small(), expected))
print("fine")
"""
)


@pytest.mark.parametrize("call", ["picture", "fragments", "gather"])
def test_out_of_memory(call: str) -> None:
    assert run_script(REFUSED, call) == "fine"


# Threads of the core's own: where OpenMP gets none, it ends the process, and torch's work would have, too.
NO_THREADS = (
    CALLS
    + """
torch.set_num_threads(1)
expected = small()
_native.library().gendr_work_on(None)
torch.set_num_threads(9)
import threading
threading.stack_size()
limit(4)  # less than a thread's stack
assert all(map(torch.equal, small(), expected))
import os
print(len(os.listdir("/proc/self/task")))
"""
)


def test_no_more_threads() -> None:
    assert int(run_script(NO_THREADS, OMP_NUM_THREADS="1")) < 9
