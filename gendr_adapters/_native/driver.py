"""Ask the NVIDIA driver without CUDA's runtime."""

import ctypes


def cuda_major() -> int | None:
    """The newest major version of CUDA that the driver supports; it supports all older ones, too. None: there is no
    driver."""
    try:
        ask = ctypes.CDLL("libcuda.so.1").cuDriverGetVersion
    except (OSError, AttributeError):
        return None
    version = ctypes.c_int()
    return version.value // 1000 if ask(ctypes.byref(version)) == 0 else None
