"""`soft_mask`: a silhouette of the first faces at each pixel, as Kaolin defines it."""

from torch import Tensor

from . import ops
from ._inputs import refuse_forward_mode
from ._nothing_drawn import warn_if_nothing_drawn
from .settings import RenderSettings

_ALL = 2**31 - 1


def soft_mask(face_vertices: Tensor, selected: Tensor, knum: int | None, settings: RenderSettings) -> Tensor:
    """Kaolin's soft mask (B, H, W): 1 where selected (B, H, W), int64, is >= 0; elsewhere 1 - prod(1 - exp(-d^2 /
    dist_scale)).

    The product is over the knum faces with the lowest indices (None: all) among those whose bounding box, grown by
    settings.reach, contains the pixel. d is the distance to the outline in NDC.

    face_vertices: (B, F, 3, 3), as for `render`; it gets the gradient. The used settings are dist_scale (a number),
    reach, near_clip and half_extent. The arguments are not checked.

    Source: csrc/core/soft_mask.h.
    """
    refuse_forward_mode(face_vertices)
    ints, floats = settings.packed
    count = _ALL if knum is None else min(knum, _ALL)
    corners = face_vertices.flatten(0, 1)
    mask: Tensor = ops.apply("soft_mask", corners, selected, count, ints, floats)[0]
    height, width = selected.shape[1:]
    warn_if_nothing_drawn(corners, (height, width), settings, depth_matters=False, drawn=mask)
    return mask
