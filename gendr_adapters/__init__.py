"""Generalized soft rasterisation: one native core, one door for each ecosystem.

`render` is the function under every door; `RenderSettings` says how; `gather_corners` turns an indexed mesh into the
faces `render` takes. The doors are subpackages and import their ecosystem only when opened.
"""

from . import distributions, t_conorms
from ._native import NativeLibraryError
from .render import Rendered, gather_corners, render
from .settings import RenderSettings

__version__ = "0.1.0"

__all__ = [
    "NativeLibraryError",
    "RenderSettings",
    "Rendered",
    "distributions",
    "gather_corners",
    "render",
    "t_conorms",
]
