"""The CUDA build without a GPU: which nvcc is taken, what is compiled again, what the library holds, exports and uses.

Tests of the built library skip where none was built, those that compile where there is no nvcc.
"""

import ctypes
import json
import os
import re
import shutil
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gendr_adapters import NativeLibraryError, _native
from gendr_adapters._native import structs

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # build_tools is not installed

from build_tools import budget, cuda, nvcc, usage  # noqa: E402
from build_tools.nvcc import BuildError  # noqa: E402

pytestmark = pytest.mark.slow

KNOWN = "75 80 86 87 89 90 100 103 120 121".split()

LOG = """\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_ZN5gendr4cuda36_GLOBAL__N__795e2d46_4_m_cu_415bba544fillIdEEvPT_' for 'sm_75'
ptxas info    : Function properties for _ZN5gendr4cuda36_GLOBAL__N__795e2d46_4_m_cu_415bba544fillIdEEvPT_
    16 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 48 registers, used 1 barriers, 320 bytes cumulative stack size, 512 bytes smem, 364 bytes cmem[0]
ptxas info    : Compile time = 10.000 ms
ptxas info    : Function properties for _ZN5gendr4cuda6helperEf
    0 bytes stack frame, 4 bytes spill stores, 0 bytes spill loads
ptxas info    : Compiling entry function '_ZN5gendr4cuda4statEPf' for 'sm_75'
ptxas info    : Function properties for _ZN5gendr4cuda4statEPf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers, 360 bytes cmem[0]
ptxas info    : Function properties for _ZN5gendr4cuda6helperEf
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
"""
USED = {
    "fill<double>": {"sm_75": {"registers": 48, "stack": 320, "spill_stores": 8, "spill_loads": 12, "shared": 512}},
    "helper": {"sm_75": {"registers": 0, "stack": 0, "spill_stores": 4, "spill_loads": 0, "shared": 0}},
    "stat": {"sm_75": {"registers": 8, "stack": 0, "spill_stores": 0, "spill_loads": 0, "shared": 0}},
}


def fake_nvcc(path: Path, known: list[str] = KNOWN, version: str = "13.0.88") -> Path:
    """A script that answers as nvcc does, writes what it is asked for and adds its arguments to `calls` beside it."""
    codes = "".join(f"sm_{name}\\n" for name in known)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"""#!/bin/sh
case "$1" in
  --version) echo "Cuda compilation tools, release {version.rpartition(".")[0]}, V{version}"; exit;;
  --list-gpu-code) printf "{codes}"; exit;;
esac
escaped() {{ printf %s "$1" | sed 's/ /\\\\ /g'; }}
echo "$*" >> '{path.parent}/calls'
while [ $# -gt 0 ]; do
  case "$1" in
    -c) source="$2";;
    -o) date +%s%N > "$2";;
    -MF) printf 'x.o : %s \\\\\n  %s /usr/include/stdio.h\n' "$(escaped "$source")" \\
  "$(escaped "$(dirname "$source")/../core/shared.h")" > "$2";;
  esac
  shift
done
""")
    path.chmod(0o755)
    return path


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GENDR_CUDA_ARCHS", *cuda.NVCC_VARIABLES):
        monkeypatch.delenv(name, raising=False)


# Which nvcc

PLACES = ["CUDACXX", "CUDA_HOME", "CUDA_PATH", "PATH", "usual", "wheels"]


def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: list[str]) -> tuple[dict[str, str], list[str]]:
    """Environment and module path with an nvcc in each of the places named."""
    environ = {"PATH": str(tmp_path / "PATH" / "bin")}
    monkeypatch.setattr(nvcc, "USUAL_PLACE", str(tmp_path / "usual" / "bin" / "nvcc"))
    for place in present:
        root = tmp_path / "wheels" / "nvidia" / "cu13" if place == "wheels" else tmp_path / place
        program = fake_nvcc(root / "bin" / "nvcc")
        if place.startswith("CUDA"):
            environ[place] = str(program if place == "CUDACXX" else root)
        for name in nvcc.WHEEL_FILES if place == "wheels" else []:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).touch()
    return environ, [str(tmp_path / "empty"), str(tmp_path / "wheels")]


