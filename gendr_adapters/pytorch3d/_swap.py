"""`swap`: a PyTorch3D renderer on our core."""

from typing import Any

from pytorch3d.renderer import (
    HardFlatShader,
    HardGouraudShader,
    HardPhongShader,
    MeshRasterizer,
    MeshRenderer,
    MeshRendererWithFragments,
    SoftGouraudShader,
    SoftPhongShader,
    SoftSilhouetteShader,
)
from pytorch3d.renderer.mesh.shader import HardDepthShader, SoftDepthShader, SplatterPhongShader

from ._blend_params import as_gendr
from ._hard_shaders import (
    GenDRHardDepthShader,
    GenDRHardFlatShader,
    GenDRHardGouraudShader,
    GenDRHardPhongShader,
)
from ._rasterizer import GenDRRasterizer, copy_of
from ._shaders import GenDRDepthShader, GenDRGouraudShader, GenDRPhongShader, GenDRSilhouetteShader

_OURS = {
    SoftPhongShader: GenDRPhongShader,
    SoftGouraudShader: GenDRGouraudShader,
    SoftDepthShader: GenDRDepthShader,
    HardPhongShader: GenDRHardPhongShader,
    HardGouraudShader: GenDRHardGouraudShader,
    HardFlatShader: GenDRHardFlatShader,
    HardDepthShader: GenDRHardDepthShader,
}


def swap(renderer: Any) -> Any:
    """The same renderer on our core: the same pictures wherever faces_per_pixel left no face out, else better ones.
    docs/pytorch3d.md lists the exceptions.

    Args:
        renderer: PyTorch3D's MeshRenderer or MeshRendererWithFragments, with a MeshRasterizer. It is left as it is.

    Returns:
        A renderer of the same class and mode (training or not), without the original's hooks. SoftSilhouetteShader,
        SoftPhongShader, SoftGouraudShader and SoftDepthShader become ours, with every face at the pixel; cameras,
        lights and materials are the same objects, raster_settings a copy. Any other shader, hard or of your own, is
        kept, the same object, and sees the dense fragments of our rasteriser, faces_per_pixel of them.

    Raises:
        TypeError: another renderer; a rasteriser that is not exactly MeshRasterizer, such as MeshRasterizerOpenGL; a
            SplatterPhongShader, which needs that one.
    """
    if type(renderer) not in (MeshRenderer, MeshRendererWithFragments):
        raise TypeError(
            f"swap takes a MeshRenderer or MeshRendererWithFragments, got {_name(renderer)}; for a renderer of your "
            "own, put a GenDRRasterizer and one of our shaders in it"
        )
    swapped = type(renderer)(_rasterizer(renderer.rasterizer), _shader(renderer.shader))
    swapped.training = renderer.training
    return swapped


def _rasterizer(rasterizer: Any) -> GenDRRasterizer:
    if type(rasterizer) is GenDRRasterizer:
        return rasterizer
    if type(rasterizer) is not MeshRasterizer:
        raise TypeError(
            f"swap can replace a MeshRasterizer, got {_name(rasterizer)}, which may compute something else; "
            "put a GenDRRasterizer there yourself if that is what you want"
        )
    return copy_of(rasterizer)


def _shader(shader: Any) -> Any:
    if isinstance(shader, SplatterPhongShader):
        raise TypeError(f"{_name(shader)} splats the pixels of a hard rasteriser, and has no soft counterpart here")
    if type(shader) is SoftSilhouetteShader:
        return GenDRSilhouetteShader(as_gendr(shader.blend_params))
    if type(shader) not in _OURS:
        return shader
    return _OURS[type(shader)](
        cameras=shader.cameras,
        lights=shader.lights,
        materials=shader.materials,
        blend_params=as_gendr(shader.blend_params),
    )


def _name(thing: Any) -> str:
    return type(thing).__name__
