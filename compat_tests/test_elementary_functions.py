"""The core's own exp, log and their like (csrc/core/math.h, special.h) in float32 lanes, against double.

A picture can hide a fault in one of them: its largest entry is larger, or a T-conorm cancels the fault. So they are
compiled by themselves, once for each instruction set with the flags of its kernels, and for 64-bit ARM under qemu.
"""

import functools
import math
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from cross import aarch64
from scipy.special import erfcx

from build_tools import compiler
from gendr_adapters import _native

pytestmark = [pytest.mark.cpu_core, pytest.mark.slow]

Array = npt.NDArray[Any]

SOURCE = Path(__file__).parent / "cross" / "elementary.cpp"
FLAGS = ["-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fopenmp-simd"]
ORDER = ["baseline", "avx2", "avx512"]  # a processor that has one has those before it

# Of the value and, in float32's epsilon, some twice the worst that was measured on SSE2, AVX2 and NEON (1.8).
TOLERANCE = 4.0 * float(np.finfo(np.float32).eps)


def powers(first: float, last: float) -> Array:
    """Numbers of every binade between, so that each exponent and each reduced argument is among them."""
    return np.geomspace(first, last, 20_001)


def both_signs(x: Array) -> Array:
    return np.concatenate([-x, [0.0], x])


def complements() -> Array:
    """a and x = 1 - a, each with all its digits."""
    small = powers(1e-30, 0.5)
    return np.stack([np.concatenate([small, 1.0 - small]), np.concatenate([1.0 - small, small])])


def pairs_of_logs() -> Array:
    random = np.random.default_rng(0)
    a = random.uniform(-80.0, 80.0, 20_000)
    return np.stack([a, a + random.uniform(-20.0, 20.0, 20_000)])


def log_of_complement(a: Array, x: Array) -> Array:
    low = a < 0.5
    return np.where(low, np.log1p(-np.where(low, a, 0.0)), np.log(x))


# The function in double and its arguments.
FUNCTIONS: dict[str, tuple[Callable[..., Array], Array]] = {
    "exp_": (np.exp, both_signs(powers(1e-8, 86.9))),
    "expm1_": (np.expm1, both_signs(powers(1e-8, 86.9))),
    "log_": (np.log, np.concatenate([powers(2e-38, 1e38), 1.0 + both_signs(powers(1e-7, 0.49))])),
    "log1p_": (np.log1p, np.concatenate([powers(1e-30, 1e30), -powers(1e-30, 0.999)])),
    "atan_": (np.arctan, both_signs(powers(1e-20, 1e20))),
    "log1p_exp_minus": (lambda x: np.log1p(np.exp(-x)), powers(1e-8, 86.0)),
    "softplus": (lambda x: np.logaddexp(0.0, x), both_signs(powers(1e-8, 86.0))),
    "erf_positive": (np.vectorize(math.erf, otypes=[float]), powers(1e-20, 10.0)),
    "log_erfcx": (lambda z: np.log(erfcx(z)), powers(1e-8, 1e6)),
    "log_complement": (log_of_complement, complements()),
    "logaddexp": (np.logaddexp, pairs_of_logs()),
}
# What rounds besides the value: log_erfcx sums parts up to 1.3 that cancel near 0, logaddexp starts from an argument.
PARTS: dict[str, Callable[..., Array]] = {
    "log_erfcx": lambda z: np.full_like(z, 1.3),
    "logaddexp": np.maximum,
}


@functools.cache
def program(isa: str, folder: Path) -> list[str]:
    """The command that evaluates, built for this instruction set."""
    of_machine = compiler.find({"CXX": aarch64.COMPILER} if isa == "neon" else {})
    target = folder / f"elementary_{isa}"
    of_kernels = [*compiler.KERNEL_FLAGS.get(of_machine.kind, []), *of_machine.instruction_sets[isa]]
    command = [*of_machine.command, *FLAGS, *of_kernels, f"-DGENDR_ISA={isa}", SOURCE, "-o", target]
    subprocess.run(command, check=True)
    return [*(aarch64.QEMU if isa == "neon" else ()), str(target)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("elementary")


def check(command: list[str], name: str) -> None:
    function, arguments = FUNCTIONS[name]
    given = np.atleast_2d(arguments).astype(np.float32)
    done = subprocess.run([*command, name], input=given.T.tobytes(), capture_output=True, check=True)
    got = np.frombuffer(done.stdout, np.float32).astype(np.float64)
    assert got.shape == given.shape[1:]
    exact = given.astype(np.float64)
    expected = function(*exact)
    size = np.maximum(np.abs(expected), np.abs(PARTS[name](*exact)) if name in PARTS else 0.0)
    error = np.abs(got - expected) / np.maximum(size, np.finfo(np.float32).tiny)
    worst = int(np.argmax(error))
    assert error[worst] <= TOLERANCE, f"{name}{tuple(exact[:, worst])} is {expected[worst]}, got {got[worst]}"


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("isa", ORDER)
def test_functions(isa: str, name: str, folder: Path) -> None:
    best = _native.library().gendr_isa().decode()
    if isa not in compiler.find().instruction_sets or (best in ORDER and ORDER.index(isa) > ORDER.index(best)):
        pytest.skip(f"this run's best instruction set is {best}")
    check(program(isa, folder), name)


@pytest.mark.nightly
@pytest.mark.skipif(aarch64.missing_tools() is not None, reason=str(aarch64.missing_tools()))
@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_on_neon(name: str, folder: Path) -> None:
    check(program("neon", folder), name)
