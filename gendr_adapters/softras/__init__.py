"""The door for programs written for SoftRas (Liu et al., "Soft Rasterizer", ICCV 2019): `soft_renderer`'s public API,
on any device. What differs on purpose: docs/softras.md."""

from .._soft_renderer.lighting import AmbientLighting, DirectionalLighting
from .._soft_renderer.losses import FlattenLoss, LaplacianLoss
from .._soft_renderer.meshes import Mesh
from . import functional
from ._cameras import Look, LookAt, Projection, Transform
from ._lighting import Lighting
from ._rasterizer import SoftRasterizer
from ._renderer import Renderer, SoftRenderer

__all__ = [
    "AmbientLighting",
    "DirectionalLighting",
    "FlattenLoss",
    "LaplacianLoss",
    "Lighting",
    "Look",
    "LookAt",
    "Mesh",
    "Projection",
    "Renderer",
    "SoftRasterizer",
    "SoftRenderer",
    "Transform",
    "functional",
]
