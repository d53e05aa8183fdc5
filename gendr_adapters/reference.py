"""The reference: what `gendr_adapters.render` and `find_fragments` compute, written to be read.

It is slow, computes all (pixel, face) pairs, and follows the equations directly, in plain torch with autograd. It
shares no code with the native core. The tests compare the core's values and gradients with it.

Sources: Liu et al., "Soft Rasterizer", ICCV 2019 (coverage, softmax colour, sections 3.2 and 3.3); Petersen et al.,
"GenDR", CVPR 2022 (distributions, T-conorms). Settings are `gendr_adapters.RenderSettings`, or any object with the same
attributes. Gradients are the exact ones (gradient='exact'). Tensors have the shape (P, F) for P = H * W pixels and F
faces of one mesh, and memory is about fifty times P F numbers: use it for small images.

One trick is used often, the double where: `where(ok, f(where(ok, x, harmless)), constant)`. Autograd multiplies the
derivative of the branch that is not taken by zero, and 0 * inf is NaN, so f must never get the bad x.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ._reference_cut import CutFace, cut_face
from ._reference_shading import shine_on, show_maps
from .distributions import ALIASES, cdf, distribution
from .settings import RenderSettings
from .shading import Lighting, TextureMaps
from .t_conorms import aggregate

# Smaller coverages are not used as weights: they have lost digits, and their inverses are infinite.
_NO_COLOUR = {torch.float32: 1e-30, torch.float64: 1e-290}

# In units of the scale. Closer to an edge than this a pixel of the closed face counts as one that is so far inside:
# beside 0 a CDF may be steep beyond all bounds, and rounding would say which pixels count.
_RIGHT_INSIDE = 8 * torch.finfo(torch.float64).eps


class Reference(NamedTuple):
    """image (C, H, W) or None, alpha (H, W), depth (H, W) 0 where empty, face_index (H, W) int64 -1 where empty."""

    image: Tensor | None
    alpha: Tensor
    depth: Tensor
    face_index: Tensor


def pixel_centres(height: int, width: int, half_extent: Sequence[float] | None, like: Tensor) -> Tensor:
    """NDC centres (P, 2) as (x right, y up), rows from the top."""
    shorter = min(height, width)
    half_width, half_height = half_extent or (width / shorter, height / shorter)
    columns = torch.arange(width, dtype=like.dtype, device=like.device)
    rows = torch.arange(height, dtype=like.dtype, device=like.device)
    x = half_width * (2 * columns + 1 - width) / width
    y = half_height * (height - 1 - 2 * rows) / height
    yy, xx = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([xx, yy], -1).reshape(-1, 2)


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _nearest_on_outline(pixels: Tensor, corners: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distance (P, F) from each pixel to the nearest edge of each face (F, 3, 2), and the weights (P, F, 3) of
    the corners at the nearest point."""
    start = corners
    edge = corners.roll(-1, dims=1) - start
    to_pixel = pixels[:, None, None] - start  # (P, F, 3, 2)
    length2 = (edge * edge).sum(-1)
    proper = length2 > 0  # an edge of length zero is its start point
    t = (to_pixel * edge).sum(-1) / torch.where(proper, length2, torch.ones_like(length2))
    t = torch.where(proper, t, torch.zeros_like(t)).clamp(0, 1)
    # Use the corner itself for t = 1: then both of its edges give the same bits, and rounding does not decide.
    offset = torch.where((t == 1)[..., None], to_pixel.roll(-1, dims=2), to_pixel - t[..., None] * edge)
    d2, nearest = (offset * offset).sum(-1).min(-1)  # min picks one edge, so does its gradient
    one_hot = torch.nn.functional.one_hot(nearest, 3).to(t.dtype)
    along = one_hot * t
    return d2, one_hot - along + along.roll(1, dims=-1)


def _barycentrics(pixels: Tensor, corners: Tensor, double_area: Tensor) -> Tensor:
    """Barycentric coordinates (P, F, 3) of the pixels in each face. Where the area is 0 they are finite but
    meaningless."""
    following, last = corners.roll(-1, dims=1), corners.roll(-2, dims=1)
    opposite = _cross(last - following, pixels[:, None, None] - following)
    safe = torch.where(double_area != 0, double_area, torch.ones_like(double_area))
    return opposite / safe[:, None]


