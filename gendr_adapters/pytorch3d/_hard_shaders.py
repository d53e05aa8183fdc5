"""PyTorch3D's hard shaders in one pass over the faces: of the nearest face alone, a pixel's first slot."""

from typing import Any

import torch
from pytorch3d.renderer import HardFlatShader, HardGouraudShader, HardPhongShader
from pytorch3d.renderer.mesh.shader import HardDepthShader
from torch import Tensor

from .._projected_meshes import ProjectedMeshes
from .._warnings import log_once
from ._autocast import geometry
from ._blend import nearest_shown
from ._core_shading import BeyondTheCore, Shown, flat_surface, lit_corners, phong_surface, show
from ._fragments import GenDRFragments
from ._shader_base import GenDRShader, check_vertex_textures, checked, no_colours


class _HardShader(GenDRShader):
    """Stands before one of PyTorch3D's hard shaders among a class' parents, and gives its picture.

    What one pass cannot show is left to PyTorch3D's own shader, and the first slot of the dense view to it. A record of
    the logger 'gendr_adapters', of level INFO, says so once."""

    @geometry
    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        try:
            projected = _in_one_pass(fragments, meshes)
            shown = self._shown(projected, meshes, kwargs)
        except BeyondTheCore as reason:
            log_once(f"{type(self).__name__} leaves the picture to PyTorch3D's shader: {reason}")
        else:
            return nearest_shown(projected, shown, self._params(kwargs))
        if isinstance(fragments, GenDRFragments):
            fragments = fragments.nearest()
        return super().forward(fragments, meshes, **kwargs)

    def _shown(self, projected: ProjectedMeshes, meshes: Any, kwargs: dict[str, Any]) -> Shown:
        """Raises BeyondTheCore."""
        if meshes.isempty():
            return Shown(no_colours(projected, meshes)[:, None].expand(-1, 3, -1))
        return self._lit(projected, meshes, kwargs)

    def _lit(self, projected: ProjectedMeshes, meshes: Any, kwargs: dict[str, Any]) -> Shown:
        """Of meshes that are not all empty. Raises BeyondTheCore."""
        raise NotImplementedError


class GenDRHardPhongShader(_HardShader, HardPhongShader):
    """PyTorch3D's HardPhongShader on our core: each pixel shows its nearest face, lit at the interpolated position and
    normal.

    device, cameras, lights, materials: as for HardPhongShader.
    blend_params: GenDRBlendParams, or PyTorch3D's BlendParams; None: GenDRBlendParams(). Only background_color is used.

    The call takes the fragments of a `GenDRRasterizer` and Meshes with textures of any kind. It returns
    (N, H, W, C + 1): colour, and alpha, 1 or 0. An image that our core cannot shade in one pass is left to PyTorch3D's
    shader; an INFO record of the logger 'gendr_adapters' says so, once.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, MeshRenderer, PointLights
        >>> from pytorch3d.renderer import RasterizationSettings, TexturesVertex
        >>> from pytorch3d.utils import ico_sphere
        >>> from gendr_adapters.pytorch3d import GenDRRasterizer, GenDRHardPhongShader
        >>> mesh = ico_sphere(1)
        >>> mesh.textures = TexturesVertex(torch.ones_like(mesh.verts_padded()))
        >>> cameras = FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        >>> rasterizer = GenDRRasterizer(cameras, RasterizationSettings(image_size=32))
        >>> MeshRenderer(rasterizer, GenDRHardPhongShader(cameras=cameras, lights=PointLights()))(mesh).shape
        torch.Size([1, 32, 32, 4])
    """

    def _lit(self, projected: ProjectedMeshes, meshes: Any, kwargs: dict[str, Any]) -> Shown:
        return show(meshes, projected, self._lighting(meshes, kwargs), phong_surface(meshes))


