"""The door for programs written for GenDR (Petersen et al., "GenDR", CVPR 2022): its public API, on any device. What
differs on purpose: docs/gendr.md."""

from .._soft_renderer.lighting import AmbientLighting, DirectionalLighting
from .._soft_renderer.losses import FlattenLoss, LaplacianLoss
from .._soft_renderer.meshes import Mesh
from . import functional, transform
from ._lighting import Lighting
from ._renderer import GenDR
from .transform import Look, LookAt, Projection

__all__ = [
    "AmbientLighting",
    "DirectionalLighting",
    "FlattenLoss",
    "GenDR",
    "LaplacianLoss",
    "Lighting",
    "Look",
    "LookAt",
    "Mesh",
    "Projection",
    "functional",
    "transform",
]