@pytest.mark.parametrize("place", PLACES)
def test_order_of_the_search(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = nvcc.find(*_places(tmp_path, monkeypatch, PLACES[PLACES.index(place) :]))
    assert found is not None
    assert Path(found.command[0]).is_relative_to(tmp_path / place)
    assert (found.version, found.major, list(found.architectures)) == ("13.0.88", "13", KNOWN)
    root = tmp_path / "wheels" / "nvidia" / "cu13"
    assert found.link_flags == (("-L", str(root / "lib")) if place == "wheels" else ())


def test_several_nvccs(tmp_path: Path) -> None:
    programs = [fake_nvcc(tmp_path / version / "nvcc", version=version) for version in ("12.4.131", "13.0.88")]
    found = nvcc.find_all({"CUDACXX": ":".join(map(str, programs)), "PATH": os.defpath}, [])
    assert [(one.version, one.command) for one in found] == [(p.parent.name, (str(p),)) for p in programs]
    assert [one.major for one in found] == ["12", "13"]
    again = fake_nvcc(tmp_path / "12.9.86" / "nvcc", version="12.9.86")
    with pytest.raises(BuildError, match="different major versions, got those of CUDA 12.4.131 and 12.9.86"):
        nvcc.find_all({"CUDACXX": f"{programs[0]}:{again}", "PATH": os.defpath}, [])
    with pytest.raises(BuildError, match="CUDACXX=/no/such/nvcc: there is no such program"):
        nvcc.find_all({"CUDACXX": f"{programs[0]}:/no/such/nvcc", "PATH": os.defpath}, [])


@pytest.mark.parametrize("present", [[], ["CUDA_HOME"], PLACES])
def test_one_nvcc_where_none_or_one_is_named(
    present: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = _places(tmp_path, monkeypatch, present)
    found = nvcc.find(*where)
    assert nvcc.find_all(*where) == ([found] if found else [])
    assert nvcc.find_all({**where[0], "GENDR_CUDA": "0"}, where[1]) == []


def test_cuda_home_without_nvcc_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environ, path = _places(tmp_path, monkeypatch, ["usual"])
    found = nvcc.find({**environ, "CUDA_HOME": str(tmp_path)}, path)
    assert found is not None and Path(found.command[0]) == tmp_path / "usual" / "bin" / "nvcc"


def test_gendr_cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = _places(tmp_path, monkeypatch, ["PATH"])
    assert nvcc.find({**there[0], "GENDR_CUDA": "0"}, there[1]) is None
    for wish in ("1", "auto", ""):
        assert nvcc.find({**there[0], "GENDR_CUDA": wish}, there[1]) is not None
    (tmp_path / "PATH" / "bin" / "nvcc").unlink()
    for wish in ("0", "auto", ""):
        assert nvcc.find({**there[0], "GENDR_CUDA": wish}, there[1]) is None
    with pytest.raises(BuildError) as error:
        nvcc.find({**there[0], "GENDR_CUDA": "1"}, there[1])
    named = ["$CUDACXX", "$CUDA_HOME/bin", "$CUDA_PATH/bin", "on PATH", nvcc.USUAL_PLACE, "site-packages", "isolation"]
    assert [part for part in named if part not in str(error.value)] == []


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"GENDR_CUDA": "yes"}, "GENDR_CUDA must be 0 .* 1 .* or auto .*, got 'yes'"),
        ({"CUDACXX": "/no/such/nvcc"}, "CUDACXX=/no/such/nvcc: there is no such program.*GENDR_CUDA=0"),
        ({"CUDACXX": "true"}, "does not say its version.*GENDR_CUDA=0"),
        ({"CUDACXX": "false"}, "`false --version` failed.*GENDR_CUDA=0"),
    ],
    ids=str,
)
def test_mistakes_are_named(environ: dict[str, str], message: str) -> None:
    with pytest.raises(BuildError) as error:
        nvcc.find({"PATH": os.defpath, **environ}, [])
    assert re.search(message, str(error.value), re.DOTALL)


