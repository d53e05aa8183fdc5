"""The C++ compiler in $CXX, and what it compiles for: that, not the machine at hand, decides what is built."""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

# One build of the kernels per instruction set; the library picks one when it is loaded. That of the first has no flags:
# every processor of its kind has it. (NEON is part of any 64-bit ARM.)
INSTRUCTION_SETS: dict[str, dict[str, list[str]]] = {
    "x86_64": {
        "baseline": [],
        "avx2": ["-mavx2", "-mfma"],
        "avx512": ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mfma", "-mprefer-vector-width=512"],
    },
    "aarch64": {"neon": []},
    "other": {"baseline": []},
}

# What csrc/ asks of a compiler beyond C++14.
NEEDED = """
typedef float Four __attribute__((vector_size(16)));
template <class T> int kind() { if constexpr (sizeof(T) == 4) return 4; else return 8; }
unsigned bits(float x) { return __builtin_bit_cast(unsigned, x); }
Four turned(Four x) { return __builtin_shufflevector(x, x, 1, 2, 3, 0); }
int needed() { return kind<float>(); }
"""
ADVICE = "Install g++ (12 or newer) or clang, or set CXX to another one."

# GCC tears minima, clamps and selects of a loop over lanes into branches that know more, and joins these again as a
# third more vector instructions. Without these two passes kernels take 5 to 16 % less time (docs/performance-cpu.md).
KERNEL_FLAGS = {"gcc": ["-fno-tree-dominator-opts", "-fno-tree-pre"]}
# Clang warns of loops over lanes that it does not vectorise, which those of double never are: they call libm.
WARNING_FLAGS = {"clang": ["-Wno-pass-failed"]}


class CompilerError(SystemExit):
    """Ends setup.py with a message for the user."""


@dataclass(frozen=True)
class Compiler:
    command: tuple[str, ...]
    kind: str  # gcc, clang, or "" for another
    system: str  # linux, macos, or "" for another
    machine: str  # a key of INSTRUCTION_SETS

    @property
    def instruction_sets(self) -> dict[str, list[str]]:
        """The flags of each, by name."""
        return INSTRUCTION_SETS[self.machine]

    def wheel_platform(self, of_python: str, named: bool) -> str:
        """The platform in a wheel's name: linux_aarch64 for the linux_x86_64 of the Python that builds, where the
        compiler is one for another machine. named: that platform is not the Python's own, but somebody's wish.

        Raises CompilerError where the wish is another, or is needed."""
        machine = "arm64" if (self.system, self.machine) == ("macos", "aarch64") else self.machine
        if machine == "other":
            if named or not of_python.endswith(tuple(INSTRUCTION_SETS)):
                return of_python
        elif of_python.endswith(machine) and of_python.startswith("macosx") == (self.system == "macos"):
            return of_python
        elif not named and self.system == "linux":
            return f"linux_{machine}"
        elif not named and self.system == "macos" and of_python.startswith("macosx"):
            return re.sub(r"^(macosx_\d+_\d+)_\w+", rf"\1_{machine}", of_python)
        raise CompilerError(
            f"the wheel would be called one for {of_python}, but {shlex.join(self.command)} compiles for another "
            "machine: set CXX, or name the machine, e.g. _PYTHON_HOST_PLATFORM=linux-riscv64"
        )


def find(environ: Mapping[str, str] = os.environ) -> Compiler:
    """The compiler to use, of which it is known that it can. CXX: a command, its words quoted as in a shell; g++ if it
    is blank. Raises CompilerError, saying why not and what to do."""
    wish = environ.get("CXX", "").strip()
    try:
        command = shlex.split(wish) or ["g++"]
    except ValueError as error:
        raise CompilerError(f"CXX is {wish}, which is no command: {error}.") from None
    macros = set(re.findall(r"#define (\w+) ", _say([*command, "-dM", "-E", "-x", "c++", os.devnull])))
    if "__cplusplus" not in macros:
        raise CompilerError(f"{shlex.join(command)} is no C++ compiler that knows -dM. {ADVICE}")
    if "_WIN32" in macros:
        raise CompilerError(WINDOWS)
    _say([*command, "-std=c++17", "-fsyntax-only", "-x", "c++", "-"], NEEDED)
    return Compiler(
        tuple(command),
        "clang" if "__clang__" in macros else "gcc" if "__GNUC__" in macros else "",
        "linux" if "__linux__" in macros else "macos" if "__APPLE__" in macros else "",
        "x86_64" if "__x86_64__" in macros else "aarch64" if "__aarch64__" in macros else "other",
    )


WINDOWS = (
    "gendr_adapters does not build for Windows: use Linux, the Windows Subsystem for Linux (WSL) included, or macOS."
)


def _say(command: list[str], source: str = "") -> str:
    """What the compiler prints."""
    called = shlex.join(command[: command.index("-x")])
    try:
        done = subprocess.run(command, input=source, capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise CompilerError(
            f"gendr_adapters needs a C++17 compiler, and {command[0]} does not run: {error.strerror}. {ADVICE}"
        ) from None
    if done.returncode:
        details = done.stderr.strip() or f"exit status {done.returncode}"
        raise CompilerError(f"gendr_adapters needs a C++17 compiler, and `{called}` failed: {details}\n{ADVICE}")
    return done.stdout
