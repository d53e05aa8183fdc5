"""Test double of kaolin.render."""

from . import camera, easy_render, lighting, materials, mesh

__all__ = ["camera", "easy_render", "lighting", "materials", "mesh"]
