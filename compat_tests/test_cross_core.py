"""The server that makes calls for another machine (compat_tests/cross), on this one: the bits are those without it.

So `make test` finds what the server cannot do, and not only a run under qemu (test_aarch64.py).
"""

import subprocess
from pathlib import Path

import pytest
import torch
from cross.aarch64 import SERVER
from cross.core import CrossCore
from support.scenes import random_scene, render_with_gradients

from build_tools import compiler
from gendr_adapters import RenderSettings, _native, find_fragments
from gendr_adapters.distributions import DISTRIBUTIONS

pytestmark = pytest.mark.cpu_core


def test_bits_are_those_of_calls_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = tmp_path / "server"
    subprocess.run([*compiler.find().command, "-std=c++17", "-O1", SERVER, "-o", server, "-ldl"], check=True)
    scene, settings = random_scene(3), {"near": 1.0, "far": 6.0, "gamma": 0.2, "dist_scale": 0.02}
    corners = scene.face_vertices.double()
    before = render_with_gradients(scene, (10, 12), settings, torch.float64)
    listed = find_fragments(corners, (10, 12), settings=RenderSettings(dist_scale=1e-3))

    core = CrossCore([str(server)], _native.library_path())
    monkeypatch.setattr(_native, "library", lambda device_type="cpu": core)
    assert _native._names(core.gendr_distribution_name) == list(DISTRIBUTIONS)
    rendered, gradients = render_with_gradients(scene, (10, 12), settings, torch.float64)
    for got, expected in zip(rendered, before[0], strict=True):
        assert got is expected is None or torch.equal(got, expected)
    for name, expected in before[1].items():
        assert torch.equal(gradients[name], expected)
    for got, expected in zip(
        find_fragments(corners, (10, 12), settings=RenderSettings(dist_scale=1e-3)), listed, strict=True
    ):
        assert torch.equal(got, expected)
    assert core.n_calls == 4
    core.close()
