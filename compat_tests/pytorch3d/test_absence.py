"""Machines without PyTorch3D: the tests that need it say that they were skipped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ABSENT = "raise ModuleNotFoundError(\"No module named 'pytorch3d'\", name='pytorch3d')"


@pytest.mark.parametrize("required", [False, True])
def test_tests_that_need_pytorch3d(required: bool, tmp_path: Path) -> None:
    """Skipped, with the reason on show, or failed where GENDR_REQUIRE_PYTORCH3D=1; the others run."""
    (tmp_path / "pytorch3d").mkdir()
    (tmp_path / "pytorch3d" / "__init__.py").write_text(ABSENT)
    env = {**os.environ, "PYTHONPATH": str(tmp_path), "GENDR_REQUIRE_PYTORCH3D": "1" if required else ""}
    files = [HERE / "test_real_layer.py", HERE / "test_golden_fragments.py"]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *files],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=HERE.parent.parent,
        env=env,
    )
    reason = "no PyTorch3D: No module named 'pytorch3d' (compat_tests/pytorch3d/install.py installs its Python layer)"
    output = " ".join(result.stdout.split())
    if required:
        assert result.returncode == 1, output
        assert f"GENDR_REQUIRE_PYTORCH3D=1, but there is {reason}" in output and "77 passed, 1 error" in output
    else:
        assert result.returncode == 0, output
        assert "SKIPPED [1] compat_tests/pytorch3d/" in output and reason in output and "77 passed, 1 skipped" in output


def test_the_door_says_how_to_get_pytorch3d(tmp_path: Path) -> None:
    """Without PyTorch3D the rest works, and no import of it leaves half a door behind."""
    (tmp_path / "pytorch3d").mkdir()
    (tmp_path / "pytorch3d" / "__init__.py").write_text(ABSENT)
    program = """
import gendr_adapters, gendr_adapters.softras.functional, gendr_adapters.cameras
for _ in range(2):
    try:
        import gendr_adapters.pytorch3d
    except ImportError as error:
        print(error)
"""
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=HERE.parent.parent,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert result.returncode == 0, result.stderr
    first, second = result.stdout.splitlines()
    assert first == second and "gendr_adapters.pytorch3d needs PyTorch3D (No module named 'pytorch3d')" in first
    assert "github.com/facebookresearch/pytorch3d, INSTALL.md" in first


def test_folder_of_these_tests_is_not_a_package() -> None:
    """It has the name of PyTorch3D, which would be hidden from every test."""
    assert not (HERE / "__init__.py").exists()
