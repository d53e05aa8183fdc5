"""The Kaolin door: the functions of kaolin.render.mesh that draw, with the signatures of Kaolin 0.18.

    -from kaolin.render.mesh import dibr_rasterization
    +from gendr_adapters.kaolin import dibr_rasterization

They take and return plain tensors, on CPUs and on GPUs, and need no Kaolin. What they can do beyond it are keyword-only
arguments. `patched` and `install` put them in the place of Kaolin's in programs that are not to be changed.
docs/kaolin.md in the repository says what differs from Kaolin on purpose.
"""

from .dibr import dibr_rasterization
from .easy_render import render_mesh
from .patching import install, patched
from .rasterization import rasterize
from .soft_mask import dibr_soft_mask
from .soft_rendering import soft_render

__all__ = ["dibr_rasterization", "dibr_soft_mask", "install", "patched", "rasterize", "render_mesh", "soft_render"]
