"""Finds nvcc and asks it what it can compile for. Neither torch nor a GPU has a say in it."""

import glob
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# One binary an architecture, of those the nvcc at hand knows. A binary runs on later minor versions of its
# architecture; PTX, compiled by the driver, on all that is later: that of the newest serves what comes after it, that
# of 90 what lies between (11.0 is later than 10.0 and has no binary).
ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")
PTX_BETWEEN = "90"
USUAL_PLACE = "/usr/local/cuda/bin/nvcc"
WITHOUT = "GENDR_CUDA=0 builds without CUDA."

# nvcc needs these beside it, where wheels are concerned; the wheel that brings each.
WHEEL_FILES = {
    "include/cuda_runtime.h": "nvidia-cuda-runtime",
    "include/crt/host_config.h": "nvidia-cuda-crt",
    "lib/libcudart_static.a": "nvidia-cuda-runtime",
    "nvvm/bin/cicc": "nvidia-nvvm",
}


class BuildError(SystemExit):
    """Ends setup.py with a message for the user."""


class Mistake(BuildError):
    """What was asked for in the environment cannot be meant: no build goes on without it."""


@dataclass(frozen=True)
class Nvcc:
    command: tuple[str, ...]
    found_by: str
    version: str  # 13.0.88
    architectures: tuple[str, ...]  # known to it, ascending
    compile_flags: tuple[str, ...] = ()
    link_flags: tuple[str, ...] = ()

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]


def find_all(environ: Mapping[str, str] = os.environ, path: Sequence[str] = sys.path) -> list[Nvcc]:
    """The nvccs to use, each for a library of its own; none for a build without CUDA. CUDACXX may name several, of
    different major versions, with colons between them; else there is at most one, as `find` says."""
    commands = [command for command in environ.get("CUDACXX", "").split(":") if command.strip()]
    found = [nvcc for command in commands or [""] if (nvcc := find({**environ, "CUDACXX": command}, path))]
    if len({nvcc.major for nvcc in found}) < len(found):
        versions = " and ".join(nvcc.version for nvcc in found)
        raise Mistake(f"CUDACXX must name nvccs of different major versions, got those of CUDA {versions}. {WITHOUT}")
    return found


def find(environ: Mapping[str, str] = os.environ, path: Sequence[str] = sys.path) -> Nvcc | None:
    """The nvcc to use, None for a build without CUDA. GENDR_CUDA: 0 never, 1 always, auto (default) where there is one.

    path: directories of Python modules, searched for the nvcc wheels of the package index.
    """
    wish = environ.get("GENDR_CUDA") or "auto"
    if wish not in ("0", "1", "auto"):
        raise Mistake(f"GENDR_CUDA must be 0 (without CUDA), 1 (with CUDA) or auto (where nvcc is found), got {wish!r}")
    if wish == "0":
        return None
    looked_for = []
    for place, command in _places(environ, path):
        if command:
            return _ask(command, place, path)
        looked_for.append(place)
    if wish == "auto":
        return None
    raise BuildError(
        "GENDR_CUDA=1, but no nvcc was found. Looked for: "
        + "; ".join(looked_for)
        + ". Install the CUDA toolkit or set "
        "CUDACXX to its nvcc. The wheels of the package index (pip install nvidia-cuda-nvcc, CUDA 13 and newer: "
        "nvidia-cuda-nvcc-cu12 holds no nvcc) are seen by `pip install --no-build-isolation .` only."
    )


def check_machine(machine: str, environ: Mapping[str, str] = os.environ) -> None:
    """Raises BuildError where the CPU core is built for another machine than this one: nvcc's host compiler, unless one
    is named, builds for this one."""
    here = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine())
    if machine != here and machine != "other" and not environ.get("NVCC_CCBIN"):
        raise BuildError(
            f"CXX compiles for {machine}, and nvcc's host compiler for {here}: set NVCC_CCBIN to one for {machine}, "
            f"beside a CUDA toolkit for it. {WITHOUT}"
        )


