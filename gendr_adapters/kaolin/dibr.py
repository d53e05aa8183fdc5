"""`dibr_rasterization`, as kaolin.render.mesh.dibr_rasterization."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..settings import check_number
from ._arguments import check_backend, check_depths, check_image, check_per_face, check_softness
from .rasterization import hard_settings, rasterize_as
from .soft_mask import dibr_soft_mask, mask_settings

_OCCLUSIONS = ("hard", "soft")


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
) -> tuple[Tensor | tuple[Tensor, ...], Tensor, Tensor]:
    """Features of the nearest faces, and a soft silhouette: kaolin.render.mesh.dibr_rasterization, on any device.

    Args:
        height, width, face_vertices_z, face_vertices_image, face_features, multiplier, eps, perspective_correct,
            near_clip: as for `rasterize`. rast_backend: its backend.
        face_normals_z: (B, F); faces where it is below 0 (or NaN) are not drawn, but count in the mask.
        sigmainv, boxlen, knum, distribution, t_conorm, t_conorm_p, dist_shape, dist_shift: as for `dibr_soft_mask`.
        occlusion: 'hard': the features of the nearest face. 'soft': a softmax over depth of all drawn faces closer than
            boxlen, weighed by their coverage as well, so that hidden faces have gradients, and z has: a face weighs
            D e^(z / gamma), the background as much as a face 10 gamma behind the farthest corner. On a GPU the call
            waits for that corner. gamma: > 0, in the unit of z.

    Returns:
        (features, soft_mask, face_idx): features and face_idx as `rasterize`, whatever occlusion; soft_mask
        (B, height, width) as `dibr_soft_mask`.

    Raises:
        TypeError, ValueError: as `rasterize` and `dibr_soft_mask`.

    Source: as `rasterize`.
    """
    check_backend("dibr_rasterization", rast_backend, multiplier, eps)
    check_image(face_vertices_image)
    check_depths(face_vertices_z, face_vertices_image)
    check_per_face("face_normals_z", face_normals_z, face_vertices_image)
    check_softness(sigmainv, boxlen, knum)
    if occlusion not in _OCCLUSIONS:
        raise ValueError(f"occlusion must be 'hard' or 'soft', got {occlusion!r}")
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
    settings = hard_settings(perspective_correct, near_clip)
    if occlusion == "soft":
        near, far = _depth_range(face_vertices_z, valid, near_clip, gamma)
        settings = mask_settings(
            sigmainv,
            boxlen,
            distribution=distribution or "exponential_rev",
            dist_shape=dist_shape,
            dist_shift=dist_shift,
            perspective_correct=perspective_correct,
            near_clip=near_clip,
            softmax_range=(near, far),
            gamma=gamma / (far - near),
            background_eps=0.0,
        )
    features, face_idx = rasterize_as(
        settings, height, width, face_vertices_z, face_vertices_image, face_features, valid
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


def _depth_range(face_vertices_z: Tensor, valid: Tensor, near_clip: float | None, gamma: float) -> tuple[float, float]:
    """View depths of the nearest corner that is drawn, and of what is 10 gamma behind the farthest."""
    depths = -face_vertices_z.detach()
    seen = (depths > 0).all(2) if near_clip is None else (depths >= near_clip).any(2)
    depths = depths[valid & seen & depths.isfinite().all(2)].clamp(min=near_clip or 0.0)
    near, far = (0.0, 1.0) if depths.numel() == 0 else torch.stack(depths.aminmax()).tolist()
    behind = far + 10 * gamma
    return near, max(behind, math.nextafter(near, math.inf))
