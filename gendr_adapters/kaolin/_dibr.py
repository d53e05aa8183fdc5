"""`dibr_rasterization`, as kaolin.render.mesh.dibr_rasterization."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .._autocast import full_precision
from .._known import as_list
from .._numbers import plain
from .._transformable import refuse_vmap
from .._untraced import untraced
from ..settings import check_number
from ._arguments import check_backend, check_depths, check_image, check_per_face, check_softness
from ._rasterize import hard_settings, rasterize_as
from ._soft_mask import dibr_soft_mask, mask_settings

_OCCLUSIONS = ("hard", "soft")
# background_eps: the background has no weight in the softmax where there is a face, as the mask says what it covers.
_NO_WEIGHT = -1e300


@full_precision
@untraced
def dibr_rasterization(
    height: int,
    width: int,
    face_vertices_z: Tensor,
    face_vertices_image: Tensor,
    face_features: Tensor | Sequence[Tensor],
    face_normals_z: Tensor,
    sigmainv: float = 7000,
    boxlen: float = 0.02,
    knum: int | None = 30,
    multiplier: float | None = None,
    eps: float | None = None,
    rast_backend: str = "cuda",
    *,
    perspective_correct: bool = False,
    near_clip: float | None = None,
    distribution: str | None = None,
    t_conorm: str | None = None,
    t_conorm_p: float | None = None,
    dist_shape: float = 0.0,
    dist_shift: float = 0.0,
    occlusion: str = "hard",
    gamma: float = 0.01,
    background: Tensor | Sequence[float] | None = None,
) -> tuple[Tensor | tuple[Tensor, ...], Tensor, Tensor]:
    """Features of the nearest faces, and a soft silhouette: kaolin.render.mesh.dibr_rasterization, on any device.

    Args:
        height, width, face_vertices_z, face_vertices_image, face_features, multiplier, eps, perspective_correct,
            near_clip: as for `rasterize`.
        rast_backend: as backend of `rasterize`.
        face_normals_z: (B, F); faces where it is below 0 or NaN are not drawn, but they are in the mask.
        sigmainv, boxlen, knum, distribution, t_conorm, t_conorm_p, dist_shape, dist_shift: as for `dibr_soft_mask`.
        occlusion: 'hard': the features of the nearest face, as in Kaolin. 'soft': the features of all drawn faces in
            reach of the pixel (those of the mask, without the limit knum), averaged with the weights D e^(z / gamma), D
            a face's coverage: a softmax over depth. Hidden faces, and z, then have gradients. The background has no
            weight at a pixel that has a face in reach. On a GPU, with perspective_correct or near_clip, the call waits
            for the depth of the nearest corner.
        gamma: temperature of that softmax, > 0, in the unit of z.
        background: features where there is no face, (C,) or (B, C), C the sum over a list of face_features; None: 0.

    Returns:
        (features, soft_mask, face_idx): features and face_idx are as of `rasterize`; face_idx does not depend on
        occlusion. soft_mask (B, height, width) is that of `dibr_soft_mask`.

    Raises:
        TypeError, ValueError: as `rasterize` and `dibr_soft_mask`.

    Source: as `rasterize`.

    Example:
        >>> import torch
        >>> from gendr_adapters.kaolin import dibr_rasterization
        >>> xy = torch.tensor([[[[-0.5, -0.5], [0.5, -0.5], [0.0, 0.5]]]])  # (B, F, 3, 2)
        >>> z = torch.full((1, 1, 3), -2.0)
        >>> normals_z = torch.ones(1, 1)  # the face looks at the camera
        >>> features, soft_mask, face_idx = dibr_rasterization(32, 32, z, xy, torch.ones(1, 1, 3, 4), normals_z)
        >>> features.shape, soft_mask.shape, face_idx[0, 16, 16].item()
        (torch.Size([1, 32, 32, 4]), torch.Size([1, 32, 32]), 0)
    """
    check_backend("dibr_rasterization", rast_backend, multiplier, eps)
    check_image(face_vertices_image)
    listed = face_features if isinstance(face_features, (list, tuple)) else [face_features]
    refuse_vmap(
        "kaolin.dibr_rasterization", "(B, F, 3, 2)", face_vertices_image, face_vertices_z, face_normals_z, *listed
    )
    check_depths(face_vertices_z, face_vertices_image)
    check_per_face("face_normals_z", face_normals_z, face_vertices_image)
    sigmainv, boxlen, knum = check_softness(sigmainv, boxlen, knum)
    if occlusion not in _OCCLUSIONS:
        raise ValueError(f"occlusion must be 'hard' or 'soft', got {occlusion!r}")
    gamma = plain(gamma)
    if not 1e-30 <= check_number("gamma", gamma) <= 1e30:
        raise ValueError(f"gamma must be > 0, from 1e-30 to 1e30, got {gamma}")
    valid = face_normals_z >= 0.0
    coverage = {
        "distribution": distribution,
        "t_conorm": t_conorm,
        "t_conorm_p": t_conorm_p,
        "dist_shape": dist_shape,
        "dist_shift": dist_shift,
    }
    near_clip = plain(near_clip)
    settings = hard_settings(perspective_correct, near_clip)
    if occlusion == "soft":
        # A softmax does not see where depths begin; near that digits are best kept. Where depth itself does not matter
        # each image can begin at its own front.
        front = _front(face_vertices_z, face_vertices_image, valid, perspective_correct, near_clip)
        if perspective_correct or near_clip is not None:
            largest = max(as_list(front.flatten()), default=-math.inf)
            nearest = -largest if math.isfinite(largest) else 0.0
        else:
            face_vertices_z = face_vertices_z - torch.where(front.isfinite(), front, 0.0)
            nearest = 0.0
        behind = nearest + max(1.0, 1e-12 * abs(nearest))
        settings = mask_settings(
            sigmainv,
            boxlen,
            distribution=distribution or "exponential_rev",
            dist_shape=dist_shape,
            dist_shift=dist_shift,
            perspective_correct=perspective_correct,
            near_clip=near_clip,
            # Where the mask is.
            reach_shape="distance" if distribution or t_conorm else "box",
            softmax_range=(nearest, behind),
            gamma=gamma / (behind - nearest),
            background_eps=_NO_WEIGHT,
        )
    features, face_idx = rasterize_as(
        settings, height, width, face_vertices_z, face_vertices_image, face_features, valid, background
    )
    soft_mask = dibr_soft_mask(
        face_vertices_image,
        face_idx,
        sigmainv,
        boxlen,
        knum,
        face_vertices_z=face_vertices_z,
        near_clip=near_clip,
        **coverage,  # type: ignore[arg-type]
    )
    return features, soft_mask, face_idx


def _front(
    face_vertices_z: Tensor,
    face_vertices_image: Tensor,
    valid: Tensor,
    perspective_correct: bool,
    near_clip: float | None,
) -> Tensor:
    """(B, 1, 1): the largest z of the faces of each mesh that are drawn; -infinity where none is."""
    z = face_vertices_z.detach()
    drawn = valid & z.isfinite().all(2) & face_vertices_image.detach().isfinite().all(3).all(2)
    if near_clip is not None:
        z = z.clamp(max=-near_clip)
    elif perspective_correct:
        drawn = drawn & (z < 0).all(2)
    seen = torch.where(drawn[..., None], z, -math.inf).flatten(1)
    return torch.nn.functional.pad(seen, (1, 0), value=-math.inf).amax(1)[:, None, None]
