"""Generalized soft rasterisation: one native core, one door for each ecosystem.

`render` is the function under every door; `RenderSettings` says how; `suggest` proposes settings for a scene, `Anneal`
makes edges sharper from step to step; `gather_corners` turns an indexed mesh into the faces `render` takes;
`find_fragments` lists the pairs of pixels and faces themselves, and `blend_fragments` makes a picture of them, shaded.
`load_mesh`, `look_at`, `headlight` and `save_image` lead from a mesh file to a picture (docs/get-started.md). The doors
are subpackages and import their ecosystem only when opened.

Names are looked up when they are first used: those that need torch import it then.
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
