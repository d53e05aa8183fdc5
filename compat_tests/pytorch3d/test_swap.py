"""swap: the same renderer on our core, and the one it was given left as it is."""

import copy
from typing import Any

import pytest
import torch
from door_scenes import GAMMA, SIGMA, cameras_of, lights_of, settings_of, two_meshes
from pytorch3d.renderer import (
    BlendParams,
    HardFlatShader,
    HardPhongShader,
    Materials,
    MeshRasterizer,
    MeshRenderer,
    MeshRendererWithFragments,
    SoftGouraudShader,
    SoftPhongShader,
    SoftSilhouetteShader,
    TexturesVertex,
)
from pytorch3d.renderer.blending import hard_rgb_blend
from pytorch3d.renderer.mesh.shader import HardDepthShader, HardGouraudShader, ShaderBase, SoftDepthShader
from pytorch3d.renderer.mesh.shader import SplatterPhongShader as Splatter
from torch import Tensor

from gendr_adapters.pytorch3d import (
    GenDRBlendParams,
    GenDRDepthShader,
    GenDRFragments,
    GenDRGouraudShader,
    GenDRHardDepthShader,
    GenDRHardFlatShader,
    GenDRHardGouraudShader,
    GenDRHardPhongShader,
    GenDRPhongShader,
    GenDRRasterizer,
    GenDRSilhouetteShader,
    swap,
)

pytestmark = pytest.mark.usefixtures("normals_of_faces")
BACK = (0.2, 0.4, 0.9)
PARAMS = BlendParams(SIGMA, GAMMA, BACK)
OURS: dict[Any, Any] = {
    SoftSilhouetteShader: GenDRSilhouetteShader,
    SoftPhongShader: GenDRPhongShader,
    SoftGouraudShader: GenDRGouraudShader,
    SoftDepthShader: GenDRDepthShader,
    HardPhongShader: GenDRHardPhongShader,
    HardGouraudShader: GenDRHardGouraudShader,
    HardFlatShader: GenDRHardFlatShader,
    HardDepthShader: GenDRHardDepthShader,
}
DEPTH = (SoftDepthShader, HardDepthShader)


class Mine(ShaderBase):
    """A user's shader, of PyTorch3D's dense fragments."""

    def forward(self, fragments: Any, meshes: Any, **kwargs: Any) -> Tensor:
        return hard_rgb_blend(meshes.sample_textures(fragments), fragments, self.blend_params)


class MyPhong(SoftPhongShader):
    """A child of a shader may do anything: it is the user's."""


class MyHardPhong(HardPhongShader): ...


