"""Voxels as the NMR ShapeNet files have them, and how well two grids agree."""

import torch
from torch import Tensor

import gendr_adapters.softras.functional as srf

SIZE = 32


def voxels_of(vertices: Tensor, faces: Tensor) -> Tensor:
    """What closed meshes (N, V, 3) in [-0.5, 0.5], faces (F, 3), fill: (N, 32, 32, 32) bool.

    The axes of the published files: y, x, and z from its far end.
    """
    corners = srf.face_vertices(vertices, faces.expand(len(vertices), -1, -1))
    grid = srf.voxelization(corners * (SIZE - 1) / SIZE + 0.5, SIZE)
    return grid.permute(0, 2, 1, 3).flip(3).bool()


def voxel_iou(predicted: Tensor, target: Tensor) -> Tensor:
    """Intersection over union of grids (N, 32, 32, 32) bool, or of one with N: (N,) float64. Two empty grids agree."""
    both = (predicted & target).sum((1, 2, 3)).double()
    either = (predicted | target).sum((1, 2, 3)).double()
    return torch.where(either > 0, both / either, 1.0)
