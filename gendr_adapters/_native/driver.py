"""The NVIDIA driver, asked without CUDA's runtime."""

import ctypes


def cuda_major() -> int | None:
    """The major version of the CUDA that the driver is for, which it serves with all before it; None: no driver."""
    try:
        ask = ctypes.CDLL("libcuda.so.1").cuDriverGetVersion
    except (OSError, AttributeError):
        return None
    version = ctypes.c_int()
    return version.value // 1000 if ask(ctypes.byref(version)) == 0 else None
