"""The PyTorch3D door: a rasteriser and shaders that replace PyTorch3D's, and blend every face at the pixel.

    renderer = swap(renderer)                         # a MeshRenderer as it is, on our core, or by hand:
    renderer = MeshRenderer(GenDRRasterizer(cameras, raster_settings), GenDRPhongShader(cameras=cameras, lights=lights))

Meshes, cameras, textures, lights, materials and losses stay PyTorch3D's (0.7 or newer). docs/pytorch3d.md in the
repository says what differs from PyTorch3D on purpose.
"""

try:
    import pytorch3d.renderer  # noqa: F401
except ImportError as error:
    raise ImportError(
        f"gendr_adapters.pytorch3d needs PyTorch3D ({error}). Its releases are built from source: "
        "github.com/facebookresearch/pytorch3d, INSTALL.md. The rest of gendr_adapters works without it."
    ) from error

from ._blend_params import GenDRBlendParams
from ._fragments import GenDRFragments
from ._hard_shaders import (
    GenDRHardDepthShader,
    GenDRHardFlatShader,
    GenDRHardGouraudShader,
    GenDRHardPhongShader,
)
from ._rasterize_meshes import rasterize_meshes
from ._rasterizer import GenDRRasterizer
from ._shaders import (
    GenDRDepthShader,
    GenDRFlatShader,
    GenDRGouraudShader,
    GenDRNormalShader,
    GenDRPhongShader,
    GenDRSilhouetteShader,
)
from ._swap import swap

__all__ = [
    "GenDRBlendParams",
    "GenDRDepthShader",
    "GenDRFlatShader",
    "GenDRFragments",
    "GenDRGouraudShader",
    "GenDRHardDepthShader",
    "GenDRHardFlatShader",
    "GenDRHardGouraudShader",
    "GenDRHardPhongShader",
    "GenDRNormalShader",
    "GenDRPhongShader",
    "GenDRRasterizer",
    "GenDRSilhouetteShader",
    "rasterize_meshes",
    "swap",
]
