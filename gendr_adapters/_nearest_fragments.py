"""`find_nearest_fragments`: the K nearest fragments of each pixel, in an array with K slots for each pixel."""

from typing import NamedTuple

from torch import Tensor

from . import ops
from ._autocast import full_precision
from ._nothing_drawn import warn_if_nothing_drawn
from .fragments import listing_arguments
from .settings import RenderSettings

# The core numbers slots in 31 bits.
_MOST_SLOTS = 2**31 - 2


class NearestFragments(NamedTuple):
    """The K nearest fragments of each pixel, sorted by depth, and by face where depths are equal. Empty slots are -1.

    face: (B, H, W, K) int64, counted through all images.
    weights: (B, H, W, K, 3), depth and distance2: (B, H, W, K), as in `gendr_adapters.Fragments`, times the factors
        that were requested.
    """

    face: Tensor
    weights: Tensor
    depth: Tensor
    distance2: Tensor


@full_precision
def find_nearest_fragments(
    face_vertices: Tensor,
    image_size: int | tuple[int, int],
    n_nearest: int,
    face_offsets: Tensor | None,
    settings: RenderSettings,
    *,
    weight_factor: float = 1.0,
    distance_factor: float = 1.0,
) -> NearestFragments:
    """Find the nearest fragments of each pixel in one pass over the faces: a part of what `find_fragments` lists.

    Besides the result, it needs memory for the faces and for some rows of pixels, but none that grows with the number
    of fragments. On a GPU the call does not wait.

    Args:
        face_vertices, image_size, face_offsets, settings: as for `gendr_adapters.find_fragments`.
        n_nearest: K >= 1.
        weight_factor, distance_factor: weights and distance2 are multiplied by these in slots that are not empty.

    Returns:
        NearestFragments. weights, depth and distance2 have gradients to face_vertices, the same bits in every run.

    Raises:
        As find_fragments. ValueError for more than 2^31 - 2 slots in total.
    """
    face_vertices, scale, offsets, size, ints, floats = listing_arguments(
        face_vertices, image_size, face_offsets, settings
    )
    n_images, height, width = size
    if n_nearest * n_images * height * width > _MOST_SLOTS:
        raise ValueError(
            f"{n_nearest} fragments for each pixel of {n_images} images of {height} x {width} are "
            f"{n_nearest * n_images * height * width} slots; at most {_MOST_SLOTS} are allowed"
        )
    arguments = (face_vertices, scale, offsets, size, n_nearest, [weight_factor, distance_factor], ints, floats)
    weights, depth, distance2, face = ops.apply("nearest_fragments", *arguments)
    warn_if_nothing_drawn(face_vertices, (height, width), settings, drawn=depth)
    return NearestFragments(face, weights, depth, distance2)
