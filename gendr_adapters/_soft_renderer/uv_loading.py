"""'uv' textures of OBJ files: their pictures as they are, and the corners' texture coordinates."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..shading import TextureMaps
from .arguments import default_device
from .mtl_files import Material
from .obj_files import ObjFile
from .pictures import read_picture
from .surface_textures import corner_uv, faces_by_material, mapped_uv

# Of a picture that repeats, 1 is 0. Corners at 1 of faces that do not cross the border stay this much below.
_BELOW = 16 * torch.finfo(torch.float32).eps


class _Part(NamedTuple):
    """faces: their numbers. picture: (H, W, 3). uv: (n, 3, 2). crosses: (n, 1, 2), whether a face is above 1, or a
    pixel and more below 0. clamp: the picture's last pixels are there; else it repeats."""

    faces: list[int]
    picture: Tensor
    uv: Tensor
    crosses: Tensor
    clamp: bool


def load_uv_textures(file: ObjFile, wrap: str) -> TextureMaps:
    """The materials' pictures and colours, white before the first usemtl, 0 and 1 the centres of the outermost pixels.

    A file with one material has its picture for a map. Of several, pictures stand in one map, one above the other, and
    colours as pixels between; uvs are of that map.

    wrap: see `surface_textures.sample_texels`; the picture repeats below 0 for any wrap.
    Raises ValueError as `load_textures` does; and where faces cross the border of one of several pictures.
    """
    parts = [_part(file, faces, material, wrap) for material, faces in faces_by_material(file)]
    if len(parts) > 1:
        return _in_one_map(file, parts)
    _, picture, uv, crosses, clamp = parts[0]
    if clamp or not crosses.any():
        return TextureMaps(picture, uv, align_corners=True)
    uv = torch.where(crosses, uv, uv.clamp(0, 1 - _BELOW))
    return TextureMaps(picture, uv, padding="repeat", align_corners=True)


def _part(file: ObjFile, faces: list[int], material: Material | None, wrap: str) -> _Part:
    found = None if material is None else material.picture("map_kd")
    if found is None:
        colour = (1.0, 1.0, 1.0) if material is None else material.values.get("kd", (1.0, 1.0, 1.0))
        uv = torch.zeros(len(faces), 3, 2, dtype=torch.float32)
        return _Part(faces, torch.tensor(colour, dtype=torch.float32).view(1, 1, 3), uv, uv[:, :1] > 0, True)
    picture = torch.from_numpy(read_picture(found.path, found.where)).to(default_device())
    uv = mapped_uv(corner_uv(file, faces), found)
    if not found.clamp and wrap == "repeat":
        # By whole pictures.
        first = uv.amin(1, keepdim=True)
        inside = (first >= 0) & (uv.amax(1, keepdim=True) <= 1)
        uv = torch.where(inside, uv, (uv - first.floor()).clamp(max=torch.finfo(uv.dtype).max))
    elif not found.clamp:
        uv = torch.where(uv > 1, uv % 1, uv)
    pixels = torch.tensor([picture.shape[1] - 1, picture.shape[0] - 1])
    crosses = (uv.amin(1, keepdim=True) * pixels <= -1) | (uv.amax(1, keepdim=True) > 1)
    return _Part(faces, picture, uv, crosses, found.clamp)


def _in_one_map(file: ObjFile, parts: list[_Part]) -> TextureMaps:
    for part in parts:
        if part.crosses.any():
            line = file.face_lines[part.faces[int(part.crosses.nonzero()[0, 0])]]
            raise ValueError(
                f"{file.path}:{line}: a face across the border of its picture, one of several, which texture_type 'uv' "
                "has in one map; 'surface' draws it"
            )
    height, width = sum(len(part.picture) for part in parts), max(part.picture.shape[1] for part in parts)
    picture = torch.zeros(height, width, 3, dtype=torch.float32)
    uv = torch.zeros(len(file.faces), 3, 2, dtype=torch.float32)
    top = 0
    for part in parts:
        rows, columns = part.picture.shape[:2]
        picture[top : top + rows, :columns] = part.picture
        u, v = part.uv.clamp(0, 1).double().unbind(-1)
        down = (top + (1 - v) * (rows - 1)) / (height - 1)
        across = u * (columns - 1) / max(width - 1, 1)
        uv[part.faces] = torch.stack([across, 1 - down], -1).float()
        top += rows
    return TextureMaps(picture, uv, align_corners=True)
