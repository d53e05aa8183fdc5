"""Several materials in one texture: the pictures are stacked vertically, each repeated and framed by its own texels."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# The largest texture, 768 MiB. A face that repeats a picture thousands of times would need more in an atlas.
_MOST_TEXELS = 1 << 26


class Part(NamedTuple):
    """The faces of one material: their indices (n,), a picture (H, W, 3) that repeats, and uvs (n, 3, 2)."""

    faces: Tensor
    picture: Tensor
    uvs: Tensor


def in_one_texture(path: str, parts: list[Part], n_faces: int) -> tuple[Tensor, Tensor]:
    """Return one texture (H, W, 3) and the uvs (n_faces, 3, 2) of a mesh with several materials.

    A lookup in it gives what a lookup in the material's own picture gives, up to rounding. Each picture is repeated as
    often as its faces repeat it, and has a frame of the texels that come next.

    Raises ValueError, with the name of the file, if the repeated pictures are too large.
    """
    uvs = parts[0].uvs.new_zeros(n_faces, 3, 2)
    if len(parts) == 1:
        uvs[parts[0].faces] = parts[0].uvs
        return parts[0].picture, uvs
    framed: list[Tensor] = []
    inside: list[tuple[Part, Tensor, Tensor]] = []  # the part, its uvs from 0 on, how often its picture is repeated
    texels = 0.0
    for part in parts:
        moved = part.uvs - part.uvs.amin(1, keepdim=True).floor()
        height, width = part.picture.shape[:2]
        if height == width == 1:
            moved = torch.full_like(moved, 0.5)
        times = moved.flatten(0, 1).amax(0).ceil().clamp(min=1)
        texels += (height * float(times[1]) + 2) * (width * float(times[0]) + 2)
        if not texels <= _MOST_TEXELS:
            raise ValueError(
                f"{path}: faces repeat the picture of one of {len(parts)} materials {float(times[0]):g} x "
                f"{float(times[1]):g} times, too often for one texture; textures=False reads the mesh without pictures"
            )
        tiled = part.picture.repeat(int(times[1]), int(times[0]), 1)
        framed.append(F.pad(tiled.permute(2, 0, 1)[None], (1, 1, 1, 1), mode="circular")[0].permute(1, 2, 0))
        inside.append((part, moved, times))
    rows, columns = sum(len(x) for x in framed), max(x.shape[1] for x in framed)
    if rows * columns > _MOST_TEXELS:
        raise ValueError(
            f"{path}: the pictures of {len(parts)} materials need one texture of {rows} x {columns} texels, at most "
            f"{_MOST_TEXELS} are allowed; textures=False reads the mesh without pictures"
        )
    texture = parts[0].picture.new_zeros(rows, columns, 3)
    top = 0
    for frame, (part, moved, times) in zip(framed, inside, strict=True):
        texture[top : top + len(frame), : frame.shape[1]] = frame
        height, width = part.picture.shape[:2]
        u, v = moved.double().unbind(-1)
        right = 1 + u * width
        down = top + 1 + (float(times[1]) - v) * height
        uvs[part.faces] = torch.stack([right / columns, 1 - down / rows], -1).to(uvs.dtype)
        top += len(frame)
    return texture, uvs


def plain(colour: tuple[float, ...]) -> Tensor:
    """A picture of one texel."""
    if len(colour) != 3 or not all(map(math.isfinite, colour)):
        raise ValueError(f"a colour is three finite numbers, got {colour}")
    return torch.tensor(colour, dtype=torch.float32, device="cpu").view(1, 1, 3)
