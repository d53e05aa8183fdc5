"""Shaders that blend every face at the pixel, of the kinds PyTorch3D has, and one for normals."""

from collections.abc import Callable
from typing import Any

import torch
from pytorch3d.renderer import TexturesAtlas, TexturesUV, TexturesVertex
from pytorch3d.renderer.mesh.rasterizer import Fragments as PyTorch3DFragments
from pytorch3d.renderer.mesh.shader import ShaderBase
from pytorch3d.renderer.utils import TensorProperties
from torch import Tensor

from .._fragment_memory import ShadePiece
from .._max_memory import checked
from .._pieces import Piece
from .._projected_meshes import ProjectedMeshes
from .._shading_in_pieces import pieces_for, shade_in_pieces, tensors_in
from .._warnings import log_once
from ..fragments import Fragments
from ..render import gather_corners
from ..shading import TextureMaps
from ._autocast import geometry
from ._blend import Range, background_of, blend_shaded, blend_shown, depth_ranges, image_dtype, silhouette
from ._blend_params import GenDRBlendParams, as_gendr
from ._cameras import check_cameras
from ._copies import own_copy_of_meshes
from ._core_shading import BeyondTheCore, Shown, Surface, show
from ._fragment_shading import interpolate, sample_textures, shade_fragments
from ._fragments import GenDRFragments
from ._lighting import Lighting, face_cross_products, lit_vertices, unit, vertex_normals
from ._soft_depth import soft_depth

# What we read of them.
_OF_LIGHTS = ("ambient_color", "diffuse", "specular")
_OF_MATERIALS = ("ambient_color", "diffuse_color", "specular_color", "shininess")


class _GenDRShader(ShaderBase):
    """Args as PyTorch3D's ShaderBase; blend_params: GenDRBlendParams, or PyTorch3D's BlendParams.

    cameras, lights, materials, blend_params, znear and zfar may be given to the call as well, as with PyTorch3D's
    shaders. Fragments must come from a GenDRRasterizer.
    """

    blend_params: GenDRBlendParams

    def __init__(
        self,
        device: Any = "cpu",
        cameras: Any = None,
        lights: Any = None,
        materials: Any = None,
        blend_params: Any = None,
    ) -> None:
        params = GenDRBlendParams() if blend_params is None else as_gendr(blend_params)
        super().__init__(device, cameras, lights, materials, params)

    def to(self, device: Any) -> "_GenDRShader":
        super().to(device)
        fields = self.blend_params._asdict().items()
        tensors: dict[str, Any] = {name: x.to(device) for name, x in fields if isinstance(x, Tensor)}
        self.blend_params = self.blend_params._replace(**tensors)
        return self

    def _params(self, kwargs: dict[str, Any]) -> GenDRBlendParams:
        return as_gendr(kwargs.get("blend_params", self.blend_params))

    def _ranges(self, fragments: GenDRFragments, kwargs: dict[str, Any]) -> list[Range]:
        return depth_ranges(self._get_cameras(**kwargs), len(fragments.meshes), kwargs)

    def _get_cameras(self, **kwargs: Any) -> Any:
        cameras = kwargs.get("cameras", self.cameras)
        check_cameras(cameras, type(self).__name__)
        return cameras

    def _lighting(self, meshes: Any, kwargs: dict[str, Any]) -> Lighting:
        """Lights, materials and cameras, checked against the meshes' device and number."""
        lights, materials = (kwargs.get(name, getattr(self, name)) for name in ("lights", "materials"))
        cameras = self._get_cameras(**kwargs)
        for name, value, read in (("lights", lights, _OF_LIGHTS), ("materials", materials, _OF_MATERIALS)):
            if not all(hasattr(value, field) for field in read):
                *most, last = read
                raise TypeError(
                    f"{name} must be PyTorch3D's or have {', '.join(most)} and {last}, got {type(value).__name__}"
                )
        for name, value in (("lights", lights), ("materials", materials), ("cameras", cameras)):
            device = getattr(value, "device", meshes.device)
            if torch.device(device) != torch.device(meshes.device):
                raise TypeError(f"meshes are on {meshes.device}, {name} on {device}: call renderer.to(device)")
            if isinstance(value, TensorProperties) and len(value) > 1 and len(value) != len(meshes):
                raise ValueError(f"{name} must be of batch size 1 or {len(meshes)}, as the meshes, got {len(value)}")
        return Lighting(lights, materials, cameras.get_camera_center())


class GenDRSilhouetteShader(_GenDRShader):
    """The union of all faces' coverages, as PyTorch3D's SoftSilhouetteShader, in one pass over the faces.

    Returns (N, H, W, 4): ones, and alpha. Gradients at the vertices repeat bit for bit.
    """

    def __init__(self, blend_params: Any = None, **shader: Any) -> None:
        super().__init__(blend_params=blend_params, **shader)

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        alpha = silhouette(_ours(fragments, meshes).meshes, self._params(kwargs))[..., None]
        return torch.cat([torch.ones_like(alpha).expand(-1, -1, -1, 3), alpha], 3)


