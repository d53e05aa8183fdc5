"""Settings, registries and the native library without torch, as the door of another framework uses them."""

import os
import pkgutil
import subprocess
import sys

import gendr_adapters

WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None  # so that importing it fails

import gendr_adapters
import numpy as np
from gendr_adapters import Anneal, NativeLibraryError, RenderSettings, _native, distributions, t_conorms
from gendr_adapters._native import structs
from gendr_adapters.settings import accept_arrays

settings = RenderSettings(t_conorm="yager", t_conorm_p=2.0, dist_scale=0.5, near_clip=0.25, half_extent=(1.0, 2.0))
block = structs.Settings(*settings.packed.ints, *settings.packed.floats)
assert block.t_conorm == list(t_conorms.T_CONORMS).index("yager") and block.t_conorm_p == 2.0
assert block.distribution == list(distributions.DISTRIBUTIONS).index("logistic")
assert (block.dist_scale, block.near_clip, block.half_width, block.half_height) == (0.5, 0.25, 1.0, 2.0)
assert block.near == settings.near and block.softmax_far == settings.far and block.reach == np.inf

def refuse_negative(name, array):
    if (array < 0).any():
        raise ValueError(f"{name} is negative")

try:
    RenderSettings(gamma=np.ones(1))
    raise SystemExit("nobody has said that arrays of numpy are accepted")
except TypeError as error:
    assert "gamma must be a number, got ndarray" in str(error), error
accept_arrays(np.ndarray, refuse_negative)
RenderSettings(gamma=np.ones(1))
try:
    RenderSettings(gamma=-np.ones(1))
    raise SystemExit("was not checked")
except ValueError as error:
    assert "gamma is negative" in str(error), error

u, out = np.zeros(1), [np.empty(1) for _ in range(3)]
lib = _native.library()
status = lib.gendr_evaluate_distribution(1, block.distribution, 0.0, 0.0, 1, u.ctypes.data,
                                         *(x.ctypes.data for x in out), 0, None)
_native.check(status, lib)
assert out[0] == 0.5

assert {*gendr_adapters.__all__} <= {*dir(gendr_adapters)}
for name in sorted({*gendr_adapters.__all__} - {"Anneal", "NativeLibraryError", "RenderSettings"}):
    try:
        value = getattr(gendr_adapters, name)
    except ImportError as error:
        assert f"gendr_adapters.{name} needs torch, which is not installed: pip install torch" in str(error), error
        print(name)
    else:
        assert value is sys.modules[f"gendr_adapters.{name}"]
try:
    from gendr_adapters import render
    raise SystemExit("there is no torch")
except ImportError as error:
    assert "gendr_adapters.render needs torch" in str(error), error
"""


def run(code: str, **environment: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_settings_registries_and_library() -> None:
    without_torch = {"Anneal", "NativeLibraryError", "RenderSettings", "distributions", "t_conorms"}
    assert {*run(WITHOUT_TORCH)} == {*gendr_adapters.__all__} - without_torch


def test_torch_is_imported_by_the_first_name_that_needs_it() -> None:
    code = """
import sys
import gendr_adapters
from gendr_adapters import Anneal, RenderSettings
RenderSettings(dist_scale=Anneal(2.0, 1.0, 5, 64)(0))
print("torch" in sys.modules)
gendr_adapters.render
print("torch" in sys.modules)
"""
    assert run(code) == ["False", "True"]


def test_settings_take_tensors_before_a_name_has_needed_torch() -> None:
    code = """
import torch
from gendr_adapters import RenderSettings
print(RenderSettings(dist_scale=torch.nn.Parameter(torch.ones(1))).dist_scale.shape[0])
try:
    RenderSettings(gamma=torch.tensor([-1.0]))
except ValueError as error:
    print("must" in str(error))
try:
    RenderSettings(gamma=torch.float32)
except TypeError as error:
    print("dtype" in str(error))
"""
    assert run(code) == ["1", "True", "True"]


def test_library_loaded_before_torch_gets_its_threads() -> None:
    code = """
from gendr_adapters import _native

class Library:
    def gendr_work_on(self, parallel):
        print(parallel)

_native._loaded.append(Library())
from gendr_adapters.ops.openmp import gomp_parallel
import gendr_adapters.ops
print(gomp_parallel())
"""
    told, parallel = run(code)
    assert told == parallel


def test_no_module_has_the_name_of_a_function() -> None:
    """Its import would put it into the function's place."""
    modules = {module.name for module in pkgutil.iter_modules(gendr_adapters.__path__)}
    assert modules & {*gendr_adapters.__all__} == {"distributions", "t_conorms"}


def test_lookup_table_has_all_names() -> None:
    assert {*gendr_adapters._MODULE_OF} == {*gendr_adapters.__all__}
