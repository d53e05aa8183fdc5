"""The wheel for Linux on 64-bit ARM, cross-built, and its CPU core under qemu's user emulation.

What is built lies in build/aarch64/ under a hash of what it was made from, so a second call costs only the hashing.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from functools import cache
from pathlib import Path

from .core import CrossCore

ROOT = Path(__file__).parents[2]
COMPILER = "aarch64-linux-gnu-g++"
QEMU = ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu")
SERVER = Path(__file__).with_name("server.cpp")


def missing_tools() -> str | None:
    """What is not installed of all that is needed; None: nothing."""
    lacking = [name for name in (COMPILER, QEMU[0]) if not shutil.which(name)]
    return f"{' and '.join(lacking)} not installed" if lacking else None


@cache
def wheel() -> Path:
    """The wheel, with the server and the CPU core beside it."""
    folder = ROOT / "build" / "aarch64" / _hash()
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as name:
            _build(Path(name))
            try:
                (Path(name) / "made").rename(folder)
            except OSError:  # another process has built the same
                if not folder.exists():
                    raise
    return next(folder.glob("*.whl"))


def core() -> CrossCore:
    """A server of its own, whose instruction set is NEON."""
    folder = wheel().parent
    return CrossCore([*QEMU, str(folder / "server")], folder / "libgendr_cpu.so")


def _build(folder: Path) -> None:
    made = folder / "made"
    made.mkdir()
    setup: list[str | Path] = ["setup.py", "--quiet", "egg_info", "--egg-base", folder]
    setup += ["build", "--build-base", folder / "build"]
    setup += ["bdist_wheel", "--skip-build", "--bdist-dir", folder / "unpacked", "--dist-dir", made]
    environment = {**os.environ, "CXX": COMPILER, "GENDR_CUDA": "0"}
    subprocess.run([sys.executable, *setup], cwd=ROOT, env=environment, check=True)
    with zipfile.ZipFile(next(made.glob("*.whl"))) as archive:
        content = archive.read("gendr_adapters/_native/libgendr_cpu.so")
    (made / "libgendr_cpu.so").write_bytes(content)
    subprocess.run([COMPILER, "-std=c++17", "-O2", "-Wall", "-Wextra", SERVER, "-o", made / "server"], check=True)


def _hash() -> str:
    digest = hashlib.sha256(subprocess.run([COMPILER, "--version"], capture_output=True, check=True).stdout)
    files = [ROOT / "setup.py", ROOT / "pyproject.toml", SERVER, *(ROOT / "build_tools").glob("*")]
    files += [path for folder in ("core", "common", "cpu", "include") for path in (ROOT / "csrc" / folder).iterdir()]
    for path in sorted(path for path in files if path.is_file()):
        digest.update(f"\0{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
