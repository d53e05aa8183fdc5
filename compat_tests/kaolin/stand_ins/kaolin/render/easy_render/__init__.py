"""Test double of kaolin.render.easy_render."""

import math
from typing import Any

import torch

from ..camera import Camera
from ..lighting import SgLightingParameters, sg_direction_from_azimuth_elevation
from ..materials import PBRMaterial
from . import mesh
from .mesh import RenderPass, mesh_rasterize_interpolate_nvdiffrast, render_mesh

__all__ = [
    "RenderPass",
    "default_camera",
    "default_lighting",
    "default_material",
    "mesh",
    "mesh_rasterize_interpolate_nvdiffrast",
    "render_mesh",
]


def default_lighting() -> SgLightingParameters:
    angles = torch.tensor([2.3]), torch.tensor([math.pi / 3])
    return SgLightingParameters(direction=sg_direction_from_azimuth_elevation(*angles))


def default_camera(resolution: int = 512) -> Camera:
    return Camera.from_args(
        eye=torch.ones(3), at=torch.zeros(3), up=torch.tensor([0.0, 1.0, 0.0]),
        fov=math.pi / 4, width=resolution, height=resolution,
    )  # fmt: skip


def default_material(diffuse_color: Any = None) -> PBRMaterial:
    green = (118 / 255, 185 / 255, 0.0)
    return PBRMaterial(
        diffuse_color=green if diffuse_color is None else diffuse_color,
        specular_color=(0.7, 0.5, 0.7),
        is_specular_workflow=True,
        material_name="DefaultMaterial",
    )