def test_wheels_that_are_missing_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = _places(tmp_path, monkeypatch, ["wheels"])
    (tmp_path / "wheels" / "nvidia" / "cu13" / "lib" / "libcudart_static.a").unlink()
    with pytest.raises(
        BuildError, match=r"lacks lib/libcudart_static.a: pip install nvidia-cuda-runtime \(of CUDA 13.0"
    ):
        nvcc.find(*where)


# What for


def _nvcc(known: str) -> nvcc.Nvcc:
    return nvcc.Nvcc(("nvcc",), "a test", "13.0.88", tuple(known.split()))


@pytest.mark.parametrize(
    ("known", "wish", "chosen"),
    [
        (" ".join(KNOWN), "", "75 80 86 89 90 100 120"),
        ("50 60 75 80 86 87 89 90", "", "75 80 86 89 90"),
        (" ".join(KNOWN), "90", "90"),
        (" ".join(KNOWN), "90, 80;121", "80 90 121"),
    ],
)
def test_architectures(known: str, wish: str, chosen: str) -> None:
    assert nvcc.architectures(_nvcc(known), {"GENDR_CUDA_ARCHS": wish}) == chosen.split()


@pytest.mark.parametrize(
    ("targets", "chosen"),
    [("75 80 86 89 90 100 120", "90 120"), ("75 80 86 89", "89"), ("90", "90"), ("80 90", "90"), ("100 120", "120")],
)
def test_ptx(targets: str, chosen: str) -> None:
    assert nvcc.ptx_architectures(targets.split()) == chosen.split()


# Compute capabilities: a binary runs on later minor versions of its own major one, PTX on all that is later.
CARDS = ["7.5", "8.0", "8.6", "8.7", "8.9", "9.0", "10.0", "10.3", "11.0", "12.0", "12.1", "13.0"]


