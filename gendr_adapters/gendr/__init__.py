"""The door for programs written for GenDR (Petersen et al., "GenDR", CVPR 2022)."""

from . import functional

__all__ = ["functional"]
