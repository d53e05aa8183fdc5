"""Which PyTorch3D the tests run on: a build of all of it, its Python layer alone (install.py), or none."""

from functools import cache

import pytest


@cache
def why_absent() -> str | None:
    """What keeps PyTorch3D from being imported; None: nothing.

    A submodule is imported because this folder, which has the same name, would be found as a namespace package.
    """
    try:
        import pytorch3d.renderer  # noqa: F401
    except ImportError as error:
        return f"no PyTorch3D: {error} (compat_tests/pytorch3d/install.py installs its Python layer)"
    return None


@cache
def has_compiled_ops() -> bool:
    """Is it a build of all of PyTorch3D? Then tests can compare with its own rasteriser."""
    if why_absent() is not None:
        return False
    from pytorch3d import _C

    return not hasattr(_C, "IS_STUB")


# For tests that call what PyTorch3D has compiled: its rasteriser, sigmoid_alpha_blend, knn.
NEEDS_COMPILED_OPS = pytest.mark.skipif(
    not has_compiled_ops(),
    reason=why_absent() or "only PyTorch3D's Python layer is installed, no compiled ops",
)
