"""Builds CUDA sources with the C++ compiler and the emulator in csrc/emu, and runs Python on such builds.

What is built lies in build/emu/ under a hash of everything it was made from, so a second call costs only the hashing.
"""

import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[2]
CSRC = ROOT / "csrc"
CACHE = ROOT / "build" / "emu"
COMPILER_PROCESSES = 2

FLAGS = ["-std=c++17", "-fPIC", "-fvisibility=hidden", "-DGENDR_EMU", "-DGENDR_ISA=emu", "-Wall", "-Wextra", "-Werror"]
FLAGS += ["-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast"]
PLAIN = ["-O2", "-g1"]
SANITIZE = ["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize=float-divide-by-zero"]
SANITIZE += ["-fno-sanitize-recover=all", "-O1", "-g"]
# Of -fsanitize=thread only the calls it puts into kernels; csrc/emu/accesses.h says what they call.
RACES = ["-O1", "-g", "-DCUDA_EMU_RACES"]
ACCESSES_IN_KERNELS = ["-fsanitize=thread", "--param=tsan-distinguish-volatile=1"]
# The branches for CUDA's own functions, with the host's in their place; fused multiplications and additions, as there.
DEVICE = [*PLAIN, "-D__CUDA_ARCH__=900", *(["-mfma"] if platform.machine() == "x86_64" else [])]
COUNTS = [*DEVICE, "-DCUDA_EMU_COUNTS"]
VARIANTS = {"plain": PLAIN, "device": DEVICE, "sanitized": SANITIZE, "races": RACES, "counts": COUNTS}
# nvcc fuses in one kernel what it leaves alone in another; see `unfused` below.
UNFUSED = ["-ffp-contract=off"]


class BuildError(RuntimeError):
    """The compiler failed; the message has its command and what it said."""


def build_library(
    name: str,
    sources: Sequence[Path],
    variant: str = "plain",
    unfused: Collection[str] = (),
) -> Path:
    """Compile CUDA sources and the emulator into one shared library, and return its path.

    Each is compiled again only when it or a file that it includes has changed. Variants: "plain";
    "sanitized" stops the process at the first memory error or undefined operation, and must be loaded in
    `run_sanitized`; "races" stops it at the first race between threads of a kernel; "device" takes the branches for
    CUDA's own arithmetic; "counts" does so, too, and counts what each warp does (csrc/emu/counts.h).

    unfused: sources, by their names without suffix, in whose kernels no product is fused with a sum, as it is in the
    others. What is never inlined, and so the same code for all kernels on a GPU, is that of the others here, too.
    """
    flags = [*FLAGS, *VARIANTS[variant]]
    kernel_flags = [*flags, *(ACCESSES_IN_KERNELS if variant in ("races", "counts") else [])]
    # The linker keeps the first of several copies of a function.
    sources = sorted(sources, key=lambda source: source.stem in unfused)
    flags_of = {source: [*kernel_flags, *(UNFUSED if source.stem in unfused else [])] for source in sources}
    emulator = sorted(path for path in (CSRC / "emu").iterdir() if path.suffix in (".cpp", ".h"))
    included = {source: _includes(source) for source in sources}
    own = _hash([*sources, *emulator, *frozenset().union(*included.values())], [*kernel_flags, *unfused])
    library = CACHE / f"{name}-{variant}-{own}.so"
    if library.exists():
        return library
    CACHE.mkdir(parents=True, exist_ok=True)

    shared = _hash(emulator, flags)  # the emulator's objects serve all libraries
    jobs = []
    for source in sources:
        one = _hash([source, *included[source]], flags_of[source])
        jobs.append((source, flags_of[source], CACHE / f"{name}.{source.stem}-{variant}-{one}.o"))
    for source in emulator:
        if source.suffix == ".cpp":
            jobs.append((source, flags, CACHE / f"emu.{source.stem}-{variant}-{shared}.o"))
    with ThreadPoolExecutor(COMPILER_PROCESSES) as pool:
        list(pool.map(lambda job: _compile([*job[1], "-c", "-x", "c++", str(job[0])], job[2]), jobs))
    link_flags = SANITIZE if variant == "sanitized" else ["-Wl,-z,defs"]
    _compile([*link_flags, "-shared", *(str(target) for *_, target in jobs)], library)
    return library


