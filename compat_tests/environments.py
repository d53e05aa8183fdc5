"""`python -m compat_tests.environments 3.10:2.5.1 3.13:2.9.1`: the package in other versions of Python and torch.

For each pair a virtual environment is made, torch and what the tests need are installed, and the quick tests of
`TESTS` run in it, on this folder's package and native library. At the end there is a line for each pair. A torch from
a package index brings CUDA along: 3 to 6 GB each, so the environment is removed before the next is made.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

# What these tests import; versions as pip finds them for the Python.
REQUIREMENTS = ("numpy", "pytest", "pytest-xdist", "hypothesis", "scipy", "pillow", "imageio", "trimesh")
# What torch could break: numbers, ops, compilers, transforms, autocast, and each door that needs no other library.
TESTS = (
    "test_parity.py",
    "test_gradcheck.py",
    "test_ops.py",
    "test_compiled.py",
    "test_transforms.py",
    "test_watched.py",
    "test_autocast.py",
    "test_openmp.py",
    "test_public_api.py",
    "citizenship",
    "kaolin/test_dibr.py",
    "kaolin/test_kaolin_golden.py",
    "kaolin/test_render_mesh.py",
    "redner/test_depth_renderer.py",
    "redner/test_g_buffer.py",
    "soft_renderer/test_door_renderers.py",
    "soft_renderer/test_mesh.py",
    "soft_renderer/test_surface_textures.py",
    "soft_renderer/test_uv_loading.py",
)
# Of the goldens a tenth. Warnings are errors in our own runs: what another torch warns of is not ours.
CHOICE = ("-m", "not cuda", "-k", "not test_parity or misc", "-W", "default")


class Outcome(NamedTuple):
    """python, torch: the versions that ran. summary: pytest's last line, or what went wrong before it."""

    python: str
    torch: str
    passed: bool
    summary: str


def interpreter(version: str) -> str:
    """The program of a Python version such as 3.10 or 3.13t: among pyenv's, or on the PATH. Raises LookupError."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [path for path in pyenv.glob("versions/*/bin/python") if _version_of(path.parts[-3]) == version]
    if candidates:
        return str(max(candidates))
    # pyenv puts a program of each version on the PATH, which runs for those alone that it is told to use.
    found = shutil.which(f"python{version}")
    if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
        return found
    raise LookupError(f"there is no python{version} in {pyenv}/versions, nor one on the PATH that runs")


def _version_of(release: str) -> str:
    """3.13 of 3.13.0, 3.13t of 3.13.0t."""
    found = re.fullmatch(r"(\d+\.\d+)[\d.]*[a-z\d]*?(t?)", release)
    return found[1] + found[2] if found else release


def run_pair(python: str, torch: str, folder: Path, tests: Sequence[str]) -> Outcome:
    """Install into `folder`, run the tests there, and say how they ended. The log of both is `folder`.log."""
    program = folder / "bin" / "python"
    # Neither a pip configuration that caps torch nor another package of this name has a say.
    environment = {**os.environ, "PIP_CONSTRAINT": "", "PYTHONPATH": str(ROOT), "OMP_WAIT_POLICY": "passive"}
    environment |= {"OMP_NUM_THREADS": "1", "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor")}
    pip = ("-m", "pip", "install", "--quiet", "--no-cache-dir", "--disable-pip-version-check")
    with folder.with_suffix(".log").open("w") as log:

        def run(*command: str | Path) -> int:
            return subprocess.run(command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT).returncode

        if run(interpreter(python), "-m", "venv", folder):
            return Outcome(python, torch, False, "no virtual environment")
        if run(program, *pip, f"torch=={torch}", *REQUIREMENTS):
            return Outcome(python, torch, False, "could not be installed")
        versions = "import platform, torch; print(platform.python_version(), torch.__version__)"
        shown = subprocess.run([program, "-c", versions], env=environment, capture_output=True, text=True)
        if shown.returncode:
            log.write(shown.stderr)
            return Outcome(python, torch, False, "torch could not be imported")
        paths = [str(ROOT / "compat_tests" / test) for test in tests]
        status = run(program, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--numprocesses=auto", *CHOICE, *paths)
    lines = folder.with_suffix(".log").read_text(errors="replace").strip().splitlines()
    return Outcome(*shown.stdout.split(), status == 0, lines[-1].strip("= "))


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as a table of Markdown."""
    rows = [f"| {o.python} | {o.torch} | {'passed' if o.passed else 'FAILED'} | {o.summary} |" for o in outcomes]
    return "\n".join(["| Python | torch | | tests |", "|---|---|---|---|", *rows])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m compat_tests.environments", description=__doc__.partition("\n")[0])
    parser.add_argument("pairs", nargs="+", metavar="PYTHON:TORCH", help="versions to test, 3.10:2.5.1 for example")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="files and folders of compat_tests, instead of TESTS")
    parser.add_argument("--out", type=Path, help="folder for environments and logs (default: a temporary one)")
    parser.add_argument("--keep", action="store_true", help="do not remove the environments")
    options = parser.parse_args(arguments)
    pairs = [pair.partition(":")[::2] for pair in options.pairs]
    for python, torch in pairs:
        if not torch:
            parser.error(f"a pair is PYTHON:TORCH, got {python!r}")
        try:
            interpreter(python)
        except LookupError as error:
            parser.error(str(error))
    out = options.out or Path(tempfile.mkdtemp(prefix="gendr_environments_"))
    out.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for python, torch in pairs:
        folder = out / f"python{python.replace('.', '_')}-torch{torch.replace('.', '_')}"
        outcomes.append(run_pair(python, torch, folder, options.tests))
        print(f"{table(outcomes[-1:]).splitlines()[-1]} {folder.with_suffix('.log')}", flush=True)
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    print(table(outcomes))
    return 0 if all(outcome.passed for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
