"""`python -m gendr_adapters`: what this installation found."""

import platform

import torch

from . import __version__, _native


def main() -> None:
    rows = [("gendr_adapters", __version__), ("python", platform.python_version()), ("library", str(_native.LIBRARY))]
    try:
        library = _native.library()
        rows += [("ABI version", str(library.gendr_abi_version())), ("instruction set", _native.isa())]
    except _native.NativeLibraryError as error:
        rows += [("problem", str(error))]
    rows += [
        ("threads", str(torch.get_num_threads())),
        ("torch", torch.__version__),
        ("CUDA of torch", torch.version.cuda or "none"),
        ("CUDA core", "not built yet: the CPU core renders"),
    ]
    for name, value in rows:
        print(f"{name:16} {value}")


if __name__ == "__main__":
    main()