def emulated_core(variant: str = "plain", csrc: Path = CSRC, unfused: Collection[str] = ()) -> Path:
    """The library of csrc/cuda, emulated: the C ABI of the CUDA build on a machine without CUDA."""
    sources = sorted((csrc / "cuda").glob("*.cu"))
    if not sources:
        raise BuildError(f"no .cu files in {csrc / 'cuda'}")
    return build_library("libgendr_emu", sources, variant, unfused)


def changed_core(folder: Path, changes: Iterable[tuple[str, str, str]], variant: str = "plain") -> Path:
    """`emulated_core` of sources with changes, copied to `folder`. A change: a file of csrc/cuda, what is there once,
    and what takes its place."""
    csrc = folder / "csrc"
    shutil.copytree(CSRC, csrc)
    for name, old, new in changes:
        source = csrc / "cuda" / name
        text = source.read_text()
        assert text.count(old) == 1, f"{name} has changed: make the change anew"
        source.write_text(text.replace(old, new))
    return emulated_core(variant, csrc)


def run_python(snippet: str, *arguments: object, order: object = "natural") -> subprocess.CompletedProcess[str]:
    """Run a Python snippet in a new process, as code that the emulator stops must be. The process is not checked."""
    return _run_python(snippet, arguments, {"GENDR_EMU_ORDER": str(order)})


def results_of(program: str, library: Path, folder: Path, order: object = "natural") -> dict[str, Any]:
    """What a Python program saves (torch.save) in the file that is its second argument; its first is the library."""
    file = folder / f"{library.stem}-{order}.pt"
    done = run_python(program, library, file, order=order)
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


def run_sanitized(snippet: str, *arguments: object, order: object = "natural") -> subprocess.CompletedProcess[str]:
    """As `run_python`, with the run-time of the sanitizers, so that the snippet can load a sanitized library."""
    runtimes = [_printed("-print-file-name=libasan.so"), _printed("-print-file-name=libubsan.so")]
    environment = {
        "GENDR_EMU_ORDER": str(order),
        "LD_PRELOAD": " ".join(runtimes),
        "ASAN_OPTIONS": "detect_leaks=0:use_sigaltstack=0",
    }
    return _run_python(snippet, arguments, environment)


def _run_python(
    snippet: str, arguments: tuple[object, ...], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", snippet, *map(str, arguments)]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300)


def _compiler() -> list[str]:
    return shlex.split(os.environ.get("CXX", "")) or ["g++"]


@cache
def _printed(option: str) -> str:
    return subprocess.run([*_compiler(), option], capture_output=True, text=True, check=True).stdout.strip()


@cache
def _includes(file: Path) -> frozenset[Path]:
    """The files that it includes, and those that they do: all that are named by where they are from there."""
    names = re.findall(r'^ *#include "(.*)"', file.read_text(), re.MULTILINE)
    own = {(file.parent / name).resolve() for name in names}
    return frozenset(own.union(*map(_includes, own)))


def _hash(files: Iterable[Path], flags: list[str]) -> str:
    digest = hashlib.sha256(" ".join([*_compiler(), _printed("--version"), *flags]).encode())
    for path in sorted(set(files)):
        digest.update(f"\0{path.parent.name}/{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _compile(arguments: list[str], target: Path) -> None:
    if target.exists():
        return
    # Another process may be building the same: each writes a file of its own, and the last one there stays.
    unfinished = target.with_suffix(f".{os.getpid()}{target.suffix}")
    command = [*_compiler(), *arguments, "-o", str(unfinished)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise BuildError(f"{' '.join(command)}\n{done.stderr}")
    unfinished.replace(target)
