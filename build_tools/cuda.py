"""Compiles csrc/cuda into one library and describes it in a JSON file beside it.

nvcc is slow, so objects are kept from build to build, and compiled again only when what they were made of has changed.
"""

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import compiler, older_glibc, usage
from .nvcc import WITHOUT, BuildError, Nvcc, architectures, ptx_architectures

HOST_FLAGS = ["-Wall", "-Wextra", "-fPIC", "-fvisibility=hidden"]
# Never -use_fast_math: subnormals, division and the special functions must be those of the CPU core.
FLAGS = ["-std=c++17", "-O3", "--expt-relaxed-constexpr", "-DGENDR_ISA=cuda", "-Xcompiler", ",".join(HOST_FLAGS)]
# That a later nvcc will drop an architecture is no news about our sources.
FLAGS += ["-Wno-deprecated-gpu-targets", "--resource-usage"]
# A fifth of the size.
FLAGS += ["-Xfatbin", "-compress-all"]
# With GENDR_WERROR=1, as make sets it: a user's compiler may warn of what ours does not.
WARNINGS_ARE_ERRORS = ["-Werror", "all-warnings", "-Xcompiler", "-Werror"]
# With the static runtime the library needs nothing but a driver, and loads where there is none.
LINK_FLAGS = ["-shared", "-cudart", "static"]
EXPORTS = Path(__file__).with_name("exports.map")

# nvcc reads these by itself.
NVCC_VARIABLES = ("NVCC_PREPEND_FLAGS", "NVCC_APPEND_FLAGS", "NVCC_CCBIN")


def build(nvcc: Nvcc, source: Path, objects: Path) -> list[Path]:
    """The library and its description, made in `objects` from the .cu files of `source`."""
    objects.mkdir(parents=True, exist_ok=True)
    targets = architectures(nvcc)
    ptx = ptx_architectures(targets)
    print(f"CUDA: nvcc {nvcc.version}, {nvcc.found_by}, for {' '.join(targets)}", flush=True)
    strict = WARNINGS_ARE_ERRORS if os.environ.get("GENDR_WERROR") == "1" else []
    flags = [
        *FLAGS,
        *strict,
        *nvcc.compile_flags,
        *(f"-gencode=arch=compute_{name},code=sm_{name}" for name in targets),
        *(f"-gencode=arch=compute_{name},code=compute_{name}" for name in ptx),
    ]
    files = sorted(source.glob("*.cu"), key=lambda file: -file.stat().st_size)  # the slow ones first
    cores = len(os.sched_getaffinity(0))
    jobs = min(cores, len(files))
    with ThreadPoolExecutor(jobs) as pool:
        compiled = list(
            pool.map(lambda file: _compile(nvcc, flags, file, objects / f"{file.stem}.o", -(-cores // jobs)), files)
        )
    library = objects / f"libgendr_cuda{nvcc.major}.so"
    # As seen from here: nvcc gives them to a shell, which would divide them where a folder's name has a space.
    folder = Path(os.path.relpath(objects))
    arguments = [f"--version-script={os.path.relpath(EXPORTS)}"]
    arguments += older_glibc.linker_arguments(compiler.find().command, folder)
    # Without an architecture it would add an empty image for one of its own choice.
    link = [*nvcc.command, *LINK_FLAGS, f"-arch=sm_{targets[0]}", *nvcc.link_flags]
    link += [f"-Xlinker={argument}" for argument in arguments]
    link += [*map(str, sorted(compiled)), "-o", str(library)]
    if not _up_to_date(library, link, nvcc):
        _run(link)
        _remember(library, link, nvcc, [*compiled, EXPORTS])
    description = library.with_suffix(".json")
    kernels = {f"{file.name}: {name}": used for file in sorted(files) for name, used in _usage(file, objects).items()}
    about = {"nvcc": nvcc.version, "architectures": targets, "ptx": ptx, "flags": flags, "kernels": kernels}
    description.write_text(json.dumps(about, indent=1))
    return [library, description]


def install(files: list[Path], folder: Path) -> list[Path]:
    """Copies into `folder`, where CUDA libraries of earlier builds are removed: none shall stay that is out of date.

    A library that is there may be in use, so it is replaced, not overwritten.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        copy = shutil.copy(file, folder / f".{file.name}")
        os.replace(copy, folder / file.name)
    for file in folder.glob("libgendr_cuda*"):
        if file.name not in [kept.name for kept in files]:
            file.unlink()
    return [folder / file.name for file in files]


def _compile(nvcc: Nvcc, flags: list[str], file: Path, target: Path, threads: int) -> Path:
    command = [*nvcc.command, *flags, "-c", str(file), "-o", str(target)]
    if not _up_to_date(target, command, nvcc):
        includes = target.with_suffix(".d")
        log = _run([*command, "--threads", str(threads), "-MMD", "-MF", str(includes)])
        target.with_suffix(".log").write_text(log)
        names = dependencies(includes.read_text())
        root = file.parents[1].resolve()
        ours = [Path(name) for name in names if Path(name).resolve().is_relative_to(root)]
        _remember(target, command, nvcc, ours)
    return target


def dependencies(rule: str) -> list[str]:
    """The files after the colon of a rule for make, in which a backslash keeps a space in a name."""
    names = rule.replace("\\\n", " ").partition(" : ")[2]
    found = re.findall(r"(?:\\.|\S)+", names)
    return [re.sub(r"\\(.)", r"\1", name).replace("$$", "$") for name in found]


def _usage(file: Path, objects: Path) -> usage.Usage:
    try:
        return usage.parse((objects / f"{file.stem}.log").read_text())
    except ValueError as error:
        raise BuildError(f"nvcc --resource-usage of {file}: {error}") from error


def _run(command: list[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    if done.returncode:
        raise BuildError(
            f"{done.stdout}\ncompilation of the CUDA core failed: {shlex.join(command)}\n"
            f"NVCC_CCBIN chooses another host compiler, CUDACXX another nvcc. {WITHOUT}"
        )
    return done.stdout


def _up_to_date(target: Path, command: list[str], nvcc: Nvcc) -> bool:
    record = target.with_suffix(".made-of")
    if not (target.exists() and record.exists()):
        return False
    made_of = json.loads(record.read_text())
    return bool(made_of == _made_of(command, nvcc, [Path(name) for name in made_of["files"]]))


def _remember(target: Path, command: list[str], nvcc: Nvcc, files: list[Path]) -> None:
    target.with_suffix(".made-of").write_text(json.dumps(_made_of(command, nvcc, files), indent=1))


def _made_of(command: list[str], nvcc: Nvcc, files: list[Path]) -> dict[str, object]:
    hashes = {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.exists()}
    variables = {name: os.environ.get(name) for name in NVCC_VARIABLES}
    return {"command": command, "nvcc": nvcc.version, "variables": variables, "files": hashes}
