"""The build without a real compiler: what setup.py compiles, for which machine, what it puts into the wheel, and what
it says where something is amiss. (What nvcc is given: test_cuda_build.py.)"""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))  # build_tools is not installed

from build_tools import compiler, cuda, handlers, nvcc  # noqa: E402
from build_tools.compiler import CompilerError  # noqa: E402

pytestmark = pytest.mark.slow

GCC = ["__GNUC__", "__cplusplus"]
CLANG = [*GCC, "__clang__"]
LINUX_X86 = [*GCC, "__linux__", "__x86_64__"]
LINUX_ARM = [*GCC, "__linux__", "__aarch64__"]


def fake_compiler(path: Path, macros: Sequence[str] = LINUX_X86, refuses: str = "nothing") -> Path:
    """A script with these predefined macros, which writes what it is asked for, fails where an argument or its input
    has `refuses` in it, and adds its arguments to `calls` beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    defined = "".join(f"#define {name} 1\\n" for name in macros)
    path.write_text(f"""#!/bin/sh
case "$*" in *-dM*) printf '{defined}'; exit;; esac
case "$* $(case "$*" in *-fsyntax-only*) cat;; esac)" in
  *'{refuses}'*) echo "error: what is {refuses}?" >&2; exit 1;;
esac
echo "$*" >> '{path.parent}/calls'
while [ $# -gt 0 ]; do
  case "$1" in -o) echo made > "$2";; esac
  shift
done
""")
    path.chmod(0o755)
    return path


# Which compiler, and what it compiles for


@pytest.mark.parametrize(
    ("macros", "kind", "system", "machine", "instruction_sets"),
    [
        (LINUX_X86, "gcc", "linux", "x86_64", "baseline avx2 avx512"),
        (LINUX_ARM, "gcc", "linux", "aarch64", "neon"),
        ([*CLANG, "__linux__", "__aarch64__"], "clang", "linux", "aarch64", "neon"),
        ([*CLANG, "__APPLE__", "__aarch64__", "__arm64__"], "clang", "macos", "aarch64", "neon"),
        ([*GCC, "__linux__", "__riscv"], "gcc", "linux", "other", "baseline"),
        (["__cplusplus", "__linux__", "__i386__"], "", "linux", "other", "baseline"),
    ],
)
def test_target_is_the_compiler_s(
    macros: list[str], kind: str, system: str, machine: str, instruction_sets: str, tmp_path: Path
) -> None:
    found = compiler.find({"CXX": str(fake_compiler(tmp_path / "cxx", macros))})
    assert (found.kind, found.system, found.machine) == (kind, system, machine)
    assert " ".join(found.instruction_sets) == instruction_sets


@pytest.mark.parametrize("wish", [None, "", "  "])
def test_blank_variable_is_unset(wish: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_compiler(tmp_path / "g++", LINUX_ARM)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = compiler.find({} if wish is None else {"CXX": wish})
    assert (found.command, found.machine) == (("g++",), "aarch64")


def test_command_is_divided_as_by_a_shell(tmp_path: Path) -> None:
    program = fake_compiler(tmp_path / "a folder" / "cxx")
    found = compiler.find({"CXX": f"'{program}' -march=native"})
    assert found.command == (str(program), "-march=native")


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ("/no/such/cxx -O2", r"a C\+\+17 compiler, and /no/such/cxx does not run: No such file.*\(12 or newer\) or"),
        ("/", "/ does not run: Permission denied.*or set CXX"),
        ("true", r"^true is no C\+\+ compiler that knows -dM.*or set CXX"),
        ("false", r"a C\+\+17 compiler, and `false -dM -E` failed: exit status 1.*or set CXX"),
        ("g++ --no-such-option", "`g.. --no-such-option -dM -E` failed: .*no-such-option.*or set CXX"),
        ("'g++", "^CXX is 'g[+][+], which is no command: No closing quotation"),
    ],
)
def test_no_compiler(wish: str, message: str) -> None:
    with pytest.raises(CompilerError) as error:
        compiler.find({"CXX": wish})
    assert re.search(message, str(error.value), re.DOTALL)


@pytest.mark.parametrize("refused", ["-std=c++17", "if constexpr", "__builtin_shufflevector", "__builtin_bit_cast"])
def test_compiler_that_is_too_old(refused: str, tmp_path: Path) -> None:
    program = fake_compiler(tmp_path / "cxx", refuses=refused)
    with pytest.raises(CompilerError, match=r"C\+\+17 compiler, and .* failed: error: what is .*\n.*12 or newer"):
        compiler.find({"CXX": str(program)})


@pytest.mark.parametrize("standard", ["c++17", "c++14"])
def test_compiler_check_requires_c_plus_plus_17(standard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the real compiler: it can do what is asked for, and not as C++14."""
    arguments = ["-Werror", "-fsyntax-only", f"-std={standard}", "-x", "c++", "-"]
    done = subprocess.run(["g++", *arguments], input=compiler.NEEDED, capture_output=True, text=True)
    assert (done.returncode == 0) == (standard == "c++17"), done.stderr


