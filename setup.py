"""Builds the native core as plain shared libraries: no CPython API and no torch, so one wheel serves all of them.

The CPU core always; the CUDA core where an nvcc is found (build_tools/nvcc.py), or as GENDR_CUDA=0 or 1 says; the
handlers for jax where jaxlib's headers are (build_tools/handlers.py).
"""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import setuptools

if int(setuptools.__version__.partition(".")[0]) < 77:  # as in pyproject.toml; older ones lack what is imported below
    raise SystemExit(
        f"gendr_adapters is built with setuptools 77 or newer, and here is {setuptools.__version__}: "
        "pip install 'setuptools>=77', or leave out --no-build-isolation."
    )

sys.path.insert(0, str(Path(__file__).resolve().parent))  # an isolated build does not look here by itself
from build_tools import compiler, cuda, handlers, index_page, nvcc

if sys.platform == "win32":
    raise SystemExit(compiler.WINDOWS)

from setuptools import Extension, setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

# Never -ffast-math or -Ofast: linked so, a library switches the whole process to flush-to-zero.
FLAGS = ["-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast", "-fopenmp-simd"]
FLAGS += ["-fPIC", "-fvisibility=hidden", "-pthread", "-Wall", "-Wextra"]

# As make sets it: a user's compiler may warn of what ours does not.
if os.environ.get("GENDR_WERROR") == "1":
    FLAGS.append("-Werror")

# GENDR_SANITIZE=1: a slow library that stops at the first memory error or undefined operation (make sanitize).
SANITIZE = ["-fsanitize=address,undefined,float-cast-overflow", "-fno-sanitize=float-divide-by-zero"]
SANITIZE += ["-fno-sanitize-recover=all"]
LINK_FLAGS = ["-shared", "-pthread"]
# The linker of macOS has no such scripts: there the library exports some templates of the C++ library, too.
LINK_FLAGS_OF = {"linux": ["-Wl,--version-script=build_tools/exports.map"]}
if os.environ.get("GENDR_SANITIZE") == "1":
    FLAGS += ["-O1", "-g", *SANITIZE]
    LINK_FLAGS += SANITIZE
# GENDR_COVERAGE=1: a library that counts which lines run (make coverage).
if os.environ.get("GENDR_COVERAGE") == "1":
    FLAGS += ["-O1", "--coverage"]
    LINK_FLAGS.append("--coverage")

KERNELS = Path("csrc/cpu/kernels.cpp")
PACKAGE = ("gendr_adapters", "_native")


class NativeBuild(build_ext):
    """The CPU library and the handlers for jax, with the C++ compiler in $CXX (default g++), and the CUDA library, with
    nvcc."""

    further_files: Sequence[Path] = ()

    def get_ext_filename(self, name: str) -> str:
        return name.replace(".", "/") + ".so"

    def get_export_symbols(self, ext: Extension) -> list[str]:
        return []

    def run(self) -> None:
        super().run()
        kept = Path(self.get_finalized_command("build").build_base) / "cuda"
        built = self.build_cuda(kept)
        for_jax = handlers.build(Path(self.get_finalized_command("build").build_base) / "jax")
        folder = Path(self.build_lib, *PACKAGE)
        self.further_files = [*cuda.install(built, folder), *handlers.install(for_jax, folder)]
        if self.inplace:
            in_place = Path(self.get_finalized_command("build_py").get_package_dir(".".join(PACKAGE)))
            cuda.install(built, in_place)
            handlers.install(for_jax, in_place)

    def build_cuda(self, kept: Path) -> list[Path]:
        """A CUDA library of each nvcc, or why there is none, where nobody insists: a CUDA tensor gets to hear it."""
        try:
            found = nvcc.find_all()
            if not found:
                print("CUDA: no nvcc found, or GENDR_CUDA=0; the CPU core only", flush=True)
                return []
            nvcc.check_machine(compiler.find().machine)
            return [file for one in found for file in cuda.build(one, Path("csrc/cuda"), kept / one.major)]
        except nvcc.Mistake:
            raise
        except nvcc.BuildError as error:
            if os.environ.get("GENDR_CUDA") == "1":
                raise
            print(f"{error}\nCUDA: FAILED, SO THIS IS THE CPU CORE ONLY. GENDR_CUDA=1 makes it an error.", flush=True)
            kept.mkdir(parents=True, exist_ok=True)
            reason = kept / "libgendr_cuda_failed.txt"
            reason.write_text(str(error))
            return [reason]

    def get_outputs(self) -> list[str]:
        return [*super().get_outputs(), *map(str, self.further_files)]

    def build_extension(self, ext: Extension) -> None:
        found = compiler.find()
        print(f"CPU: {shlex.join(found.command)}, for {' '.join(found.instruction_sets)}", flush=True)
        objects = Path(self.build_temp)
        objects.mkdir(parents=True, exist_ok=True)
        common = [*FLAGS, *compiler.WARNING_FLAGS.get(found.kind, [])]
        of_kernels = compiler.KERNEL_FLAGS.get(found.kind, [])
        jobs = [
            (KERNELS, [*of_kernels, *flags, f"-DGENDR_ISA={isa}"], f"kernels_{isa}")
            for isa, flags in found.instruction_sets.items()
        ]
        jobs.reverse()  # the slow ones first
        jobs += [(path, [], path.stem) for path in sorted(Path("csrc/cpu").glob("*.cpp")) if path != KERNELS]

        def compile_one(job: tuple[Path, list[str], str]) -> str:
            source, flags, name = job
            target = str(objects / f"{name}.o")
            self.execute([*found.command, *common, *flags, "-c", str(source), "-o", target])
            return target

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            targets = list(pool.map(compile_one, jobs))
        output = Path(self.get_ext_fullpath(ext.name))
        output.parent.mkdir(parents=True, exist_ok=True)
        link_flags = [*LINK_FLAGS, *LINK_FLAGS_OF.get(found.system, [])]
        self.execute([*found.command, *link_flags, *targets, "-o", str(output)])

    def execute(self, command: list[str]) -> None:
        if subprocess.run(command).returncode:
            raise SystemExit(f"compilation failed: {shlex.join(command)}")


class PackageBuild(build_py):
    """Puts the package into build/, where an earlier build may have left modules that are no more: they would get into
    the next wheel, which holds all that is there."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        wanted = {Path(name).resolve() for name in self.get_outputs(include_bytecode=False)}
        for file in list(Path(self.build_lib, PACKAGE[0]).rglob("*")):
            if file.is_file() and file.resolve() not in wanted and not file.name.startswith("libgendr_"):
                file.unlink()


class PlatformWheel(bdist_wheel):
    """One wheel per platform: any CPython, any torch."""

    def get_tag(self) -> tuple[str, str, str]:
        named = self.plat_name_supplied or "_PYTHON_HOST_PLATFORM" in os.environ
        return "py3", "none", compiler.find().wheel_platform(super().get_tag()[2], named)


SOURCES = sorted(str(path) for path in Path("csrc").rglob("*") if path.is_file())
(VERSION,) = re.findall(r'^version = "(.+)"$', Path("pyproject.toml").read_text(), re.MULTILINE)

setup(
    ext_modules=[Extension("gendr_adapters._native.libgendr_cpu", sources=["csrc/cpu/api.cpp"], depends=SOURCES)],
    cmdclass={"build_ext": NativeBuild, "build_py": PackageBuild, "bdist_wheel": PlatformWheel},
    long_description=index_page.readme(VERSION),
    long_description_content_type="text/markdown",
    project_urls=index_page.project_urls(),
)