@pytest.mark.parametrize("card", CARDS)
def test_every_card_has_an_image(card: str) -> None:
    targets = nvcc.architectures(_nvcc(" ".join(KNOWN)), {})
    major, minor = map(int, card.split("."))
    binaries = [int(name) for name in targets if int(name) // 10 == major and int(name) % 10 <= minor]
    ptx = [int(name) for name in nvcc.ptx_architectures(targets) if int(name) <= 10 * major + minor]
    assert binaries or ptx


def test_unknown_architectures() -> None:
    with pytest.raises(BuildError, match="GENDR_CUDA_ARCHS: got sm_90 91; nvcc 13.0.88 knows 75 90$"):
        nvcc.architectures(_nvcc("75 90"), {"GENDR_CUDA_ARCHS": "sm_90 91 90"})
    with pytest.raises(BuildError, match="knows none of 75 .*, only 52 70.*GENDR_CUDA=0"):
        nvcc.architectures(_nvcc("52 70"), {})


# What is compiled again


@pytest.mark.parametrize("folder", ["folder", "a folder"])
def test_only_what_changed_is_compiled_again(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environment: None
) -> None:
    tmp_path = tmp_path / folder
    program = fake_nvcc(tmp_path / "bin" / "nvcc")
    calls = program.with_name("calls")
    found = nvcc.find({"CUDACXX": f"'{program}'"}, [])
    assert found is not None
    source, objects = tmp_path / "csrc" / "cuda", tmp_path / "objects"
    source.mkdir(parents=True)
    header = tmp_path / "csrc" / "core" / "shared.h"
    header.parent.mkdir()
    for file in (source / "a.cu", source / "b.cu", header):
        file.write_text("first")

    def made() -> list[str]:
        calls.write_text("")
        files = cuda.build(found, source, objects)
        assert [file.name for file in files] == ["libgendr_cuda13.so", "libgendr_cuda13.json"]
        return sorted(re.findall(r"-o \S.*?/([\w.]+)(?: --threads|$)", calls.read_text(), re.MULTILINE))

    assert made() == ["a.o", "b.o", "libgendr_cuda13.so"]
    images = re.findall(r"-gencode=arch=compute_(\d+),code=(\w+)", calls.read_text().splitlines()[0])
    assert [code for _, code in images] == [
        *(f"sm_{name}" for name in nvcc.ARCHITECTURES), "compute_90", "compute_120"
    ]  # fmt: skip
    assert all(code.endswith(f"_{name}") for name, code in images)
    assert made() == []
    (source / "a.cu").touch()
    (source / "budget.json").write_text("no source")
    assert made() == []
    (source / "a.cu").write_text("second")
    assert made() == ["a.o", "libgendr_cuda13.so"]
    header.write_text("second")
    assert made() == ["a.o", "b.o", "libgendr_cuda13.so"]
    (source / "b.cu").unlink()
    assert made() == ["libgendr_cuda13.so"]
    for name, value in (("GENDR_CUDA_ARCHS", "90"), ("NVCC_APPEND_FLAGS", "-lineinfo")):
        monkeypatch.setenv(name, value)
        assert made() == ["a.o", "libgendr_cuda13.so"], name
    (objects / "a.o").unlink()
    assert made() == ["a.o", "libgendr_cuda13.so"]
    monkeypatch.setattr(cuda, "FLAGS", [*cuda.FLAGS, "-G"])
    assert made() == ["a.o", "libgendr_cuda13.so"]


def test_libraries_of_earlier_builds_go(tmp_path: Path) -> None:
    made, folder = tmp_path / "libgendr_cuda13.so", tmp_path / "package"
    made.write_text("new")
    folder.mkdir()
    for name in ("libgendr_cuda12.so", "libgendr_cuda12.json", "libgendr_cuda13.so", "libgendr_cpu.so"):
        (folder / name).write_text("old")
    assert cuda.install([made], folder) == [folder / "libgendr_cuda13.so"]
    assert sorted(file.name for file in folder.iterdir()) == ["libgendr_cpu.so", "libgendr_cuda13.so"]
    assert (folder / "libgendr_cuda13.so").read_text() == "new"
    cuda.install([], folder)
    assert [file.name for file in folder.iterdir()] == ["libgendr_cpu.so"]


# What kernels use


def test_reading_the_log() -> None:
    assert usage.parse(LOG) == USED
    other = usage.parse(LOG + LOG.replace("sm_75", "sm_90"))
    assert {kernel: list(used) for kernel, used in other.items()} == {kernel: ["sm_75", "sm_90"] for kernel in USED}


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda lines: lines[:4], "no resource usage"),
        (lambda lines: [*lines[:3], *lines[8:12]], "no resource usage"),
        (lambda lines: [*lines[:4], lines[9], *lines[4:]], "resource usage of .*fill.* expected"),
        (lambda lines: lines[:6] * 2, r"two kernels .* fill<double>"),
    ],
    ids=["cut short", "mixed", "mixed within one", "overloads"],
)
def test_damaged_logs_are_refused(damage: Callable[[list[str]], list[str]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        usage.parse("\n".join(damage(LOG.splitlines())))


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("_ZN5gendr4cuda4tmplIfLb1EEEvPT_i", "tmpl<float, true>"),
        ("_ZN5gendr4cuda36_GLOBAL__N__795e2d46_4_m_cu_415bba544anonEPf", "anon"),
        ("_ZN5gendr4cuda4nameISt4pairIidEEENS0_5ValueIfEEPFviET_", "name<std::pair<int, double>>"),
        ("plain_c", "plain_c"),
    ],
)
def test_readable_names(symbol: str, name: str) -> None:
    assert usage.readable(symbol) == name


