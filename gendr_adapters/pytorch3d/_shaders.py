"""Shaders that blend every face at the pixel, of the kinds PyTorch3D has, and one for normals."""

from collections.abc import Callable
from typing import Any

import torch
from pytorch3d.renderer.mesh.rasterizer import Fragments as PyTorch3DFragments
from torch import Tensor

from .._fragment_memory import ShadePiece
from .._max_memory import check_max_memory
from .._pieces import Piece
from .._projected_meshes import ProjectedMeshes
from .._shading_in_pieces import pieces_for, shade_in_pieces, tensors_in
from .._warnings import log_once
from ..fragments import Fragments
from ..shading import TextureMaps
from ._autocast import geometry
from ._blend import Range, background_of, blend_shaded, blend_shown, silhouette
from ._blend_params import GenDRBlendParams
from ._copies import own_copy_of_meshes
from ._core_shading import (
    BeyondTheCore,
    Shown,
    Surface,
    flat_surface,
    lit_corners,
    normals_as_colours,
    phong_surface,
    show,
)
from ._fragment_shading import interpolate, sample_textures, shade_fragments
from ._fragments import GenDRFragments
from ._lighting import Lighting
from ._shader_base import GenDRShader, check_vertex_textures, checked, no_colours
from ._soft_depth import soft_depth


class GenDRSilhouetteShader(GenDRShader):
    """PyTorch3D's SoftSilhouetteShader with every face at the pixel: alpha is the union of their coverages.

    blend_params: GenDRBlendParams, or PyTorch3D's BlendParams; None: GenDRBlendParams(). Of them sigma, the
        distribution and the T-conorm are used. device, cameras, lights and materials are accepted as well.

    The call takes the fragments of a `GenDRRasterizer` and the Meshes, and returns (N, H, W, 4): ones, and alpha. The
    gradient at the vertices repeats bit for bit.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, MeshRenderer, RasterizationSettings
        >>> from pytorch3d.utils import ico_sphere
        >>> from gendr_adapters.pytorch3d import GenDRRasterizer, GenDRSilhouetteShader
        >>> cameras = FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        >>> rasterizer = GenDRRasterizer(cameras, RasterizationSettings(image_size=32, blur_radius=1e-3))
        >>> MeshRenderer(rasterizer, GenDRSilhouetteShader())(ico_sphere(1)).shape
        torch.Size([1, 32, 32, 4])
    """

    def __init__(self, blend_params: Any = None, **shader: Any) -> None:
        super().__init__(blend_params=blend_params, **shader)

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        alpha = silhouette(checked(fragments, meshes).meshes, self._params(kwargs))[..., None]
        return torch.cat([torch.ones_like(alpha).expand(-1, -1, -1, 3), alpha], 3)


class GenDRGouraudShader(GenDRShader):
    """PyTorch3D's SoftGouraudShader with every face at the pixel: vertices are lit, and their colours interpolated.

    device, cameras, lights, materials: as for SoftGouraudShader.
    blend_params: GenDRBlendParams, or PyTorch3D's BlendParams; None: GenDRBlendParams().

    The call takes the fragments of a `GenDRRasterizer` and Meshes with TexturesVertex, else it raises ValueError. It
    returns (N, H, W, C + 1): colour, and alpha. The gradient at the vertices repeats bit for bit, except through vertex
    normals that were given to the meshes.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, MeshRenderer, PointLights
        >>> from pytorch3d.renderer import RasterizationSettings, TexturesVertex
        >>> from pytorch3d.utils import ico_sphere
        >>> from gendr_adapters.pytorch3d import GenDRRasterizer, GenDRGouraudShader
        >>> mesh = ico_sphere(1)
        >>> mesh.textures = TexturesVertex(torch.ones_like(mesh.verts_padded()))
        >>> cameras = FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        >>> rasterizer = GenDRRasterizer(cameras, RasterizationSettings(image_size=32, blur_radius=1e-3))
        >>> MeshRenderer(rasterizer, GenDRGouraudShader(cameras=cameras, lights=PointLights()))(mesh).shape
        torch.Size([1, 32, 32, 4])
    """

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        check_vertex_textures(meshes)
        ranges = self._ranges(len(checked(fragments, meshes).meshes), kwargs)
        if meshes.isempty():
            return _empty_pictures(fragments, meshes, self._params(kwargs), ranges)
        shown = lit_corners(meshes, fragments.meshes, self._lighting(meshes, kwargs))
        return blend_shown(fragments.meshes, shown, self._params(kwargs), ranges)


