"""What PyTorch3D takes as a number, a pair or a tensor, of any type, is taken here, and gives what it gives there."""

from typing import Any

import numpy as np
import pytest
import torch
from door_scenes import (
    GAMMA,
    PARAMS,
    SIGMA,
    SIZE,
    cameras_of,
    lighting_of,
    meshes_of,
    renderer_of,
    settings_of,
    two_meshes,
)
from pytorch3d.renderer import (
    FoVOrthographicCameras,
    FoVPerspectiveCameras,
    PerspectiveCameras,
    PointLights,
    RasterizationSettings,
    SoftGouraudShader,
    SoftPhongShader,
    TexturesUV,
    TexturesVertex,
)
from pytorch3d.structures import Meshes

from gendr_adapters.cameras import from_opencv, from_pytorch3d, to_pytorch3d
from gendr_adapters.pytorch3d import (
    GenDRFlatShader,
    GenDRGouraudShader,
    GenDRHardFlatShader,
    GenDRHardGouraudShader,
    GenDRHardPhongShader,
    GenDRNormalShader,
    GenDRPhongShader,
    GenDRRasterizer,
    GenDRSilhouetteShader,
    rasterize_meshes,
)


def zbuf_of(**settings: Any) -> torch.Tensor:
    return GenDRRasterizer(cameras_of("fov", dtype=torch.float32), settings_of(**settings))(meshes_of()).zbuf


@pytest.mark.parametrize(
    "field, number, same",
    [
        ("blur_radius", 0.01, [torch.tensor(0.01), torch.tensor([0.01]), np.float32(0.01), np.array(0.01)]),
        ("blur_radius", 0.0, [0, torch.tensor(0), torch.tensor(0.0), np.float64(0)]),
        ("z_clip_value", 2.5, [torch.tensor(2.5), torch.tensor([2.5]), np.float64(2.5), np.array([2.5])]),
        ("faces_per_pixel", 3, [torch.tensor(3), np.int64(3), np.array(3)]),
        (
            "image_size",
            (12, 10),
            [[12, 10], (np.int64(12), np.int32(10)), (torch.tensor(12), 10), torch.Size((12, 10))],
        ),
        ("image_size", 12, [(12, 12), np.int64(12), torch.tensor(12)]),
        ("perspective_correct", False, [0, np.bool_(False), torch.tensor(False)]),
        ("cull_backfaces", True, [1, np.bool_(True), torch.tensor(True)]),
    ],
    ids=str,
)
def test_numbers(field: str, number: Any, same: list[Any]) -> None:
    expected = zbuf_of(**{field: number})
    other = {"blur_radius": 0.02, "z_clip_value": None, "faces_per_pixel": 2, "image_size": 8}
    assert not torch.equal(zbuf_of(**{field: other.get(field, not number)}), expected)
    for value in same:
        torch.testing.assert_close(zbuf_of(**{field: value}), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0, torch.tensor(0.0)])
def test_z_clip_value_0(value: Any) -> None:
    """As a camera's znear of 0: PyTorch3D cuts there, where projected faces are infinite, and rounding says which of
    them it drops. Ours have the near plane of cameras that have none, orthographic ones a cut at 0."""
    across = torch.tensor([[-0.5, -0.5, 1.0], [0.5, -0.5, 1.0], [0.0, 0.8, -0.5]])
    ahead = torch.tensor([[-0.6, -0.4, 2.0], [0.6, -0.4, 2.0], [0.0, 0.8, 3.0]])
    mesh = Meshes([torch.cat([across, ahead])], [torch.arange(6).view(2, 3)])

    def seen(cameras: Any, z_clip: Any) -> torch.Tensor:
        return GenDRRasterizer(cameras, RasterizationSettings((9, 8), 0.0, 2, z_clip_value=z_clip))(mesh).pix_to_face

    for cameras, same in ((PerspectiveCameras(), None), (FoVOrthographicCameras(), 1e-7)):
        expected = seen(cameras, same)
        assert set(expected.unique().tolist()) == {-1, 0, 1}
        assert torch.equal(seen(cameras, value), expected)
    listed = {
        kind: rasterize_meshes(mesh, 9, perspective_correct=kind, z_clip_value=value)[0] for kind in (True, False)
    }
    assert not (listed[True] == 0).any() and (listed[False] == 0).any()


@pytest.mark.parametrize("size", [(3,), (100, 200, 3), [8, 8, 8], (), (8.0, 8.0), ("8", "8"), (8, None), (True, 8)])
def test_invalid_pairs_are_refused(size: Any) -> None:
    with pytest.raises(ValueError, match=r"image_size must be an int or \(H, W\), two ints, got \("):
        zbuf_of(image_size=size)
    with pytest.raises(ValueError, match="image_size must be"):
        rasterize_meshes(meshes_of(), size)


SHADERS = [(SoftPhongShader, GenDRPhongShader), (SoftGouraudShader, GenDRGouraudShader)]


