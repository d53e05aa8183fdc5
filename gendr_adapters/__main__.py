"""`python -m gendr_adapters`: print what this installation contains; with arguments, run the command
`gendr-adapters`."""

import platform
import sys

import torch

from . import __version__, _native


def print_info() -> None:
    """Print versions, native libraries, instruction set and GPUs, one line each."""
    rows = [("gendr_adapters", __version__), ("python", platform.python_version()), *_library("cpu")]
    rows += [
        ("threads", str(torch.get_num_threads())),
        ("torch", torch.__version__),
        ("CUDA of torch", torch.version.cuda or "none"),
        *_library("cuda"),
        ("GPUs", ", ".join(_gpus()) or "none that torch sees"),
    ]
    for name, value in rows:
        print(f"{name:16} {value}")


def _library(device_type: str) -> list[tuple[str, str]]:
    name = f"{device_type.upper()} core"
    try:
        rows = [(name, str(_native.library_path(device_type)))]
        if device_type == "cuda":
            build = _native.cuda_build()
            targets = " ".join(f"sm_{architecture}" for architecture in build["architectures"])
            ptx = " ".join(f"sm_{name}" for name in build["ptx"])
            rows += [("  built by", f"nvcc {build['nvcc']}"), ("  built for", f"{targets}, PTX of {ptx}")]
        rows += [("  ABI version", str(_native.library(device_type).gendr_abi_version()))]
        rows += [("  instructions", _native.isa(device_type))]
        return rows
    except (_native.NativeLibraryError, ValueError) as error:
        return [(name, str(error))]


def _gpus() -> list[str]:
    if not torch.cuda.is_available():
        return []
    return [
        f"{torch.cuda.get_device_name(i)} (sm_{''.join(map(str, torch.cuda.get_device_capability(i)))})"
        for i in range(torch.cuda.device_count())
    ]


def main() -> None:
    """Print the information, or run a command."""
    if sys.argv[1:]:
        from .cli import main as run

        run()
    else:
        print_info()


if __name__ == "__main__":
    main()
