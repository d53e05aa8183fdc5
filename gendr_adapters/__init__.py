"""Generalized soft rasterisation: one native core, one door for each ecosystem.

`render` is the function under every door; `RenderSettings` says how; `suggest` proposes settings for a scene, `Anneal`
makes edges sharper from step to step; `gather_corners` turns an indexed mesh into the faces `render` takes;
`find_fragments` lists the pairs of pixels and faces themselves, and `blend_fragments` makes a picture of them, shaded.
The doors are subpackages and import their ecosystem only when opened.
"""

from . import distributions, t_conorms
from ._native import NativeLibraryError
from ._nothing_drawn import NothingDrawnWarning
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
    "NativeLibraryError",
    "NothingDrawnWarning",
    "RenderSettings",
    "Rendered",
    "TextureMaps",
    "blend_fragments",
    "distributions",
    "find_fragments",
    "gather_corners",
    "render",
    "suggest",
    "t_conorms",
]