def _places(environ: Mapping[str, str], path: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    """Where nvcc may be, and the command where it is."""
    search_path = environ.get("PATH", os.defpath)
    if named := _words(environ.get("CUDACXX", "")):
        if not shutil.which(named[0], path=search_path):
            raise Mistake(f"CUDACXX={environ['CUDACXX']}: there is no such program. {WITHOUT}")
        yield f"$CUDACXX ({environ['CUDACXX']})", tuple(named)
    else:
        yield "$CUDACXX (not set)", None
    for variable in ("CUDA_HOME", "CUDA_PATH"):
        if home := environ.get(variable):
            yield f"${variable}/bin/nvcc ({home}/bin/nvcc)", _program(f"{home}/bin/nvcc")
        else:
            yield f"${variable}/bin/nvcc (not set)", None
    yield "nvcc on PATH", _program("nvcc", search_path)
    yield USUAL_PLACE, _program(USUAL_PLACE)
    pattern = "nvidia/*/bin/nvcc"
    found = [name for folder in path for name in sorted(glob.glob(f"{folder or '.'}/{pattern}"), reverse=True)]
    yield f"{pattern} in the site-packages this build sees", _program(found[0]) if found else None


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise Mistake(f"CUDACXX={command} is no command: {error}. {WITHOUT}") from None


def _program(name: str, search_path: str | None = None) -> tuple[str, ...] | None:
    found = shutil.which(name, path=search_path)
    return (found,) if found else None


def _ask(command: tuple[str, ...], place: str, path: Sequence[str]) -> Nvcc:
    version = re.search(r"release [\d.]+, V([\d.]+)", _output([*command, "--version"]))
    if not version:
        raise BuildError(f"{' '.join(command)} (found as {place}) does not say its version: is it nvcc? {WITHOUT}")
    known = set(re.findall(r"sm_(\d+)\b", _output([*command, "--list-gpu-code"])))
    nvcc = Nvcc(command, place, version[1], tuple(sorted(known, key=int)))
    root = Path(command[-1]).parent.parent
    is_of_wheels = root.parent in [Path(folder or ".") / "nvidia" for folder in path]
    return _with_wheels(nvcc, root) if is_of_wheels else nvcc


def _with_wheels(nvcc: Nvcc, root: Path) -> Nvcc:
    """The wheels put things elsewhere than nvcc's own configuration may say, and each part is a wheel of its own."""
    if missing := [name for name in WHEEL_FILES if not (root / name).exists()]:
        wheels = " ".join(sorted({WHEEL_FILES[name] for name in missing}))
        raise BuildError(
            f"the nvcc of the wheels in {root} lacks {', '.join(missing)}: pip install {wheels} (of CUDA "
            f"{nvcc.version.rpartition('.')[0]}), or set CUDACXX to another nvcc. {WITHOUT}"
        )
    flags = ("-isystem", str(root / "include")), ("-L", str(root / "lib"))
    return Nvcc(nvcc.command, nvcc.found_by, nvcc.version, nvcc.architectures, *flags)


def _output(command: Iterable[str]) -> str:
    try:
        return subprocess.run([*command], check=True, capture_output=True, text=True, errors="replace").stdout
    except (OSError, subprocess.CalledProcessError) as error:
        details = (getattr(error, "stderr", None) or str(error)).strip()
        raise BuildError(f"`{' '.join(command)}` failed: {details}\n{WITHOUT}") from error


def architectures(nvcc: Nvcc, environ: Mapping[str, str] = os.environ) -> list[str]:
    """What to compile for: GENDR_CUDA_ARCHS ("90", "80 90"), else all of ARCHITECTURES that nvcc knows."""
    wanted = [name for name in re.split(r"[\s,;]+", environ.get("GENDR_CUDA_ARCHS", "")) if name]
    if unknown := [name for name in wanted if name not in nvcc.architectures]:
        raise Mistake(
            f"GENDR_CUDA_ARCHS: got {' '.join(unknown)}; nvcc {nvcc.version} knows {' '.join(nvcc.architectures)}"
        )
    chosen = sorted(set(wanted or set(ARCHITECTURES) & set(nvcc.architectures)), key=int)
    if not chosen:
        raise BuildError(
            f"nvcc {nvcc.version} knows none of {' '.join(ARCHITECTURES)}, only {' '.join(nvcc.architectures)}: it is "
            f"too old or too new; name one of them in GENDR_CUDA_ARCHS. {WITHOUT}"
        )
    return chosen


def ptx_architectures(targets: Sequence[str]) -> list[str]:
    """Which of the targets, ascending, go into the library as PTX, too."""
    return [name for name in targets if name in (PTX_BETWEEN, targets[-1])]
