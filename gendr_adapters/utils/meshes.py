"""Meshes as tensors: reading and writing OBJ, normals, and UV textures turned into per-face texels."""

from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .._soft_renderer import normals, obj_loading, obj_writing
from .._soft_renderer.obj_files import read_obj
from .._soft_renderer.pictures import read_levels
from .._soft_renderer.surface_textures import corner_uv, texel_weights


class Mesh(NamedTuple):
    """Vertices (V, 3) float32 and faces (F, 3) int64, counter-clockwise seen from outside, y up."""

    vertices: Tensor
    faces: Tensor


def load_obj(path: Path) -> Mesh:
    """Read the geometry of an OBJ file, vertices and faces in the file's order.

    Raises:
        FileNotFoundError: no such file. ValueError: not an OBJ file; names the line.
    """
    vertices, faces = obj_loading.load_obj(path)
    return Mesh(vertices, faces.long())


def save_obj(path: Path, mesh: Mesh) -> None:
    """Write vertices and faces as an OBJ file."""
    obj_writing.save_obj(path, mesh.vertices, mesh.faces)


def load_corner_uv(path: Path) -> Tensor:
    """Read the texture coordinates of an OBJ file at the corners of every face: (F, 3, 2), u right, v up.

    Raises:
        ValueError: a corner has none; names the line.
    """
    file = read_obj(path)
    return corner_uv(file, range(len(file.faces)))


def load_texture(path: Path) -> Tensor:
    """Read a picture as (H, W, 3) float32 in [0, 1], row 0 at the top, without its alpha.

    Raises:
        FileNotFoundError: no such file. ValueError: not a picture that can be read whole. ImportError: no Pillow.
    """
    return torch.from_numpy(read_levels(path)).float()


def vertex_normals(mesh: Mesh) -> Tensor:
    """Unit normals (V, 3), the area-weighted mean over the faces around a vertex; 0 where a vertex is in no face."""
    return normals.vertex_normals(mesh.vertices[None], mesh.faces[None])[0]


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
