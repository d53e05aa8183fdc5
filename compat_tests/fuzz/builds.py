"""Builds the fuzzers of the C ABI, each one program with the CPU core in it. What is built lies in build/fuzz/."""

import hashlib
import os
import platform
import shutil
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CSRC = ROOT / "csrc"
BUILT = ROOT / "build" / "fuzz"
CORPUS = HERE / "corpus.zip"
# The plainest there is: each takes a minute to compile (one_instruction_set.cpp).
INSTRUCTION_SET = "neon" if platform.machine() in ("aarch64", "arm64") else "baseline"

# As setup.py's: what the compiler may do with the maths is part of what is tested.
FLAGS = ["-std=c++17", "-O1", "-g1", "-fno-math-errno", "-ffp-contract=fast", "-fopenmp-simd", "-pthread"]
MEMORY = ["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize=float-divide-by-zero"]
MEMORY += ["-fno-sanitize-recover=all"]


@dataclass(frozen=True)
class Variant:
    """driver: its source file, in this folder. link: flags besides."""

    compiler: str
    driver: str
    flags: tuple[str, ...]
    compile: tuple[str, ...] = ()
    link: tuple[str, ...] = ()


def gcc() -> str:
    return os.environ.get("CXX", "g++")


def clang() -> str | None:
    """The newest clang++ there is, for libFuzzer."""
    names = ["clang++", *(f"clang++-{version}" for version in range(30, 13, -1))]
    return next(filter(None, map(shutil.which, names)), None)


def variants() -> dict[str, Variant]:
    """memory, threads: with any compiler; search: with libFuzzer, where there is a clang."""
    found = {
        "memory": Variant(gcc(), "replay.cpp", tuple(MEMORY)),
        "threads": Variant(gcc(), "replay.cpp", ("-fsanitize=thread",)),
    }
    if compiler := clang():
        # GENDR_LANES asks for vectors, which sanitizers keep from being made.
        flags = (*MEMORY, "-Wno-pass-failed", "-Wno-unknown-attributes")
        found["search"] = Variant(
            compiler, "libfuzzer.cpp", flags, ("-fsanitize=fuzzer-no-link",), ("-fsanitize=fuzzer",)
        )
    return found


def build(name: str) -> Path:
    """The program of a variant, compiled if it has not been from these sources."""
    variant = variants()[name]
    core = [
        CSRC / "cpu" / f"{stem}.cpp"
        for stem in ("kernels", "api", "corners", "faces_in_reach", "interruption", "thread_pool")
    ]
    own = [HERE / "calls.cpp", HERE / "one_instruction_set.cpp", HERE / variant.driver]
    program = BUILT / f"{name}-{_hash(variant, own)}"
    if program.exists():
        return program
    BUILT.mkdir(parents=True, exist_ok=True)
    objects = [program.with_name(f"{program.name}.{source.stem}.o") for source in (*core, *own)]

    def compile_one(source: Path, target: Path) -> None:
        of_core = [*variant.compile, *([f"-DGENDR_ISA={INSTRUCTION_SET}"] if source.stem == "kernels" else [])]
        flags = [*FLAGS, *variant.flags, *(of_core if source in core else [])]
        _run([variant.compiler, *flags, "-c", str(source), "-o", str(target)])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(compile_one, (*core, *own), objects))
    unfinished = program.with_suffix(f".{os.getpid()}")
    _run([variant.compiler, *variant.flags, *variant.link, "-pthread", *map(str, objects), "-o", str(unfinished)])
    for path in objects:
        path.unlink()
    unfinished.replace(program)
    return program


def unpack_corpus(folder: Path) -> Path:
    with zipfile.ZipFile(CORPUS) as corpus:
        corpus.extractall(folder)
    return folder


def pack_corpus(folder: Path) -> None:
    with zipfile.ZipFile(CORPUS, "w", zipfile.ZIP_DEFLATED) as corpus:
        for path in sorted(folder.iterdir()):
            corpus.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)


def environment() -> dict[str, str]:
    """For a program to run in."""
    return {**os.environ, "GENDR_ISA": INSTRUCTION_SET, "ASAN_OPTIONS": "allocator_may_return_null=1"}


def _hash(variant: Variant, own: list[Path]) -> str:
    folders = [CSRC / name for name in ("cpu", "core", "common", "include")]
    files = [*(path for folder in folders for path in folder.iterdir()), *own, *HERE.glob("*.h")]
    digest = hashlib.sha256(repr((variant, FLAGS)).encode())
    for path in sorted(files):
        digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
