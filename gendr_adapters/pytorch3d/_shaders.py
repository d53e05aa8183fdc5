"""Shaders that blend every face at the pixel, of the kinds PyTorch3D has, and one for normals."""

from collections.abc import Callable
from typing import Any

import torch
from pytorch3d.renderer.mesh.rasterizer import Fragments
from torch import Tensor

from .._projected_meshes import ProjectedMeshes
from .._warnings import log_once
from ..shading import TextureMaps
from ._autocast import geometry
from ._blend import background_of, blend_shaded, blend_shown, silhouette
from ._blend_params import GenDRBlendParams
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
    """The union of all faces' coverages, as PyTorch3D's SoftSilhouetteShader, in one pass over the faces.

    Returns (N, H, W, 4): ones, and alpha. Gradients at the vertices repeat bit for bit.
    """

    def __init__(self, blend_params: Any = None, **shader: Any) -> None:
        super().__init__(blend_params=blend_params, **shader)

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        alpha = silhouette(checked(fragments, meshes).meshes, self._params(kwargs))[..., None]
        return torch.cat([torch.ones_like(alpha).expand(-1, -1, -1, 3), alpha], 3)


class GenDRGouraudShader(GenDRShader):
    """Lights on the vertices, their colours interpolated, as PyTorch3D's SoftGouraudShader, in one pass over the faces.

    Meshes need TexturesVertex. Returns (N, H, W, 4): colour, and alpha. Gradients at the vertices repeat bit for bit,
    except through vertex normals that the meshes bring along.
    """

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        check_vertex_textures(meshes)
        ranges = self._ranges(len(checked(fragments, meshes).meshes), kwargs)
        if meshes.isempty():
            return blend_shaded(fragments, no_colours(fragments.meshes, meshes), self._params(kwargs), ranges)
        shown = lit_corners(meshes, fragments.meshes, self._lighting(meshes, kwargs))
        return blend_shown(fragments.meshes, shown, self._params(kwargs), ranges)


class _LitShader(GenDRShader):
    """Lights on textures, in one pass over the faces.

    What the core cannot show is shaded fragment by fragment. A record of the logger 'gendr_adapters', of level INFO,
    says so once."""

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        if meshes.textures is None:
            raise ValueError(
                "meshes have no textures: give them some, e.g. Meshes(..., textures=TexturesVertex(colours))"
            )
        ranges, params = self._ranges(len(checked(fragments, meshes).meshes), kwargs), self._params(kwargs)
        if meshes.isempty():
            return blend_shaded(fragments, no_colours(fragments.meshes, meshes), params, ranges)
        try:
            shown = self._shown(fragments.meshes, meshes, params, kwargs)
        except BeyondTheCore as reason:
            log_once(f"{type(self).__name__} shades fragments one by one: {reason}")
        else:
            return blend_shown(fragments.meshes, shown, params, ranges)
        return blend_shaded(fragments, self._colours(fragments, meshes, kwargs), params, ranges)

    def _shown(
        self, projected: ProjectedMeshes, meshes: Any, params: GenDRBlendParams, kwargs: dict[str, Any]
    ) -> Shown:
        """Raises BeyondTheCore."""
        shown = show(meshes, projected, self._lighting(meshes, kwargs), self._surface(meshes))
        if isinstance(shown.features, TextureMaps) and shown.features.padding == "zeros":
            if background_of(params, shown.n_channels, shown.dtype, projected).dim() == 4:
                raise BeyondTheCore("maps are padded with zeros before a background that is a picture")
        return shown

    def _colours(self, fragments: GenDRFragments, meshes: Any, kwargs: dict[str, Any]) -> Tensor:
        """(M, C): what each of fragments.found shows."""
        surface = torch.cat(self._surface(meshes), 2)

        def shade(some: Fragments, images: list[int], lighting: Lighting) -> Tensor:
            light, specular = lighting.shine(*interpolate(some, surface).split(3, -1))
            return light * sample_textures(meshes, some, images) + specular

        return shade_fragments(fragments, shade, self._lighting(meshes, kwargs), meshes.textures)

    # What the light shines on, of meshes.
    _surface: Callable[[Any], Surface]


class GenDRPhongShader(_LitShader):
    """Lights on every fragment, as PyTorch3D's SoftPhongShader: positions and normals interpolated, any textures.

    Returns (N, H, W, 4): colour, and alpha.
    """

    _surface = staticmethod(phong_surface)


class GenDRFlatShader(_LitShader):
    """Lights on every face, at its middle and with its own normal, as PyTorch3D's HardFlatShader, but blended softly.

    Textures of any kind. Returns (N, H, W, 4): colour, and alpha.
    """

    _surface = staticmethod(flat_surface)


class GenDRNormalShader(GenDRShader):
    """Unit normals in world space, interpolated from the vertices', blended as colours are, over a background of 0, in
    one pass over the faces.

    Returns (N, H, W, 4): x, y, z, and alpha.
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
    """Depth as PyTorch3D's SoftDepthShader has it: from the nearest face on, each hides as much as it covers, until
    nothing is left to hide; what is left then has depth zfar.

    Of blend_params, sigma and the distribution count. Returns (N, H, W, 1).
    """

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        zfar = [zfar for _, zfar in self._ranges(len(checked(fragments, meshes).meshes), kwargs)]
        return soft_depth(fragments.found, fragments.meshes, self._params(kwargs), zfar)
