"""blur_radius reaches as it says, whatever sigma: against PyTorch3D's rasteriser in Python and its shaders."""

import itertools
from typing import Any

import pytest
import torch
from pytorch3d.renderer import (
    BlendParams,
    FoVPerspectiveCameras,
    HardPhongShader,
    MeshRasterizer,
    MeshRenderer,
    RasterizationSettings,
    SoftGouraudShader,
    SoftPhongShader,
    TexturesVertex,
)
from pytorch3d.renderer.mesh.shader import HardDepthShader, SoftDepthShader
from pytorch3d.structures import Meshes
from torch import Tensor

from gendr_adapters.pytorch3d import (
    GenDRBlendParams,
    GenDRFlatShader,
    GenDRNormalShader,
    GenDRRasterizer,
    GenDRSilhouetteShader,
    rasterize_meshes,
    swap,
)

SIZE, K = (10, 12), 4
RADII = [0.0, 1e-4, 0.01, 0.07, 0.08, 0.2, 1.0, 16.0]
SIGMAS = [1e-6, 1e-4, 1e-2, 1.0]
SHADERS = [SoftPhongShader, SoftGouraudShader, SoftDepthShader, HardPhongShader, HardDepthShader]


def scene(seed: int = 0) -> Meshes:
    """Three triangles about the middle of the picture, each larger than a few pixels, of a colour each."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.tensor([[-0.5, -0.4, 0.0], [0.5, -0.4, 0.0], [0.0, 0.6, 0.0]])
    verts = corners + 0.2 * torch.randn(3, 3, 3, generator=generator)
    verts = (0.6 * verts + 0.3 * torch.randn(3, 1, 3, generator=generator)).view(9, 3)
    colours = torch.rand(3, 1, 3, generator=generator).expand(3, 3, 3).reshape(9, 3)
    return Meshes([verts], [torch.arange(9).view(3, 3)], TexturesVertex([colours]))


def cameras() -> FoVPerspectiveCameras:
    return FoVPerspectiveCameras(T=torch.tensor([[0.0, 0.0, 3.0]]), fov=50.0)


def settings(radius: float, **fields: Any) -> RasterizationSettings:
    return RasterizationSettings(SIZE, radius, K, **fields)


def both(shader: Any, radius: float, sigma: float) -> tuple[Tensor, Tensor]:
    """Ours, swapped, and theirs."""
    params = BlendParams(sigma, 0.1, (0.2, 0.4, 0.9))
    renderer = MeshRenderer(MeshRasterizer(cameras(), settings(radius)), shader(cameras=cameras(), blend_params=params))
    return swap(renderer)(scene()), renderer(scene())


def in_reach(verts: Tensor, radius: float) -> Tensor:
    """(H, W, F) bool: faces of NDC corners that are closer to a pixel than the radius' root, or hold it; float64, with
    no coverage anywhere."""
    height, width = SIZE
    short = min(SIZE)
    x = (width - 1 - 2 * torch.arange(width, dtype=torch.float64)) / short
    y = (height - 1 - 2 * torch.arange(height, dtype=torch.float64)) / short
    pixels = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)[:, :, None, None]
    start = verts.double().view(-1, 3, 3)[..., :2]
    edge = start.roll(-1, 1) - start
    to_pixel = pixels - start
    along = ((to_pixel * edge).sum(-1) / edge.square().sum(-1)).clamp(0, 1)
    distance2 = (to_pixel - along[..., None] * edge).square().sum(-1).amin(-1)
    sides = to_pixel[..., 0] * edge[..., 1] - to_pixel[..., 1] * edge[..., 0]
    return (distance2 < radius) | (sides > 0).all(-1) | (sides < 0).all(-1)


@pytest.mark.parametrize("radius", RADII)
def test_dense_view_and_list_have_all_faces_in_reach(radius: float) -> None:
    """In the dense view, in compact and in the function."""
    rasterizer = GenDRRasterizer(cameras(), settings(radius))
    in_ndc = rasterizer.transform(scene())
    expected = in_reach(in_ndc.verts_packed(), radius)
    fragments = rasterizer(scene())
    for index in (fragments.pix_to_face, rasterize_meshes(in_ndc, SIZE, radius, None)[0]):
        listed = (index[0, ..., None] == torch.arange(3)).any(-2)
        assert torch.equal(listed, expected)
    assert (fragments.compact().pix_to_face >= 0).sum() == expected.sum() == len(fragments.found.pixel)
    if radius == 16:
        assert expected.all()


def test_sigma_of_the_fault_report_does_not_cut_the_radius(slow_rasterizer: None) -> None:
    """One triangle, a radius of 0.2, a sigma of 0.02: off by 0.8 where the unused default of sigma cut the radius."""
    mesh = scene()[0].submeshes([[torch.tensor([0])]])
    params = BlendParams(0.02, 1e-4, (1.0, 1.0, 1.0))
    shader = SoftPhongShader(cameras=cameras(), blend_params=params)
    renderer = MeshRenderer(MeshRasterizer(cameras(), RasterizationSettings(16, 0.2, 4)), shader)
    torch.testing.assert_close(swap(renderer)(mesh), renderer(mesh), rtol=0, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("shader", SHADERS)
@pytest.mark.parametrize("radius, sigma", [(0.2, 0.02), (0.092, 1e-2), (16.0, 1.0), (1.0, 1e-4)])
def test_shaders(shader: Any, radius: float, sigma: float, slow_rasterizer: None) -> None:
    """Ours and, where swap keeps them, PyTorch3D's own on our dense view."""
    image, expected = both(shader, radius, sigma)
    torch.testing.assert_close(image, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("shader", [GenDRFlatShader, GenDRNormalShader, GenDRSilhouetteShader])
@pytest.mark.parametrize("radius, sigma", [(0.2, 0.02), (16.0, 1.0)])
def test_shaders_of_ours(shader: Any, radius: float, sigma: float) -> None:
    """PyTorch3D has none of these, or none in Python: their alpha is the union of the faces in reach."""
    params = GenDRBlendParams(sigma, 0.1)
    arguments = {"blend_params": params} | ({} if shader is GenDRSilhouetteShader else {"cameras": cameras()})
    rasterizer = GenDRRasterizer(cameras(), settings(radius))
    image = MeshRenderer(rasterizer, shader(**arguments))(scene())
    fragments = rasterizer(scene())
    assert torch.equal(
        (fragments.pix_to_face >= 0).sum(-1)[0], in_reach(rasterizer.transform(scene()).verts_packed(), radius).sum(-1)
    )
    coverage = torch.sigmoid(-fragments.dists / sigma) * (fragments.pix_to_face >= 0)
    torch.testing.assert_close(image[..., 3], 1 - (1 - coverage).prod(-1), rtol=0, atol=1e-5)


@pytest.mark.nightly
@pytest.mark.parametrize("shader", SHADERS)
def test_sweep(shader: Any, slow_rasterizer: None) -> None:
    for radius, sigma in itertools.product(RADII, SIGMAS):
        image, expected = both(shader, radius, sigma)
        torch.testing.assert_close(image, expected, rtol=1e-4, atol=1e-4)
