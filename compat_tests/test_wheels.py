"""What `make wheels` publishes: what the built libraries need of a system, what a wheel holds, what an index shows."""

import ctypes
import re
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from gendr_adapters import _native

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # build_tools is not installed

from build_tools import compiler, index_page, needs, nvcc, older_glibc, wheels  # noqa: E402
from build_tools.promise import LIMITS  # noqa: E402

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="wheels of other systems promise other things")

# What a library needs


# The handlers for jax are for the machine they are built on (build_tools/handlers.py).
PUBLISHED = [path for path in sorted(_native.FOLDER.glob("libgendr_*.so")) if path.stem != "libgendr_jax"]


@LINUX
@pytest.mark.parametrize("library", PUBLISHED, ids=lambda path: path.stem)
def test_built_library_needs_no_more_than_is_promised(library: Path) -> None:
    assert needs.excesses(library) == []


def linked(folder: Path, source: str, *arguments: str) -> Path:
    """A library of C++ source, made by the compiler of the build."""
    path = folder / "lib.so"
    command = [*compiler.find().command, "-x", "c++", "-", "-x", "none", "-shared", "-fPIC", "-o", str(path)]
    subprocess.run([*command, *arguments], input=source, text=True, check=True)
    return path


THREAD = """
#include <pthread.h>
static void* body(void* there) { *static_cast<int*>(there) = 7; return nullptr; }
extern "C" int seven() {
    int there = 0;
    pthread_t thread;
    return pthread_create(&thread, nullptr, body, &there) || pthread_join(thread, nullptr) ? -1 : there;
}
"""
CONDITION = """
#include <condition_variable>
#include <mutex>
void wait(std::condition_variable& condition, std::unique_lock<std::mutex>& lock) { condition.wait(lock); }
"""


