"""UV textures turned into per-face texels."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .._soft_renderer.surface_textures import texel_weights


def bake_texels(uv: Tensor, texture: Tensor, resolution: int) -> Tensor:
    """Sample a UV texture at the texel centres of every face; bilinear, and differentiable with respect to both.

    u and v of 0 and 1 are the picture's borders, as in OpenGL; SoftRas' own textures ('surface') have the centres of
    the outermost pixels there.

    Args:
        uv: (F, 3, 2), v counted from the bottom of the picture; outside [0, 1] the picture repeats.
        texture: (H, W, 3), row 0 at the top.
        resolution: R, texels a side.
    Returns:
        (F, R * R, 3), in the layout of `gendr_adapters.render`.
    """
    centre = texel_weights(resolution) @ uv
    centre = centre - centre.floor()
    grid = torch.stack([centre[..., 0] * 2 - 1, 1 - centre[..., 1] * 2], -1)
    picture = texture.permute(2, 0, 1)[None]
    return F.grid_sample(picture, grid[None], padding_mode="border", align_corners=False)[0].permute(1, 2, 0)
