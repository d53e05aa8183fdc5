"""Test double of kaolin.render.mesh. Kaolin's three rasterising functions need CUDA; these raise."""

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from ...ops.mesh import face_normals, index_vertices_by_faces
from . import dibr, rasterization
from .dibr import dibr_rasterization, dibr_soft_mask
from .rasterization import rasterize

__all__ = [
    "dibr",
    "dibr_rasterization",
    "dibr_soft_mask",
    "prepare_vertices",
    "rasterization",
    "rasterize",
    "texture_mapping",
]


def texture_mapping(texture_coordinates: Tensor, texture_maps: Tensor, mode: str = "nearest") -> Tensor:
    """(B, h, w, 2) or (B, N, 2), (B, C, H, W) -> (B, h, w, C) or (B, N, C). v = 0 is the last row."""
    flat = texture_coordinates.dim() == 3
    grid = (texture_coordinates[:, :, None] if flat else texture_coordinates).clamp(0, 1) * 2 - 1
    grid = grid * grid.new_tensor([1.0, -1.0])
    found = grid_sample(texture_maps, grid, mode=mode, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)
    return found[:, :, 0] if flat else found


def prepare_vertices(
    vertices: Tensor,
    faces: Tensor,
    camera_proj: Tensor,
    camera_rot: Tensor | None = None,
    camera_trans: Tensor | None = None,
    camera_transform: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """(B, V, 3) -> corners in camera space (B, F, 3, 3), on the picture (B, F, 3, 2), unit normals (B, F, 3)."""
    if camera_transform is None:
        assert camera_rot is not None and camera_trans is not None
        seen = (vertices - camera_trans.view(-1, 1, 3)) @ camera_rot.mT
    else:
        seen = torch.cat([vertices, torch.ones_like(vertices[..., :1])], 2) @ camera_transform
    projected = seen * camera_proj.view(1, 1, 3)
    corners, image = (index_vertices_by_faces(x, faces) for x in (seen, projected[..., :2] / projected[..., 2:]))
    return corners, image, face_normals(corners, unit=True)
