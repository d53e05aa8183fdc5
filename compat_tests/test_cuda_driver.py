"""NVIDIA drivers of any age, without one: on the emulator, and on stand-ins of libcuda that only know their version."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from emulator.builds import emulated_core

from gendr_adapters import _native

CORES = sorted(_native.FOLDER.glob("libgendr_cuda*.so"))


def evaluate(library: ctypes.CDLL) -> str:
    """What the core says after it was asked for the CDF of nothing on the GPU; '' if it did that."""
    none = ctypes.c_void_p(None)
    arguments = (0, 1, ctypes.c_double(0), ctypes.c_double(0), ctypes.c_int64(0), none, none, none, none, 0, none)
    library.gendr_last_error.restype = ctypes.c_char_p
    return library.gendr_last_error().decode() if library.gendr_evaluate_distribution(*arguments) else ""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("12040", "the NVIDIA driver is for CUDA 12.4, and this CUDA core needs one for CUDA 13.0 or newer"),
        ("11080", "the NVIDIA driver is for CUDA 11.8, and this CUDA core needs one for CUDA 13.0 or newer"),
        ("0", "there is no NVIDIA driver, and this CUDA core needs one for CUDA 13.0 or newer"),
        ("13000", ""),
        ("14010", ""),
    ],
)
def test_driver_on_the_emulator(version: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    core = ctypes.CDLL(str(emulated_core("device")))
    monkeypatch.setenv("GENDR_EMU_DRIVER", version)
    assert evaluate(core) == message
    monkeypatch.delenv("GENDR_EMU_DRIVER")
    assert evaluate(core) == ""


def driver(folder: Path, version: int) -> Path:
    """A folder with a libcuda.so.1 that says its version and can do nothing."""
    source = f"int cuDriverGetVersion(int* version) {{ *version = {version}; return {0 if version else 34}; }}"
    command = ["gcc", "-x", "c", "-shared", "-fPIC", "-", "-o", str(folder / "libcuda.so.1")]
    subprocess.run(command, input=source, text=True, check=True)
    return folder


def with_driver(folder: Path, code: str) -> str:
    """What `code` prints in a new process, in whose sight that driver is before any other. Its argument is a folder."""
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, str(folder)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.slow
@pytest.mark.parametrize(("version", "major"), [(11040, 11), (13020, 13), (0, None)])
def test_driver_that_is_asked(version: int, major: int | None, tmp_path: Path) -> None:
    code = "from gendr_adapters._native import driver; print(driver.cuda_major())"
    assert with_driver(driver(tmp_path, version), code) == str(major)


def test_missing_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> ctypes.CDLL:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert _native.driver.cuda_major() is None


@pytest.mark.slow
@pytest.mark.skipif(not CORES, reason="no CUDA library was built")
@pytest.mark.parametrize("version", [9020, 11040])
def test_driver_too_old_for_the_built_cores(version: int, tmp_path: Path) -> None:
    """Each of them says what it needs; the package takes the oldest."""
    for core in CORES:
        shutil.copy(core, tmp_path)
    code = """
import sys
from pathlib import Path
from test_cuda_driver import evaluate
from gendr_adapters import _native
_native.FOLDER = Path(sys.argv[1])
print(_native.library_path("cuda").name)
for path in sorted(_native.FOLDER.glob("libgendr_cuda*.so")):
    print(evaluate(_native.load(path)))
"""
    chosen, *said = with_driver(driver(tmp_path, version), code).splitlines()
    majors = sorted(int(core.stem.removeprefix("libgendr_cuda")) for core in CORES)
    assert chosen == f"libgendr_cuda{majors[0]}.so"
    has = f"{version // 1000}.{version % 1000 // 10}"
    assert said == [
        f"the NVIDIA driver is for CUDA {has}, and this CUDA core needs one for CUDA {major}.0 or newer"
        for major in majors
    ]
