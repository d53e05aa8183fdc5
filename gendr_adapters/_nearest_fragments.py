"""`find_nearest_fragments`: at most K fragments a pixel, the nearest, in an array of K slots a pixel."""

from typing import NamedTuple

from torch import Tensor

from . import ops
from ._autocast import full_precision
from ._nothing_drawn import warn_if_nothing_drawn
from .fragments import listing_arguments
from .settings import RenderSettings

# What the core can count: it numbers slots in 31 bits.
_MOST_SLOTS = 2**31 - 2


class NearestFragments(NamedTuple):
    """The K nearest fragments of each pixel, by depth, of equal depths by face; -1 in slots where there are fewer.

    face: (B, H, W, K) int64, counted through all images. weights: (B, H, W, K, 3), depth and distance2: (B, H, W, K),
    as in `gendr_adapters.Fragments`, times the factors asked for.
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
    """The nearest of what `gendr_adapters.find_fragments` finds, in one pass over the faces.

    Beside the result, whose size is known before, it takes memory for the faces and for some rows of pixels: none that
    grows with the number of fragments there are. On a GPU the call does not wait.

    Args:
        face_vertices, image_size, face_offsets, settings: as for find_fragments.
        n_nearest: K >= 1.
        weight_factor, distance_factor: what weights and distance2 are multiplied by, in slots that are not empty.

    Returns:
        NearestFragments. weights, depth and distance2 have gradients to face_vertices, the same bits in every run.

    Raises:
        As find_fragments; ValueError for more than 2^31 - 2 slots in all.
    """
    face_vertices, scale, offsets, size, ints, floats = listing_arguments(
        face_vertices, image_size, face_offsets, settings
    )
    n_images, height, width = size
    if n_nearest * n_images * height * width > _MOST_SLOTS:
        raise ValueError(
            f"{n_nearest} fragments at each pixel of {n_images} images of {height} x {width} are "
            f"{n_nearest * n_images * height * width}, more than the {_MOST_SLOTS} allowed"
        )
    arguments = (face_vertices, scale, offsets, size, n_nearest, [weight_factor, distance_factor], ints, floats)
    weights, depth, distance2, face = ops.apply("nearest_fragments", *arguments)
    warn_if_nothing_drawn(face_vertices, (height, width), settings, drawn=depth)
    return NearestFragments(face, weights, depth, distance2)
