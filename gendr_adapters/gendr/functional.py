"""GenDR's functional API, `gendr.functional`."""

from .._soft_renderer.lighting import ambient_lighting, directional_lighting
from .._soft_renderer.look_at import get_points_from_angles, look, look_at
from .._soft_renderer.normals import face_vertices, vertex_normals
from .._soft_renderer.obj_loading import load_obj
from .._soft_renderer.obj_writing import save_obj, save_voxel
from .._soft_renderer.voxels import voxelization
from ._render import render

__all__ = [
    "ambient_lighting",
    "directional_lighting",
    "face_vertices",
    "get_points_from_angles",
    "load_obj",
    "look",
    "look_at",
    "render",
    "save_obj",
    "save_voxel",
    "vertex_normals",
    "voxelization",
]
