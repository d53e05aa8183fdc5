"""How SoftRas' and GenDR's kernels move texels between pictures and faces, one number after the other."""

import math

import numpy as np


def texel_weights(resolution, row, column):
    """Weights of a face's corners at the centre of a texel."""
    if row + column < resolution:
        w0, w1 = (column + 1 / 3) / resolution, (row + 1 / 3) / resolution
    else:
        w0, w1 = (resolution - 1 - column + 2 / 3) / resolution, (resolution - 1 - row + 2 / 3) / resolution
    return w0, w1, 1 - w0 - w1


def sampled(picture, uv, resolution):
    """Texels (F, R * R, 3) of a picture (H, W, 3), row 0 at the top, at faces with corners' uv (F, 3, 2).

    Reads the picture as the kernel does, as one row of pixels in memory; raises IndexError outside it.
    """
    height, width = picture.shape[:2]
    memory = picture[::-1].reshape(-1, 3)
    texels = np.empty((len(uv), resolution**2, 3))
    for face, corners in enumerate(uv):
        corners = [[x % 1 if x > 1 else x for x in corner] for corner in corners]
        for row in range(resolution):
            for column in range(resolution):
                weights = texel_weights(resolution, row, column)
                x, y = (sum(w * corner[k] for w, corner in zip(weights, corners, strict=True)) for k in (0, 1))
                x, y = x * (width - 1), y * (height - 1)
                share_x, share_y = x - math.trunc(x), y - math.trunc(y)
                texel = 0
                for up, weight_y in ((0, 1 - share_y), (1, share_y)):
                    for right, weight_x in ((0, 1 - share_x), (1, share_x)):
                        if weight_x * weight_y != 0:
                            index = math.trunc(y + up) * width + math.trunc(x) + right
                            if index < 0:
                                raise IndexError("before the picture")
                            texel = texel + weight_x * weight_y * memory[index]
                texels[face, row * resolution + column] = texel
    return texels


def atlas(textures, tile):
    """Picture (H, W, 3), row 0 at the top, and uv (F, 3, 2) for textures (F, R * R, 3)."""
    n_faces, resolution = len(textures), math.isqrt(textures.shape[1])
    columns = int((n_faces - 1.0) ** 0.5) + 1
    rows = int((n_faces - 1.0) / columns) + 1
    picture = np.ones((rows * tile, columns * tile, 3))
    uv = np.empty((n_faces, 3, 2))
    for y in range(rows * tile):
        for x in range(columns * tile):
            face = x // tile + y // tile * columns
            if face < n_faces:
                left, bottom = face % columns * tile, face // columns * tile
                corners = np.array([[tile / 2, 1], [1, tile - 2], [tile - 2, tile - 2]]) + [left, bottom]
                uv[face] = corners / [columns * tile - 1, rows * tile - 1]
                picture[y, x] = textures[face, _texel_at(corners, x, y, resolution)]
    return picture[::-1], uv


def _texel_at(corners, x, y, resolution, eps=1e-5):
    (x0, y0), (x1, y1), (x2, y2) = corners
    twice_area = x2 * (y0 - y1) + x0 * (y1 - y2) + x1 * (y2 - y0)
    weights = [
        (y1 - y2) * x + (x2 - x1) * y + x1 * y2 - x2 * y1,
        (y2 - y0) * x + (x0 - x2) * y + x2 * y0 - x0 * y2,
        (y0 - y1) * x + (x1 - x0) * y + x0 * y1 - x1 * y0,
    ]
    weights = [min(max(w / (twice_area + eps), 0), 1) for w in weights]
    u, v = (w / (sum(weights) + eps) * resolution for w in weights[:2])
    column, row = int(u), int(v)
    if u + v - column - row <= 1:
        return row * resolution + column
    return (resolution - 1 - row) * resolution + resolution - 1 - column
