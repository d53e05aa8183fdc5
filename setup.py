"""Builds the native core as plain shared libraries: no CPython API and no torch, so one wheel serves all of them.

The CPU core always; the CUDA core where an nvcc is found (build_tools/nvcc.py), or as GENDR_CUDA=0 or 1 says.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext

sys.path.insert(0, str(Path(__file__).resolve().parent))  # an isolated build does not look here by itself
from build_tools import cuda, nvcc

# Never -ffast-math or -Ofast: linked so, a library switches the whole process to flush-to-zero.
FLAGS = ["-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fopenmp-simd"]
FLAGS += ["-fPIC", "-fvisibility=hidden", "-pthread", "-Wall", "-Wextra"]

# GCC tears minima, clamps and selects of a loop over lanes into branches that know more, and joins these again as a
# third more vector instructions. Without these two passes kernels take 5 to 16 % less time (docs/performance.md).
GCC_FLAGS = ["-fno-tree-dominator-opts", "-fno-tree-pre"]

# GENDR_SANITIZE=1: a slow library that stops at the first memory error or undefined operation (make sanitize).
SANITIZE = ["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize=float-divide-by-zero"]
SANITIZE += ["-fno-sanitize-recover=all"]
LINK_FLAGS = ["-shared", "-pthread", "-Wl,--version-script=build_tools/exports.map"]
if os.environ.get("GENDR_SANITIZE") == "1":
    FLAGS += ["-O1", "-g", *SANITIZE]
    LINK_FLAGS += SANITIZE

# One build of the kernels per instruction set; the library picks one when it is loaded.
INSTRUCTION_SETS: dict[str, list[str]] = {"baseline": []}
if platform.machine().lower() in ("x86_64", "amd64"):
    INSTRUCTION_SETS["avx2"] = ["-mavx2", "-mfma"]
    INSTRUCTION_SETS["avx512"] = ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mfma"]
    INSTRUCTION_SETS["avx512"] += ["-mprefer-vector-width=512"]


KERNELS = Path("csrc/cpu/kernels.cpp")
PACKAGE = ("gendr_adapters", "_native")


class NativeBuild(build_ext):
    """The CPU library, with the C++ compiler in $CXX (default g++), and the CUDA library, with nvcc."""

    cuda_files: Sequence[Path] = ()

    def get_ext_filename(self, name: str) -> str:
        return name.replace(".", "/") + ".so"

    def get_export_symbols(self, ext: Extension) -> list[str]:
        return []

    def run(self) -> None:
        super().run()
        compiler = nvcc.find()
        if compiler is None:
            print("CUDA: no nvcc found, or GENDR_CUDA=0; the CPU core only", flush=True)
        kept = Path(self.get_finalized_command("build").build_base) / "cuda"
        built = self.build_cuda(compiler, kept) if compiler else []
        self.cuda_files = cuda.install(built, Path(self.build_lib, *PACKAGE))
        if self.inplace:
            cuda.install(built, Path(self.get_finalized_command("build_py").get_package_dir(".".join(PACKAGE))))

    def build_cuda(self, compiler: nvcc.Nvcc, kept: Path) -> list[Path]:
        """The CUDA library, or why there is none, where nobody insists: it is said when a CUDA tensor arrives."""
        try:
            return cuda.build(compiler, Path("csrc/cuda"), kept)
        except nvcc.BuildError as error:
            if os.environ.get("GENDR_CUDA") == "1":
                raise
            print(f"{error}\nCUDA: FAILED, SO THIS IS THE CPU CORE ONLY. GENDR_CUDA=1 makes it an error.", flush=True)
            reason = kept / "libgendr_cuda_failed.txt"
            reason.write_text(str(error))
            return [reason]

    def get_outputs(self) -> list[str]:
        return [*super().get_outputs(), *map(str, self.cuda_files)]

    def build_extension(self, ext: Extension) -> None:
        compiler = os.environ.get("CXX", "g++").split()
        objects = Path(self.build_temp)
        objects.mkdir(parents=True, exist_ok=True)
        of_kernels = GCC_FLAGS if self.is_gcc(compiler) else []
        jobs = [
            (KERNELS, [*of_kernels, *flags, f"-DGENDR_ISA={isa}"], f"kernels_{isa}")
            for isa, flags in INSTRUCTION_SETS.items()
        ]
        jobs.reverse()  # the slow ones first
        jobs += [(path, [], path.stem) for path in sorted(Path("csrc/cpu").glob("*.cpp")) if path != KERNELS]

        def compile_one(job: tuple[Path, list[str], str]) -> str:
            source, flags, name = job
            target = str(objects / f"{name}.o")
            self.execute([*compiler, *FLAGS, *flags, "-c", str(source), "-o", target])
            return target

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            targets = list(pool.map(compile_one, jobs))
        output = Path(self.get_ext_fullpath(ext.name))
        output.parent.mkdir(parents=True, exist_ok=True)
        self.execute([*compiler, *LINK_FLAGS, *targets, "-o", str(output)])

    def is_gcc(self, compiler: list[str]) -> bool:
        macros = self.execute([*compiler, "-dM", "-E", "-x", "c++", os.devnull], capture_output=True, text=True).stdout
        return "__GNUC__" in macros and "__clang__" not in macros

    def execute(self, command: list[str], **options: Any) -> "subprocess.CompletedProcess[Any]":
        try:
            return subprocess.run(command, check=True, **options)
        except FileNotFoundError:
            raise SystemExit(
                f"gendr_adapters needs a C++17 compiler; {command[0]!r} was not found. Install g++ or set CXX."
            ) from None
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"compilation failed: {' '.join(command)}") from error


class PlatformWheel(bdist_wheel):
    """One wheel per platform: any CPython, any torch."""

    def get_tag(self) -> tuple[str, str, str]:
        return "py3", "none", super().get_tag()[2]


SOURCES = sorted(str(path) for path in Path("csrc").rglob("*") if path.is_file())

setup(
    ext_modules=[Extension("gendr_adapters._native.libgendr_cpu", sources=["csrc/cpu/api.cpp"], depends=SOURCES)],
    cmdclass={"build_ext": NativeBuild, "bdist_wheel": PlatformWheel},
)
