"""Small scenes for the tests of the PyTorch3D door."""

import math
from typing import Any

import torch
from pytorch3d.renderer import (
    BlendParams,
    FoVOrthographicCameras,
    FoVPerspectiveCameras,
    MeshRenderer,
    OrthographicCameras,
    PerspectiveCameras,
    PointLights,
    RasterizationSettings,
    TexturesAtlas,
    TexturesUV,
    TexturesVertex,
    look_at_view_transform,
)
from pytorch3d.renderer.cameras import CamerasBase
from pytorch3d.structures import Meshes, join_meshes_as_batch
from pytorch3d.utils import ico_sphere
from torch import Tensor

from gendr_adapters.pytorch3d import (
    GenDRBlendParams,
    GenDRDepthShader,
    GenDRFlatShader,
    GenDRGouraudShader,
    GenDRNormalShader,
    GenDRPhongShader,
    GenDRRasterizer,
    GenDRSilhouetteShader,
)

SIZE = (20, 24)
SIGMA, GAMMA = 1e-3, 1e-2
PARAMS = BlendParams(SIGMA, GAMMA, (0.2, 0.4, 0.9))
GENDR_PARAMS = GenDRBlendParams(*PARAMS)
# Our soft shaders, those with light first.
LIT = (GenDRPhongShader, GenDRGouraudShader, GenDRFlatShader)
SHADERS = (*LIT, GenDRNormalShader, GenDRDepthShader, GenDRSilhouetteShader)


def reach(sigma: float = SIGMA) -> float:
    """PyTorch3D's usual blur_radius: faces of a coverage below 1e-4 are out of reach."""
    return math.log(1 / 1e-4 - 1) * sigma


class _InDouble(CamerasBase):
    """PyTorch3D's cameras, whose transforms are always float32, for meshes in float64."""

    def get_world_to_view_transform(self, **kwargs: Any) -> Any:
        return super().get_world_to_view_transform(**kwargs).to(self.device, dtype=torch.float64)

    def get_projection_transform(self, **kwargs: Any) -> Any:
        return super().get_projection_transform(**kwargs).to(self.device, dtype=torch.float64)

    def get_ndc_camera_transform(self, **kwargs: Any) -> Any:
        return super().get_ndc_camera_transform(**kwargs).to(self.device, dtype=torch.float64)


class DoublePerspectiveCameras(_InDouble, PerspectiveCameras): ...


class DoubleOrthographicCameras(_InDouble, OrthographicCameras): ...


class DoubleFoVPerspectiveCameras(_InDouble, FoVPerspectiveCameras): ...


_CAMERAS = {
    ("perspective", True): DoublePerspectiveCameras,
    ("perspective", False): PerspectiveCameras,
    ("ortho", True): DoubleOrthographicCameras,
    ("ortho", False): OrthographicCameras,
    ("fov", True): DoubleFoVPerspectiveCameras,
    ("fov", False): FoVPerspectiveCameras,
    ("fov_ortho", False): FoVOrthographicCameras,
}


def cameras_of(kind: str = "perspective", n: int = 2, dtype: torch.dtype = torch.float64, **fields: Any) -> Any:
    """n different cameras: 'perspective', 'ortho', 'fov', 'fov_ortho'."""
    R, T = look_at_view_transform(2.7, 20.0, torch.tensor([10.0, 75.0, 140.0])[:n])
    lenses: dict[str, dict[str, Any]] = {
        "perspective": {"focal_length": 2.0, "principal_point": ((0.05, -0.1),)},
        "ortho": {"focal_length": 0.8},
        "fov": {"fov": 50.0},
        "fov_ortho": {},
    }
    return _CAMERAS[kind, dtype == torch.float64](R=R, T=T, **{**lenses[kind], **fields})


def textures_of(kind: str, verts: Tensor, faces: Tensor, seed: int = 0) -> Any:
    """'vertex', 'uv' or 'atlas' textures of one mesh, of the verts' dtype; 'none': None."""
    generator = torch.Generator().manual_seed(seed)
    if kind == "none":
        return None
    if kind == "vertex":
        return TexturesVertex(torch.rand(1, len(verts), 3, generator=generator, dtype=verts.dtype))
    if kind == "uv":
        maps = torch.rand(1, 8, 8, 3, generator=generator, dtype=verts.dtype)
        return TexturesUV(maps, faces[None], verts.detach()[None, :, :2] / 2 + 0.5)
    return TexturesAtlas(torch.rand(1, len(faces), 4, 4, 3, generator=generator, dtype=verts.dtype))


def two_meshes(textures: str = "vertex", dtype: torch.dtype = torch.float64) -> tuple[Meshes, list[Tensor]]:
    """A sphere of 80 faces and one of 20 beside the middle, larger than life; and their vertices, leaves."""
    meshes, leaves = [], []
    for seed, (level, shift, size) in enumerate(((1, 0.0, 0.9), (0, 0.25, 0.7))):
        sphere = ico_sphere(level)
        wobble = torch.rand(sphere.verts_packed().shape, generator=torch.Generator().manual_seed(seed))
        verts = (size * sphere.verts_packed() + 0.15 * wobble + shift).to(dtype).requires_grad_()
        leaves.append(verts)
        meshes.append(Meshes([verts], sphere.faces_list(), textures_of(textures, verts, sphere.faces_packed(), seed)))
    return join_meshes_as_batch(meshes), leaves


def meshes_of(textures: str = "vertex") -> Meshes:
    """The two meshes in float32, for tests that ask for no gradients."""
    return two_meshes(textures, torch.float32)[0]


def lights_of(dtype: torch.dtype = torch.float64) -> Any:
    lights = PointLights(location=((1.0, 2.0, 1.5),), diffuse_color=((0.5, 0.4, 0.3),))
    return as_dtype(lights, dtype)


def as_dtype(properties: Any, dtype: torch.dtype) -> Any:
    """Lights, materials or cameras with their floating-point tensors in dtype, in place."""
    for name, value in vars(properties).items():
        if isinstance(value, Tensor) and value.is_floating_point():
            setattr(properties, name, value.to(dtype))
    return properties


def lighting_of(cameras: Any, dtype: torch.dtype = torch.float64, **changes: Any) -> dict[str, Any]:
    """The arguments of a shader with light."""
    return {"cameras": cameras, "lights": lights_of(dtype), "blend_params": PARAMS, **changes}


def settings_of(**changes: Any) -> RasterizationSettings:
    return RasterizationSettings(**{"image_size": SIZE, "blur_radius": reach(), "faces_per_pixel": 200, **changes})


def renderer_of(shader: Any, cameras: Any, clip: str | None = None, **settings: Any) -> MeshRenderer:
    return MeshRenderer(GenDRRasterizer(cameras, settings_of(**settings), clip=clip), shader)


def weighted(image: Tensor) -> Tensor:
    """A scalar in which every number of the image has its own weight."""
    return (image * torch.rand(image.shape, generator=torch.Generator().manual_seed(3), dtype=image.dtype)).sum()


def gradients(image: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    """Of the weighted image. Meshes keep what they packed: pictures of the same ones share a part of their graphs."""
    loss = weighted(image)
    return list(torch.autograd.grad(loss, leaves, retain_graph=True, allow_unused=True, materialize_grads=True))


def assert_close(ours: list[Tensor], theirs: list[Tensor], share: float) -> None:
    """Gradients: within a share of the largest of each tensor, which is not 0."""
    for a, b in zip(ours, theirs, strict=True):
        assert b.abs().max() > 0 and (a - b).abs().max() <= share * b.abs().max(), (a - b).abs().max() / b.abs().max()