class GenDRHardFlatShader(_HardShader, HardFlatShader):
    """PyTorch3D's HardFlatShader on our core: each pixel shows its nearest face, lit at the face's middle with its own
    normal.

    device, cameras, lights, materials: as for HardFlatShader.
    blend_params: GenDRBlendParams, or PyTorch3D's BlendParams; None: GenDRBlendParams(). Only background_color is used.

    The call takes the fragments of a `GenDRRasterizer` and Meshes with textures of any kind. It returns
    (N, H, W, C + 1): colour, and alpha, 1 or 0. An image that our core cannot shade in one pass is left to PyTorch3D's
    shader; an INFO record of the logger 'gendr_adapters' says so, once.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, MeshRenderer, PointLights
        >>> from pytorch3d.renderer import RasterizationSettings, TexturesVertex
        >>> from pytorch3d.utils import ico_sphere
        >>> from gendr_adapters.pytorch3d import GenDRRasterizer, GenDRHardFlatShader
        >>> mesh = ico_sphere(1)
        >>> mesh.textures = TexturesVertex(torch.ones_like(mesh.verts_padded()))
        >>> cameras = FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        >>> rasterizer = GenDRRasterizer(cameras, RasterizationSettings(image_size=32))
        >>> MeshRenderer(rasterizer, GenDRHardFlatShader(cameras=cameras, lights=PointLights()))(mesh).shape
        torch.Size([1, 32, 32, 4])
    """

    def _lit(self, projected: ProjectedMeshes, meshes: Any, kwargs: dict[str, Any]) -> Shown:
        return show(meshes, projected, self._lighting(meshes, kwargs), flat_surface(meshes))


class GenDRHardGouraudShader(_HardShader, HardGouraudShader):
    """PyTorch3D's HardGouraudShader on our core: each pixel shows its nearest face, whose vertices are lit and their
    colours interpolated.

    device, cameras, lights, materials: as for HardGouraudShader.
    blend_params: GenDRBlendParams, or PyTorch3D's BlendParams; None: GenDRBlendParams(). Only background_color is used.

    The call takes the fragments of a `GenDRRasterizer` and Meshes with TexturesVertex. It returns
    (N, H, W, C + 1): colour, and alpha, 1 or 0. An image that our core cannot shade in one pass is left to PyTorch3D's
    shader; an INFO record of the logger 'gendr_adapters' says so, once.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, MeshRenderer, PointLights
        >>> from pytorch3d.renderer import RasterizationSettings, TexturesVertex
        >>> from pytorch3d.utils import ico_sphere
        >>> from gendr_adapters.pytorch3d import GenDRRasterizer, GenDRHardGouraudShader
        >>> mesh = ico_sphere(1)
        >>> mesh.textures = TexturesVertex(torch.ones_like(mesh.verts_padded()))
        >>> cameras = FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        >>> rasterizer = GenDRRasterizer(cameras, RasterizationSettings(image_size=32))
        >>> MeshRenderer(rasterizer, GenDRHardGouraudShader(cameras=cameras, lights=PointLights()))(mesh).shape
        torch.Size([1, 32, 32, 4])
    """

    def _lit(self, projected: ProjectedMeshes, meshes: Any, kwargs: dict[str, Any]) -> Shown:
        check_vertex_textures(meshes)
        return lit_corners(meshes, projected, self._lighting(meshes, kwargs))


class GenDRHardDepthShader(GenDRShader, HardDepthShader):
    """PyTorch3D's HardDepthShader on our core: the depth of the nearest face, zfar where there is none.

    device, cameras: as for HardDepthShader. The call takes fragments and Meshes, and returns (N, H, W, 1), world units.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, MeshRenderer, RasterizationSettings
        >>> from pytorch3d.utils import ico_sphere
        >>> from gendr_adapters.pytorch3d import GenDRRasterizer, GenDRHardDepthShader
        >>> cameras = FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]))
        >>> rasterizer = GenDRRasterizer(cameras, RasterizationSettings(image_size=32))
        >>> MeshRenderer(rasterizer, GenDRHardDepthShader(cameras=cameras))(ico_sphere(1)).shape
        torch.Size([1, 32, 32, 1])
    """

    @geometry
    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        nearest = fragments.nearest() if isinstance(fragments, GenDRFragments) else fragments
        z = nearest.zbuf[..., :1]
        zfar = z.new_tensor([zfar for _, zfar in self._ranges(z.shape[0], kwargs)])
        return torch.where(nearest.pix_to_face[..., :1] < 0, zfar[:, None, None, None], z)


def _in_one_pass(fragments: Any, meshes: Any) -> ProjectedMeshes:
    """Raises BeyondTheCore; ValueError for fragments of other meshes."""
    if not isinstance(fragments, GenDRFragments):
        raise BeyondTheCore(f"fragments are {type(fragments).__name__}, not a GenDRRasterizer's")
    if not fragments.is_whole:
        raise BeyondTheCore("fragments were made by hand or edited")
    if fragments.meshes.settings.reach != 0:
        raise BeyondTheCore("with a blur_radius above 0 the nearest face may be one beside the pixel")
    return checked(fragments, meshes).meshes
