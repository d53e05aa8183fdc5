"""How the doors of renderers without near and far planes tell the core what is seen."""

from torch import Tensor, nan, where

# For RenderSettings.near and .far: every depth in front of the camera; ANY_NEAR: every depth, negative ones too.
NO_NEAR, NO_FAR = 1e-30, 1e30
ANY_NEAR = -NO_FAR


def leave_out(face_vertices: Tensor, hidden: Tensor) -> Tensor:
    """face_vertices (..., F, 3, 3), NaN for the faces hidden (..., F): those count nowhere, and keep their places."""
    return where(hidden[..., None, None], face_vertices.new_tensor(nan), face_vertices)
