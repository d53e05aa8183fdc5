"""Test double of kaolin.rep."""

from .surface_mesh import SurfaceMesh

__all__ = ["SurfaceMesh"]
