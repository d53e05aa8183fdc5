"""Compiles csrc/jax into libgendr_jax.so, which lets jax call the core without Python (docs/jax.md).

It needs jaxlib's headers, so there is none where jaxlib is not installed: gendr_adapters.jax does without. Published
wheels have none, either: these headers ask for a newer C++ library than wheels promise (promise.py). `python -m
build_tools.handlers` builds it beside the libraries of this folder's package.
"""

import argparse
import importlib.util
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from . import compiler

SOURCE = Path("csrc/jax/handlers.cpp")
NAME = "libgendr_jax.so"
FLAGS = ["-std=c++17", "-O2", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-shared"]
# The linker of macOS has no such scripts.
LINK_FLAGS_OF = {"linux": ["-Wl,--version-script=build_tools/exports.map"]}


def headers() -> Path | None:
    """The folder that jax.ffi.include_dir() names, without importing jax; None: there is none."""
    found = importlib.util.find_spec("jaxlib")
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "include"
    return folder if (folder / "xla/ffi/api/ffi.h").is_file() else None


def command(target: Path, include: Path) -> list[str]:
    """Compiles the library."""
    found = compiler.find()
    strict = ["-Werror"] if os.environ.get("GENDR_WERROR") == "1" else []
    # Warnings of XLA's headers are not ours to mend.
    flags = [*FLAGS, *strict, "-isystem", str(include), *LINK_FLAGS_OF.get(found.system, [])]
    return [*found.command, *flags, str(SOURCE), "-o", str(target)]


def build(objects: Path) -> list[Path]:
    """The library, made in `objects`; nothing where there are no headers, or it does not compile with them."""
    include = headers()
    if include is None:
        print("JAX: jaxlib is not installed, or has no headers; no library of handlers", flush=True)
        return []
    objects.mkdir(parents=True, exist_ok=True)
    words = command(objects / NAME, include)
    print(f"JAX: handlers, with the headers in {include}", flush=True)
    if subprocess.run(words).returncode:
        print(f"JAX: FAILED, SO CALLS WILL GO THROUGH PYTHON: {shlex.join(words)}", flush=True)
        return []
    return [objects / NAME]


def install(files: list[Path], folder: Path) -> list[Path]:
    """Copies into `folder`. A library that is there may be in use, so it is replaced, not overwritten."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in files:
        copy = shutil.copy(file, folder / f".{file.name}")
        os.replace(copy, folder / file.name)
    return [folder / file.name for file in files]


if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="python -m build_tools.handlers", description="Builds the handlers for jax into gendr_adapters/_native."
    ).parse_args()
    if not install(build(Path("build/jax")), Path("gendr_adapters/_native")):
        raise SystemExit("nothing was built")
