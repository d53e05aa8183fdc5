"""The door for programs written for SoftRas (Liu et al., "Soft Rasterizer", ICCV 2019)."""

from . import functional

__all__ = ["functional"]
