"""What a limit of K faces a pixel leaves out: the silhouette of the K nearest faces beside that of all of them."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .. import Fragments, Mesh, RenderSettings, blend_fragments, find_fragments, gather_corners
from .._nearest_fragments import find_nearest_fragments
from .._pixels import scale_of_pixels
from ..cameras import PinholeCamera

SOFTNESS = 2.0  # pixels
LIMITS = (8, 50, 150)
# The reach that PyTorch3D's tutorials take, blur_radius = log(1 / 1e-4 - 1) sigma.
_LEAST_COVERAGE = 1e-4


class Limited(NamedTuple):
    """alpha: (H, W). pull: (V,), how much a vertex changes the sum of alpha. in_reach: (H, W), faces at each pixel."""

    alpha: Tensor
    pull: Tensor
    in_reach: Tensor

    def said(self, limit: int, whole: "Limited") -> str:
        """The numbers, of this one with at most `limit` faces a pixel, beside all of them. Pixels are those that a face
        reaches."""
        reached = whole.in_reach[whole.in_reach > 0]
        over = (reached > limit).float().mean().item()
        apart = (self.alpha - whole.alpha).abs().max().item()
        return (
            f"more faces are in reach\nat {over:.0%} of the pixels\nalpha differs by up to {apart:.2f}\n{self.idle()}"
        )

    def idle(self) -> str:
        """How many vertices have no gradient."""
        return f"no gradient: {(self.pull == 0).float().mean().item():.0%} of vertices"


def limited(mesh: Mesh, camera: PinholeCamera, limit: int | None) -> Limited:
    """With the `limit` nearest faces of each pixel; None: all of them."""
    size = camera.image_size
    scale = scale_of_pixels("softness", SOFTNESS, size)
    reach = math.sqrt(math.log(1 / _LEAST_COVERAGE - 1) * scale)
    settings = RenderSettings(dist_scale=scale, reach=reach, near=0.1, min_coverage=0.0)
    vertices = mesh.vertices.detach().requires_grad_()
    corners = gather_corners(camera.project(vertices), mesh.faces)
    found = _nearest(corners, size, limit, settings) if limit else find_fragments(corners, size, settings=settings)
    alpha = blend_fragments(found, None, size, settings, outputs=("alpha",)).alpha
    assert alpha is not None
    (pull,) = torch.autograd.grad(alpha.sum(), vertices)
    return Limited(alpha[0].detach(), pull.norm(dim=1), found.offsets.diff().unflatten(0, size))


def _nearest(corners: Tensor, size: tuple[int, int], limit: int, settings: RenderSettings) -> Fragments:
    dense = find_nearest_fragments(corners, size, limit, None, settings)
    taken = dense.face >= 0
    counts = taken.sum(-1).flatten()
    pixel = torch.arange(len(counts)).repeat_interleave(counts)
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return Fragments(
        offsets, pixel, dense.face[taken], dense.weights[taken], dense.depth[taken], dense.distance2[taken]
    )
