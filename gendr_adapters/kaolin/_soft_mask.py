"""`dibr_soft_mask`, as kaolin.render.mesh.dibr_soft_mask."""

import math
from typing import Any

import torch
from torch import Tensor

from .._autocast import full_precision
from .._inputs import kind
from .._numbers import plain
from .._transformable import refuse_vmap
from .._untraced import untraced
from .._visibility import leave_out
from ..blend import blend_fragments
from ..fragments import Fragments, find_fragments
from ..render import render
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

    1 where selected_face_idx has a face; elsewhere 1 - prod(1 - exp(-sigmainv d^2)) over the faces whose bounding box,
    grown by boxlen, holds the pixel; d is the distance to the face's outline.

    Args:
        face_vertices_image: (B, F, 3, 2), x (right) and y (up) of the corners, float32 or float64; both axes of the
            picture span [-1, 1].
        selected_face_idx: (B, height, width) int64, as rasterize returns it; -1: no face.
        sigmainv: > 0, in NDC^-2; the larger, the sharper.
        boxlen: NDC, >= 0. knum: faces a pixel at most, those of the lowest index; None: all of them.
        multiplier: accepted, and without effect.
        distribution, t_conorm, t_conorm_p, dist_shape, dist_shift: as in gendr_adapters.RenderSettings. With one of the
            first two the mask is that of gendr_adapters.render: dist_scale is 1 / sigmainv, every face closer than
            boxlen counts, knum and selected_face_idx do not; at pixels inside, coverage is the distribution's and has
            its gradient. What of the two is not given is 'exponential_rev', which is exp(-sigmainv d^2), or
            'probabilistic'.
        near_clip: as for `rasterize`: what is left of a face counts, its cut edge and its bounding box included.
            face_vertices_z: (B, F, 3), also as there, needed for near_clip and for nothing else.

    Returns:
        (B, height, width), with gradients to face_vertices_image, and to face_vertices_z where faces are cut; the same
        bits in every run.

    Raises:
        TypeError, ValueError: dtypes, devices, shapes, numbers or names that do not fit.

    Source: as `rasterize`.
    """
    n_meshes, _ = check_image(face_vertices_image)
    refuse_vmap("kaolin.dibr_soft_mask", "(B, F, 3, 2)", face_vertices_image, face_vertices_z, selected_face_idx)
    _check_selected(selected_face_idx, face_vertices_image, n_meshes)
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
    return _grown_box_mask(face_vertices, selected_face_idx >= 0, sigmainv, boxlen, knum, near_clip)


def mask_settings(sigmainv: float, boxlen: float, **fields: Any) -> RenderSettings:
    """For gendr_adapters.render: faces are seen as far as boxlen, and fade with exp(-sigmainv d^2) if not told else."""
    fields = {"distribution": "exponential_rev", "clip": "nonnegative", **fields}
    fields = {name: plain(value) for name, value in fields.items()}
    return kaolin_settings(dist_scale=1 / sigmainv, reach=boxlen, **fields)


def _grown_box_mask(
    face_vertices: Tensor, covered: Tensor, sigmainv: float, boxlen: float, knum: int | None, near_clip: float | None
) -> Tensor:
    """The mask of Kaolin: by grown bounding boxes and the first knum faces.

    Every pair of an uncovered pixel and a face in whose box it is becomes a fragment; their union is blend_fragments'.
    """
    n_meshes, height, width = covered.shape
    low, high = _grown_boxes(face_vertices.detach(), boxlen, near_clip)
    touching = _touches_uncovered(low, high, covered)
    # A Cauchy distribution ends nowhere, so that nothing fades. The boxes are cut exactly below.
    settings = kaolin_settings(
        distribution="cauchy",
        clip="nonnegative",
        reach_shape="box",
        reach=boxlen * (1 + 1e-6) + 1e-6,
        near_clip=near_clip,
    )
    found = find_fragments(leave_out(face_vertices, ~touching), (height, width), settings=settings)
    kept = _in_boxes(found, low, high, covered)
    if knum is not None:
        kept = _first_by_index(found, kept, knum, touching.numel())
    # Inside or outside does not matter: a pixel within a face that was not selected counts by its distance, too.
    unsigned = Fragments(
        _offsets(found, kept),
        found.pixel[kept],
        found.face[kept],
        found.weights.detach()[kept],
        found.depth.detach()[kept],
        -found.distance2[kept].abs(),
    )
    settings = mask_settings(sigmainv, boxlen)
    alpha = blend_fragments(unsigned, None, (height, width), settings, n_images=n_meshes, outputs=("alpha",)).alpha
    assert alpha is not None
    return torch.where(covered, alpha.new_ones(()), alpha)


def _grown_boxes(face_vertices: Tensor, boxlen: float, near_clip: float | None) -> tuple[Tensor, Tensor]:
    """(B, F, 2), twice: the lower left and upper right corner of each face's bounding box, boxlen further out; of a
    face that is cut, that of what is left."""
    points = face_vertices[..., :2]
    low, high = points.aminmax(dim=2)
    if near_clip is not None:
        # Corners in front of the plane, and where edges from one in front, b, to one that is nearer, a, meet it.
        front = (face_vertices[..., 2] >= near_clip)[..., None]
        following = front.roll(-1, 2)
        onward = face_vertices.roll(-1, 2)
        b, a = (torch.where(front == ahead, face_vertices, onward) for ahead in (True, False))
        z_b, z_a = b[..., 2:], a[..., 2:]
        along = (z_b - near_clip) / (z_b - z_a) * (z_a / near_clip)
        points = torch.cat([points, b[..., :2] + along * (a - b)[..., :2]], 2)
        left = torch.cat([front, front != following], 2)
        cut = front.any(2) & ~front.all(2)
        low = torch.where(cut, points.where(left, math.inf).amin(2), low)
        high = torch.where(cut, points.where(left, -math.inf).amax(2), high)
    return low - boxlen, high + boxlen


def _touches_uncovered(low: Tensor, high: Tensor, covered: Tensor) -> Tensor:
    """(B, F) bool: is there an uncovered pixel in the box, or next to it? Faces in the midst of the silhouette have
    none, and need not be looked at. Never a wrong no; the boxes of faces that are not finite are of no meaning."""
    n_meshes, height, width = covered.shape
    sums = covered.new_zeros((n_meshes, height + 1, width + 1), dtype=torch.int32)
    sums[:, 1:, 1:] = (~covered).cumsum(1, dtype=torch.int32).cumsum(2, dtype=torch.int32)
    # Pixel column c is at x = (2 c + 1 - W) / W; rows count from the top.
    half = low.new_tensor([width, height]) / 2
    first, last = (low * half + half - 1).floor(), (high * half + half + 1).ceil()
    first, last = (index.nan_to_num(0.0).clamp(min=0).minimum(2 * half).long() for index in (first, last))
    left, right = first[..., 0], last[..., 0]
    top, bottom = height - last[..., 1], height - first[..., 1]
    mesh = torch.arange(n_meshes, device=covered.device)[:, None]
    inside = sums[mesh, bottom, right] - sums[mesh, top, right] - sums[mesh, bottom, left] + sums[mesh, top, left]
    return inside > 0


def _in_boxes(found: Fragments, low: Tensor, high: Tensor, covered: Tensor) -> Tensor:
    """Numbers of the fragments at uncovered pixels in the box of their face: of its sides, the left and lower ones
    belong to it."""
    height, width = covered.shape[1:]
    kept = (~covered).flatten()[found.pixel].nonzero()[:, 0]
    pixel, face = found.pixel[kept], found.face[kept]
    inside = torch.ones_like(pixel, dtype=torch.bool)
    for axis, index, n in ((0, pixel % width, width), (1, height - 1 - pixel // width % height, height)):
        at = (2 * index + 1 - n).to(low.dtype) / n
        inside &= (at >= low[..., axis].flatten()[face]) & (at < high[..., axis].flatten()[face])
    return kept[inside]


def _offsets(found: Fragments, kept: Tensor) -> Tensor:
    """Where the kept fragments of each pixel begin."""
    flags = torch.zeros_like(found.pixel)
    flags[kept] = 1
    return torch.cat([flags.new_zeros(1), flags.cumsum(0)])[found.offsets]


def _first_by_index(found: Fragments, kept: Tensor, knum: int, n_faces: int) -> Tensor:
    """Of the kept fragments of a pixel the knum whose faces have the lowest numbers."""
    offsets = _offsets(found, kept)
    if len(kept) == 0 or int(offsets.diff().amax()) <= knum:
        return kept
    pixel = found.pixel[kept]
    order = (pixel * n_faces + found.face[kept]).argsort()
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=order.device) - offsets[pixel]
    return kept[rank < knum]


def _check_selected(selected_face_idx: Tensor, face_vertices_image: Tensor, n_meshes: int) -> None:
    if not isinstance(selected_face_idx, Tensor) or selected_face_idx.dtype != torch.int64:
        raise TypeError(f"selected_face_idx must be an int64 tensor, got {kind(selected_face_idx)}")
    if selected_face_idx.device != face_vertices_image.device:
        raise TypeError(
            f"selected_face_idx is on {selected_face_idx.device}, face_vertices_image on {face_vertices_image.device}"
        )
    if selected_face_idx.dim() != 3 or selected_face_idx.shape[0] != n_meshes or 0 in selected_face_idx.shape[1:]:
        raise ValueError(
            f"selected_face_idx must be ({n_meshes}, height, width) for {n_meshes} meshes, got shape "
            f"{tuple(selected_face_idx.shape)}"
        )
