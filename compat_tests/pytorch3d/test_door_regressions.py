"""What a review of the door found: programs that PyTorch3D runs and the door did not, or not rightly."""

from typing import Any

import pytest
import torch
from door_scenes import (
    PARAMS,
    SIZE,
    as_dtype,
    assert_close,
    cameras_of,
    gradients,
    lighting_of,
    lights_of,
    renderer_of,
    settings_of,
    two_meshes,
)
from pytorch3d.renderer import (
    AmbientLights,
    FoVPerspectiveCameras,
    Materials,
    MeshRasterizer,
    MeshRenderer,
    PointLights,
    SoftPhongShader,
    TexturesVertex,
    softmax_rgb_blend,
)
from torch import Tensor, nn

from gendr_adapters.pytorch3d import (
    GenDRDepthShader,
    GenDRFlatShader,
    GenDRGouraudShader,
    GenDRNormalShader,
    GenDRPhongShader,
    GenDRRasterizer,
    GenDRSilhouetteShader,
    swap,
)


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("read", ["zbuf", "compact", "found"])
def test_a_look_without_gradient_costs_none(context: Any, read: str) -> None:
    """What is first read under no_grad has its graph all the same."""
    cameras = cameras_of()
    shader = GenDRPhongShader(**lighting_of(cameras))
    meshes, leaves = two_meshes()
    expected = gradients(renderer_of(shader, cameras)(meshes), leaves)
    meshes, leaves = two_meshes()
    fragments = GenDRRasterizer(cameras, settings_of())(meshes)
    with context():
        value = getattr(fragments, read)
        if read == "compact":
            value()
    assert fragments.zbuf.requires_grad and fragments.bary_coords.requires_grad
    assert_close(gradients(shader(fragments, meshes), leaves), expected, 1e-12)


def test_fragments_of_an_image_without_gradient_have_none() -> None:
    with torch.no_grad():
        fragments = GenDRRasterizer(cameras_of(), settings_of())(two_meshes()[0])
    assert not fragments.zbuf.requires_grad


@pytest.mark.parametrize("shader", [GenDRPhongShader, GenDRGouraudShader, GenDRFlatShader])
def test_textures_of_another_type(shader: Any) -> None:
    """Colours from numpy are double, and so is the picture, as in PyTorch3D."""
    cameras = cameras_of(dtype=torch.float32)
    meshes, _ = two_meshes(dtype=torch.float32)
    scene = lighting_of(cameras, torch.float32)
    renderer = renderer_of(shader(**scene), cameras)
    expected = renderer(meshes)
    meshes.textures = TexturesVertex([x.double() for x in meshes.textures.verts_features_list()])
    image = renderer(meshes)
    assert expected.dtype == torch.float32 and image.dtype == torch.float64
    torch.testing.assert_close(image.float(), expected, rtol=0, atol=5e-6)


class Lamp(nn.Module):
    """A user's light: what PyTorch3D's shading asks of one, and no more."""

    def __init__(self, lights: PointLights) -> None:
        super().__init__()
        self.lights, self.ambient_color = lights, lights.ambient_color

    def diffuse(self, **where: Tensor) -> Tensor:
        return self.lights.diffuse(**where)

    def specular(self, **where: Tensor) -> Tensor:
        return self.lights.specular(**where)


@pytest.mark.parametrize("shader", [GenDRPhongShader, GenDRFlatShader])
def test_lights_of_the_user(shader: Any) -> None:
    """Also where images differ so much that PyTorch3D's lights would be picked apart."""
    cameras, lights = cameras_of(), as_dtype(PointLights(location=((0.0, 1.0, -2.0), (2.0, 0.0, 0.0))), torch.float64)
    meshes, _ = two_meshes()
    meshes = meshes.update_padded(meshes.verts_padded() * torch.tensor([1.0, 0.2]).double()[:, None, None])
    scene = {"cameras": cameras, "blend_params": PARAMS}
    pictures = [renderer_of(shader(lights=x, **scene), cameras)(meshes) for x in (Lamp(lights), lights)]
    torch.testing.assert_close(*pictures, rtol=0, atol=1e-12)
    with pytest.raises(
        TypeError, match="lights must be PyTorch3D's or have ambient_color, diffuse and specular, got Tensor"
    ):
        renderer_of(shader(lights=torch.ones(1, 3), **scene), cameras)(meshes)