@pytest.mark.parametrize("colours", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("lights", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("theirs, ours", SHADERS)
def test_types_of_colours(theirs: Any, ours: Any, lights: torch.dtype, colours: torch.dtype) -> None:
    """The picture's type is PyTorch3D's: of vertices in float32 it is float64 if colours or lights are."""
    cameras, meshes = cameras_of("fov", dtype=torch.float32), meshes_of()
    meshes.textures = TexturesVertex([x.to(colours) for x in meshes.textures.verts_features_list()])
    scene = lighting_of(cameras, lights)
    expected = renderer_of(theirs(**scene), cameras, faces_per_pixel=None)(meshes)
    image = renderer_of(ours(**scene), cameras)(meshes)
    assert image.dtype == expected.dtype == (torch.float64 if torch.float64 in (lights, colours) else torch.float32)
    torch.testing.assert_close(image, expected, rtol=0, atol=2e-5)
    image.sum().backward()


def test_znear_and_zfar_as_tensors_and_arrays() -> None:
    cameras = cameras_of("perspective", dtype=torch.float32)
    renderer = renderer_of(GenDRPhongShader(cameras=cameras, blend_params=PARAMS), cameras)
    expected = renderer(meshes_of(), znear=1.0, zfar=9.0)
    for one, nine in ((1, 9), (torch.tensor(1.0), torch.tensor([9.0])), (np.float32(1), np.array([9.0, 9.0]))):
        assert torch.equal(renderer(meshes_of(), znear=one, zfar=nine), expected)


def test_scales_as_tensors() -> None:
    cameras = cameras_of("perspective", dtype=torch.float32)
    renderer = renderer_of(GenDRPhongShader(cameras=cameras), cameras)
    expected = renderer(meshes_of(), blend_params=PARAMS)
    for cast in (np.float64, torch.tensor, lambda x: torch.tensor([x, x])):
        image = renderer(meshes_of(), blend_params=PARAMS._replace(sigma=cast(SIGMA), gamma=cast(GAMMA)))
        torch.testing.assert_close(image, expected, rtol=0, atol=1e-5)


# ---- inside torch.autocast


@pytest.mark.parametrize("shader, textures", [
    (GenDRPhongShader, "vertex"), (GenDRPhongShader, "uv"), (GenDRPhongShader, "atlas"),
    (GenDRFlatShader, "vertex"), (GenDRFlatShader, "uv"), (GenDRFlatShader, "atlas"),
    (GenDRGouraudShader, "vertex"), (GenDRSilhouetteShader, "vertex"), (GenDRNormalShader, "vertex"),
    (GenDRHardPhongShader, "uv"), (GenDRHardFlatShader, "vertex"), (GenDRHardGouraudShader, "vertex"),
])  # fmt: skip
def test_autocast_is_ignored(shader: Any, textures: str) -> None:
    """The picture and its gradients are those outside of it; so are meshes, colours and poses in float32. PyTorch3D's
    cameras multiply and invert matrices."""
    results = []
    for enabled in (False, True):
        cameras = cameras_of("fov", dtype=torch.float32)
        cameras.R.requires_grad_()
        cameras.T.requires_grad_()
        scene = lighting_of(cameras, torch.float32)
        meshes, leaves = two_meshes(textures, torch.float32)
        settings = settings_of(blur_radius=0.0) if "Hard" in shader.__name__ else settings_of()
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            fragments = GenDRRasterizer(cameras, settings)(meshes)
            image = shader(**scene)(fragments, meshes)
            assert image.dtype == fragments.zbuf.dtype == torch.float32
            results.append([image, *torch.autograd.grad(image.square().sum(), [*leaves, cameras.R, cameras.T])])
    for out, within in zip(*results, strict=True):
        torch.testing.assert_close(within, out, rtol=0, atol=1e-6 * float(out.detach().abs().max()))


def test_autocast_and_poses() -> None:
    """Of cameras taken there and back, and of projected meshes and their dense view."""
    results = []
    for enabled in (False, True):
        cameras = cameras_of("perspective", dtype=torch.float32)
        leaves = [cameras.R.requires_grad_(), cameras.T.requires_grad_()]
        meshes, vertices = two_meshes("none", torch.float32)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            again = to_pytorch3d(from_pytorch3d(cameras, SIZE))
            projected = GenDRRasterizer(again, settings_of()).transform(meshes)
            zbuf, _, dists = rasterize_meshes(projected, SIZE, blur_radius=0.01)[1:]
            loss = zbuf.sum() + dists.square().sum()
            results.append([loss, *torch.autograd.grad(loss, [*leaves, *vertices])])
    for out, within in zip(*results, strict=True):
        assert out.dtype == torch.float32 and out.any()
        torch.testing.assert_close(within, out, rtol=0, atol=1e-6 * float(out.detach().abs().max()))


@pytest.mark.parametrize("textures", ["vertex", "uv"])
def test_half_precision_from_autocast_is_converted(textures: str) -> None:
    """Vertices, colours, maps, lights, materials, poses and scales in half precision, as networks give them."""
    network, shape = torch.nn.Linear(8, 12 * 3), (1, 12, 3)
    sphere, _ = two_meshes("none", torch.float32)
    base, faces = sphere.verts_list()[1].detach(), sphere.faces_list()[1]
    with torch.autocast("cpu", torch.bfloat16):
        out = network(torch.ones(1, 8)).view(shape)
        assert out.dtype == torch.bfloat16
        verts = out * 0.1 + base.bfloat16()
        colours = TexturesVertex(out.sigmoid().bfloat16())
        if textures == "uv":
            maps = out.sigmoid().bfloat16().view(1, 6, 6, 1).expand(-1, -1, -1, 3)
            colours = TexturesUV(maps, faces[None], base[None, :, :2] / 2 + 0.5)
        pose = {name: x.bfloat16() for name, x in cameras_of("fov", 1, torch.float32).__dict__.items() if name in "RT"}
        cameras = FoVPerspectiveCameras(**pose)
        lights = PointLights(location=torch.tensor([[1.0, 2.0, 1.5]]).bfloat16())
        params = PARAMS._replace(sigma=torch.tensor([SIGMA]).bfloat16())
        meshes = Meshes([verts[0]], [faces], colours)
        renderer = renderer_of(GenDRPhongShader(cameras=cameras, lights=lights, blend_params=params), cameras)
        image = renderer(meshes)
        again = renderer(meshes, cameras=cameras, lights=lights, blend_params=params)
        zbuf = rasterize_meshes(renderer.rasterizer.transform(meshes), SIZE)[1]
    assert image.dtype == zbuf.dtype == torch.float32 and torch.equal(image, again)
    assert image[..., 3].max() > 0.9 and image.isfinite().all()
    (gradient,) = torch.autograd.grad(image.sum(), network.weight)
    assert gradient.abs().max() > 0


# ---- cameras in float64


def opencv(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    turn = torch.tensor([[0.8, 0.0, 0.6], [0.0, 1.0, 0.0], [-0.6, 0.0, 0.8]], dtype=dtype)
    K = torch.tensor([[22.0, 0.0, 12.3], [0.0, 24.0, 9.7], [0.0, 0.0, 1.0]], dtype=dtype)
    return K, turn, torch.tensor([0.1, -0.2, 3.0], dtype=dtype)


@pytest.mark.parametrize("in_ndc", [True, False])
def test_cameras_in_double(in_ndc: bool) -> None:
    """NumPy's numbers are double, and so are meshes made of them: the picture is that of float32, and exact."""
    pictures = []
    for dtype in (torch.float64, torch.float32):
        cameras = to_pytorch3d(from_opencv(*opencv(dtype), SIZE, pixel_centre=0.5), in_ndc=in_ndc)
        meshes, leaves = two_meshes("vertex", dtype)
        colours = meshes_of().textures.verts_features_list()
        meshes.textures = TexturesVertex([x.to(dtype) for x in colours])
        shader = GenDRPhongShader(**lighting_of(cameras, dtype))
        image = renderer_of(shader, cameras)(meshes[0])
        assert image.dtype == dtype
        image.sum().backward()
        assert leaves[0].grad.isfinite().all() and leaves[0].grad.any()
        pictures.append(image.double())
    assert pictures[0][..., 3].max() > 0.99
    torch.testing.assert_close(*pictures, rtol=0, atol=2e-3)


def test_cameras_in_double_are_exact() -> None:
    camera = from_opencv(*opencv(torch.float64), SIZE, pixel_centre=0.5)
    cameras, points = to_pytorch3d(camera), torch.rand(7, 3, dtype=torch.float64)
    expected = camera.project(points)
    ndc = cameras.transform_points_ndc(points[None])
    torch.testing.assert_close(ndc[..., :2] * torch.tensor([-1.0, 1.0]), expected[..., :2], rtol=0, atol=1e-13)
    half = torch.tensor([SIZE[1], SIZE[0]]) / 2
    pixels = expected[..., :2] * torch.tensor([1.0, -1.0]) * min(SIZE) / 2 + half
    torch.testing.assert_close(cameras.transform_points_screen(points[None])[..., :2], pixels, rtol=0, atol=1e-4)
    assert cameras.get_camera_center().dtype == torch.float64
    copy = cameras.clone()
    assert type(copy) is type(cameras) and torch.equal(copy.R, cameras.R) and len(cameras[[0, 0]]) == 2


def test_cameras_and_meshes_of_two_types() -> None:
    meshes = meshes_of()[0]
    with pytest.raises(TypeError, match=r"meshes are torch\.float32, the cameras compute in torch\.float64: convert"):
        GenDRRasterizer(to_pytorch3d(from_opencv(*opencv(torch.float64), SIZE, pixel_centre=0.5)))(meshes)
    with pytest.raises(TypeError, match=r"meshes are torch\.float64, the cameras compute in torch\.float32: convert"):
        GenDRRasterizer(FoVPerspectiveCameras())(two_meshes()[0])
