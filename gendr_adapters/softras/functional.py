"""SoftRas' functional API, `soft_renderer.functional`."""

from .._soft_renderer.lighting import ambient_lighting, directional_lighting
from .._soft_renderer.look_at import get_points_from_angles, look, look_at
from .._soft_renderer.normals import face_vertices, vertex_normals
from .._soft_renderer.obj_loading import load_obj
from .._soft_renderer.obj_writing import save_obj, save_voxel
from .._soft_renderer.projections import orthogonal, perspective, projection
from .._soft_renderer.voxels import voxelization
from ._soft_rasterize import soft_rasterize

__all__ = [
    "ambient_lighting",
    "directional_lighting",
    "face_vertices",
    "get_points_from_angles",
    "load_obj",
    "look",
    "look_at",
    "orthogonal",
    "perspective",
    "projection",
    "save_obj",
    "save_voxel",
    "soft_rasterize",
    "vertex_normals",
    "voxelization",
]
