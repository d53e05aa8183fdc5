"""A soft rasteriser for PyTorch: triangles with soft edges, so that images have gradients to vertices.

- `load_mesh`, `look_at`, `headlight` and `save_image` lead from a mesh file to an image (docs/get-started.md).
- `render` draws triangles. `RenderSettings` sets how soft the edges are and which faces are drawn. `suggest` proposes
  settings for a scene. `Anneal` makes edges sharper from step to step. `gather_corners` turns vertices and faces into
  the triangles that `render` takes.
- `find_fragments` lists all pairs of a pixel and a face near it. `blend_fragments` makes an image of them after you
  have shaded them yourself.
- Subpackages are drop-in replacements for other renderers: `pytorch3d`, `kaolin`, `softras`, `gendr` and `redner`. The
  other library is imported only when its subpackage is.

Names are looked up when they are first used. Those that need torch import it then.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import distributions, t_conorms
    from ._headlight import headlight
    from ._meshes import Mesh, load_mesh, save_mesh, vertex_normals
    from ._native import NativeLibraryError
    from ._nothing_drawn import NothingDrawnWarning
    from ._picture_files import save_image, save_video
    from ._rendering import Rendered, gather_corners, render
    from ._rotations import axis_angle_to_matrix, rotation_6d_to_matrix
    from ._viewpoints import look_at, orbit
    from .blend import blend_fragments
    from .fragments import Fragments, find_fragments
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

# No module may have the name of a function: importing it would put it in the function's place.
_MODULES = {
    "": ("distributions", "t_conorms"),
    "._headlight": ("headlight",),
    "._meshes": ("Mesh", "load_mesh", "save_mesh", "vertex_normals"),
    "._native": ("NativeLibraryError",),
    "._nothing_drawn": ("NothingDrawnWarning",),
    "._picture_files": ("save_image", "save_video"),
    "._rendering": ("Rendered", "gather_corners", "render"),
    "._rotations": ("axis_angle_to_matrix", "rotation_6d_to_matrix"),
    "._viewpoints": ("look_at", "orbit"),
    ".blend": ("blend_fragments",),
    ".fragments": ("Fragments", "find_fragments"),
    ".schedules": ("Anneal",),
    ".settings": ("RenderSettings",),
    ".shading": ("Lighting", "TextureMaps"),
    ".suggestions": ("suggest",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _MODULE_OF[name]
    try:
        value = getattr(import_module(module, __name__), name) if module else import_module(f".{name}", __name__)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(
            f"{__name__}.{name} needs torch, which is not installed: pip install torch. RenderSettings, Anneal, "
            "distributions, t_conorms and gendr_adapters.jax do without",
            name="torch",
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
