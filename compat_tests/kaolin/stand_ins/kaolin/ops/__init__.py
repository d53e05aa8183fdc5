"""Test double of kaolin.ops."""

from . import mesh

__all__ = ["mesh"]
