"""What kaolin.render.mesh draws, written to be read: plain torch, a loop over meshes, all pixels against each face.

Gradients are autograd's, of the same formulas: Kaolin's backward passes are the true derivatives of what is seen.
Coordinates are not scaled (Kaolin's `multiplier` is for its own rounding), pixel centres are not rounded to float32.
"""

import torch
from torch import Tensor


def pixel_centres(height: int, width: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """x (right) and y (up) of every pixel, (H, W) each; both axes span [-1, 1], row 0 is the top."""
    column, row = torch.arange(width, dtype=dtype), torch.arange(height, dtype=dtype)
    x, y = (2 * column + 1 - width) / width, (height - 1 - 2 * row) / height
    return x.expand(height, width), y[:, None].expand(height, width)


def in_box(face: Tensor, x: Tensor, y: Tensor, margin: float) -> Tensor:
    """Is a pixel in the bounding box of a face (3, 2), grown by margin? Its left and lower side belong to it, its right
    and upper side do not."""
    (left, bottom), (right, top) = face.min(0).values - margin, face.max(0).values + margin
    return (x >= left) & (x < right) & (y >= bottom) & (y < top)


def cross(ax: Tensor, ay: Tensor, bx: Tensor, by: Tensor) -> Tensor:
    return ax * by - ay * bx


def barycentrics(face: Tensor, x: Tensor, y: Tensor, eps: float) -> Tensor:
    """(H, W, 3): twice the areas of the triangles between a pixel and the edges, over their sum."""
    (ax, bx, cx), (ay, by, cy) = face[:, 0] - x[..., None], face[:, 1] - y[..., None]
    return torch.zeros(0) if eps < 0 else _normalised(ax, ay, bx, by, cx, cy, eps)


def rasterize(
    height: int,
    width: int,
    z: Tensor,
    image: Tensor,
    features: Tensor,
    valid: Tensor | None = None,
    perspective_correct: bool = False,
) -> tuple[Tensor, Tensor]:
    """Features (B, H, W, C) and face_idx (B, H, W) of the face of the largest z at each pixel, the first of equals."""
    x, y = pixel_centres(height, width, image.dtype)
    pictures, indices = [], []
    for b in range(len(image)):
        nearest = torch.full((height, width), -torch.inf, dtype=image.dtype)
        index = torch.full((height, width), -1)
        picture = image.new_zeros(height, width, features.shape[-1])
        for f in range(image.shape[1]):
            if valid is not None and not valid[b, f]:
                continue
            weights = barycentrics(image[b, f], x, y)
            if perspective_correct:
                weights = weights / z[b, f]
                weights = weights / weights.sum(-1, keepdim=True)
            depth = (weights * z[b, f]).sum(-1)
            inside = in_box(image[b, f].detach(), x, y, 0.0) & (weights >= 0).all(-1)
            wins = inside & (depth > nearest)
            nearest = torch.where(wins, depth, nearest).detach()
            index = torch.where(wins, f, index)
            picture = torch.where(wins[..., None], weights @ features[b, f], picture)
        pictures.append(picture)
        indices.append(index)
    return torch.stack(pictures), torch.stack(indices)
