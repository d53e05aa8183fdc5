"""Triangle meshes as tensors, and their files."""

from ._ball import ball_around
from ._files import load_mesh, save_mesh
from ._mesh import Mesh
from ._normals import vertex_normals

__all__ = ["Mesh", "ball_around", "load_mesh", "save_mesh", "vertex_normals"]
