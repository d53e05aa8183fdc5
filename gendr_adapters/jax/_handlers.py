"""The library of handlers for XLA (csrc/jax/handlers.cpp), where it was built."""

import ctypes
from functools import cache

import jax

from .. import _native
from .._native import structs
from ._threads import n_threads

PREFIX = "gendr_jax_"
_NAMES = ("render_forward", "render_backward", "gather_corners", "scatter_corners")
# gendr_jax_core, in its order.
_FUNCTIONS = (
    "gendr_last_error",
    "gendr_forward_workspace_size",
    "gendr_render_forward",
    "gendr_backward_workspace_size",
    "gendr_render_backward",
    "gendr_gather_corners",
    "gendr_corners_workspace_size",
    "gendr_scatter_corners",
)


class _Core(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in _FUNCTIONS]


@cache
def missing() -> str | None:
    """None: XLA knows the handlers. Otherwise why it does not, as a part of a sentence.

    Raises NativeLibraryError if the core cannot be loaded.
    """
    core = _native.library()
    path = _native.FOLDER / "libgendr_jax.so"
    if not path.is_file():
        return f"{path} was not built"
    try:
        library = ctypes.CDLL(str(path))
        version = library.gendr_jax_abi_version()
    except (OSError, AttributeError) as error:
        return f"{path} does not load: {error}"
    if version != structs.ABI_VERSION:
        return f"{path} has ABI version {version}, and this package {structs.ABI_VERSION}"
    addresses = [ctypes.cast(getattr(core, name), ctypes.c_void_p) for name in _FUNCTIONS]
    library.gendr_jax_connect(ctypes.byref(_Core(*addresses)), n_threads())
    for name in _NAMES:
        handler = jax.ffi.pycapsule(getattr(library, PREFIX + name))
        jax.ffi.register_ffi_target(PREFIX + name, handler, platform="cpu")
    return None
