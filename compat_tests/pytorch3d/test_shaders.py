"""Our shaders one by one: what they compute, and what they do not; with PyTorch3D's own functions as the truth."""

from typing import Any

import pytest
import torch
from door_scenes import (
    GAMMA,
    GENDR_PARAMS,
    SHADERS,
    SIGMA,
    DoublePerspectiveCameras,
    as_dtype,
    assert_close,
    cameras_of,
    gradients,
    lighting_of,
    renderer_of,
    settings_of,
    two_meshes,
    weighted,
)
from pytorch3d.ops import interpolate_face_attributes
from pytorch3d.renderer import AmbientLights, BlendParams, Materials, SoftGouraudShader, SoftPhongShader, TexturesVertex
from pytorch3d.renderer.blending import softmax_rgb_blend
from pytorch3d.renderer.mesh.shading import flat_shading
from pytorch3d.structures import Meshes
from torch import Tensor

import gendr_adapters.pytorch3d._fragments as door_fragments
from gendr_adapters._projected_meshes import ProjectedMeshes
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

NO_SOFTMAX = (GenDRSilhouetteShader, GenDRDepthShader)


@pytest.mark.parametrize("shader", SHADERS)
def test_nothing_dense_is_computed(shader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Depth needs the list of fragments, and no dense view; the others not even that."""

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("computed all the same")

    monkeypatch.setattr(door_fragments, "dense_view", refuse)
    if shader is not GenDRDepthShader:
        monkeypatch.setattr(ProjectedMeshes, "count_fragments", refuse)
        monkeypatch.setattr(door_fragments, "lay_out", refuse)
    meshes, leaves = two_meshes()
    renderer = renderer_of(shader(**lighting_of(cameras_of())), cameras_of())
    assert all(x.abs().max() > 0 for x in gradients(renderer(meshes), leaves))
    with pytest.raises(AssertionError, match="computed all the same"):
        renderer.rasterizer(meshes).zbuf  # noqa: B018


def scene_of(**changes: Any) -> dict[str, Any]:
    materials = as_dtype(Materials(shininess=8.0), torch.float64)
    return {**lighting_of(cameras_of(), materials=materials, blend_params=GENDR_PARAMS), **changes}


def face_normals(meshes: Meshes) -> Tensor:
    a, b, c = meshes.verts_packed()[meshes.faces_packed()].unbind(1)
    return torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), eps=1e-6, dim=1)


@pytest.mark.parametrize("textures", ["vertex", "uv", "atlas"])
def test_flat(textures: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Meshes, "faces_normals_packed", face_normals)  # theirs are compiled
    meshes, leaves = two_meshes(textures)
    scene = scene_of()
    image = renderer_of(GenDRFlatShader(**scene), scene["cameras"])(meshes)
    fragments = GenDRRasterizer(scene["cameras"], settings_of(faces_per_pixel=None))(meshes)
    params = scene.pop("blend_params")
    colours = flat_shading(meshes, fragments, **scene, texels=meshes.sample_textures(fragments))
    expected = softmax_rgb_blend(colours, fragments, params)
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-6)
    assert_close(gradients(image, leaves), gradients(expected, leaves), 1e-5)


def test_normals() -> None:
    meshes, leaves = two_meshes("none")
    scene = scene_of()
    image = renderer_of(GenDRNormalShader(**scene), scene["cameras"])(meshes)
    fragments = GenDRRasterizer(scene["cameras"], settings_of(faces_per_pixel=None))(meshes)
    corners = meshes.verts_normals_packed()[meshes.faces_packed()]
    normals = interpolate_face_attributes(fragments.pix_to_face, fragments.bary_coords, corners)
    normals = torch.nn.functional.normalize(normals, dim=-1)
    expected = softmax_rgb_blend(normals, fragments, BlendParams(SIGMA, GAMMA, (0.0, 0.0, 0.0)))
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-6)
    assert_close(gradients(image, leaves), gradients(expected, leaves), 1e-5)
    assert (image[image[..., 3] == 0] == 0).all() and (image[..., 3] == 0).any()

    sharp = GenDRNormalShader(cameras=scene["cameras"], blend_params=GenDRBlendParams(1e-8, 1e-5))
    image = renderer_of(sharp, scene["cameras"], blur_radius=0.0)(meshes)
    lengths = image[..., :3].norm(dim=-1)[image[..., 3] > 0.999]
    torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=0, atol=1e-3)


@pytest.mark.parametrize("along", [[0, 0, 1], [0, -1, 0], [1, 1, 0], [-1, 0, 1], [1, 2, -3], [0, 3, 4]], ids=str)
def test_normals_along_axes_have_slopes(along: list[int]) -> None:
    """The normals of floors and boxes, to components that are 0, too."""
    corners = torch.tensor([[-0.6, -0.5, 2.0], [0.7, -0.4, 2.0], [0.1, 0.6, 2.0]], dtype=torch.float64)
    normals = torch.tensor([along] * 3, dtype=torch.float64).requires_grad_()
    cameras = DoublePerspectiveCameras(focal_length=2.0)
    renderer = renderer_of(GenDRNormalShader(cameras=cameras, blend_params=GENDR_PARAMS), cameras)

    def draw(normals: Tensor) -> Tensor:
        return renderer(Meshes([corners], [torch.arange(3)[None]], verts_normals=[normals]))

    image = draw(normals)
    inside = image[..., 3] > 0.9999
    expected = torch.nn.functional.normalize(normals[0], dim=0).expand(int(inside.sum()), 3)
    torch.testing.assert_close(image[inside][:, :3], expected, rtol=0, atol=1e-3)
    (slope,) = gradients(image, [normals])
    for i in range(9):
        step = torch.zeros(9, dtype=torch.float64)
        step[i] = 1e-6
        ends = [weighted(draw(normals.detach() + sign * step.view(3, 3))) for sign in (1, -1)]
        torch.testing.assert_close(slope.view(-1)[i], (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-7)


def test_lengths_of_the_normals_of_the_user() -> None:
    """All of one length, however short, they have the same directions between them."""
    plain, verts = two_meshes("none")
    normals = [torch.randn(v.shape, generator=torch.Generator().manual_seed(5), dtype=v.dtype) for v in verts]
    results = []
    for length in (1.0, 1e-9, 1e12):
        own = [(length * n).requires_grad_() for n in normals]
        meshes = Meshes(verts, plain.faces_list(), verts_normals=own)
        image = renderer_of(GenDRNormalShader(cameras=cameras_of(), blend_params=GENDR_PARAMS), cameras_of())(meshes)
        results.append([image, *(length * x for x in gradients(image, own))])
    for result in results[1:]:
        for a, b in zip(result, results[0], strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=1e-9 * float(b.detach().abs().max()))


@pytest.mark.parametrize("theirs, ours", [(SoftPhongShader, GenDRPhongShader), (SoftGouraudShader, GenDRGouraudShader)])
def test_vertex_normals_of_the_user(theirs: Any, ours: Any) -> None:
    verts = two_meshes()[1]
    normals = [torch.randn(v.shape, generator=torch.Generator().manual_seed(5), dtype=v.dtype) for v in verts]
    normals = [n.requires_grad_() for n in normals]
    plain = two_meshes()[0]
    meshes = Meshes(verts, plain.faces_list(), plain.textures, verts_normals=normals)
    scene = scene_of()
    image = renderer_of(ours(**scene), scene["cameras"])(meshes)
    expected = renderer_of(theirs(**scene), scene["cameras"], faces_per_pixel=None)(meshes)
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-6)
    assert_close(gradients(image, [*verts, *normals]), gradients(expected, [*verts, *normals]), 1e-5)
    assert (image - renderer_of(ours(**scene), scene["cameras"])(plain)).abs().max() > 0.05


@pytest.mark.parametrize("shape", [(), (1,), (2,)])
@pytest.mark.parametrize(
    "shader, name", [(s, "sigma") for s in SHADERS] + [(s, "gamma") for s in SHADERS if s not in NO_SOFTMAX]
)
def test_scales_are_tensors_with_gradients(shader: Any, shape: tuple[int, ...], name: str) -> None:
    meshes, _ = two_meshes()
    start = {"sigma": SIGMA, "gamma": GAMMA}[name] * torch.tensor([1.0, 1.7], dtype=torch.float64)
    start = start[: shape[0]] if shape else start[0]

    def loss(value: Tensor) -> Tensor:
        scene = scene_of(blend_params=GENDR_PARAMS._replace(**{name: value}))
        return weighted(renderer_of(shader(**scene), scene["cameras"])(meshes))

    leaf = start.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(leaf), leaf)
    assert gradient.shape == shape
    with torch.no_grad():
        for i in range(max(1, len(shape) and shape[0])):
            step = torch.zeros(shape).double()
            step.view(-1)[i] = 1e-5 * start.view(-1)[i]
            slope = (loss(start + step) - loss(start - step)) / (2 * step.sum())
            torch.testing.assert_close(gradient.view(-1)[i], slope, rtol=2e-5, atol=1e-6)
        if shape == (2,):
            mixed, first, second = (loss(x) for x in (start, start[0].expand(2), start[1].expand(2)))
            assert (mixed - first).abs() > 1e-6 and (mixed - second).abs() > 1e-6


@pytest.mark.parametrize("shader", SHADERS)
def test_scales_and_depth_ranges_one_an_image(shader: Any) -> None:
    """All at once: as rendered one by one."""
    meshes, _ = two_meshes()
    sigma, gamma = torch.tensor([1e-3, 3e-3]), torch.tensor([0.01, 0.1])
    znear, zfar = torch.tensor([1.0, 0.2]), torch.tensor([100.0, 4.0])

    def draw(rows: slice) -> Tensor:
        params = GENDR_PARAMS._replace(sigma=sigma[rows], gamma=gamma[rows])
        scene = scene_of(blend_params=params, cameras=cameras_of(n=1))
        return renderer_of(shader(**scene), scene["cameras"])(meshes[rows], znear=znear[rows], zfar=zfar[rows])

    alone = torch.cat([draw(slice(i, i + 1)) for i in range(2)])
    torch.testing.assert_close(draw(slice(0, 2)), alone, rtol=0, atol=1e-12)


def test_textures_of_many_channels() -> None:
    """As many as AmbientLights and Materials say."""
    meshes, leaves = two_meshes()
    features = [torch.rand(len(v), 5, generator=torch.Generator().manual_seed(9), dtype=v.dtype) for v in leaves]
    meshes.textures = TexturesVertex(features)
    ones = ((1.0,) * 5,)
    scene = {
        "cameras": cameras_of(),
        "lights": AmbientLights(ambient_color=ones),
        "materials": Materials(ones, ones, ones),
        "blend_params": GENDR_PARAMS._replace(background_color=(0.0,) * 5),
    }
    image = renderer_of(GenDRGouraudShader(**scene), scene["cameras"])(meshes)
    assert image.shape[-1] == 6
    torch.testing.assert_close(renderer_of(GenDRPhongShader(**scene), scene["cameras"])(meshes), image)