# The budget


def _description() -> dict[str, Any]:
    kernels = {kernel: {name: dict(used["sm_75"]) for name in budget.ARCHITECTURES} for kernel, used in USED.items()}
    names = [name.removeprefix("sm_") for name in budget.ARCHITECTURES]
    return {"nvcc": "13.0.88", "architectures": names, "kernels": kernels}


def test_budget_that_is_kept() -> None:
    description = _description()
    written = json.loads(budget.text(description))
    assert written == {"nvcc": "13.0", "kernels": description["kernels"]}
    assert budget.excesses(written["kernels"], description["kernels"]) == []
    description["kernels"]["stat"]["sm_90"]["registers"] -= 1
    del description["kernels"]["stat"]["sm_75"]  # not built
    description["kernels"]["stat"]["sm_86"] = {}  # without a budget
    assert budget.excesses(written["kernels"], description["kernels"]) == []


@pytest.mark.parametrize("resource", usage.RESOURCES)
def test_budget_that_is_exceeded(resource: str) -> None:
    kernels = _description()["kernels"]
    kernels["stat"]["sm_90"][resource] += 1
    (line,) = budget.excesses(_description()["kernels"], kernels)
    assert re.fullmatch(rf"stat: \d+ {resource.replace('_', ' ')} on sm_90, allowed \d+", line)


def test_budget_of_other_kernels() -> None:
    kernels = _description()["kernels"]
    more = {**kernels, "new": kernels["stat"]}
    assert budget.excesses(kernels, more) == ["new: not in the budget"]
    assert budget.excesses(more, kernels) == ["new: in the budget, but no longer in the library"]
    old = _description()["kernels"]
    del old["stat"]["sm_120"]
    assert budget.excesses(old, kernels) == ["stat: not in the budget for sm_120"]


def test_budget_needs_its_architectures() -> None:
    with pytest.raises(SystemExit, match="built without 120: unset GENDR_CUDA_ARCHS"):
        budget.text({**_description(), "architectures": ["75", "90"]})


# Finding the library


def _libraries(monkeypatch: pytest.MonkeyPatch, folder: Path, *majors: int) -> None:
    for major in majors:
        (folder / f"libgendr_cuda{major}.so").touch()
    monkeypatch.setattr(_native, "FOLDER", folder)