def test_compiler_for_windows(tmp_path: Path) -> None:
    program = fake_compiler(tmp_path / "cxx", [*GCC, "_WIN32", "__x86_64__"])
    with pytest.raises(CompilerError, match="does not build for Windows: use Linux"):
        compiler.find({"CXX": str(program)})


def test_gpu_code_for_another_machine() -> None:
    here = "aarch64" if os.uname().machine == "aarch64" else "x86_64"
    there = "x86_64" if here == "aarch64" else "aarch64"
    nvcc.check_machine(here, {})
    nvcc.check_machine(there, {"NVCC_CCBIN": "a compiler for it"})
    with pytest.raises(nvcc.BuildError, match=f"CXX compiles for {there}, and nvcc's host compiler for {here}.*CCBIN"):
        nvcc.check_machine(there, {})


# The wheel's name


def _compiler(system: str, machine: str) -> compiler.Compiler:
    return compiler.Compiler(("cxx",), "gcc", system, machine)


@pytest.mark.parametrize(
    ("system", "machine", "of_python", "named", "expected"),
    [
        ("linux", "x86_64", "linux_x86_64", False, "linux_x86_64"),
        ("linux", "aarch64", "linux_x86_64", False, "linux_aarch64"),
        ("linux", "x86_64", "linux_aarch64", False, "linux_x86_64"),
        ("linux", "aarch64", "linux_aarch64", True, "linux_aarch64"),
        ("linux", "aarch64", "manylinux_2_28_aarch64", True, "manylinux_2_28_aarch64"),
        ("linux", "other", "linux_riscv64", False, "linux_riscv64"),
        ("linux", "other", "linux_riscv64", True, "linux_riscv64"),
        ("macos", "aarch64", "macosx_11_0_arm64", False, "macosx_11_0_arm64"),
        ("macos", "aarch64", "macosx_11_0_universal2", False, "macosx_11_0_arm64"),
        ("macos", "x86_64", "macosx_10_9_universal2", False, "macosx_10_9_x86_64"),
        ("linux", "x86_64", "linux_aarch64", True, None),
        ("linux", "aarch64", "manylinux_2_28_x86_64", True, None),
        ("linux", "other", "linux_x86_64", False, None),
        ("macos", "aarch64", "linux_x86_64", False, None),
        ("macos", "aarch64", "macosx_11_0_universal2", True, None),
        ("linux", "x86_64", "macosx_10_9_x86_64", True, None),
    ],
)
def test_platform_of_the_wheel(system: str, machine: str, of_python: str, named: bool, expected: str | None) -> None:
    found = _compiler(system, machine)
    if expected is not None:
        assert found.wheel_platform(of_python, named) == expected
    else:
        with pytest.raises(CompilerError, match=f"for {of_python}, but cxx compiles for another machine: set CXX, or"):
            found.wheel_platform(of_python, named)


