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


def mesh_rasterize_interpolate_nvdiffrast(
    mesh: Any,
    camera: Any,
    nvdiffrast_context: Any,
    normals_required: bool = True,
    uvs_required: bool = True,
    tangents_required: bool = True,
    features_required: bool = True,
) -> Any:
    raise RuntimeError("a stand-in for Kaolin's function, which needs nvdiffrast")


def _texture_sample_material_nvdiffrast(material: Any, texcoords: Any) -> Any:
    raise RuntimeError("a stand-in for Kaolin's function, which needs nvdiffrast")
