"""What our shaders have in common: their arguments, and the checks of what they are given."""

from typing import Any

import torch
from pytorch3d.renderer import TexturesAtlas, TexturesUV, TexturesVertex
from pytorch3d.renderer.mesh.shader import ShaderBase
from pytorch3d.renderer.utils import TensorProperties
from torch import Tensor

from .._projected_meshes import ProjectedMeshes
from ._blend import Range, depth_ranges
from ._blend_params import GenDRBlendParams, as_gendr
from ._cameras import check_cameras
from ._fragments import GenDRFragments
from ._lighting import Lighting

# What we read of them.
_OF_LIGHTS = ("ambient_color", "diffuse", "specular")
_OF_MATERIALS = ("ambient_color", "diffuse_color", "specular_color", "shininess")


class GenDRShader(ShaderBase):
    """The base class of our shaders. Its arguments are those of PyTorch3D's ShaderBase.

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

    def to(self, device: Any) -> "GenDRShader":
        super().to(device)
        fields = self.blend_params._asdict().items()
        tensors: dict[str, Any] = {name: x.to(device) for name, x in fields if isinstance(x, Tensor)}
        self.blend_params = self.blend_params._replace(**tensors)
        return self

    def _params(self, kwargs: dict[str, Any]) -> GenDRBlendParams:
        return as_gendr(kwargs.get("blend_params", self.blend_params))

    def _ranges(self, n_images: int, kwargs: dict[str, Any]) -> list[Range]:
        return depth_ranges(self._get_cameras(**kwargs), n_images, kwargs)

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


def checked(fragments: Any, meshes: Any) -> GenDRFragments:
    """fragments, checked to be ours and of these meshes."""
    if not isinstance(fragments, GenDRFragments):
        raise TypeError(f"fragments must come from a GenDRRasterizer, got {type(fragments).__name__}")
    n_meshes, n_faces = len(fragments.meshes), fragments.meshes.face_vertices.shape[0]
    given = 0 if meshes.isempty() else meshes.faces_packed().shape[0]
    if len(meshes) != n_meshes or given != n_faces:
        raise ValueError(
            f"the fragments are of {n_meshes} meshes with {n_faces} faces, the meshes to be shaded are {len(meshes)} "
            f"with {given}: pass those that were rasterised"
        )
    fragments.check_untouched()
    return fragments


def no_colours(projected: ProjectedMeshes, meshes: Any) -> Tensor:
    """(0, C), where there is nothing to be shaded: PyTorch3D's textures and lights do not take that."""
    textures = meshes.textures
    of_kind = {TexturesVertex: "verts_features_padded", TexturesAtlas: "atlas_padded", TexturesUV: "maps_padded"}
    channels = getattr(textures, of_kind[type(textures)])().shape[-1] if type(textures) in of_kind else 3
    return projected.face_vertices.new_zeros(0, channels)


def check_vertex_textures(meshes: Any) -> None:
    """Raises ValueError for meshes without TexturesVertex."""
    if not isinstance(meshes.textures, TexturesVertex):
        got = "none" if meshes.textures is None else type(meshes.textures).__name__
        raise ValueError(
            f"Gouraud shading lights the vertices' colours: meshes need TexturesVertex, got {got}; GenDRPhongShader "
            "takes any textures"
        )