def scene_of(dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    cameras = cameras_of("fov" if dtype == torch.float32 else "perspective", dtype=dtype)
    return {"cameras": cameras, "lights": lights_of(dtype), "materials": Materials(shininess=8.0)}


def renderer_of(shader: Any, wrapper: Any = MeshRenderer, scene: Any = None, **settings: Any) -> Any:
    """As a user of PyTorch3D makes it."""
    scene = scene or scene_of()
    silhouette = shader is SoftSilhouetteShader
    made = shader(PARAMS) if silhouette else shader(**scene, blend_params=PARAMS)
    return wrapper(MeshRasterizer(scene["cameras"], settings_of(**settings)), made)


def state(renderer: Any) -> dict[str, Any]:
    """The attributes of a renderer's parts."""
    parts = {"rasterizer": renderer.rasterizer, "shader": renderer.shader}
    return {
        f"{part}.{name}": value
        for part, module in parts.items()
        for name, value in {**vars(module), **module._modules}.items()
    }


@pytest.mark.parametrize("wrapper", [MeshRenderer, MeshRendererWithFragments])
@pytest.mark.parametrize("shader", OURS)
def test_shaders_become_ours(shader: Any, wrapper: Any) -> None:
    renderer = renderer_of(shader, wrapper)
    swapped = swap(renderer)
    assert type(swapped) is wrapper and swapped is not renderer
    assert type(swapped.rasterizer) is GenDRRasterizer and type(swapped.shader) is OURS[shader]
    assert swapped.shader.blend_params == GenDRBlendParams(SIGMA, GAMMA, BACK)
    assert swapped.rasterizer.cameras is renderer.rasterizer.cameras
    if shader is not SoftSilhouetteShader:
        for name in ("cameras", "lights", "materials"):
            assert getattr(swapped.shader, name) is getattr(renderer.shader, name)
    meshes, _ = two_meshes(dtype=torch.float32)
    result = swapped(meshes, zfar=9.0) if shader in DEPTH else swapped(meshes)
    image, fragments = result if wrapper is MeshRendererWithFragments else (result, None)
    assert image.shape == (2, 20, 24, 1 if shader in DEPTH else 4)
    if fragments is not None:
        assert isinstance(fragments, GenDRFragments) and fragments.zbuf.shape == (2, 20, 24, 200)


@pytest.mark.parametrize("shader", [*OURS, Mine, MyHardPhong])
def test_swap_does_not_change_the_original(shader: Any) -> None:
    renderer = renderer_of(shader)
    parts, before = (renderer.rasterizer, renderer.shader), state(renderer)
    settings, cameras = (
        copy.deepcopy(renderer.rasterizer.raster_settings),
        copy.deepcopy(vars(before["rasterizer.cameras"])),
    )
    swapped = swap(renderer)
    swapped.rasterizer.raster_settings.image_size = 3
    swapped.rasterizer.raster_settings.blur_radius = 0.5
    swapped(two_meshes(dtype=torch.float32)[0])
    assert (renderer.rasterizer, renderer.shader) == parts and type(parts[0]) is MeshRasterizer
    after = state(renderer)
    assert before.keys() == after.keys() and all(before[name] is after[name] for name in before)
    assert renderer.rasterizer.raster_settings == settings
    for name, value in vars(renderer.rasterizer.cameras).items():
        if isinstance(value, Tensor) and name in cameras:
            assert torch.equal(value, cameras[name])


@pytest.mark.parametrize(
    "shader, k",
    [(Mine, 1), (Mine, 4), (MyPhong, 3), (MyHardPhong, 1), (MyHardPhong, 2)],
)
def test_other_shaders_are_kept(shader: Any, k: int, slow_rasterizer: None) -> None:
    """The same object, with its K faces at the pixel, and the picture PyTorch3D's own rasteriser gives it."""
    renderer = renderer_of(shader, MeshRendererWithFragments, faces_per_pixel=k, image_size=(4, 5))
    swapped = swap(renderer)
    assert swapped.shader is renderer.shader and type(swapped.rasterizer) is GenDRRasterizer
    meshes, _ = two_meshes(dtype=torch.float32)
    image, fragments = swapped(meshes)
    expected, theirs = renderer(meshes)
    assert torch.equal(fragments.pix_to_face, theirs.pix_to_face) and fragments.pix_to_face.shape[-1] == k
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-4)
    assert expected.std() > 0.1


@pytest.mark.parametrize("blur_radius", [0.0, 1e-3])
@pytest.mark.parametrize("shader", [HardPhongShader, HardGouraudShader, HardFlatShader, HardDepthShader])
def test_hard_pictures_are_those_of_pytorch3d(shader: Any, blur_radius: float, slow_rasterizer: None) -> None:
    """With its own rasteriser."""
    renderer = renderer_of(shader, faces_per_pixel=1, image_size=(6, 7), blur_radius=blur_radius)
    meshes, _ = two_meshes(dtype=torch.float32)
    expected = renderer(meshes, zfar=9.0)
    torch.testing.assert_close(swap(renderer)(meshes, zfar=9.0), expected, rtol=0, atol=1e-4)
    assert expected.std() > 0.1