# setup.py


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What setup.py needs, with little in it, in a folder whose name has a space."""
    tree = tmp_path / "a folder"
    shutil.copytree(ROOT / "build_tools", tree / "build_tools", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    for name in (
        "README.md",
        "csrc/cpu/kernels.cpp",
        "csrc/cpu/api.cpp",
        "csrc/cuda/a.cu",
        "gendr_adapters/__init__.py",
        "gendr_adapters/gone.py",
        "gendr_adapters/_native/__init__.py",
        "gendr_adapters/data/README.md",
        "gendr_adapters/data/gone.obj",
    ):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    return tree


def build(tree: Path, cxx: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GENDR", "CUDA", "NVCC"))}
    environment |= {"CXX": f"'{cxx}'", "GENDR_CUDA": "0", **variables}
    command = [sys.executable, "setup.py", *(arguments or ["bdist_wheel"])]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)


def contents(tree: Path) -> tuple[str, set[str]]:
    """The name of the only wheel, and the package's files in it."""
    (wheel,) = (tree / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    return wheel.name, {name.removeprefix("gendr_adapters/") for name in names if name.startswith("gendr_adapters/")}


FILES = {"__init__.py", "gone.py", "_native/__init__.py", "_native/libgendr_cpu.so", "data/README.md", "data/gone.obj"}
# Handlers for jax are built where its headers are.
FILES |= set() if handlers.headers() is None else {f"_native/{handlers.NAME}"}


def test_wheel_for_another_machine(tree: Path) -> None:
    machine, macros = ("x86_64", LINUX_X86) if os.uname().machine == "aarch64" else ("aarch64", LINUX_ARM)
    cxx = fake_compiler(tree / "bin" / "cxx", macros)
    done = build(tree, cxx)
    assert done.returncode == 0, done.stderr
    assert contents(tree) == (f"gendr_adapters-0.1.0-py3-none-linux_{machine}.whl", FILES)
    calls = cxx.with_name("calls").read_text()
    expected = {"neon"} if machine == "aarch64" else {"baseline", "avx2", "avx512"}
    assert set(re.findall(r"-DGENDR_ISA=(\w+)", calls)) == expected
    assert ("-mavx2" in calls) == (machine == "x86_64")
    assert str(tree) not in calls  # so that a space in its name does no harm

    done = build(tree, cxx, _PYTHON_HOST_PLATFORM="linux-riscv64")
    assert done.returncode != 0
    assert "for linux_riscv64, but" in done.stderr and "Traceback" not in done.stderr


def test_deleted_files_are_not_in_the_next_wheel(tree: Path) -> None:
    cxx = fake_compiler(tree / "bin" / "cxx")
    assert build(tree, cxx).returncode == 0
    assert contents(tree)[1] == FILES
    gone = {"gone.py", "data/gone.obj"}
    for name in gone:
        (tree / "gendr_adapters" / name).unlink()
    assert build(tree, cxx).returncode == 0
    assert contents(tree)[1] == FILES - gone


NVCC = 'case "$1" in --version) echo "release 13.0, V13.0.88";; --list-gpu-code) echo sm_90;; *)'
BROKEN = {"at once": "echo no licence >&2; exit 1", "when it compiles": f"{NVCC} echo no licence; exit 1;; esac"}


@pytest.mark.parametrize("way", BROKEN)
def test_nvcc_that_does_not_work(way: str, tree: Path) -> None:
    cxx, broken = fake_compiler(tree / "bin" / "cxx"), tree / "cuda" / "bin" / "nvcc"
    broken.parent.mkdir(parents=True)
    broken.write_text(f"#!/bin/sh\n{BROKEN[way]}\n")
    broken.chmod(0o755)
    done = build(tree, cxx, CUDA_HOME=str(tree / "cuda"), GENDR_CUDA="auto")
    assert done.returncode == 0, done.stderr
    assert "no licence" in done.stdout and "CUDA: FAILED, SO THIS IS THE CPU CORE ONLY" in done.stdout
    assert contents(tree)[1] == FILES | {"_native/libgendr_cuda_failed.txt"}
    assert "no licence" in next(tree.glob("build/lib*/gendr_adapters/_native/libgendr_cuda_failed.txt")).read_text()

    done = build(tree, cxx, CUDA_HOME=str(tree / "cuda"), GENDR_CUDA="1")
    assert done.returncode != 0 and "no licence" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"CUDACXX": "/no/such/nvcc"}, "CUDACXX=/no/such/nvcc: there is no such program"),
        ({"CUDACXX": "'nvcc"}, "CUDACXX='nvcc is no command: No closing quotation"),
        ({"GENDR_CUDA": "yes"}, "GENDR_CUDA must be 0"),
        ({"CUDACXX": "'cuda/nvcc'", "GENDR_CUDA_ARCHS": "90 91"}, "GENDR_CUDA_ARCHS: got 91; nvcc 13.0.88 knows 90"),
        ({"CXX": "/no/such/cxx"}, "/no/such/cxx does not run"),
    ],
    ids=str,
)
def test_mistakes_end_the_build(variables: dict[str, str], message: str, tree: Path) -> None:
    """Though nobody insists on CUDA: it was asked for something."""
    program = tree / "cuda" / "nvcc"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{NVCC};; esac\n")
    program.chmod(0o755)
    cxx = fake_compiler(tree / "bin" / "cxx")
    done = build(tree, cxx, "build_ext", **{"GENDR_CUDA": "auto", **variables})
    assert done.returncode != 0 and message in done.stderr and "Traceback" not in done.stderr


