"""Meshes as tensors: reading and writing OBJ, normals, and UV textures turned into per-face texels."""

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gendr_adapters._soft_renderer import normals, obj_loading, obj_writing
from gendr_adapters._soft_renderer.obj_files import read_obj
from gendr_adapters._soft_renderer.pictures import read_picture
from gendr_adapters._soft_renderer.surface_textures import corner_uv, texel_weights


class Mesh(NamedTuple):
    """Vertices (V, 3) float32 and faces (F, 3) int64, counter-clockwise seen from outside, y up."""

    vertices: Tensor
    faces: Tensor


def load_obj(path: Path) -> Mesh:
    """Read the geometry of an OBJ file, in the file's own order."""
    vertices, faces = obj_loading.load_obj(path)
    return Mesh(vertices, faces.long())


def save_obj(path: Path, mesh: Mesh) -> None:
    """Write vertices and faces as an OBJ file."""
    obj_writing.save_obj(path, mesh.vertices, mesh.faces)


def load_corner_uv(path: Path) -> Tensor:
    """Read the texture coordinates at the corners of every face: (F, 3, 2), u right, v up."""
    file = read_obj(path)
    return corner_uv(file, range(len(file.faces)))


def load_texture(path: Path) -> Tensor:
    """Read a picture as (H, W, 3) in [0, 1], row 0 at the top."""
    return torch.from_numpy(read_picture(str(path), "the demo"))


def vertex_normals(mesh: Mesh) -> Tensor:
    """Unit normals (V, 3), the area-weighted mean over the faces around a vertex."""
    return normals.vertex_normals(mesh.vertices[None], mesh.faces[None])[0]


def bake_texels(uv: Tensor, texture: Tensor, resolution: int) -> Tensor:
    """Sample a UV texture at the texel centres of every face.

    uv (F, 3, 2), v counted from the bottom of the picture; texture (H, W, 3). Returns (F, R * R, 3). Bilinear;
    coordinates outside [0, 1] repeat the picture.
    """
    centre = texel_weights(resolution) @ uv
    centre = centre - centre.floor()
    grid = torch.stack([centre[..., 0] * 2 - 1, 1 - centre[..., 1] * 2], -1)
    picture = texture.permute(2, 0, 1)[None]
    return F.grid_sample(picture, grid[None], padding_mode="border", align_corners=False)[0].permute(1, 2, 0)
