"""gendr_adapters.jax in an environment without torch, on two devices, and without its handlers."""

import importlib.util
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support.jax_door import _handlers, jax, render, scene, take

from gendr_adapters import _native, _warnings

sys.path.append(str(Path(__file__).parents[2]))  # build_tools is not installed

from build_tools import handlers

PROGRAM = """
import sys
sys.modules["torch"] = None  # so that importing it fails
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from support.jax_door import loss, scene
from gendr_adapters import RenderSettings
from gendr_adapters.jax import _handlers

settings = RenderSettings(dist_scale=jnp.full(1, 1e-2))
assert repr(settings) == "RenderSettings(dist_scale=<array of shape (1,), float32, value 0.01>)", settings
if sys.argv[1] == "python":
    _handlers.missing = lambda: "a test wants it so"

arrays = [*map(jnp.asarray, scene(41, images=4))]
own, shared = arrays[:2], [x[:1] for x in arrays[2:4]] + [arrays[4][0]]

def total(*arrays):
    return loss(*arrays, outputs=("alpha",))

# Each device has the same weights of its loss, so that a half of the images at a time is the same.
halves = [jax.grad(total, range(5))(*[x[half] for x in own], *shared) for half in (slice(2), slice(2, 4))]
expected = [jnp.concatenate(pair) for pair in zip(*[x[:2] for x in halves])]
expected += [sum(x[i] for x in halves) for i in (2, 3)]

assert jax.device_count() == 2
mesh = Mesh(np.array(jax.devices()), ("devices",))
specs = (P("devices"), P("devices"), P(), P(), P())

def over_devices(*arrays):
    return jax.lax.psum(total(*arrays), "devices")

mapped = jax.shard_map(over_devices, mesh=mesh, in_specs=specs, out_specs=P())
got = jax.jit(jax.grad(mapped, range(5)))(*own, *shared)
for a, b in zip(got, expected):
    np.testing.assert_allclose(a, b, rtol=1e-6)
assert all((a == b).all() for a, b in zip(got[:2], expected))

inside = jax.shard_map(jax.grad(total, range(2)), mesh=mesh, in_specs=specs, out_specs=(P("devices"),) * 2)
assert all((a == b).all() for a, b in zip(jax.jit(inside)(*own, *shared), expected))

sharded = jax.device_put(own[0], NamedSharding(mesh, P("devices")))
assert (jax.jit(jax.grad(total))(sharded, own[1], *shared) == jax.grad(total)(own[0], own[1], *shared)).all()

a_half_each = [x.reshape(2, 2, *x.shape[1:]) for x in arrays]
got = jax.pmap(jax.grad(total, range(5)))(*a_half_each)
for i in range(2):
    alone = jax.grad(total, range(5))(*[x[i] for x in a_half_each])
    assert all((a[i] == b).all() for a, b in zip(got, alone))
sums = jax.pmap(lambda *x: jax.lax.psum(total(*x), "devices"), axis_name="devices")(*a_half_each)
np.testing.assert_allclose(sums, [sum(total(*[x[i] for x in a_half_each]) for i in range(2))] * 2, rtol=1e-5)
assert sys.modules["torch"] is None
print("fine")
"""


@pytest.mark.parametrize("way", ["handlers", "python"])
def test_two_devices_without_torch(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    take(way, monkeypatch)
    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    done = subprocess.run([sys.executable, "-c", PROGRAM, way], capture_output=True, text=True, env=environment)
    assert done.stdout == "fine\n", done.stderr


def test_torch_stays_out_where_it_is_installed() -> None:
    code = """
import sys
import numpy as np
from gendr_adapters import RenderSettings
from gendr_adapters.jax import render
render(np.ones((1, 3, 3), np.float32), 4, settings=RenderSettings(gamma=1e-2))
print("torch" in sys.modules)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == "False\n", done.stderr


def test_note_of_calls_through_python_comes_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    take("python", monkeypatch)
    monkeypatch.setattr(_warnings, "_logged", set())
    corners = scene(1)[0]
    with caplog.at_level(logging.INFO, "gendr_adapters"):
        render(corners, 4)
        render(corners, 4)
    (record,) = [record for record in caplog.records if record.name == "gendr_adapters"]
    said = record.getMessage()
    assert "through Python (jax.pure_callback), because a test wants it so" in said and "Python's lock" in said


def test_headers_are_found_without_importing_jax(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert handlers.headers() == Path(jax.ffi.include_dir())
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert handlers.headers() is None and handlers.build(tmp_path) == [] == list(tmp_path.iterdir())


def test_why_there_are_no_handlers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Not found, no library, or no library of ours: the calls go through Python, and the note says why."""
    _native.library()
    ask = _handlers.missing.__wrapped__
    library = tmp_path / "libgendr_jax.so"
    monkeypatch.setattr(_native, "FOLDER", tmp_path)
    assert ask() == f"{library} was not built"
    library.write_bytes(b"text")
    assert ask().startswith(f"{library} does not load: ")
    os.unlink(library)
    library.symlink_to(Path(_native.__file__).parent / "libgendr_cpu.so")
    assert "gendr_jax_abi_version" in ask()
    assert np.isfinite(render(scene(1)[0], 4).alpha).all()


@pytest.mark.parametrize("version", [0, 1, 1000])
def test_handlers_for_a_newer_jaxlib_are_left_alone(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """To register them would make every use of jax fail."""
    take("handlers", monkeypatch)
    assert _handlers._xla_version() > 1
    monkeypatch.setattr(_handlers, "_xla_version", lambda: version)
    assert "was built for another jaxlib" in _handlers.missing.__wrapped__()