def test_gpu_code_in_a_wheel_for_another_machine(tree: Path) -> None:
    cxx = fake_compiler(tree / "bin" / "cxx", LINUX_X86 if os.uname().machine == "aarch64" else LINUX_ARM)
    program = tree / "cuda" / "bin" / "nvcc"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{NVCC} exit 3;; esac\n")
    program.chmod(0o755)
    done = build(tree, cxx, "build_ext", GENDR_CUDA="auto", CUDA_HOME=str(tree / "cuda"))
    assert done.returncode == 0 and "nvcc's host compiler for" in done.stdout
    done = build(tree, cxx, "build_ext", GENDR_CUDA="1", CUDA_HOME=str(tree / "cuda"))
    assert done.returncode != 0 and "nvcc's host compiler for" in done.stderr and "Traceback" not in done.stderr


def test_setuptools_that_is_too_old(tree: Path) -> None:
    (tree / "old" / "setuptools").mkdir(parents=True)
    (tree / "old" / "setuptools" / "__init__.py").write_text("__version__ = '76.1.0'")
    done = build(tree, Path("cxx"), PYTHONPATH=str(tree / "old"))
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert done.stderr.startswith(
        "gendr_adapters is built with setuptools 77 or newer, and here is 76.1.0: pip install"
    )
    assert '"setuptools>=77"' in (ROOT / "pyproject.toml").read_text()


def test_windows(tree: Path) -> None:
    run = "import sys; sys.platform = 'win32'; sys.argv = ['setup.py']; exec(open('setup.py').read())"
    code = f"import setuptools; __file__ = 'setup.py'; {run}"
    done = subprocess.run([sys.executable, "-c", code], cwd=tree, capture_output=True, text=True)
    assert done.returncode != 0 and done.stderr == f"{compiler.WINDOWS}\n"


# Dependencies that nvcc writes for make


def test_names_in_a_rule_for_make() -> None:
    rule = "a\\ b/x.o : a\\ b/x.cu \\\n  a\\ b/../core/y.h \\\n  plain.h c$$d.h\n"
    assert cuda.dependencies(rule) == ["a b/x.cu", "a b/../core/y.h", "plain.h", "c$d.h"]