class GenDRGouraudShader(_GenDRShader):
    """Lights on the vertices, their colours interpolated, as PyTorch3D's SoftGouraudShader, in one pass over the faces.

    Meshes need TexturesVertex. Returns (N, H, W, 4): colour, and alpha. Gradients at the vertices repeat bit for bit,
    except through vertex normals that the meshes bring along.
    """

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        if not isinstance(meshes.textures, TexturesVertex):
            raise ValueError(
                "Gouraud shading lights the vertices' colours: meshes need TexturesVertex, got "
                f"{_kind_of_textures(meshes)}; GenDRPhongShader takes any textures"
            )
        ranges = self._ranges(_ours(fragments, meshes), kwargs)
        if meshes.isempty():
            return _picture_of_nothing(fragments, meshes, self._params(kwargs), ranges)
        colours = gather_corners(lit_vertices(meshes, self._lighting(meshes, kwargs)), meshes.faces_packed())
        shown = Shown(colours.to(image_dtype(colours, fragments.meshes)))
        return blend_shown(fragments.meshes, shown, self._params(kwargs), ranges)


# From a piece and its fragments to what these show, (M, C).
_Colours = Callable[[Piece, Fragments], Tensor]


class _FragmentShader(_GenDRShader):
    """Shades fragments one by one, and blends them.

    Args as _GenDRShader; max_memory: bytes that fragments which the core cannot shade may take at a time, at least 1;
    may be given to the call, too. A picture that needs more is made in pieces, of whole images, rows or pixels of a
    row, and in backward again; those of one pixel may take more. None: a quarter of what is free on the device, down to
    a power of two.
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
        self.max_memory = checked(max_memory)

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        ranges, params = self._ranges(_ours(fragments, meshes), kwargs), self._params(kwargs)
        max_memory = self._max_memory(kwargs)
        if meshes.isempty():
            return _picture_of_nothing(fragments, meshes, params, ranges)
        projected, lighting = fragments.meshes, self._light(meshes, kwargs)

        def shade_with(colours_of: _Colours) -> ShadePiece:
            return lambda piece, found: blend_shaded(found, projected, piece, colours_of(piece, found), params, ranges)

        shade = shade_with(self._colours(meshes, lighting))
        pieces = pieces_for(fragments.counted, projected.image_size, shade, max_memory)
        if len(pieces) == 1:
            picture = shade(pieces[0], fragments.found)
        else:
            # What becomes of the objects until backward is not seen.
            meshes, lighting = own_copy_of_meshes(meshes), None if lighting is None else lighting.own_copy()
            made_of = tensors_in(projected, params, meshes.textures, *(lighting or ()))
            shade = shade_with(self._colours(meshes, lighting))
            picture = shade_in_pieces(fragments.counted, pieces, shade, made_of)
        return picture.view(len(projected), *projected.image_size, -1)

    def _max_memory(self, kwargs: dict[str, Any]) -> int | None:
        return checked(kwargs.get("max_memory", self.max_memory))

    def _light(self, meshes: Any, kwargs: dict[str, Any]) -> Lighting | None:
        return None

    def _colours(self, meshes: Any, lighting: Lighting | None) -> _Colours:
        raise NotImplementedError


class _LitShader(_FragmentShader):
    """Lights on textures, in one pass over the faces.

    What the core cannot show is shaded fragment by fragment. A record of the logger 'gendr_adapters', of level INFO,
    says so once."""

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        if meshes.textures is None:
            raise ValueError(
                "meshes have no textures: give them some, e.g. Meshes(..., textures=TexturesVertex(colours))"
            )
        ranges, params = self._ranges(_ours(fragments, meshes), kwargs), self._params(kwargs)
        self._max_memory(kwargs)
        if not meshes.isempty():
            try:
                shown = self._shown(fragments.meshes, meshes, params, kwargs)
            except BeyondTheCore as reason:
                log_once(f"{type(self).__name__} shades fragments one by one: {reason}")
            else:
                return blend_shown(fragments.meshes, shown, params, ranges)
        return super().forward(fragments, meshes, **kwargs)  # type: ignore[no-any-return]

    def _shown(
        self, projected: ProjectedMeshes, meshes: Any, params: GenDRBlendParams, kwargs: dict[str, Any]
    ) -> Shown:
        """Raises BeyondTheCore."""
        shown = show(meshes, projected, self._lighting(meshes, kwargs), self._surface(meshes))
        if isinstance(shown.features, TextureMaps) and shown.features.padding == "zeros":
            if background_of(params, shown.n_channels, shown.dtype, projected).dim() == 4:
                raise BeyondTheCore("maps are padded with zeros before a background that is a picture")
        return shown

    def _light(self, meshes: Any, kwargs: dict[str, Any]) -> Lighting:
        return self._lighting(meshes, kwargs)

    def _colours(self, meshes: Any, lighting: Lighting | None) -> _Colours:
        surface = torch.cat(self._surface(meshes), 2)

        def shade(some: PyTorch3DFragments, images: list[int], lighting: Lighting | None) -> Tensor:
            assert lighting is not None
            light, specular = lighting.shine(*interpolate(some, surface).split(3, -1))
            return light * sample_textures(meshes, some, images) + specular

        n = len(meshes)
        return lambda piece, found: shade_fragments(found, piece, n, shade, lighting, meshes.textures)

    def _surface(self, meshes: Any) -> Surface:
        """What the light shines on."""
        raise NotImplementedError


class GenDRPhongShader(_LitShader):
    """Lights on every fragment, as PyTorch3D's SoftPhongShader: positions and normals interpolated, any textures.

    Returns (N, H, W, 4): colour, and alpha.
    """

    def _surface(self, meshes: Any) -> Surface:
        faces = meshes.faces_packed()
        return Surface(gather_corners(meshes.verts_packed(), faces), gather_corners(vertex_normals(meshes), faces))


class GenDRFlatShader(_LitShader):
    """Lights on every face, at its middle and with its own normal, as PyTorch3D's HardFlatShader, but blended softly.

    Textures of any kind. Returns (N, H, W, 4): colour, and alpha.
    """

    def _surface(self, meshes: Any) -> Surface:
        middles = gather_corners(meshes.verts_packed(), meshes.faces_packed()).mean(1)
        normals = unit(face_cross_products(meshes))
        return Surface(*(x[:, None].expand(-1, 3, -1) for x in (middles, normals)))


class GenDRNormalShader(_FragmentShader):
    """Unit normals in world space, interpolated from the vertices', blended as colours are, over a background of 0.

    Returns (N, H, W, 4): x, y, z, and alpha.
    """

    def _params(self, kwargs: dict[str, Any]) -> GenDRBlendParams:
        return super()._params(kwargs)._replace(background_color=(0.0, 0.0, 0.0))

    def _colours(self, meshes: Any, lighting: Lighting | None) -> _Colours:
        at_corners = gather_corners(vertex_normals(meshes), meshes.faces_packed())

        def shade(some: PyTorch3DFragments, images: list[int], lighting: Lighting | None) -> Tensor:
            return unit(interpolate(some, at_corners))

        n = len(meshes)
        return lambda piece, found: shade_fragments(found, piece, n, shade)


class GenDRDepthShader(_GenDRShader):
    """Depth as PyTorch3D's SoftDepthShader has it: from the nearest face on, each hides as much as it covers, until
    nothing is left to hide; what is left then has depth zfar.

    Of blend_params, sigma and the distribution count. Returns (N, H, W, 1).
    """

    @geometry
    def forward(self, fragments: GenDRFragments, meshes: Any, **kwargs: Any) -> Tensor:
        zfar = [zfar for _, zfar in self._ranges(_ours(fragments, meshes), kwargs)]
        return soft_depth(fragments.found, fragments.meshes, self._params(kwargs), zfar)


def _ours(fragments: Any, meshes: Any) -> GenDRFragments:
    """fragments, checked to be ours and of these meshes."""
    if not isinstance(fragments, GenDRFragments):
        raise TypeError(f"our shaders need the fragments of a GenDRRasterizer, got {type(fragments).__name__}")
    n_meshes, n_faces = len(fragments.meshes), fragments.meshes.face_vertices.shape[0]
    given = 0 if meshes.isempty() else meshes.faces_packed().shape[0]
    if len(meshes) != n_meshes or given != n_faces:
        raise ValueError(
            f"the fragments are of {n_meshes} meshes with {n_faces} faces, the meshes to be shaded are {len(meshes)} "
            f"with {given}: pass those that were rasterised"
        )
    fragments.check_untouched()
    return fragments


def _picture_of_nothing(
    fragments: GenDRFragments, meshes: Any, params: GenDRBlendParams, ranges: list[Range]
) -> Tensor:
    projected = fragments.meshes
    everything, colours = Piece.of_all(len(projected), projected.image_size), _no_colours(fragments, meshes)
    picture = blend_shaded(fragments.found, projected, everything, colours, params, ranges)
    return picture.view(len(projected), *projected.image_size, -1)


def _no_colours(fragments: GenDRFragments, meshes: Any) -> Tensor:
    """(0, C), where there is nothing to be shaded: PyTorch3D's textures and lights do not take that."""
    textures = meshes.textures
    of_kind = {TexturesVertex: "verts_features_padded", TexturesAtlas: "atlas_padded", TexturesUV: "maps_padded"}
    channels = getattr(textures, of_kind[type(textures)])().shape[-1] if type(textures) in of_kind else 3
    return fragments.meshes.face_vertices.new_zeros(0, channels)


def _kind_of_textures(meshes: Any) -> str:
    return "none" if meshes.textures is None else type(meshes.textures).__name__
