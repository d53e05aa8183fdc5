"""`--help` of every program explains it and does nothing else."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Programs that a test starts, with arguments of its own.
OF_TESTS = ("compat_tests/emulator/", "compat_tests/support/")


def programs() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    files = [name for name in listed.split() if not name.startswith(OF_TESTS) and (ROOT / name).exists()]
    return [name for name in files if '\nif __name__ == "__main__":\n' in (ROOT / name).read_text()]


def test_programs_exist() -> None:
    assert len(programs()) > 35


def run(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if program.startswith(("examples/", "experiments/", "compat_tests/pytorch3d/", "build_tools/smoke")):
        monkeypatch.syspath_prepend(ROOT / Path(program).parent)
        runpy.run_path(str(ROOT / program), run_name="__main__")
    else:
        module = program.removesuffix(".py").removesuffix("/__main__").replace("/", ".")
        runpy.run_module(module, run_name="__main__", alter_sys=True)


@pytest.mark.parametrize("program", programs())
@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_help(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if program.endswith("kaolin_fit.py"):
        pytest.importorskip("kaolin.metrics", reason="the program imports Kaolin")
    if program.endswith("pytorch3d_fit_mesh.py"):
        pytest.importorskip("pytorch3d", reason="the program imports PyTorch3D")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.setattr(sys, "argv", [program, "--help"])
    with pytest.raises(SystemExit) as ended:
        run(program, monkeypatch)
    assert not ended.value.code
    assert capsys.readouterr().out.lower().startswith("usage: ")
    assert not list(tmp_path.iterdir())
