"""Tries the gendr_adapters that is installed: `python smoke.py without-torch` or `all`, then its CUDA cores' versions.

Run by build_tools/wheels.py in the environments of wheels; it imports nothing from here.
"""

import argparse
import os
import platform
import subprocess
import sys
import types
from importlib.util import find_spec
from pathlib import Path


def without_torch() -> None:
    """Settings, registries and the native library; torch is not there."""
    assert find_spec("torch") is None
    spec = find_spec("gendr_adapters")
    assert spec is not None and spec.submodule_search_locations is not None
    package = types.ModuleType("gendr_adapters")  # its own __init__ is torch's door
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["gendr_adapters"] = package

    import numpy as np

    from gendr_adapters import _native
    from gendr_adapters.settings import RenderSettings

    assert RenderSettings(t_conorm="yager", t_conorm_p=2.0).packed.ints
    u, results = np.zeros(1), [np.empty(1) for _ in range(3)]
    library = _native.library()
    places = [array.ctypes.data for array in (u, *results)]
    _native.check(library.gendr_evaluate_distribution(1, 1, 0.0, 0.0, 1, *places, 0, None), library)
    assert results[0] == 0.5, results


def instruction_sets() -> None:
    """Each that this processor has is there, and the best of them is chosen."""
    expected = {"aarch64": ["neon"], "x86_64": ["baseline"]}[platform.machine()]
    flags = set(Path("/proc/cpuinfo").read_text().split())
    if {"avx2", "fma"} <= flags:
        expected.append("avx2")
        if {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags:
            expected.append("avx512")
    command = [sys.executable, "-c", "from gendr_adapters import _native; print(_native.isa())"]
    without = {name: value for name, value in os.environ.items() if name != "GENDR_ISA"}
    for wish, got in [(name, name) for name in expected] + [("", expected[-1])]:
        environment = {**without, "GENDR_ISA": wish} if wish else without
        isa = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
        assert isa == got, f"GENDR_ISA={wish} gives {isa} and not {got}"
    print(f"instruction sets: {' '.join(expected)}")


def render_and_gradient() -> None:
    import torch

    from gendr_adapters import RenderSettings, render

    near = [[-0.7, -0.6, 2.0], [0.5, -0.5, 2.0], [-0.1, 0.7, 2.0]]
    far = [[-0.3, -0.4, 3.0], [0.8, -0.2, 3.0], [0.4, 0.8, 3.0]]
    corners = torch.tensor([near, far], dtype=torch.float64)
    settings = RenderSettings(dist_scale=1e-2, near=1, far=4)

    def mean_of(corners: torch.Tensor) -> torch.Tensor:
        rendered = render(corners, 64, torch.eye(3, dtype=torch.float64).expand(2, 3, 3), settings=settings)
        assert rendered.image is not None and rendered.alpha is not None and rendered.image.shape == (1, 3, 64, 64)
        return rendered.image.mean() + rendered.alpha.mean()

    at = corners.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(mean_of(at), at)
    step = 1e-6
    for face, corner, axis in ((0, 0, 0), (0, 2, 1), (1, 1, 0), (1, 2, 2)):
        moved = torch.zeros_like(corners)
        moved[face, corner, axis] = step
        slope = float(mean_of(corners + moved) - mean_of(corners - moved)) / (2 * step)
        assert abs(slope - float(gradient[face, corner, axis])) < 1e-7 + 1e-5 * abs(slope), (slope, gradient)


def command_line(cuda_majors: list[str]) -> None:
    command = [sys.executable, "-m", "gendr_adapters"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    print(said)
    assert "CPU core" in said and "ABI version" in said
    assert ("built by" in said) == bool(cuda_majors), said


def cuda_libraries(majors: list[str]) -> None:
    """They load, with a driver or without."""
    from gendr_adapters import _native

    for major in majors:
        library = _native.load(_native.FOLDER / f"libgendr_cuda{major}.so")
        assert library.gendr_isa() == b"cuda"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "what", choices=["without-torch", "all"], help="what to try: the parts that need no torch, or all"
    )
    parser.add_argument("majors", nargs="*", metavar="MAJOR", help="CUDA versions whose core the wheel has: 12 13")
    options = parser.parse_args()
    spec = find_spec("gendr_adapters")
    assert spec and Path(spec.origin or "").is_relative_to(sys.prefix), f"not the wheel: {spec}"
    if options.what == "without-torch":
        without_torch()
    else:
        instruction_sets()
        render_and_gradient()
        cuda_libraries(options.majors)
        command_line(options.majors)
    print(f"{options.what}: fine", flush=True)
