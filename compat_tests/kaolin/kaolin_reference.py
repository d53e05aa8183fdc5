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


def cross(a: Tensor, b: Tensor) -> Tensor:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def barycentrics(face: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """(H, W, 3): the areas of the triangles between a pixel and each edge, over their sum."""
    a, b, c = (face - torch.stack([x, y], -1)[..., None, :]).unbind(-2)
    areas = torch.stack([cross(b, c), cross(c, a), cross(a, b)], -1)
    return areas / areas.sum(-1, keepdim=True)


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


def soft_mask(
    image: Tensor,
    selected: Tensor,
    sigmainv: float,
    boxlen: float,
    knum: int | None,
    counted: list[Tensor] | None = None,
) -> Tensor:
    """1 at pixels with a selected face; elsewhere 1 - prod(1 - exp(-sigmainv d^2)) over the first knum faces in whose
    grown box the pixel is, d the distance to the outline. counted: gets the number of those faces, (B, H, W)."""
    n_meshes, height, width = selected.shape
    x, y = pixel_centres(height, width, image.dtype)
    pixel = torch.stack([x, y], -1)
    masks = []
    for b in range(n_meshes):
        missing = image.new_ones(height, width)
        count = torch.zeros(height, width, dtype=torch.int64)
        for f in range(image.shape[1]):
            near = in_box(image[b, f].detach(), x, y, boxlen) & (selected[b] < 0)
            kept = near if knum is None else near & (count < knum)
            count = count + near
            edges = [segment_distance2(pixel, image[b, f, k], image[b, f, (k + 1) % 3]) for k in range(3)]
            distance2 = torch.stack(edges).min(0).values
            # Where nothing is kept a distance of 1 stands in, so that no infinity times 0 gets into the gradient.
            prob = torch.exp(-sigmainv * torch.where(kept, distance2, 1.0))
            missing = missing * torch.where(kept, 1 - prob, 1.0)
        if counted is not None:
            counted.append(count)
        masks.append(torch.where(selected[b] < 0, 1 - missing, 1.0))
    return torch.stack(masks)


def segment_distance2(pixel: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Squared distance of pixels (H, W, 2) to the segment from start to end."""
    edge = end - start
    along = ((pixel - start) @ edge / (edge @ edge).clamp(min=1e-30)).clamp(0, 1)
    return (pixel - start - along[..., None] * edge).square().sum(-1)