class _LitShader(GenDRShader):
    """Lights on textures, in one pass over the faces.

    What the core cannot show is shaded fragment by fragment. A record of the logger 'gendr_adapters', of level INFO,
    says so once.

    Args as GenDRShader; max_memory: bytes that shading fragment by fragment may take at a time, at least 1; may be
    given to the call, too. A picture that needs more is made in pieces, of whole images, rows or pixels of a row, and
    in backward again; those of one pixel may take more. None: a quarter of what is free on the device, down to a power
    of two.
    """

    def __init__(
        self,
        device: Any = "cpu",
        cameras: Any = None,
        lights: Any = None,
        materials: Any = None,
        blend_params: Any = None,
        max_memory: int | None = None,
    ) -> None:
        super().__init__(device, cameras, lights, materials, blend_params)
        self.max_memory = check_max_memory(max_memory)

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        if meshes.textures is None:
            raise ValueError(
                "meshes have no textures: give them some, e.g. Meshes(..., textures=TexturesVertex(colours))"
            )
        ranges, params = self._ranges(len(checked(fragments, meshes).meshes), kwargs), self._params(kwargs)
        max_memory = check_max_memory(kwargs.get("max_memory", self.max_memory))
        if meshes.isempty():
            return _empty_pictures(fragments, meshes, params, ranges)
        try:
            shown = self._shown(fragments.meshes, meshes, params, kwargs)
        except BeyondTheCore as reason:
            log_once(f"{type(self).__name__} shades fragments one by one: {reason}")
        else:
            return blend_shown(fragments.meshes, shown, params, ranges)
        return self._in_pieces(fragments, meshes, self._lighting(meshes, kwargs), params, ranges, max_memory)

    def _shown(
        self, projected: ProjectedMeshes, meshes: Any, params: GenDRBlendParams, kwargs: dict[str, Any]
    ) -> Shown:
        """Raises BeyondTheCore."""
        shown = show(meshes, projected, self._lighting(meshes, kwargs), self._surface(meshes))
        padded = isinstance(shown.features, TextureMaps) and shown.features.padding == "zeros"
        if padded and background_of(params, shown.n_channels, shown.dtype, projected).dim() == 4:
            raise BeyondTheCore("maps are padded with zeros before a background that is a picture")
        return shown

    def _in_pieces(
        self,
        fragments: GenDRFragments,
        meshes: Any,
        lighting: Lighting,
        params: GenDRBlendParams,
        ranges: list[Range],
        max_memory: int | None,
    ) -> Tensor:
        projected = fragments.meshes

        def shade_with(meshes: Any, lighting: Lighting) -> ShadePiece:
            colours = self._colours(meshes, lighting)
            return lambda piece, found: blend_shaded(found, projected, piece, colours(piece, found), params, ranges)

        shade = shade_with(meshes, lighting)
        pieces = pieces_for(fragments.counted, projected.image_size, shade, max_memory)
        if len(pieces) == 1:
            picture = shade(pieces[0], fragments.found)
        else:
            # What becomes of the objects until backward is not seen.
            meshes, lighting = own_copy_of_meshes(meshes), lighting.own_copy()
            made_of = tensors_in(projected, params, meshes.textures, *lighting)
            picture = shade_in_pieces(fragments.counted, pieces, shade_with(meshes, lighting), made_of)
        return picture.view(len(projected), *projected.image_size, -1)

    def _colours(self, meshes: Any, lighting: Lighting) -> Callable[[Piece, Fragments], Tensor]:
        """From a piece and its fragments to what these show, (M, C)."""
        surface = torch.cat(self._surface(meshes), 2)

        def shade(some: PyTorch3DFragments, images: list[int], lighting: Lighting) -> Tensor:
            light, specular = lighting.shine(*interpolate(some, surface).split(3, -1))
            return light * sample_textures(meshes, some, images) + specular

        n_images = len(meshes)
        return lambda piece, found: shade_fragments(found, piece, n_images, shade, lighting, meshes.textures)

    # What the light shines on, of meshes.
    _surface: Callable[[Any], Surface]


class GenDRPhongShader(_LitShader):
    """PyTorch3D's SoftPhongShader with every face at the pixel: each fragment is lit at its interpolated position and
    normal.

    device, cameras, lights, materials: as for SoftPhongShader.
    blend_params: GenDRBlendParams, or PyTorch3D's BlendParams; None: GenDRBlendParams().
    max_memory: bytes that shading fragment by fragment may take at a time, at least 1. An image that needs more is
        shaded in pieces (whole images, rows or pixels of a row), and again in backward; one pixel may take more. None:
        a quarter of the device's free memory, rounded down to a power of two.

    The call takes the fragments of a `GenDRRasterizer` and Meshes with textures of any kind; without textures it raises
    ValueError. It returns (N, H, W, C + 1): colour, and alpha. Textures, lights and materials that the native core does
    not support are shaded fragment by fragment in torch, which is slower; an INFO record of the logger 'gendr_adapters'
    says so, once.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, MeshRenderer, PointLights
        >>> from pytorch3d.renderer import RasterizationSettings, TexturesVertex
        >>> from pytorch3d.utils import ico_sphere
        >>> from gendr_adapters.pytorch3d import GenDRRasterizer, GenDRPhongShader
        >>> mesh = ico_sphere(1)
        >>> mesh.textures = TexturesVertex(torch.ones_like(mesh.verts_padded()))
        >>> cameras = FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        >>> rasterizer = GenDRRasterizer(cameras, RasterizationSettings(image_size=32, blur_radius=1e-3))
        >>> MeshRenderer(rasterizer, GenDRPhongShader(cameras=cameras, lights=PointLights()))(mesh).shape
        torch.Size([1, 32, 32, 4])
    """

    _surface = staticmethod(phong_surface)


