"""How the doors of renderers without near and far planes tell the core what is seen."""

from torch import Tensor, nan, where

from ._presets import NO_FAR as NO_FAR
from ._presets import NO_NEAR as NO_NEAR

# For RenderSettings.near: every depth, negative ones, too.
ANY_NEAR = -NO_FAR


def leave_out(face_vertices: Tensor, hidden: Tensor) -> Tensor:
    """face_vertices (..., F, 3, 3), NaN for the faces hidden (..., F): those are ignored, and keep their places."""
    return where(hidden[..., None, None], face_vertices.new_tensor(nan), face_vertices)