@LINUX
@pytest.mark.parametrize(
    ("source", "limits", "message"),
    [
        (THREAD, {"GLIBC": (2, 2)}, "needs pthread_create of GLIBC_2.[0-9.]+"),
        (CONDITION, {"GLIBCXX": (3, 4)}, r"needs _ZNSt18condition_variable4wait\w+ of GLIBCXX_3.4.[0-9.]+"),
        ("void missing(); void needs_it() { missing(); }", {}, "needs _Z7missingv, of no version"),
    ],
    ids=["glibc", "libstdc++", "no version"],
)
def test_symbol_that_is_too_new(
    source: str, limits: dict[str, tuple[int, ...]], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, version in limits.items():
        monkeypatch.setitem(LIMITS, kind, version)
    excesses = needs.excesses(linked(tmp_path, source))
    assert [line for line in excesses if re.fullmatch(message, line)], excesses


@LINUX
def test_library_that_not_every_system_has(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = linked(tmp_path / "other", 'extern "C" int other() { return 0; }', "-Wl,-soname,libother.so.3")
    path = linked(
        tmp_path, 'extern "C" int other(); int one() { return other() + 1; }', str(other), f"-Wl,-rpath,{tmp_path}"
    )
    assert {"needs libother.so.3", f"looks for libraries in {tmp_path}"} <= set(needs.excesses(path))


# Linking with what an older glibc has

LISTING = """
0000000000089c10 g    DF .text	00000000000009a5  GLIBC_2.34  pthread_create
0000000000089c10 g    DF .text	00000000000009a5 (GLIBC_2.2.5) pthread_create
00000000000a2d70 g   iD  .text	0000000000000028  GLIBC_2.14  memcpy
00000000000a2d70 g   iD  .text	0000000000000028 (GLIBC_2.2.5) memcpy
00000000001d4848 g    DO .data	0000000000000008  GLIBC_2.2.5 stdout
0000000000044610 g    DF .text	000000000000006b  GLIBC_2.36  arc4random
0000000000044610 g    DF .text	000000000000006b (GLIBC_2.15) __exp_finite
0000000000000000 g    DO *ABS*	0000000000000000  GLIBC_2.2.5 GLIBC_2.2.5
0000000000000000      DF *UND*	0000000000000000 (GLIBC_2.2.5) free
0000000000136010 g    DF .text	0000000000000011  GLIBC_PRIVATE _nss_files_setprotoent
"""


def test_stand_in_of_a_library() -> None:
    assert older_glibc.stand_in(LISTING) == [
        ("function", "pthread_create", "@@GLIBC_2.2.5"),
        ("function", "memcpy", "@GLIBC_2.2.5"),
        ("function", "memcpy", "@@GLIBC_2.14"),
        ("object", "stdout", "@@GLIBC_2.2.5"),
        ("function", "__exp_finite", "@GLIBC_2.15"),
    ]


@LINUX
def test_library_linked_for_an_older_glibc(tmp_path: Path) -> None:
    arguments = older_glibc.linker_arguments(compiler.find().command, tmp_path)
    path = linked(tmp_path, THREAD, *(f"-Wl,{argument}" for argument in arguments))
    assert needs.excesses(path) == []
    assert ctypes.CDLL(str(path)).seven() == 7


@LINUX
def test_linking_where_glibc_is_as_old_as_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIMITS, "GLIBC", (999,))
    assert older_glibc.linker_arguments(compiler.find().command, tmp_path) == []
    assert list(tmp_path.iterdir()) == []


# What a wheel is called and what it holds


def _nvcc(version: str) -> nvcc.Nvcc:
    return nvcc.Nvcc(("nvcc",), "a test", version, ("90",))


@pytest.mark.parametrize(
    ("versions", "labels"),
    [([], [""]), (["13.0.88"], ["", "+cu13"]), (["12.4.131", "13.0.88"], ["", "+cu12.cu13"])],
)
def test_versions_of_the_wheels_differ(versions: list[str], labels: list[str]) -> None:
    variants = wheels.variants(list(map(_nvcc, versions)))
    assert [variant.label for variant in variants] == labels
    for named in variants:
        name = f"gendr_adapters-0.1.0{named.label}-py3-none-manylinux_2_28_x86_64.whl"
        assert [variant for variant in variants if variant.is_named(name)] == [named]


PACKAGE = {"gendr_adapters/__init__.py", "gendr_adapters/py.typed", "gendr_adapters/data/README.md"}
INFO = "gendr_adapters-0.1.0.dist-info"
LICENCES = {f"{INFO}/licenses/LICENSE", f"{INFO}/licenses/gendr_adapters/data/README.md"}
CPU = "gendr_adapters/_native/libgendr_cpu.so"
CUDA = "gendr_adapters/_native/libgendr_cuda"


@LINUX
@pytest.mark.parametrize(
    ("changed", "faults"),
    [
        (set(), []),
        ({f"{INFO}/licenses/LICENSE"}, ["licenses/LICENSE is missing"]),
        ({"gendr_adapters/py.typed"}, ["gendr_adapters/py.typed is missing"]),
        ({f"{CUDA}12.so"}, [f"{CUDA}12.so does not belong there"]),
        ({f"{CUDA}13.json"}, [f"{CUDA}13.json is missing"]),
        ({"compat_tests/test_x.py"}, ["compat_tests/test_x.py does not belong there"]),
        ({"gendr_adapters/old.py"}, ["gendr_adapters/old.py does not belong there"]),
    ],
    ids=["none", "licence", "types", "library of another build", "description", "tests", "old module"],
)
def test_contents_of_a_wheel(changed: set[str], faults: list[str], tmp_path: Path) -> None:
    wheel = tmp_path / "some.whl"
    names = {*PACKAGE, *LICENCES, f"{INFO}/METADATA", CPU, f"{CUDA}13.so", f"{CUDA}13.json"}
    library = _native.library_path("cpu").read_bytes()
    with ZipFile(wheel, "w") as archive:
        for name in names ^ changed:
            archive.writestr(name, library if name.endswith(".so") else "")
    (_, variant) = wheels.variants([_nvcc("13.0.88")])
    assert wheels.contents_faults(wheel, variant, PACKAGE) == faults


@LINUX
def test_library_in_a_wheel_that_needs_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = tmp_path / "some.whl"
    with ZipFile(wheel, "w") as archive:
        archive.write(_native.library_path("cpu"), CPU)
        for name in LICENCES:
            archive.writestr(name, "")
    monkeypatch.setitem(LIMITS, "GLIBC", (2, 2))
    faults = wheels.contents_faults(wheel, wheels.variants([])[0], [])
    assert faults and all(fault.startswith(f"{CPU} needs ") for fault in faults)


# What an index shows

REPOSITORY = "https://example.org/owner/name"


def test_extras_are_the_ones_that_errors_name() -> None:
    """An extra that brings nothing, or brings less than what says that it is needed, helps nobody."""
    lines = (ROOT / "pyproject.toml").read_text().partition("[project.optional-dependencies]")[2].partition("\n[")[0]
    table = re.findall(r"^(\w+) = (\[(?:.|\n)+?\])$", lines, re.MULTILINE)
    direct = {name: re.findall(r'"([^"]+)"', names) for name, names in table}

    def packages(extra: str) -> set[str]:
        """With those of the extras that it names."""
        found: set[str] = set()
        for item in direct[extra]:
            others = re.fullmatch(r"gendr_adapters\[(.+)\]", item)
            found |= set().union(*map(packages, others[1].split(","))) if others else {re.split("[<>=]", item)[0]}
        return found

    extras = {name: packages(name) for name in direct}
    assert all(extras.values())
    sources = [path.read_text() for path in (ROOT / "gendr_adapters").rglob("*.py")]
    named = {pair for text in sources for pair in re.findall(r'optional\(f?"(\w+)[\w.]*", .+, "(\w+)"\)', text)}
    assert {extra for _, extra in named} == {"io", "demo", "jax", "mesh", "video"}
    assert not [pair for pair in named if pair[0].replace("PIL", "pillow").replace("_", "-") not in extras[pair[1]]]


def test_readme_with_a_repository_has_no_relative_links() -> None:
    page = index_page.readme("0.1.0", REPOSITORY)
    targets = re.findall(r"\]\(([^)]+)\)", page)
    assert targets and all(target.startswith("https://") for target in targets)
    relative = re.findall(r"\]\((?!https?:)([^)]+)\)", (ROOT / "README.md").read_text())
    assert [target.split("/v0.1.0/")[1] for target in targets if "/v0.1.0/" in target] == relative


def test_readme_without_a_repository_has_no_relative_links() -> None:
    page = index_page.readme("0.1.0", None)
    targets = re.findall(r"\]\(([^)]+)\)", page)
    assert targets and all(target.startswith("https://") for target in targets)
    assert "![" not in page and "docs/cuda-status.md" in page


def test_links_of_a_text() -> None:
    text = "[a\nb](docs/x.md#y) ![c](p.png) [d](https://e) [f](#g)\n```python\nx[i](j)\n```\n"
    assert index_page.absolute(text, "v1", REPOSITORY) == (
        f"[a\nb]({REPOSITORY}/blob/v1/docs/x.md#y) ![c]({REPOSITORY}/raw/v1/p.png) [d](https://e) [f](#g)\n"
        "```python\nx[i](j)\n```\n"
    )
    assert index_page.absolute(text, "v1", None) == "a\nb *c* [d](https://e) [f](#g)\n```python\nx[i](j)\n```\n"


def test_addresses() -> None:
    assert index_page.project_urls(None) == {}
    urls = index_page.project_urls(REPOSITORY)
    assert all(url.startswith(REPOSITORY) for url in urls.values())
    paths = {name: re.sub(r".*/HEAD/", "", url) for name, url in urls.items()}
    assert (ROOT / paths["Documentation"]).is_dir() and (ROOT / paths["Changelog"]).is_file()
