"""`swap`: a PyTorch3D renderer on our core."""

from typing import Any, Literal

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

from ._blend_params import GenDRBlendParams, as_gendr
from ._hard_shaders import (
    GenDRHardDepthShader,
    GenDRHardFlatShader,
    GenDRHardGouraudShader,
    GenDRHardPhongShader,
)
from ._rasterizer import GenDRRasterizer, copy_of
from ._shader_base import GenDRShader
from ._shaders import GenDRDepthShader, GenDRGouraudShader, GenDRPhongShader, GenDRSilhouetteShader

_SOFT = {
    SoftPhongShader: GenDRPhongShader,
    SoftGouraudShader: GenDRGouraudShader,
    SoftDepthShader: GenDRDepthShader,
}
_HARD = {
    HardPhongShader: GenDRHardPhongShader,
    HardGouraudShader: GenDRHardGouraudShader,
    HardFlatShader: GenDRHardFlatShader,
    HardDepthShader: GenDRHardDepthShader,
}


def swap(renderer: Any, faces_per_pixel: Literal["all", "honoured"] = "all") -> Any:
    """A copy of a PyTorch3D renderer that renders on our core.

    Its images are the same where the original's faces_per_pixel left no face out; elsewhere ours have the missing
    faces. docs/pytorch3d.md lists the exceptions.

    Args:
        renderer: PyTorch3D's MeshRenderer or MeshRendererWithFragments, with a MeshRasterizer. It is not changed.
        faces_per_pixel: 'all': soft shaders blend all faces at the pixel. 'honoured': they blend only the nearest
            raster_settings.faces_per_pixel faces, as PyTorch3D does; its own soft shader is kept for this, with its
            memory and time. Hard shaders show the nearest face either way.

    Returns:
        A renderer of the same class and mode (training or not), without the original's hooks. SoftSilhouetteShader,
        SoftPhongShader, SoftGouraudShader and SoftDepthShader are replaced by ours, unless faces_per_pixel is
        'honoured'; HardPhongShader, HardGouraudShader, HardFlatShader and HardDepthShader are replaced by ours, whose
        images are the same. Cameras, lights and materials are the same objects; raster_settings is a copy. Any other
        shader, such as one of your own, is kept, and gets the faces_per_pixel nearest faces from our rasteriser.

    Raises:
        TypeError: another renderer; a rasteriser that is not exactly MeshRasterizer, such as MeshRasterizerOpenGL; a
            SplatterPhongShader, which needs MeshRasterizerOpenGL.
        ValueError: another word for faces_per_pixel; 'honoured', but the shader is ours, or its blend_params have
            settings that PyTorch3D's shader does not know.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, MeshRasterizer, MeshRenderer
        >>> from pytorch3d.renderer import RasterizationSettings, SoftSilhouetteShader
        >>> from pytorch3d.utils import ico_sphere
        >>> from gendr_adapters.pytorch3d import swap
        >>> cameras = FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        >>> settings = RasterizationSettings(image_size=32, blur_radius=1e-3, faces_per_pixel=50)
        >>> renderer = swap(MeshRenderer(MeshRasterizer(cameras, settings), SoftSilhouetteShader()))
        >>> type(renderer.rasterizer).__name__, renderer(ico_sphere(1)).shape
        ('GenDRRasterizer', torch.Size([1, 32, 32, 4]))
    """
    if faces_per_pixel not in ("all", "honoured"):
        raise ValueError(
            f"faces_per_pixel of swap must be 'all' or 'honoured', got {faces_per_pixel!r}; the number of faces is "
            "faces_per_pixel of RasterizationSettings"
        )
    if type(renderer) not in (MeshRenderer, MeshRendererWithFragments):
        raise TypeError(
            f"swap takes a MeshRenderer or MeshRendererWithFragments, got {_name(renderer)}; for a renderer of your "
            "own, put a GenDRRasterizer and one of our shaders in it"
        )
    shader = _shader(renderer.shader, faces_per_pixel == "honoured")
    swapped = type(renderer)(_rasterizer(renderer.rasterizer), shader)
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


def _shader(shader: Any, honoured: bool) -> Any:
    if isinstance(shader, SplatterPhongShader):
        raise TypeError(f"{_name(shader)} splats the pixels of a hard rasteriser, and has no soft counterpart here")
    if honoured:
        _check_honours(shader)
    elif type(shader) is SoftSilhouetteShader:
        return GenDRSilhouetteShader(as_gendr(shader.blend_params))
    ours: dict[Any, Any] = _HARD if honoured else _SOFT | _HARD
    if type(shader) not in ours:
        return shader
    return ours[type(shader)](
        cameras=shader.cameras,
        lights=shader.lights,
        materials=shader.materials,
        blend_params=as_gendr(shader.blend_params),
    )


def _check_honours(shader: Any) -> None:
    """Raises ValueError for a shader that blends every face, or that would not see all of its blend_params."""
    if isinstance(shader, GenDRShader) and not isinstance(shader, tuple(_HARD.values())):
        raise ValueError(
            f"faces_per_pixel='honoured' keeps PyTorch3D's own soft shader, got {_name(shader)}, which takes every "
            "face at the pixel: swap the renderer it was made of"
        )
    if type(shader) not in (*_SOFT, SoftSilhouetteShader):
        return
    params = shader.blend_params
    if isinstance(params, GenDRBlendParams) and params[3:] != GenDRBlendParams()[3:]:
        raise ValueError(
            f"faces_per_pixel='honoured' keeps {_name(shader)}, which uses only sigma, gamma and background_color of "
            f"blend_params, got {params}"
        )


def _name(thing: Any) -> str:
    return type(thing).__name__
