"""`find_fragments`: the pairs of pixels and faces themselves, for callers that shade each of them on their own."""

from typing import Any, NamedTuple

from torch import Tensor

from . import ops
from ._autocast import full_precision
from ._inputs import (
    check_finite,
    image_shape,
    packed_scene,
    refuse_forward_mode,
)
from ._native.structs import SETTING_INTS
from ._nothing_drawn import warn_if_nothing_drawn
from ._scales import check_values, scale_tensor
from .distributions import DISTRIBUTIONS, distribution
from .settings import RenderSettings

# The number of a distribution whose CDF is above 0 in floating point, too, wherever it is above 0.
_ENDLESS = list(DISTRIBUTIONS).index("cauchy")


class Fragments(NamedTuple):
    """M pairs of a pixel and a face in reach of it, concatenated: image by image, row by row from the top; the order
    within a pixel is arbitrary but deterministic.

    offsets: (B * H * W + 1,) int64; the fragments of pixel i are offsets[i] to offsets[i + 1].
    pixel: (M,) int64, (image * H + row) * W + column. face: (M,) int64, counted through all images.
    weights: (M, 3), the weights of the face's corners in features there (see RenderSettings.clip); they sum to 1, but
    with clip 'none' not beyond the horizon of the face's plane.
    depth: (M,), view depth. distance2: (M,), squared distance to the outline in NDC^2 (with distance 'barycentric': the
    square of the smallest barycentric), positive inside the face, negative outside.
    """

    offsets: Tensor
    pixel: Tensor
    face: Tensor
    weights: Tensor
    depth: Tensor
    distance2: Tensor


@full_precision
def find_fragments(
    face_vertices: Tensor,
    image_size: int | tuple[int, int],
    face_offsets: Tensor | None = None,
    settings: RenderSettings = RenderSettings(),  # noqa: B008 (frozen)
) -> Fragments:
    """All fragments of a scene, however many there are at a pixel.

    Args:
        face_vertices, image_size, face_offsets: as for `gendr_adapters.render`.
        settings: which pairs are in reach (reach, reach_per_scale, min_coverage and the distribution), which are seen
            (near, far, cull, front), and the weights (perspective_correct, clip). Settings of alpha and blending are
            ignored. With min_coverage 0 and a reach the reach alone decides, whatever dist_scale; only a distribution
            that is 0 up to some u, such as 'uniform', ends there, too. min_coverage is 1e-6 if not given.

    Returns:
        Fragments. weights, depth and distance2 have gradients to face_vertices, the same bits in every run; which pairs
        there are has none. 36 bytes a fragment in float32, 56 in float64. On a GPU the call waits, once, for their
        number.

    Raises:
        TypeError, ValueError: as `render`. With a dist_scale out of range that only the GPU knows nothing is found in
        its image, unless settings.check_finite makes it an error.

    Example:
        >>> import torch
        >>> from gendr_adapters import RenderSettings, find_fragments
        >>> quad = torch.tensor([[[-1.0, -1, 2], [1, -1, 2], [1, 1, 2]], [[-1, -1, 2], [1, 1, 2], [-1, 1, 2]]])
        >>> found = find_fragments(quad, 4, settings=RenderSettings(distribution="hard"))
        >>> found.offsets.shape, found.face.unique().tolist()
        (torch.Size([17]), [0, 1])
        >>> bool(torch.allclose(found.weights.sum(1), torch.ones(())))
        True
    """
    inputs = listing_arguments(face_vertices, image_size, face_offsets, settings)
    numbers_and_indices = ops.apply("fragments", *inputs)
    found = Fragments(*numbers_and_indices[3:], *numbers_and_indices[:3])
    warn_if_nothing_drawn(inputs[0], image_shape(image_size), settings, listed=found.pixel)
    return found


def listing_arguments(
    face_vertices: Tensor, image_size: int | tuple[int, int], face_offsets: Tensor | None, settings: RenderSettings
) -> tuple[Any, ...]:
    """The arguments of find_fragments, checked, as the ops take them: face_vertices, dist_scale, face_offsets,
    [B, H, W], and the settings' whole and real numbers."""
    face_vertices, _, face_offsets, n_images = packed_scene(face_vertices, None, face_offsets)
    if not isinstance(settings, RenderSettings):
        raise TypeError(f"settings must be a RenderSettings, got {type(settings).__name__}")
    height, width = image_shape(image_size)
    refuse_forward_mode(face_vertices)
    dist_scale = scale_tensor("dist_scale", settings.dist_scale, n_images, face_vertices)
    if settings.check_finite:
        check_finite(face_vertices)
        check_values("dist_scale", dist_scale)
    ints, floats = settings.packed
    if _by_reach_alone(settings):
        ints = tuple([_ENDLESS if name == "distribution" else n for name, n in zip(SETTING_INTS, ints, strict=True)])
    scale = None if dist_scale is None else dist_scale.detach()
    return face_vertices, scale, face_offsets, [n_images, height, width], ints, floats


def _by_reach_alone(settings: RenderSettings) -> bool:
    """Are all pairs in reach covered by more than min_coverage? The core would drop those whose coverage underflows."""
    no_reach = settings.reach is None and settings.reach_per_scale is None
    return settings.min_coverage == 0 and not no_reach and not distribution(settings.distribution).begins