class GenDRFlatShader(_LitShader):
    """PyTorch3D's HardFlatShader, but with every face at the pixel blended softly: each face is lit at its middle, with
    its own normal.

    Arguments, call and result are those of `GenDRPhongShader`.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, MeshRenderer, PointLights
        >>> from pytorch3d.renderer import RasterizationSettings, TexturesVertex
        >>> from pytorch3d.utils import ico_sphere
        >>> from gendr_adapters.pytorch3d import GenDRRasterizer, GenDRFlatShader
        >>> mesh = ico_sphere(1)
        >>> mesh.textures = TexturesVertex(torch.ones_like(mesh.verts_padded()))
        >>> cameras = FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        >>> rasterizer = GenDRRasterizer(cameras, RasterizationSettings(image_size=32, blur_radius=1e-3))
        >>> MeshRenderer(rasterizer, GenDRFlatShader(cameras=cameras, lights=PointLights()))(mesh).shape
        torch.Size([1, 32, 32, 4])
    """

    _surface = staticmethod(flat_surface)


class GenDRNormalShader(GenDRShader):
    """Normals as an image: unit normals in world space, interpolated from the vertices and blended as colours are.

    blend_params: GenDRBlendParams, or PyTorch3D's BlendParams; None: GenDRBlendParams(). The background is 0 whatever
        background_color. device, cameras, lights and materials are accepted as well.

    The call takes the fragments of a `GenDRRasterizer` and the Meshes, and returns (N, H, W, 4): x, y, z, and alpha.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, MeshRenderer, RasterizationSettings
        >>> from pytorch3d.utils import ico_sphere
        >>> from gendr_adapters.pytorch3d import GenDRRasterizer, GenDRNormalShader
        >>> cameras = FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        >>> rasterizer = GenDRRasterizer(cameras, RasterizationSettings(image_size=32, blur_radius=1e-3))
        >>> MeshRenderer(rasterizer, GenDRNormalShader(cameras=cameras))(ico_sphere(1)).shape
        torch.Size([1, 32, 32, 4])
    """

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        projected = checked(fragments, meshes).meshes
        params = self._params(kwargs)._replace(background_color=(0.0, 0.0, 0.0))
        if meshes.isempty():
            shown = Shown(projected.face_vertices.new_zeros(0, 3, 3))
        else:
            shown = normals_as_colours(meshes, projected)
        return blend_shown(projected, shown, params, self._ranges(len(projected), kwargs))


class GenDRDepthShader(GenDRShader):
    """PyTorch3D's SoftDepthShader with every face at the pixel: a mean of their depths and of zfar.

    From the nearest face on, each face takes its coverage of the weight that the faces before it left; zfar takes the
    rest.

    device, cameras: as for SoftDepthShader.
    blend_params: GenDRBlendParams, or PyTorch3D's BlendParams; None: GenDRBlendParams(). Only sigma and the
        distribution are used.

    The call takes the fragments of a `GenDRRasterizer` and the Meshes, and returns (N, H, W, 1), world units.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, MeshRenderer, RasterizationSettings
        >>> from pytorch3d.utils import ico_sphere
        >>> from gendr_adapters.pytorch3d import GenDRRasterizer, GenDRDepthShader
        >>> cameras = FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        >>> rasterizer = GenDRRasterizer(cameras, RasterizationSettings(image_size=32, blur_radius=1e-3))
        >>> MeshRenderer(rasterizer, GenDRDepthShader(cameras=cameras))(ico_sphere(1)).shape
        torch.Size([1, 32, 32, 1])
    """

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        zfar = [zfar for _, zfar in self._ranges(len(checked(fragments, meshes).meshes), kwargs)]
        return soft_depth(fragments.found, fragments.meshes, self._params(kwargs), zfar)


def _empty_pictures(fragments: GenDRFragments, meshes: Any, params: GenDRBlendParams, ranges: list[Range]) -> Tensor:
    """Of meshes that are all empty."""
    projected, found = fragments.meshes, fragments.found
    everything = Piece.of_all(len(projected), projected.image_size)
    picture = blend_shaded(found, projected, everything, no_colours(projected, meshes), params, ranges)
    return picture.view(len(projected), *projected.image_size, -1)
