"""`dibr_soft_mask`, as kaolin.render.mesh.dibr_soft_mask."""

from typing import Any

import torch
from torch import Tensor

from .._autocast import full_precision
from .._inputs import as_index
from .._numbers import plain
from .._rendering import render
from .._soft_mask import soft_mask
from .._transformable import refuse_vmap
from .._untraced import untraced
from ..settings import RenderSettings, check_number
from ._arguments import check_depths, check_image, check_softness
from ._faces import face_vertices_of, kaolin_settings


@full_precision
@untraced
def dibr_soft_mask(
    face_vertices_image: Tensor,
    selected_face_idx: Tensor,
    sigmainv: float = 7000,
    boxlen: float = 0.02,
    knum: int | None = 30,
    multiplier: float = 1000.0,
    *,
    distribution: str | None = None,
    t_conorm: str | None = None,
    t_conorm_p: float | None = None,
    dist_shape: float = 0.0,
    dist_shift: float = 0.0,
    face_vertices_z: Tensor | None = None,
    near_clip: float | None = None,
) -> Tensor:
    """The soft silhouette of all faces: kaolin.render.mesh.dibr_soft_mask, on any device.

    The mask is 1 where selected_face_idx has a face. Elsewhere it is 1 - prod(1 - exp(-sigmainv d^2)), the product over
    the faces whose bounding box, enlarged by boxlen on each side, contains the pixel; d is the distance from the pixel
    to the face's outline.

    Args:
        face_vertices_image: (B, F, 3, 2), x (right) and y (up) of the corners, float32 or float64; both axes of the
            image span [-1, 1].
        selected_face_idx: (B, height, width) int64 or int32, as `rasterize` returns it; -1: no face.
        sigmainv: > 0, in NDC^-2; a larger value gives a sharper mask.
        boxlen: NDC, >= 0.
        knum: at most this many faces at a pixel, those of the lowest index, are in the product, >= 1; None: all.
        multiplier: ignored.
        distribution, t_conorm, t_conorm_p, dist_shape, dist_shift: as in gendr_adapters.RenderSettings. If distribution
            or t_conorm is given, the mask is the alpha of gendr_adapters.render with dist_scale = 1 / sigmainv and
            reach = boxlen; knum and the values of selected_face_idx are ignored, and pixels inside a face have the
            distribution's coverage and its gradient. If only one of the two is given, the distribution is
            'exponential_rev', which is exp(-sigmainv d^2) outside, or the T-conorm is 'probabilistic'.
        face_vertices_z: (B, F, 3), as for `rasterize`; needed with near_clip, and unused without.
        near_clip: as for `rasterize`: the mask is that of what is left of the faces.

    Returns:
        (B, height, width), in [0, 1], with gradients to face_vertices_image, and to face_vertices_z where faces are
        cut. Gradients repeat bit for bit.

    Raises:
        TypeError, ValueError: dtypes, devices, shapes, numbers or names that do not fit.

    Source: as `rasterize`.

    Example:
        >>> import torch
        >>> from gendr_adapters.kaolin import dibr_soft_mask, rasterize
        >>> xy = torch.tensor([[[[-0.5, -0.5], [0.5, -0.5], [0.0, 0.5]]]])  # (B, F, 3, 2)
        >>> z = torch.full((1, 1, 3), -2.0)
        >>> _, face_idx = rasterize(32, 32, z, xy, torch.ones(1, 1, 3, 1))
        >>> soft_mask = dibr_soft_mask(xy, face_idx, sigmainv=1000)
        >>> soft_mask.shape, soft_mask[0, 16, 16].item(), soft_mask[0, 0, 0].item()
        (torch.Size([1, 32, 32]), 1.0, 0.0)
    """
    n_meshes, _ = check_image(face_vertices_image)
    refuse_vmap("kaolin.dibr_soft_mask", "(B, F, 3, 2)", face_vertices_image, face_vertices_z, selected_face_idx)
    selected_face_idx = _checked_selected(selected_face_idx, face_vertices_image, n_meshes)
    sigmainv, boxlen, knum = check_softness(sigmainv, boxlen, knum)
    check_number("multiplier", plain(multiplier))
    near_clip = plain(near_clip)
    if near_clip is not None and face_vertices_z is None:
        raise ValueError("near_clip needs face_vertices_z, the depths of the corners")
    if face_vertices_z is not None:
        check_depths(face_vertices_z, face_vertices_image)
    general = distribution is not None or t_conorm is not None
    settings = mask_settings(
        sigmainv,
        boxlen,
        distribution=distribution or "exponential_rev",
        t_conorm=t_conorm or "probabilistic",
        t_conorm_p=t_conorm_p,
        dist_shape=dist_shape,
        dist_shift=dist_shift,
        near_clip=near_clip,
    )
    if near_clip is None or face_vertices_z is None:
        face_vertices_z = -torch.ones_like(face_vertices_image[..., 0])
    face_vertices = face_vertices_of(face_vertices_image, face_vertices_z, None)
    if general:
        _, height, width = selected_face_idx.shape
        alpha = render(face_vertices, (height, width), settings=settings, outputs=("alpha",)).alpha
        assert alpha is not None
        return alpha
    return soft_mask(face_vertices, selected_face_idx, knum, settings)


def mask_settings(sigmainv: float, boxlen: float, **fields: Any) -> RenderSettings:
    """For gendr_adapters.render: faces are seen as far as boxlen, and fade with exp(-sigmainv d^2) if not told else."""
    fields = {"distribution": "exponential_rev", "clip": "nonnegative", **fields}
    fields = {name: plain(value) for name, value in fields.items()}
    return kaolin_settings(dist_scale=1 / sigmainv, reach=boxlen, **fields)


def _checked_selected(selected_face_idx: Tensor, face_vertices_image: Tensor, n_meshes: int) -> Tensor:
    """In int64."""
    selected_face_idx = as_index("selected_face_idx", selected_face_idx)
    if selected_face_idx.device != face_vertices_image.device:
        raise TypeError(
            f"selected_face_idx is on {selected_face_idx.device}, face_vertices_image on {face_vertices_image.device}"
        )
    if selected_face_idx.dim() != 3 or selected_face_idx.shape[0] != n_meshes or 0 in selected_face_idx.shape[1:]:
        raise ValueError(
            f"selected_face_idx must be ({n_meshes}, height, width) for {n_meshes} meshes, got shape "
            f"{tuple(selected_face_idx.shape)}"
        )
    return selected_face_idx