@pytest.mark.parametrize(
    ("of_driver", "majors", "chosen"),
    [
        (13, (12, 13), 13),
        (12, (11, 12, 13), 12),
        (12, (9, 11, 13), 11),
        (14, (9, 12, 13), 13),
        (11, (12, 13), 12),
        (None, (12, 13), 13),
        (13, (12,), 12),
    ],
)
def test_choice_of_the_library(
    of_driver: int | None, majors: tuple[int, ...], chosen: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _libraries(monkeypatch, tmp_path, *majors)
    monkeypatch.setattr(_native.driver, "cuda_major", lambda: of_driver)
    assert _native.library_path("cuda").name == f"libgendr_cuda{chosen}.so"


def test_a_package_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _libraries(monkeypatch, tmp_path)
    with pytest.raises(NativeLibraryError, match="built without CUDA.*CUDACXX.*pip install"):
        _native.library_path("cuda")
    with pytest.raises(NativeLibraryError, match="libgendr_cpu.so is missing.*pip install"):
        _native.library_path("cpu")


def test_a_library_that_does_not_load(tmp_path: Path) -> None:
    path = tmp_path / "libgendr_cuda13.so"
    path.write_text("not a library")
    with pytest.raises(NativeLibraryError, match="does not load"):
        _native.load(path)


# The library that was built


@pytest.fixture(scope="module")
def built() -> Path:
    try:
        return _native.library_path("cuda")
    except NativeLibraryError as error:
        pytest.skip(f"no CUDA library: {error}")


def test_loads_without_a_driver(built: Path) -> None:
    lib = _native.library("cuda")
    assert lib.gendr_abi_version() == structs.ABI_VERSION
    assert _native.isa("cuda") == "cuda"
    assert _native.library("cuda") is lib is not _native.library()


def test_a_render_on_the_cpu_does_not_load_it(built: Path) -> None:
    code = """
import torch
from gendr_adapters import render
corners = torch.rand(2, 3, 3).add_(0.5).requires_grad_()
render(corners, 8).alpha.sum().backward()
print([name for name in ("libgendr_cpu", "libgendr_cuda") if name in open("/proc/self/maps").read()])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["['libgendr_cpu']"]


def test_exports_the_abi_and_nothing_else(built: Path) -> None:
    for path in (built, _native.library_path("cpu")):
        listed = subprocess.run(["nm", "-D", "--defined-only", path], capture_output=True, text=True, check=True).stdout
        assert {line.split()[-1] for line in listed.splitlines()} == set(structs.FUNCTIONS)


def test_needs_no_cuda_library(built: Path) -> None:
    listed = subprocess.run(["readelf", "-d", built], capture_output=True, text=True, check=True).stdout
    needed = re.findall(r"NEEDED.*\[(.*)\]", listed)
    assert "libc.so.6" in needed and not [name for name in needed if "cuda" in name]


def test_built_for_all_architectures(built: Path) -> None:
    build = _native.cuda_build()
    if "GENDR_CUDA_ARCHS" in os.environ:
        pytest.skip("GENDR_CUDA_ARCHS restricts the build")
    assert {"75", "80", "86", "89", "90"} <= set(build["architectures"]) <= set(nvcc.ARCHITECTURES)
    names = {f"sm_{name}" for name in build["architectures"]}
    assert [kernel for kernel, used in build["kernels"].items() if set(used) != names] == []


def images(library: Path) -> set[tuple[str, int]]:
    """The images in a library: ("ptx" or "sm", compute capability). Each fat binary is a header and its images, each
    with a header of its own: kind, own size, size of what follows, and further on the capability."""
    content, found = library.read_bytes(), set()
    for match in re.finditer(re.escape(struct.pack("<IH", 0xBA55ED50, 1)), content):
        header, size = struct.unpack_from("<HQ", content, match.start() + 6)
        at = match.start() + header
        while at < match.start() + header + size:
            kind, own, following = struct.unpack_from("<HxxIQ", content, at)
            (capability,) = struct.unpack_from("<I", content, at + 28)
            found.add(({1: "ptx", 2: "sm"}[kind], capability))
            at += own + following
    return found


def test_images_of_the_library(built: Path) -> None:
    build = _native.cuda_build()
    expected = {("sm", int(name)) for name in build["architectures"]} | {("ptx", int(name)) for name in build["ptx"]}
    assert images(built) == expected


def test_kernels_keep_to_the_budget(built: Path) -> None:
    build, allowed = _native.cuda_build(), json.loads(budget.BUDGET.read_text())
    if budget.release(build) != allowed["nvcc"]:
        pytest.skip(f"the budget was measured with nvcc {allowed['nvcc']}, this library is of {build['nvcc']}")
    assert budget.excesses(allowed["kernels"], build["kernels"]) == [], "`make budget` lets this be the budget"
    for used in allowed["kernels"].values():
        used["sm_90"]["registers"] -= 1
    if "sm_90" in next(iter(build["kernels"].values())):
        assert len(budget.excesses(allowed["kernels"], build["kernels"])) > 1


# nvcc itself


@pytest.fixture(scope="module")
def real_nvcc() -> nvcc.Nvcc:
    if found := nvcc.find():
        return found
    pytest.skip("no nvcc, or GENDR_CUDA=0")


PLANTED = {
    "none": ("", None),
    "of the device compiler": ("__global__ void kernel(float* x) { int unused = 3; x[0] = 1; }", "unused"),
    "of the host compiler": ("inline int sum(int n) { unsigned m = 3; return n < m; }", "sign-compare"),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_warnings_are_errors(
    kind: str, real_nvcc: nvcc.Nvcc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environment: None
) -> None:
    code, message = PLANTED[kind]
    root = tmp_path / "a folder"  # which does no harm
    source, exports = root / "csrc" / "cuda", root / "build_tools" / "exports.map"
    source.mkdir(parents=True)
    exports.parent.mkdir()
    shutil.copy(cuda.EXPORTS, exports)
    monkeypatch.setattr(cuda, "EXPORTS", exports)
    monkeypatch.chdir(root)
    (source / "a.cu").write_text(
        f'{code}\nextern "C" __attribute__((visibility("default"))) int gendr_one() {{ return 1; }}\n'
    )
    monkeypatch.setenv("GENDR_CUDA_ARCHS", nvcc.architectures(real_nvcc)[0])
    monkeypatch.setenv("GENDR_WERROR", "1")
    if message is None:
        library, _ = cuda.build(real_nvcc, source, root / "objects")
        assert ctypes.CDLL(str(library)).gendr_one() == 1
    else:
        with pytest.raises(BuildError, match=f"(?s){message}.*GENDR_CUDA=0"):
            cuda.build(real_nvcc, source, root / "objects")


ROUNDED = re.compile(r"^\s*(?:@!?%p\d+ )?((?:fma|mul|add|sub|div|rcp|sqrt)\.(?:[a-z.]*)f(?:32|64))\b", re.MULTILINE)


def test_both_passes_over_fragments_have_the_same_arithmetic(real_nvcc: nvcc.Nvcc, tmp_path: Path) -> None:
    """The instructions that round a number, in PTX: filling has three products more, the weights that it writes. (ptxas
    fuses none whose rounding is given.)"""
    ptx = tmp_path / "fragments.ptx"
    target = f"compute_{nvcc.architectures(real_nvcc)[-1]}"
    flags = [flag for flag in cuda.FLAGS if flag not in ("--resource-usage", "-Xfatbin", "-compress-all")]
    source = ROOT / "csrc" / "cuda" / "fragments.cu"
    subprocess.run(
        [*real_nvcc.command, *flags, *real_nvcc.compile_flags, f"-arch={target}", "-ptx", source, "-o", ptx], check=True
    )
    entries = re.findall(
        r"\.entry \S*list_fragmentsI([fd])Lb([01])ELb([01])\w*\((.*?)\n\}\n", ptx.read_text(), re.DOTALL
    )
    counts = {(real, cuts, fill): Counter(ROUNDED.findall(body)) for real, fill, cuts, body in entries}
    assert len(counts) == 8
    for real, width in (("f", 32), ("d", 64)):
        for cuts in "01":
            counting, filling = counts[real, cuts, "0"], counts[real, cuts, "1"]
            assert counting[f"fma.rn.f{width}"] > 20
            assert filling - counting == {f"mul.rn.f{width}": 3} and not counting - filling


def test_missing_cuda_core_is_explained_when_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_native, "FOLDER", tmp_path)
    with pytest.raises(_native.NativeLibraryError, match="built without CUDA: no nvcc was found"):
        _native.library_path("cuda")
    (tmp_path / "libgendr_cuda_failed.txt").write_text("nvcc said no")
    with pytest.raises(_native.NativeLibraryError, match="(?s)compilation failed.*nvcc said no.*GENDR_CUDA=1"):
        _native.library_path("cuda")
    (tmp_path / "libgendr_cuda13.so").touch()
    assert _native.library_path("cuda") == tmp_path / "libgendr_cuda13.so"
