"""`find_fragments`: a list of all pairs of a pixel and a face near it, for callers that shade each pair themselves."""

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
from ._listing import listing_settings
from ._nothing_drawn import warn_if_nothing_drawn
from ._scales import check_values, scale_tensor
from .settings import RenderSettings


class Fragments(NamedTuple):
    """The result of `find_fragments`, a named tuple: M fragments, each a pair of a pixel and a face near it.

    They are sorted by pixel: image by image, row by row from the top. The order within a pixel is arbitrary, and the
    same in every run.

    offsets: (B * H * W + 1,) int64. The fragments of pixel i are those from offsets[i] to offsets[i + 1] - 1.
    pixel: (M,) int64, the pixel: (image * H + row) * W + column.
    face: (M,) int64, the face, counted through all images.
    weights: (M, 3), interpolation weights of the face's corners at the pixel (see RenderSettings.clip). They sum to 1,
        except with clip 'none' beyond the horizon of the face's plane.
    depth: (M,), depth of the face at the pixel, in the unit of z.
    distance2: (M,), squared distance to the face's outline in NDC^2, positive inside the face and negative outside.
        With distance 'barycentric' it is the square of the smallest barycentric coordinate, with that sign.
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
    """List all fragments of a scene: every pair of a pixel and a face near it. A pixel may have any number of them.

    Use it to shade each fragment yourself; `blend_fragments` then makes the image.

    Args:
        face_vertices, image_size, face_offsets: as for `gendr_adapters.render`.
        settings: reach, reach_per_scale, min_coverage, distribution and dist_scale decide which faces are near a pixel;
            near, far, cull and front decide which are visible; perspective_correct and clip decide the weights. Fields
            for alpha and blending are ignored. With min_coverage=0 (the default is 1e-6) and a reach, dist_scale has no
            effect: every face within reach is listed, except where the distribution is exactly 0, as 'uniform' is below
            some u.

    Returns:
        Fragments. weights, depth and distance2 have gradients to face_vertices, the same bits in every run; which pairs
        are listed has no gradient. A fragment takes 36 bytes in float32 and 56 in float64. On a GPU the call waits
        once, for the number of fragments.

    Raises:
        TypeError, ValueError: as `render`. If a dist_scale in GPU memory is out of range, no fragments are found in its
        image; with settings.check_finite it is an error.

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
    """Check the arguments of find_fragments. Returns those of the ops: face_vertices, dist_scale, face_offsets,
    [B, H, W], and the integers and floats of the settings.
    """
    face_vertices, _, face_offsets, n_images = packed_scene(face_vertices, None, face_offsets)
    if not isinstance(settings, RenderSettings):
        raise TypeError(f"settings must be a RenderSettings, got {type(settings).__name__}")
    height, width = image_shape(image_size)
    refuse_forward_mode(face_vertices)
    dist_scale = scale_tensor("dist_scale", settings.dist_scale, n_images, face_vertices)
    if settings.check_finite:
        check_finite(face_vertices)
        check_values("dist_scale", dist_scale)
    ints, floats = listing_settings(settings)
    scale = None if dist_scale is None else dist_scale.detach()
    return face_vertices, scale, face_offsets, [n_images, height, width], ints, floats
