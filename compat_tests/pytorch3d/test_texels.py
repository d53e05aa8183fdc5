"""Texels that are not interpolated: no last bit of a weight chooses them, and none is outside of its face."""

from typing import Any

import pytest
import torch
from door_scenes import as_dtype, cameras_of
from pytorch3d.renderer import (
    AmbientLights,
    BlendParams,
    RasterizationSettings,
    SoftPhongShader,
    TexturesAtlas,
    TexturesUV,
)
from pytorch3d.structures import Meshes
from torch import Tensor

from gendr_adapters.pytorch3d import GenDRFlatShader, GenDRPhongShader, GenDRRasterizer

SIZE, R = 24, 4
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def face(dtype: torch.dtype, moved: int, textures: Any) -> Meshes:
    """A triangle in space whose corners are moved by a few roundings."""
    verts = torch.tensor([[-0.31, -0.42, 0.13], [0.47, -0.23, -0.11], [0.08, 0.51, 0.07]], dtype=dtype)
    noise = torch.randn(3, 3, generator=torch.Generator().manual_seed(moved), dtype=torch.float64).to(dtype)
    return Meshes([verts + 8 * torch.finfo(dtype).eps * noise * bool(moved)], [torch.tensor([[0, 1, 2]])], textures)


def settings(clip: bool | None = None) -> RasterizationSettings:
    return RasterizationSettings(SIZE, 0.5, 1, clip_barycentric_coords=clip)


def scene(dtype: torch.dtype) -> dict[str, Any]:
    lights = as_dtype(AmbientLights(), dtype)
    return {"cameras": cameras_of(n=1, dtype=dtype), "lights": lights, "blend_params": BlendParams(0.05, 0.1)}


def atlas(dtype: torch.dtype) -> TexturesAtlas:
    return TexturesAtlas(torch.rand(1, 1, R, R, 3, generator=torch.Generator().manual_seed(1)).to(dtype))


def nearest(dtype: torch.dtype) -> TexturesUV:
    """A map whose texels end at u = 1/2 and v = 1/2, where the face ends, too: inside it has one colour."""
    maps = torch.rand(1, 2, 2, 3, generator=torch.Generator().manual_seed(1)).to(dtype)
    uvs = torch.tensor([[[0.5, 0.5], [1.0, 0.5], [0.5, 1.0]]], dtype=dtype)
    return TexturesUV(maps, torch.tensor([[[0, 1, 2]]]), uvs, sampling_mode="nearest")


def off_borders() -> Tensor:
    """(H, W) bool: not the pixels about which rounding has a say: where the atlas' texels end at the pixel."""
    dtype = torch.float64
    fragments = GenDRRasterizer(scene(dtype)["cameras"], settings())(face(dtype, 0, None))
    weights = fragments.bary_coords[0, ..., 0, :2] * R
    between = (weights > 1e-3) & (weights < R - 1e-3)
    return ~(between & ((weights - weights.round()).abs() < 1e-3)).any(-1)


@DTYPES
@pytest.mark.parametrize("textures", [atlas, nearest])
@pytest.mark.parametrize("shader", [GenDRPhongShader, GenDRFlatShader])
def test_roundings_move_no_texel(shader: Any, textures: Any, dtype: torch.dtype) -> None:
    """Most pixels here are outside of the face, where clipped weights are of points on its outline."""
    fields = scene(dtype)
    pictures = []
    for moved in range(4):
        fragments = GenDRRasterizer(fields["cameras"], settings())(face(dtype, moved, textures(dtype)))
        pictures.append(shader(**fields)(fragments, face(dtype, moved, textures(dtype))))
    outside = (fragments.dists[0, ..., 0] > 0) & (fragments.pix_to_face[0, ..., 0] >= 0)
    assert outside.float().mean() > 0.5
    kept = off_borders()
    assert kept.float().mean() > 0.9
    for picture in pictures[1:]:
        torch.testing.assert_close(picture[0][kept], pictures[0][0][kept], rtol=0, atol=1e-4)


@DTYPES
def test_roundings_move_no_texel_in_shaders_of_pytorch3d(dtype: torch.dtype) -> None:
    """On our dense view: w_0 + w_1 never is more than 1."""
    fields, pictures = scene(dtype), []
    for moved in range(4):
        mesh = face(dtype, moved, atlas(dtype))
        fragments = GenDRRasterizer(fields["cameras"], settings())(mesh)
        assert (fragments.bary_coords[..., :2].sum(-1) < 1).all()
        pictures.append(SoftPhongShader(**fields)(fragments, mesh))
    kept = off_borders()
    for picture in pictures[1:]:
        torch.testing.assert_close(picture[0][kept], pictures[0][0][kept], rtol=0, atol=1e-4)


@DTYPES
def test_a_texel_from_inside(dtype: torch.dtype) -> None:
    """Where a face shows one colour, so does its soft edge."""
    fields = {**scene(dtype), "blend_params": BlendParams(0.05, 0.1, (0.0, 0.0, 0.0))}
    mesh = face(dtype, 0, nearest(dtype))
    image = GenDRPhongShader(**fields)(GenDRRasterizer(fields["cameras"], settings())(mesh), mesh)
    inside = image[0, SIZE // 2, SIZE // 2, :3]
    shown = image[0, ..., :3] / inside
    seen = image[0, ..., 3] > 1e-3
    assert (shown.amax(-1) - shown.amin(-1))[seen].max() < 1e-4


@DTYPES
def test_weights_outside_that_are_not_clipped(dtype: torch.dtype) -> None:
    """An atlas shows the face's nearest texel there. PyTorch3D counts a negative weight's texel from the other end."""
    mesh, fields = face(dtype, 0, atlas(dtype)), scene(dtype)
    far = {}
    for clip in (True, False):
        fragments = GenDRRasterizer(fields["cameras"], settings(clip))(mesh)
        far[clip] = GenDRPhongShader(**fields)(fragments, mesh)
    assert torch.isfinite(far[False]).all()
    kept = off_borders()
    share = ((far[True] - far[False])[0][kept].abs().amax(-1) < 1e-2).float().mean()
    assert share > 0.7
