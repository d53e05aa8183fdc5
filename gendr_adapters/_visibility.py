"""How doors to renderers without near and far planes tell the core which faces are drawn."""

from torch import Tensor, nan, where

from ._presets import NO_FAR as NO_FAR
from ._presets import NO_NEAR as NO_NEAR

# A value of RenderSettings.near that allows every depth, also negative ones.
ANY_NEAR = -NO_FAR


def leave_out(face_vertices: Tensor, hidden: Tensor) -> Tensor:
    """Set hidden faces (..., F) of face_vertices (..., F, 3, 3) to NaN. They are then ignored, and indices stay the
    same."""
    return where(hidden[..., None, None], face_vertices.new_tensor(nan), face_vertices)
