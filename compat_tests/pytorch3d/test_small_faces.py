"""Faces of any size are drawn, and lit: only those without area are not there."""

from typing import Any

import pytest
import torch
from pytorch3d.renderer import (
    DirectionalLights,
    FoVOrthographicCameras,
    Materials,
    MeshRenderer,
    RasterizationSettings,
    TexturesVertex,
)
from pytorch3d.structures import Meshes
from torch import Tensor

from gendr_adapters import RenderSettings, find_fragments, gather_corners
from gendr_adapters.pytorch3d import (
    GenDRFlatShader,
    GenDRGouraudShader,
    GenDRNormalShader,
    GenDRPhongShader,
    GenDRRasterizer,
    rasterize_meshes,
)


def sheet(n: int, side: float, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Vertices and faces of n by n quads, of a square of that side in the middle of the picture, at depth 2."""
    at = torch.linspace(-side / 2, side / 2, n + 1, dtype=dtype)
    y, x = torch.meshgrid(at, at, indexing="ij")
    number = torch.arange((n + 1) ** 2).view(n + 1, n + 1)
    a, b, c, d = (x.flatten() for x in (number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]))
    faces = torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])
    return torch.stack([-x, y, torch.full_like(x, 2)], 2).view(-1, 3), faces


def covered(verts: Tensor, faces: Tensor, size: int) -> tuple[int, int]:
    """Pixels that have a face, by PyTorch3D's door and by the core."""
    pix_to_face = rasterize_meshes(Meshes([verts], [faces]), size, faces_per_pixel=1, perspective_correct=True)[0]
    corners = gather_corners(verts * torch.tensor([-1.0, 1.0, 1.0]).to(verts), faces)
    found = find_fragments(corners, size, settings=RenderSettings(reach=0.0))
    return int((pix_to_face >= 0).sum()), len(torch.unique(found.pixel))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_dense_meshes_are_seen(dtype: torch.dtype) -> None:
    """Faces of 7e-9 NDC^2, less than PyTorch3D rasterises at any resolution."""
    door, core = covered(*sheet(60, 5e-3, dtype), size=1023)  # where pixels are on no edge
    assert door == core >= 4


@pytest.mark.nightly
def test_a_very_dense_mesh_is_seen() -> None:
    door, core = covered(*sheet(600, 0.05), size=1024)
    assert door == core == 676


@pytest.mark.parametrize("double_area", [1.1e-8, 0.9e-8, 1e-12, 1e-30])
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0]], ids=str)
def test_only_faces_of_no_area_are_dropped(double_area: float, order: list[int]) -> None:
    side = double_area**0.5
    corners = torch.tensor([[0.0, 0.0, 2.0], [side, 0.0, 2.0], [0.0, side, 2.0]])
    for verts, seen in ((corners, True), (corners * torch.tensor([1.0, 0.0, 1.0]), False)):
        pix_to_face, *_ = rasterize_meshes(Meshes([verts], [torch.tensor([order])]), 8, blur_radius=0.5)
        assert bool((pix_to_face == 0).any()) == seen


LIGHT = {
    "lights": DirectionalLights(direction=((0.0, 0.0, -1.0),)),
    "materials": Materials(specular_color=((0, 0, 0),)),
}


@pytest.mark.parametrize("shader", [GenDRPhongShader, GenDRGouraudShader, GenDRFlatShader, GenDRNormalShader])
def test_normals_of_small_faces(shader: Any) -> None:
    """A smaller scene, seen by a camera that magnifies it, is as bright. PyTorch3D's normals of faces of an area below
    1e-6 are shorter than 1, and its picture is darker."""
    pictures = []
    for scale in (1.0, 1e-4, 1e-8):
        verts, faces = sheet(4, 1.5)
        # Away from the middle, so that no pixel is on an edge.
        verts = (verts + torch.tensor([0.013, 0.027, 0.0])) * torch.tensor([scale, scale, 1.0])
        mesh = Meshes([verts], [faces], TexturesVertex([torch.full_like(verts, 0.7)]))
        cameras = FoVOrthographicCameras(scale_xyz=((1 / scale, 1 / scale, 1.0),))
        renderer = MeshRenderer(GenDRRasterizer(cameras, RasterizationSettings(16)), shader(cameras=cameras, **LIGHT))
        pictures.append(renderer(mesh))
    assert pictures[0][0, 8, 8, :3].abs().max() > 0.5
    for picture in pictures[1:]:
        torch.testing.assert_close(picture, pictures[0], rtol=0, atol=1e-4)


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("scale", [1e-3, 1e-6, 1e-9])
def test_scenes_of_any_unit(scale: float, clip: bool) -> None:
    """Weights do not depend on the unit of depth. PyTorch3D holds denominators, of the unit's square, at 1e-8."""
    corners = torch.tensor([[-0.9, -0.8, 2.0], [0.8, -0.7, 3.0], [0.1, 0.9, 4.0]])
    results = []
    for unit in (1.0, scale):
        verts = corners * torch.tensor([1.0, 1.0, unit])
        results.append(
            rasterize_meshes(
                Meshes([verts], [torch.tensor([[0, 1, 2]])]),
                16,
                blur_radius=0.01,
                perspective_correct=True,
                clip_barycentric_coords=clip,
            )
        )
    for ours, expected, unit in zip(results[1], results[0], (1, scale, 1, 1), strict=True):
        seen = results[0][0] >= 0
        torch.testing.assert_close(ours[seen].double(), expected[seen].double() * unit, rtol=2e-5, atol=1e-6 * unit)
