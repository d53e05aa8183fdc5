"""What is said of a native library that cannot be used, of a package in a place where none can be loaded, and of one
that is imported twice."""

import json
import platform
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from gendr_adapters import NativeLibraryError, _native
from gendr_adapters._native import elf, structs

PACKAGE = Path(_native.FOLDER).parent
LIBRARY = _native.library_path("cpu")


def run(code: str, *arguments: str, **options: object) -> str:
    """What a new process prints; it must not fail."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


# Libraries


@pytest.mark.parametrize("part", [0.0, 1e-5, 4e-5, 0.01, 0.5, 0.9, 0.9999])
def test_library_that_is_cut_short(part: float, tmp_path: Path) -> None:
    path = tmp_path / "libgendr_cpu.so"
    content = LIBRARY.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(NativeLibraryError, match="is empty: run" if part == 0.0 else "is cut short, at .*: run `pip"):
        _native.load(path)


def test_library_that_is_cut_short_behind_its_sections(tmp_path: Path) -> None:
    """patchelf may put the table of sections first. Loaded, such a library would end the process."""
    path = tmp_path / "libgendr_cpu.so"
    content = bytearray(LIBRARY.read_bytes())
    struct.pack_into("<Q", content, 40, 0)
    struct.pack_into("<H", content, 60, 0)
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(NativeLibraryError, match="is cut short, at .*: run `pip"):
        _native.load(path)


def test_whole_libraries_are_not_taken_for_cut_ones() -> None:
    maps = Path("/proc/self/maps").read_text()
    loaded = {Path(line.split(maxsplit=5)[5]) for line in maps.splitlines() if ".so" in line and "/" in line}
    loaded = {path for path in loaded if path.exists()}  # what another test loaded may be deleted
    assert len(loaded) > 10
    assert [path for path in loaded if elf.damage(path) or elf.foreign(path)] == []


@pytest.mark.parametrize("machine", ["of a kind that is known", "machine number 4711"])
def test_library_of_another_machine(machine: str, tmp_path: Path) -> None:
    number = 4711
    if machine == "of a kind that is known":
        number, machine = (62, "x86_64") if platform.machine() == "aarch64" else (183, "aarch64")
    path = tmp_path / "libgendr_cpu.so"
    content = bytearray(LIBRARY.read_bytes())
    struct.pack_into("<H", content, 18, number)
    path.write_bytes(content)
    with pytest.raises(NativeLibraryError, match=f"does not load: it is for {machine}, and this is "):
        _native.load(path)


def test_folder_instead_of_a_library(tmp_path: Path) -> None:
    with pytest.raises(NativeLibraryError, match="does not load: "):
        _native.load(tmp_path)


def library_of(functions: dict[str, str], folder: Path) -> Path:
    """A library that has these functions, given by type and body."""
    lines = [
        f"{kind} {name}(int i) {{ {body} }}" for name, code in functions.items() for kind, body in [code.split(": ")]
    ]
    source = "#define NULL 0\n" + "\n".join(lines)
    subprocess.run(
        ["g++", "-x", "c", "-shared", "-fPIC", "-", "-o", folder / "lib.so"], input=source.encode(), check=True
    )
    return folder / "lib.so"


VERSION = {"gendr_abi_version": f"int: return {structs.ABI_VERSION};"}
ALL = dict.fromkeys(structs.FUNCTIONS, "const char*: return NULL;") | VERSION


@pytest.mark.parametrize(
    ("functions", "message"),
    [
        ({"unzip": "int: return 0;"}, "is not a library of gendr_adapters"),
        ({"gendr_abi_version": "int: return 1;"}, f"has ABI version 1, this package needs {structs.ABI_VERSION}: r"),
        (VERSION, "lacks gendr_last_error, gendr_isa, .*: it was not built from the sources"),
        ({name: code for name, code in ALL.items() if name != "gendr_isa"}, "lacks gendr_isa: it was not built from"),
        (ALL, "was not built from the sources of this package"),
    ],
    ids=["foreign", "older", "functions missing", "function missing", "other names"],
)
def test_library_of_other_sources(functions: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(NativeLibraryError, match=f"lib.so {message}.*un `pip install .` again"):
        _native.load(library_of(functions, tmp_path))


@pytest.mark.parametrize("content", [None, "", "[1, 2"])
def test_description_of_the_cuda_core_that_cannot_be_read(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_native, "FOLDER", tmp_path)
    (tmp_path / "libgendr_cuda13.so").touch()
    if content is not None:
        (tmp_path / "libgendr_cuda13.json").write_text(content)
    with pytest.raises(NativeLibraryError, match="libgendr_cuda13.json, a file that the build wrote .* cannot be read"):
        _native.cuda_build()
    (tmp_path / "libgendr_cuda13.json").write_text(json.dumps({"nvcc": "13.0"}))
    assert _native.cuda_build() == {"nvcc": "13.0"}


# The environment


def test_unknown_instruction_set(monkeypatch: pytest.MonkeyPatch) -> None:
    first_use = _native._library.__wrapped__
    monkeypatch.setenv("GENDR_ISA", "avx")
    with pytest.raises(ValueError, match="GENDR_ISA must be one of baseline, avx2, avx512, neon, .* got 'avx'$"):
        first_use("cpu")
    for name in ("", *_native.INSTRUCTION_SETS):
        monkeypatch.setenv("GENDR_ISA", name)
        assert first_use("cpu").gendr_abi_version() == structs.ABI_VERSION
    assert _native.isa() in _native.INSTRUCTION_SETS


# Where the package is


@pytest.mark.slow
def test_package_in_an_archive(tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "package"), "zip", PACKAGE.parent, PACKAGE.name)
    code = """
import torch
from gendr_adapters import NativeLibraryError, __main__, _native, render
for call in (lambda: render(torch.rand(2, 3, 3) + 1, 8), lambda: _native.library("cuda"), _native.cuda_build):
    try:
        call()
    except NativeLibraryError as error:
        print(error)
__main__.print_info()
"""
    lines = run(code, env={"PYTHONPATH": archive}, cwd=tmp_path).splitlines()
    said = [line for line in lines if "is not a folder: gendr_adapters was imported from an archive" in line]
    assert len(said) == 5 and archive in said[0] and "Install the wheel with pip" in said[0]


# Twice


@pytest.mark.slow
def test_second_import(tmp_path: Path) -> None:
    (tmp_path / "gendr_adapters").symlink_to(PACKAGE)
    code = """
import importlib, sys
import torch
import gendr_adapters

first = gendr_adapters.render
importlib.reload(gendr_adapters)
assert gendr_adapters.render is first
assert gendr_adapters.render(torch.rand(2, 3, 3) + 1, 8).alpha.shape == (1, 8, 8)

def forget():
    for name in [name for name in sys.modules if name.startswith("gendr_adapters")]:
        del sys.modules[name]

def op_reloaded():
    importlib.reload(sys.modules["gendr_adapters.ops.render"])

def modules_forgotten():
    forget()
    import gendr_adapters
    gendr_adapters.render

def another_copy():
    forget()
    sys.path.insert(0, sys.argv[1])
    import gendr_adapters
    gendr_adapters.render

for way in (op_reloaded, modules_forgotten, another_copy):
    try:
        way()
    except ImportError as error:
        print(error)
"""
    lines = run(code, str(tmp_path), env={"PYTHONPATH": str(PACKAGE.parent)}).splitlines()
    said = "is imported a second time in this process, from the same place or another"
    assert [said in line and "restart Python" in line for line in lines] == [True, True, True]
    assert [str(tmp_path) in line for line in lines] == [False, False, True]
