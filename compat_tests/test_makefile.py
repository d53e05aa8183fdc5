"""Makefile: which package a target builds. `make --dry-run` says, and nothing is run."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CPU_ONLY = "GENDR_CUDA=0 GENDR_WERROR=1"
EDITABLE = "--no-deps --editable ."


def commands(tmp_path: Path, target: str, **variables: str) -> str:
    """What `make TARGET` would run where nothing has been set up but what lies in tmp_path/stamps."""
    nowhere = {"NVCC": "", "GPU": "", "GENDR_CUDA": "", "VENV": str(tmp_path), **variables}
    arguments = [f"{name}={value}" for name, value in nowhere.items()]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "GENDR"))
    }
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", target, *arguments],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    assert EDITABLE in done.stdout or (tmp_path / "stamps").exists()
    return done.stdout


@pytest.mark.parametrize("target", ["demo", "example"])
def test_demo_compiles_no_cuda_where_there_is_no_gpu(target: str, tmp_path: Path) -> None:
    assert CPU_ONLY in commands(tmp_path, target, NVCC="/usr/bin/nvcc")


@pytest.mark.parametrize("variables", [{"GPU": "/dev/nvidia0"}, {"GENDR_CUDA": "1"}], ids=str)
def test_demo_compiles_cuda_where_it_is_of_use(variables: dict[str, str], tmp_path: Path) -> None:
    run = commands(tmp_path, "demo", NVCC="/usr/bin/nvcc", **variables)
    assert CPU_ONLY not in run and EDITABLE in run


def test_package_without_nvcc_is_built_once(tmp_path: Path) -> None:
    run = commands(tmp_path, "demo")
    assert CPU_ONLY not in run and EDITABLE in run


def stamp(tmp_path: Path, *names: str) -> None:
    (tmp_path / "stamps").mkdir()
    for name in ("venv", "base", "demo", "test", "pytorch3d", *names):
        (tmp_path / "stamps" / name).touch()


def test_demo_keeps_a_whole_package(tmp_path: Path) -> None:
    stamp(tmp_path, "package")
    assert EDITABLE not in commands(tmp_path, "demo", NVCC="/usr/bin/nvcc")


def test_demo_builds_the_cpu_core_once(tmp_path: Path) -> None:
    stamp(tmp_path, "package-cpu")
    assert EDITABLE not in commands(tmp_path, "demo", NVCC="/usr/bin/nvcc")


def test_tests_need_a_whole_package(tmp_path: Path) -> None:
    """Whatever demo has built; and from then on the CPU core alone is not there any more."""
    stamp(tmp_path, "package-cpu")
    run = commands(tmp_path, "test", NVCC="/usr/bin/nvcc")
    assert EDITABLE in run and CPU_ONLY not in run
    assert f"rm -f {tmp_path}/stamps/package-cpu" in run


def test_a_whole_package_out_of_date_is_built_whole(tmp_path: Path) -> None:
    """A build of the CPU core alone would take the CUDA libraries away."""
    stamp(tmp_path, "package")
    os.utime(tmp_path / "stamps" / "package", (0, 0))
    run = commands(tmp_path, "demo", NVCC="/usr/bin/nvcc")
    assert EDITABLE in run and CPU_ONLY not in run
