"""The boundary term: how a picture changes when edges move.

A pixel is the integral of f, what is seen at a point x, over its square. f is smooth except for jumps at edges of the
mesh. By Reynolds' transport theorem

    d/dtheta int f dx  =  int df/dtheta dx  +  sum over edges int (f_A - f_B) (n . dx/dtheta) dl,

with n the unit normal of the projected edge from its side A to its side B, and l the length along it: where the edge
moves by n . dx towards B, a strip of that width that showed f_B shows f_A now. The first term is what differentiating
samples gives; samples do not know of the second, since almost none of them is at an edge.

           A      |      B
                  |---> n
        f_A   x - d n | x + d n   f_B       both seen by point queries, d far below a pixel
                  |
              edge, x = a + t (b - a)

The second is an integral over the edges' visible length, estimated with points x_j spread evenly over all of them. A
sum of

    (f_A - f_B) (length / number of points) n . (x_j - x_j.detach())

to the pixel that x_j is in, adds 0 to the picture and this estimate to its gradient, pixels having the area 1. An edge
that is hidden, or lies within a continuous surface, has the same on both sides and adds nothing.

Source: Li, Aittala, Durand, Lehtinen, "Differentiable Monte Carlo Ray Tracing through Edge Sampling", SIGGRAPH Asia
2018, section 3.1.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from ._edges import jumping_edges
from ._homogeneous_mesh import HomogeneousMesh
from ._point_queries import PointQueries
from ._segments import endpoints, visible_segments

# In pixels, how far from an edge its two sides are sampled. The queries are in float64.
_SIDE = 1e-5
# Points on edges that are sampled in one go.
_POINTS_AT_ONCE = 2**17

# What a point of a face shows, D channels: of the interpolated features (1, N, C), 0 where there is no face, and the
# faces' numbers (1, N), -1 where there is none.
ShadePoints = Callable[[Tensor, Tensor], Tensor]


def boundary_term(
    mesh: HomogeneousMesh,
    positions: Tensor,
    features: Tensor,
    shade: ShadePoints,
    density: float,
    generator: torch.Generator,
) -> Tensor | None:
    """(H, W, D), zeros whose gradient to mesh.vertices is the boundary term's; None if there is no edge to be seen.

    Args:
        mesh: the triangles. positions: (V, 3), where their vertices are: those at the same place are one (see
            `jumping_edges`). features: (F, 3, C), values at their corners. shade: see ShadePoints.
        density: points for each pixel of the edges' length. generator: of the CPU, places them, stratified.

    The gradient repeats bit for bit for the same generator.
    """
    exact = mesh.in_double()
    with torch.no_grad():
        segments = visible_segments(exact, jumping_edges(exact, positions, features))
        reached = segments.length.cumsum(0)
        total = float(reached[-1]) if reached.shape[0] else 0.0
        if total == 0:
            return None
        n_points = math.ceil(total * density)
        spread = torch.rand(n_points, dtype=torch.float64, generator=generator, device="cpu").to(reached.device)
        distance = (torch.arange(n_points, device=reached.device) + spread) * (total / n_points)
        index = torch.searchsorted(reached, distance, right=True).clamp(max=reached.shape[0] - 1)
        segment = segments.pick(index)
        share = 1 - (reached[index] - distance) / segment.length
        t = (segment.begin + share * (segment.end - segment.begin))[:, None]
        points = segment.start + t * segment.along
        along = torch.nn.functional.normalize(segment.along, dim=1)
        normal = torch.stack([along[:, 1], -along[:, 0]], 1)
        queries = PointQueries(exact)
        pixel = queries.pixel_of(points)
        step = _SIDE * normal
        parts = zip(*(values.split(_POINTS_AT_ONCE) for values in (pixel, points - step, points + step)), strict=True)
        differs, jumps = zip(*(_jump(queries, features, shade, *part) for part in parts), strict=True)
        seen = torch.cat(differs).nonzero()[:, 0]
        jump, pixel, t, normal, segment = torch.cat(jumps), pixel[seen], t[seen], normal[seen], segment.pick(seen)
    start, stop = endpoints(mesh.vertices, segment.vertices, segment.is_cut, mesh.near)
    t = t.to(start)
    moving = ((start + t * (stop - start)) * normal.to(start)).sum(1)
    strip = (moving - moving.detach()) * (total / n_points)
    height, width = mesh.image_size
    # All summands are 0, so the order of the sum is of no matter.
    flat = jump.new_zeros(height * width, jump.shape[1]).index_add(0, pixel, jump * strip[:, None])
    return flat.view(height, width, -1)


def _jump(
    queries: PointQueries, features: Tensor, shade: ShadePoints, pixel: Tensor, a: Tensor, b: Tensor
) -> tuple[Tensor, Tensor]:
    """Whether other faces are seen at points a than at points b (N, 2), beside edges in pixels (N,); for the M points
    where it is so, f_A - f_B (M, D). Elsewhere edges are hidden: there is no jump, not even that of points a little
    apart."""
    hits = queries.nearest(torch.cat([a, b]), pixel.repeat(2))
    differs = torch.ne(*hits.face.chunk(2))
    seen = differs.repeat(2)
    face = hits.face[seen]
    at_corners = features.detach()[face.clamp(min=0)]
    values = (hits.weights[seen][:, :, None].to(at_corners) * at_corners).sum(1)
    one, other = shade(values[None], face[None])[0].chunk(2)
    return differs, one - other