def _on_outline(w: Tensor, corners: Tensor, double_area: Tensor, d2: Tensor) -> Tensor:
    """Which pixels (P, F) are on the outline of a face up to rounding. They touch the line of each edge from inside,
    and the outline, each within 6 units in the last place of the lengths involved (csrc/core/geometry.h)."""
    edge2 = (corners.roll(-1, dims=1) - corners).square().sum(-1)
    opposite2 = edge2.roll(-1, dims=1)  # w_k = distance from the line of edge k + 1 / height
    touch = 6 * torch.finfo(w.dtype).eps
    within = w * double_area.abs()[:, None] >= -touch * opposite2
    return within.all(-1) & (d2 <= touch**2 * edge2.amax(-1))


def _inverse(z: Tensor) -> Tensor:
    """1 / z, and 0 for z = 0."""
    usable = z != 0
    return torch.where(usable, 1 / torch.where(usable, z, torch.ones_like(z)), torch.zeros_like(z))


def _weights_and_depth(s: Any, raw: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Feature weights (P, F, 3) and depth (P, F) from raw barycentrics (P, F, 3) and corner depths (F, 3)."""
    clip = getattr(s, "clip", "unit")
    if clip == "unit":
        clipped = raw.clamp(0, 1)
        clipped = clipped / clipped.sum(-1, keepdim=True).clamp(min=1e-5)
        over_z = clipped * _inverse(z)
        depth = _inverse(over_z.sum(-1))
        return over_z * depth[..., None] if s.perspective_correct else clipped, depth
    weights = raw
    if s.perspective_correct:
        over_z = raw * _inverse(z)
        least = 1e-8 * _inverse(z).prod(-1) * z.amin(-1).clamp(max=1) ** 2
        total = over_z.sum(-1)
        total = torch.where(total > least, total, least.expand_as(total).detach())
        # 0 is possible if depths have both signs: such a face has no colour.
        weights = over_z / torch.where(total != 0, total, torch.ones_like(total))[..., None]
    if clip == "nonnegative":
        weights = weights.clamp(min=0)
        # All can be negative if depths have both signs: such a face has no colour.
        total = weights.sum(-1, keepdim=True)
        some = total > 0
        weights = torch.where(some, weights / torch.where(some, total, torch.ones_like(total)), weights)
    return weights, (weights * z).sum(-1)


def _sample_features(features: Tensor, weights: Tensor) -> Tensor:
    """Features (P, F, C) at weights (P, F, 3), from values at corners (F, 3, C) or from R * R texels (F, R * R, C)."""
    count = features.shape[1]
    if count == 3:
        return torch.einsum("pfk,fkc->pfc", weights, features)
    res = math.isqrt(count)
    a, b = weights[..., 0].detach() * res, weights[..., 1].detach() * res
    # Count the inner borders of cells below the weight. So a weight of exactly 1 is in the last cell, and weights
    # outside [0, 1], which exist without a clip, are in the first or last cell.
    borders = torch.arange(1, res, dtype=a.dtype, device=a.device)
    u, v = ((x[..., None] >= borders).sum(-1) for x in (a, b))
    # Which of the two triangles of the texel square? At edge 0-1, where a + b is res, rounding must not decide.
    lower = a + b - u - v <= 1 + 8 * torch.finfo(a.dtype).eps * res
    texel = torch.where(lower, v * res + u, (res - 1 - v) * res + (res - 1 - u))
    return features[torch.arange(features.shape[0], device=features.device), texel]


def _colours(features: Tensor | TextureMaps, weights: Tensor, lighting: Lighting | None) -> Tensor:
    """What each face shows at each pixel: (P, F, C)."""
    face = torch.arange(weights.shape[1], device=weights.device).expand(weights.shape[:2])
    texels = (
        show_maps(features, weights, face) if isinstance(features, TextureMaps) else _sample_features(features, weights)
    )
    return texels if lighting is None else shine_on(texels, lighting, weights, face)


def _background(background: Any, channels: int, like: Tensor) -> Tensor:
    if background is None:
        return torch.zeros(channels, dtype=like.dtype, device=like.device)
    return torch.as_tensor(background, dtype=like.dtype, device=like.device).reshape(-1)


def _cut_faces(face_vertices: Tensor, pixels: Tensor, s: Any) -> tuple[Tensor, dict[int, CutFace]]:
    """Which of the faces (F, 3, 3) are whole, and the remaining polygons of those that are cut."""
    whole = face_vertices.detach().isfinite().all(-1).all(-1)
    near_clip = getattr(s, "near_clip", None)
    if near_clip is None:
        return whole, {}
    nearer = (face_vertices[..., 2] < near_clip).sum(-1)
    cuts = {}
    for i in (whole & (nearer > 0) & (nearer < 3)).nonzero()[:, 0].tolist():
        cut = cut_face(face_vertices[i], pixels, s)
        if cut is not None:
            cuts[i] = cut
    return whole & (nearer == 0), cuts


def _with(values: Tensor, cuts: dict[int, CutFace], name: str, dim: int) -> Tensor:
    """values, with the entries of cut faces replaced by those of their polygons."""
    columns = [getattr(cuts[i], name) if i in cuts else x for i, x in enumerate(values.unbind(dim))]
    return torch.stack(columns, dim) if cuts else values


def _is_between(z: Tensor, s: Any) -> Tensor:
    """Which faces, with corner depths (F, 3), have their visible part entirely between near and far."""
    near_clip = getattr(s, "near_clip", None)
    nearest = z.amin(-1) if near_clip is None else z.amin(-1).clamp(min=near_clip)
    return (nearest >= s.near) & (z.amax(-1) <= s.far)


class _Pairs(NamedTuple):
    """Every (pixel, face) pair of one mesh. All tensors are (P, F) except the first two."""

    vertices: Tensor  # (F, 3, 3); ones where the face cannot be drawn
    weights: Tensor  # (P, F, 3), of features
    depth: Tensor
    signed_d2: Tensor  # squared distance, negative outside
    coverage: Tensor
    counted: Tensor  # the same for comparisons: on an edge and beside it, what it is right inside
    closed: Tensor  # on the closed triangle
    kept: Tensor  # takes part
    seen: Tensor  # has a colour if it takes part


def _reach(s: Any, tau: Tensor) -> float:
    """The smaller of both limits, in NDC; infinite if there is none."""
    reach, per_scale = s.reach, getattr(s, "reach_per_scale", None)
    of_scale = math.inf if per_scale is None else math.sqrt(per_scale * tau.item())
    return min(math.inf if reach is None else reach, of_scale)


def _all_pairs(face_vertices: Tensor, height: int, width: int, s: Any, listed: bool = False) -> _Pairs:
    """listed: for a list of fragments, which includes pairs whose coverage underflows to 0."""
    # Faces that cannot be drawn at all.
    z_corner = face_vertices[..., 2]
    pixels = pixel_centres(height, width, s.half_extent, face_vertices)
    drawable, cuts = _cut_faces(face_vertices, pixels, s)
    if s.alpha_range == "near_far" and s.near > 0:
        drawable = drawable & (z_corner > 0).all(-1)
    vertices = torch.where(drawable[:, None, None], face_vertices, torch.ones_like(face_vertices))
    corners, z_corner = vertices[..., :2], vertices[..., 2]

    # Geometry of every (pixel, face) pair.
    double_area = _cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    longest2 = (corners.roll(-1, dims=1) - corners).square().sum(-1).amax(-1)
    proper = double_area.abs() > 2 * torch.finfo(double_area.dtype).eps * longest2  # else zero up to rounding
    outline_d2, outline_weights = _nearest_on_outline(pixels, corners)
    outline_d2 = _with(outline_d2, cuts, "d2", 1)
    w = _barycentrics(pixels, corners, torch.where(proper, double_area, torch.zeros_like(double_area)))
    inside = _with(proper & (w > 0).all(-1), cuts, "inside", 1)
    # No holes: a pixel on a shared edge is on at least one of the faces, at distance 0. A face of zero area has no
    # inside; the pixels at distance 0 are on it.
    on_outline = _on_outline(w.detach(), corners.detach(), double_area.detach(), outline_d2.detach())
    touching = ~inside & torch.where(proper, on_outline, outline_d2.detach() == 0)
    closed = _with(inside | touching, cuts, "closed", 1)
    is_cut = torch.tensor([i in cuts for i in range(len(vertices))], dtype=torch.bool)
    drawable, proper = drawable | is_cut, proper | is_cut
    outline_d2 = torch.where(closed & ~inside, torch.zeros_like(outline_d2), outline_d2)
    double_area = _with(double_area, cuts, "double_area", 0)
    sign = torch.where(inside, 1.0, -1.0).to(w.dtype)
    if s.distance == "euclidean":
        d2 = outline_d2
        away = d2 > 0
        d = torch.where(away, torch.where(away, d2, torch.ones_like(d2)).sqrt(), torch.zeros_like(d2))
    else:
        smallest = w.min(-1).values
        smallest = torch.where(closed & ~inside, torch.zeros_like(smallest), smallest)
        d, d2 = sign * smallest, smallest * smallest
        drawable = drawable & proper

    # Coverage, and which pairs take part.
    tau = torch.as_tensor(s.dist_scale, dtype=w.dtype, device=w.device).reshape(())
    hard_edge = ALIASES.get(s.distribution, s.distribution) == "hard"
    if hard_edge:
        coverage = closed.to(w.dtype)
        counted = coverage
    else:
        u = sign * (d2 if s.dist_squared else d) / tau
        coverage = cdf(s.distribution, u, s.dist_shape, s.dist_shift)
        counted = cdf(s.distribution, u.detach().clamp(min=_RIGHT_INSIDE), s.dist_shape, s.dist_shift)
        counted = torch.where(closed, counted, coverage.detach())
    kept = drawable & (counted > s.min_coverage)
    if listed and s.min_coverage == 0 and s.reach is not None and not distribution(s.distribution).begins:
        kept = drawable
    reach = _reach(s, tau)
    if math.isfinite(reach):
        extents = [cuts[i].corners.detach() if i in cuts else face for i, face in enumerate(corners.detach())]
        low = torch.stack([x.amin(0) for x in extents] or [corners.new_zeros(2)]) - reach
        high = torch.stack([x.amax(0) for x in extents] or [corners.new_zeros(2)]) + reach
        kept = kept & ((pixels[:, None] >= low) & (pixels[:, None] <= high)).all(-1)
        if not hard_edge and getattr(s, "reach_shape", "distance") == "distance":
            kept = kept & (closed | (d < reach))

    # Depth, and which pairs may be visible. A face of zero area consists of its outline: it has the depth and the
    # features of the nearest point of the outline, and no front side.
    weights, depth = _weights_and_depth(s, torch.where(proper[:, None], w, outline_weights.detach()), z_corner)
    weights, depth = _with(weights, cuts, "weights", 1), _with(depth, cuts, "depth", 1)
    seen = (depth >= s.near) & (depth <= s.far)
    if getattr(s, "clip", "unit") != "none":  # a face between the planes is seen even if depths are rounded outside
        in_sight = depth != 0 if cuts else torch.ones_like(seen)
        seen = seen | (in_sight & _is_between(face_vertices[..., 2], s))
    if s.perspective_correct:  # with depths of both signs, weights are not an average: such a face has no colour
        seen = seen & (z_corner > 0).all(-1)
    if s.cull == "back":
        turn = double_area if s.front == "counterclockwise" else -double_area
        seen = seen & proper & (turn > 0)
    return _Pairs(vertices, weights, depth, sign * d2, coverage, counted, closed, kept, seen)


def render(
    face_vertices: Tensor,
    image_size: int | tuple[int, int],
    features: Tensor | TextureMaps | None = None,
    settings: Any = RenderSettings(),  # noqa: B008 (frozen)
    background: Any = None,
    lighting: Lighting | None = None,
) -> Reference:
    """Render one mesh softly.

    face_vertices: (F, 3, 3), x and y in NDC, z the depth. image_size: side, or (H, W), in pixels.
    features: (F, 3, C) at corners, (F, R * R, C) texels, or TextureMaps. background: (C,) or (1, C), default 0.
    lighting: without a batch axis.
    settings: gendr_adapters.RenderSettings; dist_scale and gamma may be tensors with one element.

    Autograd gives the gradients to face_vertices, features, background, lighting, dist_scale and gamma.
    """
    s = settings
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    vertices, weights, depth, _, coverage, counted, closed, kept, seen = _all_pairs(face_vertices, height, width, s)
    w = weights
    in_alpha = kept & seen if s.alpha_range == "near_far" else kept

    aggregated = counted if s.t_conorm == "hard" else coverage
    alpha = aggregate(s.t_conorm, torch.where(in_alpha, aggregated, torch.zeros_like(coverage)), 1, s.t_conorm_p)

    # The nearest face that contains the pixel: lowest depth, and lowest index if depths are equal.
    solid = kept & seen & closed
    far_away = torch.full_like(depth, math.inf)
    held = solid.any(1)
    if face_vertices.shape[0] > 0:
        candidates = torch.where(solid, depth, far_away).detach()
        nearest = (candidates == candidates.min(1, keepdim=True).values).to(torch.uint8).argmax(1)
        nearest_depth = depth.gather(1, nearest[:, None])[:, 0]
    else:
        nearest = torch.zeros(alpha.shape[0], dtype=torch.long)
        nearest_depth = torch.zeros_like(alpha)
    depth_image = torch.where(held, nearest_depth, torch.zeros_like(nearest_depth))
    face_index = torch.where(held, nearest, torch.full_like(nearest, -1))

    image = None
    if features is not None:
        shade = _colours(features, weights, lighting)
        behind = _background(background, shade.shape[-1], vertices)
        if s.blend == "hard":
            chosen = torch.nn.functional.one_hot(nearest, max(1, shade.shape[1]))[:, : shade.shape[1]].bool()
            colour = torch.where(chosen[..., None], shade, torch.zeros_like(shade)).sum(1)
            image = torch.where(held[:, None], colour, behind)
        else:
            visible = kept & seen & (coverage.detach() > _NO_COLOUR[coverage.dtype])
            gamma = torch.as_tensor(s.gamma, dtype=w.dtype, device=w.device).reshape(())
            first, last = getattr(s, "softmax_range", None) or (s.near, s.far)
            # Invisible pairs get the background's exponent, so they do not change the largest exponent.
            behind_all = torch.full_like(alpha, s.background_eps)[:, None]
            nearness = torch.where(visible, (last - depth) / (last - first), behind_all)
            # Exponents are relative to the largest one. This avoids overflow and defines the background floor. If
            # several are the largest, one of them gets the gradient.
            candidates = torch.cat([behind_all, nearness], 1)
            peak = candidates.gather(1, (candidates == candidates.amax(1, True)).to(torch.uint8).argmax(1, True))[:, 0]
            weight = torch.where(visible, coverage, torch.zeros_like(coverage))
            weight = weight * ((nearness - peak[:, None]) / gamma).exp()
            weight_behind = ((s.background_eps - peak) / gamma).exp()
            weight_behind = weight_behind.clamp(min=getattr(s, "background_floor", 0.0))
            shade = torch.where(visible[..., None], shade, torch.zeros_like(shade))
            total = weight.sum(1) + weight_behind
            image = ((weight[..., None] * shade).sum(1) + weight_behind[:, None] * behind) / total[:, None]
        image = image.T.reshape(-1, height, width)

    shape = (height, width)
    return Reference(image, alpha.reshape(shape), depth_image.reshape(shape), face_index.reshape(shape))


class ReferenceFragments(NamedTuple):
    """Like gendr_adapters.Fragments without offsets, ordered by pixel, then by face."""

    pixel: Tensor
    face: Tensor
    weights: Tensor
    depth: Tensor
    distance2: Tensor


def find_fragments(
    face_vertices: Tensor,
    image_size: tuple[int, int],
    settings: Any = RenderSettings(),  # noqa: B008 (frozen)
) -> ReferenceFragments:
    """List the pairs of one mesh (F, 3, 3) that take part and are visible. image_size: (H, W), pixels."""
    pairs = _all_pairs(face_vertices, *image_size, settings, listed=True)
    pixel, face = (pairs.kept & pairs.seen).nonzero(as_tuple=True)
    return ReferenceFragments(
        pixel, face, pairs.weights[pixel, face], pairs.depth[pixel, face], pairs.signed_d2[pixel, face]
    )
