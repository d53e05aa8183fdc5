"""Settings, registries and the native library without torch, as the door of another framework uses them."""

import subprocess
import sys
from pathlib import Path

import gendr_adapters

# The package without its __init__, which is torch's door.
WITHOUT_TORCH = """
import sys, types
sys.modules["torch"] = None  # so that importing it fails
package = types.ModuleType("gendr_adapters")
package.__path__ = [sys.argv[1]]
sys.modules["gendr_adapters"] = package

import numpy as np
from gendr_adapters import _native, distributions, t_conorms
from gendr_adapters._native import structs
from gendr_adapters.settings import RenderSettings, accept_arrays, check_scale

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
print("fine")
"""


def test_settings_registries_and_library() -> None:
    folder = Path(gendr_adapters.__file__).parent
    done = subprocess.run([sys.executable, "-c", WITHOUT_TORCH, str(folder)], capture_output=True, text=True)
    assert done.stdout.strip() == "fine", done.stderr
