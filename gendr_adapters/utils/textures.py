"""Convert uv textures to texels of faces."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .._soft_renderer.surface_textures import texel_weights


def bake_texels(uv: Tensor, texture: Tensor, resolution: int) -> Tensor:
    """Sample a uv texture at the texel centres of every face. Bilinear, with gradients to uv and texture.

    u and v of 0 and 1 are the edges of the picture, as in OpenGL. In SoftRas' own textures ('surface') they are the
    centres of the outermost pixels.

    Args:
        uv: (F, 3, 2), v counted from the bottom of the picture. Outside [0, 1] the picture repeats.
        texture: (H, W, 3), row 0 is the top.
        resolution: R, texels along a side.
    Returns:
        (F, R * R, 3), in the layout of `gendr_adapters.render`.
    """
    centre = texel_weights(resolution) @ uv
    centre = centre - centre.floor()
    grid = torch.stack([centre[..., 0] * 2 - 1, 1 - centre[..., 1] * 2], -1)
    picture = texture.permute(2, 0, 1)[None]
    return F.grid_sample(picture, grid[None], padding_mode="border", align_corners=False)[0].permute(1, 2, 0)
