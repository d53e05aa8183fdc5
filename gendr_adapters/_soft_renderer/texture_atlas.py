"""Texels painted into one picture: every face gets a square tile with its triangle in it."""

import math

import torch
from torch import Tensor

# Keeps weights and texel numbers below 1 and R.
_EPS = 1e-5


def paint_atlas(textures: Tensor, tile: int) -> tuple[Tensor, Tensor]:
    """Paint 'surface' textures (F, R * R, 3) into tiles of tile x tile pixels, as SoftRas and GenDR do.

    Tiles go row by row from the bottom, ceil(sqrt(F)) in a row. In its tile, counted in pixels from the bottom left,
    a face has corner 0 at (tile / 2, 1), corner 1 at (1, tile - 2) and corner 2 at (tile - 2, tile - 2). Every pixel of
    the tile, also beside the triangle, shows the texel at its barycentric weights, clamped to [0, 1] and normalised.

    Returns:
        The picture (H, W, 3), row 0 at the top, white where there is no face; and texture coordinates (F, 3, 2) for it,
        v from the bottom, 0 and 1 at the centres of the outermost pixels.
    """
    n_faces, n_texels = textures.shape[:2]
    columns = math.isqrt(max(n_faces - 1, 0)) + 1
    rows = max(n_faces - 1, 0) // columns + 1
    texel = _texel_at_pixel(tile, math.isqrt(n_texels)).to(textures.device)
    tiles = textures.new_ones(rows * columns, tile * tile, 3)
    tiles[:n_faces] = textures[:, texel]
    picture = tiles.view(rows, columns, tile, tile, 3).transpose(1, 2).reshape(rows * tile, columns * tile, 3)

    face = torch.arange(n_faces, device="cpu")
    origin = torch.stack((face % columns, face // columns), -1)[:, None] * tile
    size = torch.tensor([columns * tile - 1, rows * tile - 1], device="cpu")
    return picture.flip(0), (origin + _corners(tile)) / size


def _corners(tile: int) -> Tensor:
    return torch.tensor([[tile / 2, 1], [1, tile - 2], [tile - 2, tile - 2]], dtype=torch.float64, device="cpu")


def _texel_at_pixel(tile: int, resolution: int) -> Tensor:
    """Which of the R * R texels each of the tile's pixels shows: (tile * tile,), row by row from the bottom."""
    a, b, c = _corners(tile)
    cells = torch.arange(tile, device="cpu")
    y, x = torch.meshgrid(cells, cells, indexing="ij")
    pixel = torch.stack((x, y), -1).reshape(-1, 2)
    area = _cross(b - a, c - a)
    weights = torch.stack([_cross(c - b, pixel - b), _cross(a - c, pixel - c), _cross(b - a, pixel - a)], -1)
    weights = (weights / (area + _EPS)).clamp(0, 1)
    u, v, _ = (weights / (weights.sum(-1, keepdim=True) + _EPS) * resolution).unbind(-1)
    column, row = u.long(), v.long()
    upright = u + v - column - row <= 1
    return torch.where(upright, row * resolution + column, (resolution**2 - 1) - (row * resolution + column))


def _cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
