"""Machines without a GPU: the CUDA library says so, and tests that need one say that they were skipped."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gendr_adapters import _native
from gendr_adapters._native import NativeLibraryError, structs

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent

# Prints the status and message of each call. The arrays are of the CPU, and nothing may get as far as to read them.
CALLS = """
import ctypes, json, sys
from pathlib import Path
import torch
from gendr_adapters import RenderSettings, _native
from gendr_adapters._native import structs
from gendr_adapters.ops.calls import set_scene
from gendr_adapters.ops.corners import _call as corners_call

lib = _native.load(Path(sys.argv[1]))
s, faces, one = RenderSettings(), torch.rand(2, 3, 3), torch.ones(1)
size = [1, 8, 8]
inputs = [faces, None, one, one, torch.empty(1, 0), torch.tensor([0, 2])]
results = torch.zeros(3, 64)
forward, backward, corners = structs.Forward(), structs.Backward(), structs.Corners()
set_scene(forward, inputs, size, *s.packed)
forward.out.alpha, forward.out.alpha_state = results[0].data_ptr(), results[1].data_ptr()
set_scene(backward, inputs, size, *s.packed)
backward.out = forward.out
backward.grad_alpha, backward.grad_face_vertices = results[2].data_ptr(), torch.zeros(2, 3, 3).data_ptr()
corners = corners_call(torch.rand(1, 4, 3), torch.tensor([[0, 1, 2]]), 4, torch.rand(1, 1, 3, 3))
for call, kind in ((forward, "forward"), (backward, "backward"), (corners, "corners")):
    call.workspace_size = getattr(lib, f"gendr_{kind}_workspace_size")(ctypes.byref(call))
    workspace = torch.zeros(call.workspace_size, dtype=torch.uint8)
    call.workspace = workspace.data_ptr()
calls = {
    "render_forward": [ctypes.byref(forward)],
    "render_backward": [ctypes.byref(backward)],
    "gather_corners": [ctypes.byref(corners)],
    "scatter_corners": [ctypes.byref(corners)],
    "evaluate_distribution": [0, 0, 0.0, 0.0, 1, *4 * [one.data_ptr()], 0, None],
    "render_forward, zeros": [ctypes.byref(structs.Forward())],
    "render_backward, zeros": [ctypes.byref(structs.Backward())],
    "gather_corners, zeros": [ctypes.byref(structs.Corners())],
}
found = {}
for name, arguments in calls.items():
    status = getattr(lib, "gendr_" + name.partition(",")[0])(*arguments)
    found[name] = (status, lib.gendr_last_error().decode())
print(json.dumps(found))
"""


def run(*arguments: object, **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Python with these arguments, which sees no GPU. None: without that variable."""
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": "", **environment}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={name: value for name, value in env.items() if value is not None},
        capture_output=True,
        text=True,
        timeout=120,
        cwd=HERE.parent,
    )


def test_calls_without_a_gpu_return_an_error() -> None:
    try:
        library = _native.library_path("cuda")
    except NativeLibraryError as error:
        pytest.skip(f"no CUDA library: {error}")
    result = run("-c", CALLS, library)
    assert result.returncode == 0, result.stderr
    for name, (status, message) in json.loads(result.stdout).items():
        if name.endswith("zeros"):
            assert status == structs.INVALID_ARGUMENT and "struct_size" in message, (name, message)
        else:
            assert status not in (structs.OK, structs.INVALID_ARGUMENT), name
            assert "CUDA" in message, (name, message)


@pytest.mark.parametrize("required", [False, True])
def test_tests_that_need_a_gpu(required: bool) -> None:
    """Skipped, with the reason on show, or failed where GENDR_REQUIRE_CUDA=1."""
    wanted = "test_another_stream or test_corners_of_no_vertices or (test_native_is_exact and hard and cpu)"
    files = [HERE / f"test_{name}.py" for name in ("cuda_streams", "cuda_inputs", "distributions")]
    result = run(
        *("-m", "pytest", "-p", "no:cacheprovider", "-q", "-k", wanted, *files),
        GENDR_REQUIRE_CUDA="1" if required else None,
    )
    reason = "no GPU that torch can use"
    if required:
        assert result.returncode == 1, result.stdout
        assert result.stdout.count(f"GENDR_REQUIRE_CUDA=1, but there is {reason}") >= 3
        assert "2 passed" in result.stdout and "3 errors" in result.stdout and "skipped" not in result.stdout
    else:
        assert result.returncode == 0, result.stdout
        assert "SKIPPED [3] compat_tests/conftest.py:" in result.stdout and reason in result.stdout
        assert "2 passed, 3 skipped" in result.stdout
