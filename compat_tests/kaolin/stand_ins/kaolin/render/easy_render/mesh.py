"""Test double of kaolin.render.easy_render.mesh."""

from enum import Enum
from typing import Any


class RenderPass(str, Enum):
    face_idx = "face_idx"
    uvs = "uvs"
    albedo = "albedo"
    normals = "normals"
    roughness = "roughness"
    diffuse = "diffuse"
    specular = "specular"
    features = "features"
    render = "render"
    alpha = "alpha"


def render_mesh(
    camera: Any,
    mesh: Any,
    lighting: Any = None,
    custom_materials: Any = None,
    custom_material_assignments: Any = None,
    backend: Any = None,
    nvdiffrast_context: Any = None,
) -> Any:
    raise RuntimeError("a stand-in for Kaolin's render_mesh, which needs CUDA")