@pytest.mark.parametrize("shader", [HardPhongShader, HardGouraudShader, HardFlatShader])
def test_hard_shaders_and_colours_in_double(shader: Any, slow_rasterizer: None) -> None:
    """The picture is float64 then. PyTorch3D needs a background of their own dtype for that: a tensor."""
    meshes, _ = two_meshes(dtype=torch.float32)
    pictures = []
    for dtype in (torch.float32, torch.float64):
        meshes.textures = TexturesVertex([x.to(dtype) for x in meshes.textures.verts_features_list()])
        renderer = renderer_of(shader, faces_per_pixel=1, image_size=(4, 5), blur_radius=0.0)
        renderer.shader.blend_params = PARAMS._replace(background_color=torch.tensor(BACK, dtype=dtype))
        pictures.append(swap(renderer)(meshes))
        assert pictures[-1].dtype == renderer(meshes).dtype == dtype
    torch.testing.assert_close(pictures[0].double(), pictures[1], rtol=0, atol=1e-6)
    renderer.shader.blend_params = PARAMS
    torch.testing.assert_close(swap(renderer)(meshes), pictures[1], rtol=0, atol=1e-6)
    with pytest.raises(RuntimeError, match="same dtypes"):
        renderer(meshes)


def test_silhouette_in_double_precision() -> None:
    meshes, _ = two_meshes("none")
    renderer = renderer_of(SoftSilhouetteShader, scene=scene_of(torch.float64))
    assert swap(renderer)(meshes).dtype == torch.float64


@pytest.mark.parametrize("shader", OURS)
def test_a_second_swap_changes_nothing(shader: Any) -> None:
    """Ours come through a second swap unchanged: the same objects, the same picture."""
    once = swap(renderer_of(shader))
    twice = swap(once)
    assert twice.rasterizer is once.rasterizer and twice.shader is once.shader
    meshes, _ = two_meshes(dtype=torch.float32)
    assert torch.equal(once(meshes, zfar=9.0), twice(meshes, zfar=9.0))


def test_settings_and_blend_params_of_the_user_are_carried() -> None:
    """Those given by name as tensors, too, and those that are ours already."""
    sigma, colour = torch.tensor([2e-3]), torch.tensor([0.1, 0.2, 0.3])
    scene = scene_of()
    settings = settings_of(cull_backfaces=True, z_clip_value=0.3, faces_per_pixel=7, perspective_correct=False)
    rasterizer = MeshRasterizer(scene["cameras"], settings)
    swapped = swap(MeshRenderer(rasterizer, SoftPhongShader(**scene, blend_params=BlendParams(sigma, 0.5, colour))))
    assert swapped.rasterizer.raster_settings == settings and swapped.rasterizer.raster_settings is not settings
    assert swapped.shader.blend_params[:3] == (sigma, 0.5, colour)
    ours = GenDRBlendParams(1e-3, t_conorm="einstein", distribution="gaussian")
    swapped = swap(MeshRenderer(rasterizer, SoftPhongShader(**scene, blend_params=ours)))
    assert swapped.shader.blend_params is ours


def test_moving_a_renderer_moves_its_parts() -> None:
    """MeshRenderer.to moves the parts of ours, with the tensors in the blend parameters."""
    scene = scene_of()
    params = BlendParams(torch.tensor([SIGMA]), GAMMA, torch.tensor(BACK))
    rasterizer = MeshRasterizer(scene["cameras"], settings_of())
    swapped = swap(MeshRenderer(rasterizer, SoftPhongShader(**scene, blend_params=params)))
    moved = swapped.to("meta")
    assert moved is swapped and str(swapped.rasterizer.cameras.device) == "meta"
    for value in (
        swapped.shader.lights.location,
        swapped.shader.materials.shininess,
        *swapped.shader.blend_params[::2],
    ):
        if isinstance(value, Tensor):
            assert value.device.type == "meta"
    assert type(swapped.shader.blend_params) is GenDRBlendParams


class OpenGL(MeshRasterizer):
    """Stands for MeshRasterizerOpenGL, which needs libraries that are not here to be imported."""


OpenGL.__name__ = "MeshRasterizerOpenGL"


@pytest.mark.parametrize(
    "renderer, named",
    [
        (lambda: renderer_of(Splatter), "SplatterPhongShader"),
        (lambda: MeshRenderer(OpenGL(), HardPhongShader()), "MeshRasterizerOpenGL"),
        (lambda: MeshRenderer(torch.nn.Identity(), HardPhongShader()), "Identity"),
        (lambda: MeshRasterizer(), "MeshRasterizer"),
        (lambda: None, "NoneType"),
    ],
)
def test_refusals_name_what_they_got(renderer: Any, named: str) -> None:
    with pytest.raises(TypeError, match=named):
        swap(renderer())
