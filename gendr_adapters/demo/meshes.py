"""Meshes as tensors: reading and writing OBJ, normals, and UV textures turned into per-face texels."""

from pathlib import Path
from typing import NamedTuple

import imageio.v3 as imageio
import numpy as np
import torch
import torch.nn.functional as F
import trimesh
from torch import Tensor

from gendr_adapters import gather_corners


class Mesh(NamedTuple):
    """Vertices (V, 3) float32 and faces (F, 3) int64, counter-clockwise seen from outside, y up."""

    vertices: Tensor
    faces: Tensor


def load_obj(path: Path) -> Mesh:
    """Read the geometry of an OBJ file, in the file's own order."""
    # Without maintain_order trimesh splits vertices that have several normals or texture coordinates.
    mesh = trimesh.load(path, process=False, maintain_order=True)
    return Mesh(_tensor(mesh.vertices), torch.from_numpy(np.array(mesh.faces, np.int64)))


def save_obj(path: Path, mesh: Mesh) -> None:
    """Write vertices and faces as an OBJ file."""
    solid = trimesh.Trimesh(mesh.vertices.detach().cpu().numpy(), mesh.faces.cpu().numpy(), process=False)
    solid.export(path, include_normals=False, header=None)


def load_corner_uv(path: Path) -> Tensor:
    """Read the texture coordinates at the corners of every face: (F, 3, 2), u right, v up."""
    mesh = trimesh.load(path, process=False)
    return _tensor(mesh.visual.uv)[torch.from_numpy(np.array(mesh.faces, np.int64))]


def load_texture(path: Path) -> Tensor:
    """Read a picture as (H, W, 3) in [0, 1], row 0 at the top."""
    return _tensor(imageio.imread(path)[..., :3]) / 255


def vertex_normals(mesh: Mesh) -> Tensor:
    """Unit normals (V, 3), the area-weighted mean over the faces around a vertex."""
    a, b, c = gather_corners(mesh.vertices, mesh.faces).unbind(1)
    face_normals = torch.linalg.cross(b - a, c - a)
    normals = torch.zeros_like(mesh.vertices)
    for corner in range(3):
        normals.index_add_(0, mesh.faces[:, corner], face_normals)
    return F.normalize(normals, dim=1)


def texel_weights(resolution: int) -> Tensor:
    """Barycentric weights (R * R, 3) of the texel centres of a 'surface' texture.

    A face is cut into R * R congruent triangles. With w0 and w1 the weights of corners 0 and 1, the upright one in cell
    (column int(w0 R), row int(w1 R)) is texel [row, column]; the inverted one is texel [R-1-row, R-1-column], which no
    upright triangle uses (SoftRas' layout).
    """
    row, column = torch.meshgrid(torch.arange(resolution), torch.arange(resolution), indexing="ij")
    upright = row + column < resolution
    w0 = torch.where(upright, column + 1 / 3, resolution - 1 - column + 2 / 3) / resolution
    w1 = torch.where(upright, row + 1 / 3, resolution - 1 - row + 2 / 3) / resolution
    return torch.stack([w0, w1, 1 - w0 - w1], -1).reshape(-1, 3)


def bake_texels(corner_uv: Tensor, texture: Tensor, resolution: int) -> Tensor:
    """Sample a UV texture at the texel centres of every face.

    corner_uv (F, 3, 2), v counted from the bottom of the picture; texture (H, W, 3). Returns (F, R * R, 3). Bilinear;
    coordinates outside [0, 1] repeat the picture.
    """
    uv = texel_weights(resolution) @ corner_uv
    uv = uv - uv.floor()
    grid = torch.stack([uv[..., 0] * 2 - 1, 1 - uv[..., 1] * 2], -1)
    picture = texture.permute(2, 0, 1)[None]
    return F.grid_sample(picture, grid[None], padding_mode="border", align_corners=False)[0].permute(1, 2, 0)


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.array(array, np.float32))
