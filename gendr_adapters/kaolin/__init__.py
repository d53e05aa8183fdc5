"""The Kaolin door: the functions of kaolin.render.mesh that draw, with the signatures of Kaolin 0.18.

    -from kaolin.render.mesh import dibr_rasterization
    +from gendr_adapters.kaolin import dibr_rasterization

`rasterize`, `dibr_soft_mask` and `dibr_rasterization` take and return plain tensors, on CPUs and on GPUs, and work
without Kaolin; `render_mesh` and `soft_render` take Kaolin's objects. Their keyword-only arguments are what Kaolin does
not have. `patched` and `install` replace Kaolin's functions in programs that you do not want to change. docs/kaolin.md
in the repository says what differs from Kaolin on purpose.
"""

from ._dibr import dibr_rasterization
from ._patching import install, patched
from ._rasterize import rasterize
from ._render_mesh import render_mesh
from ._soft_mask import dibr_soft_mask
from ._soft_render import soft_render

__all__ = ["dibr_rasterization", "dibr_soft_mask", "install", "patched", "rasterize", "render_mesh", "soft_render"]
