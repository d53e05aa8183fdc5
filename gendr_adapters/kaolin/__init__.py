"""The Kaolin door: the functions of kaolin.render.mesh that draw, with the signatures of Kaolin 0.18.

    -from kaolin.render.mesh import dibr_rasterization
    +from gendr_adapters.kaolin import dibr_rasterization

They take and return plain tensors, on CPUs and on GPUs, and need no Kaolin. What they can do beyond it are keyword-only
arguments. `patched` and `install` replace Kaolin's functions with them in programs that must not be changed.
docs/kaolin.md in the repository says what differs from Kaolin on purpose.
"""

from ._dibr import dibr_rasterization
from ._patching import install, patched
from ._rasterize import rasterize
from ._render_mesh import render_mesh
from ._soft_mask import dibr_soft_mask
from ._soft_render import soft_render

__all__ = ["dibr_rasterization", "dibr_soft_mask", "install", "patched", "rasterize", "render_mesh", "soft_render"]
