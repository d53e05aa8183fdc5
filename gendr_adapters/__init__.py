"""A soft rasteriser for PyTorch: triangles with soft edges, so that images have gradients to vertices.

- `load_mesh`, `look_at`, `headlight` and `save_image` lead from a mesh file to an image (docs/get-started.md).
- `render` draws triangles. `RenderSettings` sets how soft the edges are and which faces are drawn. `suggest` proposes
  settings for a scene. `Anneal` makes edges sharper from step to step. `gather_corners` turns vertices and faces into
  the triangles that `render` takes.
- `find_fragments` lists all pairs of a pixel and a face near it. `blend_fragments` makes an image of them after you
  have shaded them yourself.
- Subpackages are drop-in replacements for other renderers: `pytorch3d`, `kaolin`, `softras`, `gendr` and `redner`. The
  other library is imported only when its subpackage is.
"""

from . import distributions, t_conorms
from ._headlight import headlight
from ._meshes import Mesh, load_mesh, save_mesh, vertex_normals
from ._native import NativeLibraryError
from ._nothing_drawn import NothingDrawnWarning
from ._picture_files import save_image, save_video
from ._rotations import axis_angle_to_matrix, rotation_6d_to_matrix
from ._viewpoints import look_at, orbit
from .blend import blend_fragments
from .fragments import Fragments, find_fragments
from .render import Rendered, gather_corners, render
from .schedules import Anneal
from .settings import RenderSettings
from .shading import Lighting, TextureMaps
from .suggestions import suggest

__version__ = "0.1.0"

__all__ = [
    "Anneal",
    "Fragments",
    "Lighting",
    "Mesh",
    "NativeLibraryError",
    "NothingDrawnWarning",
    "RenderSettings",
    "Rendered",
    "TextureMaps",
    "axis_angle_to_matrix",
    "blend_fragments",
    "distributions",
    "find_fragments",
    "gather_corners",
    "headlight",
    "load_mesh",
    "look_at",
    "orbit",
    "render",
    "rotation_6d_to_matrix",
    "save_image",
    "save_mesh",
    "save_video",
    "suggest",
    "t_conorms",
    "vertex_normals",
]
