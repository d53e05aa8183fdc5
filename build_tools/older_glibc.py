"""Lets a library that is linked here load where glibc is older.

A linker binds to a symbol's newest version. For pthread_create or dlopen that is GLIBC_2.34, which merely says that
libc.so.6 has it now; the old version is there, too, and does the same. So the linker is shown stand-ins of libc and
libm, in which symbols have the newest version that wheels promise to be content with.
"""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .promise import LIMITS

LIBRARIES = ("libc.so.6", "libm.so.6")
# Where an older glibc has what has moved into libc since.
ONCE_APART = ("libpthread.so.0", "libdl.so.2", "librt.so.1")

# 0000000000089c10 g    DF .text	00000000000009a5  GLIBC_2.34  pthread_create
# The version is in brackets where it is not the one that a linker takes.
_SYMBOL = re.compile(r"^\S+ .{5}D(.) [^*].*\s(\(?)GLIBC_([\d.]+)\)?\s+(\S+)$", re.MULTILINE)


def linker_arguments(compiler: Sequence[str], folder: Path) -> list[str]:
    """What the linker is to be told besides; files are made in `folder`. Nothing where libc is not glibc, or is as old
    as promised.

    compiler: the C++ compiler that links, which knows where its libc is.
    """
    found = {name: path for name in LIBRARIES if (path := _find(compiler, name))}
    listings = {name: _output(["objdump", "-T", str(path)]) for name, path in found.items()}
    if not any(_is_newer(version) for listing in listings.values() for _, _, version, _ in _SYMBOL.findall(listing)):
        return []
    stand_ins = [str(_stand_in(compiler, name, stand_in(listing), folder)) for name, listing in listings.items()]
    apart = [str(path) for name in ONCE_APART if (path := _find(compiler, name))]
    return ["--push-state", "--no-as-needed", *stand_ins, *apart, "--pop-state"]


def stand_in(listing: str) -> list[tuple[str, str, str]]:
    """Symbols of a library as `objdump -T` lists it, without versions newer than promised: 'function' or 'object', the
    name, and its version with the '@@' of the one that a linker takes or the '@' of the others."""
    kinds: dict[str, str] = {}
    linked: set[str] = set()
    versions: dict[str, list[tuple[int, ...]]] = {}
    for kind, hidden, version, name in _SYMBOL.findall(listing):
        kinds[name] = "object" if kind == "O" else "function"
        if not hidden:
            linked.add(name)
        if not _is_newer(version):
            versions.setdefault(name, []).append(_numbers(version))
    symbols = []
    for name, those_of_it in versions.items():
        for version in sorted(those_of_it):
            mark = "@@" if name in linked and version == max(those_of_it) else "@"
            symbols.append((kinds[name], name, f"{mark}GLIBC_{'.'.join(map(str, version))}"))
    return symbols


def _stand_in(compiler: Sequence[str], library: str, symbols: Sequence[tuple[str, str, str]], folder: Path) -> Path:
    source, versions, built = (folder / f"older_{library}{suffix}" for suffix in (".s", ".map", ""))
    lines = [
        f".globl place{i}\n.type place{i}, %{kind}\n.symver place{i}, {name}{version}\nplace{i}: .zero 8\n"
        for i, (kind, name, version) in enumerate(symbols)
    ]
    source.write_text("".join(lines))
    nodes = sorted({version.lstrip("@") for _, _, version in symbols})
    versions.write_text("".join(f"{node} {{}};\n" for node in nodes) + "places { local: place*; };\n")
    command = [*compiler, "-shared", "-nostdlib", f"-Wl,-soname,{library},--version-script={versions}"]
    _output([*command, str(source), "-o", str(built)])
    return built


def _find(compiler: Sequence[str], name: str) -> Path | None:
    found = Path(_output([*compiler, f"-print-file-name={name}"]).strip())
    return found if found.is_absolute() else None  # a compiler that knows none says the name


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _is_newer(version: str) -> bool:
    return _numbers(version) > LIMITS["GLIBC"]


def _output(command: Sequence[str]) -> str:
    environment = {**os.environ, "LC_ALL": "C"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