class OwnCameras(FoVPerspectiveCameras):
    """Cannot be cloned: PyTorch3D calls __init__ with arguments that it has not."""

    def __init__(self, R: Tensor, T: Tensor) -> None:
        super().__init__(R=R, T=T)


def test_cameras_of_the_user() -> None:
    meshes, _ = two_meshes(dtype=torch.float32)
    meshes = meshes.update_padded(meshes.verts_padded() * torch.tensor([1.0, 0.2])[:, None, None])
    pose = {"R": torch.eye(3).repeat(2, 1, 1), "T": torch.tensor([[0.0, 0.0, 3.0], [0.1, 0.0, 3.5]])}
    pictures = []
    for cameras in (OwnCameras(**pose), FoVPerspectiveCameras(**pose)):
        shader = GenDRPhongShader(**lighting_of(cameras, torch.float32))
        pictures.append(renderer_of(shader, cameras)(meshes))
    assert torch.equal(*pictures)


@pytest.mark.parametrize("shader", [GenDRPhongShader, GenDRGouraudShader])
@pytest.mark.parametrize("differ", [False, True])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 1, 3), (*SIZE, 3), (2, *SIZE, 3), (2, 1, 1, 3)], ids=str)
def test_backgrounds(shader: Any, shape: tuple[int, ...], differ: bool) -> None:
    """All that PyTorch3D's softmax_rgb_blend takes; also where znear and zfar differ among the images."""
    background = torch.rand(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    cameras, (meshes, leaves) = cameras_of(n=1), two_meshes()
    limits = {"znear": torch.tensor([1.0, 0.5]), "zfar": torch.tensor([10.0, 6.0])} if differ else {}
    params = PARAMS._replace(background_color=background)
    scene = {"cameras": cameras, "lights": lights_of()}
    image = renderer_of(shader(blend_params=params, **scene), cameras)(meshes, **limits)
    black = renderer_of(shader(blend_params=params._replace(background_color=(0.0,) * 3), **scene), cameras)
    white = renderer_of(shader(blend_params=params._replace(background_color=(1.0,) * 3), **scene), cameras)
    behind = (white(meshes, **limits) - black(meshes, **limits))[..., :3]
    expected = black(meshes, **limits)[..., :3] + behind * background
    torch.testing.assert_close(image[..., :3], expected, rtol=0, atol=1e-12)
    assert_close(gradients(image[..., :3], leaves), gradients(expected, leaves), 1e-9)
    if not differ:
        fragments = GenDRRasterizer(cameras, settings_of(faces_per_pixel=None))(meshes)
        colours = torch.zeros(*fragments.zbuf.shape, 3, dtype=torch.float64)
        theirs = softmax_rgb_blend(colours, fragments, params._replace(background_color=background.float()))
        torch.testing.assert_close(behind * background, theirs[..., :3].double(), rtol=0, atol=1e-5)


def test_background_for_each_image() -> None:
    cameras, (meshes, _) = cameras_of(n=1), two_meshes()
    rows = torch.tensor([[0.1, 0.2, 0.3], [0.9, 0.8, 0.7]], dtype=torch.float64)
    shader = GenDRPhongShader(cameras=cameras, lights=lights_of())
    image = renderer_of(shader, cameras)(meshes, blend_params=PARAMS._replace(background_color=rows))
    for i, row in enumerate(rows):
        alone = renderer_of(shader, cameras)(meshes[i], blend_params=PARAMS._replace(background_color=row))
        torch.testing.assert_close(image[i], alone[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("shader", [GenDRPhongShader, GenDRGouraudShader, GenDRDepthShader, GenDRNormalShader])
def test_no_gradient_to_znear_is_an_error(shader: Any) -> None:
    cameras, (meshes, _) = cameras_of(n=1), two_meshes()
    zfar = torch.tensor([9.0], requires_grad=True)
    with pytest.raises(ValueError, match=r"there is no gradient to zfar here: pass zfar.detach\(\)"):
        renderer_of(shader(cameras=cameras, lights=lights_of()), cameras)(meshes, zfar=zfar)


@pytest.mark.parametrize("shader", [GenDRPhongShader, GenDRFlatShader])
def test_many_channels_out_of_sight(shader: Any) -> None:
    """The picture keeps its five channels when the mesh leaves it."""
    cameras, (meshes, _) = cameras_of(n=1), two_meshes()
    meshes.textures = TexturesVertex([torch.rand(x.shape[0], 5).double() for x in meshes.verts_list()])
    background, ones = (0.1, 0.2, 0.3, 0.4, 0.5), torch.ones(1, 5)
    lights = as_dtype(AmbientLights(ambient_color=ones), torch.float64)
    materials = as_dtype(Materials(ambient_color=ones, diffuse_color=ones, specular_color=ones), torch.float64)
    renderer = renderer_of(shader(cameras=cameras, lights=lights, materials=materials), cameras)
    params = PARAMS._replace(background_color=background)
    assert renderer(meshes, blend_params=params).shape == (2, *SIZE, 6)
    image = renderer(meshes.offset_verts(torch.tensor([100.0, 0.0, 0.0]).double()), blend_params=params)
    torch.testing.assert_close(image[0, 0, 0], torch.tensor([*background, 0.0], dtype=torch.float64))


@pytest.mark.parametrize("kind", ["perspective", "ortho"])
def test_eps_of_transforms_does_not_change_depths(kind: str) -> None:
    """What transform makes of eps is what PyTorch3D makes of it."""
    cameras, (meshes, _) = cameras_of(kind), two_meshes()
    for eps in (None, 1e-3, 2.5):
        ours = GenDRRasterizer(cameras).transform(meshes, eps=eps).verts_packed()
        assert torch.equal(ours, MeshRasterizer(cameras).transform(meshes, eps=eps).verts_packed())


def test_cameras_with_znear_0() -> None:
    cameras = FoVPerspectiveCameras(znear=0.0, T=torch.tensor([[0.0, 0.0, 3.0]]))
    fragments = GenDRRasterizer(cameras, settings_of())(two_meshes(dtype=torch.float32)[0])
    assert fragments.meshes.settings.near_clip == 0.01


@pytest.mark.parametrize("shader", [GenDRSilhouetteShader, GenDRPhongShader, GenDRGouraudShader, GenDRDepthShader])
def test_other_meshes_than_those_rasterised(shader: Any) -> None:
    cameras, (meshes, _) = cameras_of(), two_meshes()
    fragments = GenDRRasterizer(cameras, settings_of())(meshes)
    with pytest.raises(ValueError, match="the fragments are of 2 meshes with .* pass those that were rasterised"):
        shader(cameras=cameras, lights=lights_of())(fragments, meshes[0])


def test_objects_that_are_not_settings_or_meshes_are_refused() -> None:
    with pytest.raises(TypeError, match="meshes must be PyTorch3D's Meshes, got Tensor"):
        GenDRRasterizer(cameras_of())(torch.zeros(4, 3))
    with pytest.raises(TypeError, match="raster_settings must be RasterizationSettings, got dict"):
        GenDRRasterizer(cameras_of())(two_meshes()[0], raster_settings={})


def test_swap_keeps_the_mode() -> None:
    cameras = cameras_of()
    renderer = MeshRenderer(MeshRasterizer(cameras), SoftPhongShader(cameras=cameras))
    assert swap(renderer).training and not swap(renderer.eval()).training


def test_normals_need_no_light() -> None:
    cameras, (meshes, _) = cameras_of(), two_meshes()
    image = renderer_of(GenDRNormalShader(cameras=cameras, lights=PointLights(location=((0, 0, 1),) * 3)), cameras)(
        meshes
    )
    assert image[..., 3].max() > 0.9
