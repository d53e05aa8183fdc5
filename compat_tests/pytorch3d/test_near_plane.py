"""Faces across the near plane and the camera's own plane, and beyond the sides of the picture."""

import math
from typing import Any

import pytest
import torch
from door_scenes import DoublePerspectiveCameras, cameras_of, gradients, renderer_of, settings_of, two_meshes
from pytorch3d.renderer import AmbientLights, OrthographicCameras, PerspectiveCameras, TexturesVertex
from pytorch3d.structures import Meshes
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
    rasterize_meshes,
)

SHADERS = (
    GenDRSilhouetteShader,
    GenDRGouraudShader,
    GenDRPhongShader,
    GenDRFlatShader,
    GenDRNormalShader,
    GenDRDepthShader,
)
HARD = GenDRBlendParams(distribution="hard", gamma=1e-3)
SQUARE = {"image_size": 24, "blur_radius": 0.0}


def here(dtype: torch.dtype = torch.float64) -> Any:
    """One perspective camera at the origin that looks along z, so that world and view are the same."""
    camera = DoublePerspectiveCameras if dtype == torch.float64 else PerspectiveCameras
    return camera(focal_length=1.5)


def clip_of(cameras: Any, **settings: Any) -> float | None:
    meshes, _ = two_meshes(dtype=torch.float32)
    return GenDRRasterizer(cameras, settings_of(**settings))(meshes).meshes.settings.near_clip


def test_where_faces_are_cut() -> None:
    """z_clip_value, else znear / 2, else 0.01 for perspective cameras: nowhere for others."""
    single = {"dtype": torch.float32}
    for kind in ("fov", "fov_ortho", "perspective", "ortho"):
        assert clip_of(cameras_of(kind, **single), z_clip_value=0.3) == 0.3
    assert clip_of(cameras_of("fov", **single)) == 0.5
    assert clip_of(cameras_of("fov", znear=0.25, **single)) == 0.125
    assert clip_of(cameras_of("fov", znear=torch.tensor([0.75, 0.5]), **single)) == 0.25
    assert clip_of(cameras_of("perspective", **single)) == 0.01
    for kind in ("fov_ortho", "ortho"):
        assert clip_of(cameras_of(kind, **single)) is None
    assert clip_of(cameras_of("fov_ortho", **single), perspective_correct=True) == 0.5
    assert clip_of(cameras_of("perspective", **single), perspective_correct=False) is None


def ground(pieces: int, shift: Tensor, nearest: float = -4.017) -> Meshes:
    """A square of the plane y = -1, from behind the camera to the distance, of 2 pieces^2 faces, coloured by place."""
    lines = torch.linspace(0, 1, pieces + 1, dtype=torch.float64)
    u, v = torch.meshgrid(lines, lines, indexing="ij")
    verts = torch.stack([12.03 * u - 5.11, 0 * u - 1.013, nearest + (20.3 - nearest) * v], -1).view(-1, 3)
    index = torch.arange((pieces + 1) ** 2).view(pieces + 1, pieces + 1)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    faces = torch.cat([torch.stack(x, -1).view(-1, 3) for x in ((a, b, c), (a, c, d))])
    colours = torch.stack([u, v, 1 - u], -1).view(1, -1, 3)
    return Meshes([verts + shift], [faces], TexturesVertex(colours))


@pytest.mark.parametrize("z_clip", [None, 0.5, 4.0])
@pytest.mark.parametrize("nearest", [-4.017, -300.0])
def test_like_the_same_square_of_many_faces(z_clip: float | None, nearest: float) -> None:
    """Coverage, depth and colour of two faces cut are those of 3200 small ones, and so are their gradients."""
    results = []
    for pieces in (1, 40):
        shift = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        meshes = ground(pieces, shift, nearest)
        scene = {"cameras": here(), "lights": AmbientLights(), "blend_params": HARD}
        image = renderer_of(GenDRPhongShader(**scene), here(), **SQUARE, z_clip_value=z_clip)(meshes)
        settings = settings_of(**SQUARE, faces_per_pixel=1, z_clip_value=z_clip)
        zbuf = GenDRRasterizer(here(), settings)(meshes).zbuf[..., 0]
        alpha = renderer_of(GenDRSilhouetteShader(HARD), here(), **SQUARE, z_clip_value=z_clip)(meshes)[..., 3]
        results.append((image, zbuf, alpha, gradients(zbuf, [shift])[0], gradients(image[..., :3], [shift])[0]))
    (image, zbuf, alpha, *slopes), (expected, expected_zbuf, expected_alpha, *expected_slopes) = results
    assert torch.equal(alpha, expected_alpha) and 40 < alpha.sum() < 300
    torch.testing.assert_close(zbuf, expected_zbuf, rtol=1e-9, atol=0)
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-6)
    for ours, theirs in zip(slopes, expected_slopes, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9)
        assert theirs.abs().max() > 1e-2
    assert zbuf[zbuf > 0].min() >= (z_clip or 0.01)
    if z_clip == 4.0:
        assert alpha.sum() < renderer_of(GenDRSilhouetteShader(HARD), here(), **SQUARE)(ground(1, shift))[..., 3].sum()


def test_no_seam() -> None:
    """A face of which a quadrilateral is left covers its inside by more than a half, everywhere, also along what would
    be the diagonal of two halves: PyTorch3D has a line there."""
    verts = torch.tensor([[-9.02, -1.01, 0.21], [9.03, -1.01, 12.1], [-9.04, -1.01, 12.2]])
    meshes = Meshes([verts], [torch.tensor([[0, 1, 2]])])
    settings = {"image_size": 40, "blur_radius": 1e-2, "z_clip_value": 1.5}
    soft = renderer_of(GenDRSilhouetteShader(GenDRBlendParams(1e-3)), here(torch.float32), **settings)(meshes)[..., 3]
    hard = renderer_of(GenDRSilhouetteShader(HARD), here(torch.float32), **settings)(meshes)[..., 3]
    assert 100 < hard.sum() < 1500 and torch.equal(soft > 0.5, hard == 1)


@pytest.mark.parametrize("shader", [GenDRSilhouetteShader, GenDRGouraudShader, GenDRPhongShader])
@pytest.mark.parametrize("clip", [None, "unit", "none"])
def test_gradient_through_the_cut(shader: Any, clip: str | None) -> None:
    """One corner before the plane, one behind the camera, in the middle of the picture."""
    verts = torch.tensor([[-1.5, -0.6, 0.3], [1.4, -0.5, 3.0], [-0.2, 1.1, 2.0], [0.9, 0.8, -0.7]]).double()
    faces, colours = torch.tensor([[0, 1, 2], [3, 2, 1]]), torch.rand(4, 3, dtype=torch.float64)
    params = GenDRBlendParams(0.02, 0.2)
    scene = {"cameras": here(), "lights": AmbientLights(), "blend_params": params}
    settings = {"image_size": 5, "blur_radius": 0.3, "z_clip_value": 0.8}
    renderer = renderer_of(shader(**scene), here(), clip, **settings)

    def draw(verts: Tensor) -> Tensor:
        return renderer(Meshes([verts], [faces], TexturesVertex(colours[None])))

    assert 0.1 < draw(verts)[..., 3].std() and torch.autograd.gradcheck(draw, verts.requires_grad_(), atol=1e-6)


DEPTHS = [0.0, -0.0, 1e-12, -1e-12, 1e-30, 1e-10, 0.01, -3.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shader", SHADERS)
def test_corners_at_the_camera(shader: Any, dtype: torch.dtype) -> None:
    """One, two or three corners in the camera's plane or next to it, also at its very centre: nothing is NaN."""
    verts: list[list[float]] = []
    for depth in DEPTHS:
        for at in ((0.0, 0.0), (0.3, -0.2), (1e-12, 0.0)):
            verts += [[*at, depth], [1.0, -1.0, 2.0], [-1.0, 1.0, 3.0]]
            verts += [[*at, depth], [-1.0, -0.5, depth], [0.4, 1.0, 2.5]]
            verts += [[*at, depth], [-1.0, -0.5, depth], [1.0, 1.0, depth]]
    leaf = torch.tensor(verts, dtype=dtype, requires_grad=True)
    colours = torch.rand(1, len(verts), 3, generator=torch.Generator().manual_seed(1)).to(dtype)
    meshes = Meshes([leaf], [torch.arange(len(verts)).view(-1, 3)], TexturesVertex(colours))
    flat = [OrthographicCameras(focal_length=0.8)] if dtype == torch.float32 else []
    for cameras in (here(dtype), *flat):
        for clip, z_clip, t_conorm in ((None, None, "probabilistic"), ("none", None, "sum"), (None, 1e-6, "sum")):
            scene = {"cameras": cameras, "blend_params": GenDRBlendParams(1e-2, 0.1, t_conorm=t_conorm)}
            image = renderer_of(shader(**scene), cameras, clip, image_size=7, z_clip_value=z_clip)(meshes)
            (gradient,) = gradients(image, [leaf])
            assert image.isfinite().all() and gradient.isfinite().all()
            assert gradient.any() or t_conorm == "probabilistic"  # there so many faces leave nothing uncovered


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("depth", [0.0, -0.0, 1e-12, -1e-12])
def test_a_corner_in_the_plane_of_the_camera_is_where_it_is(depth: float, dtype: torch.dtype) -> None:
    """Its face is cut as that of a corner next to it."""

    def zbuf(z: float) -> Tensor:
        verts = torch.tensor([[-2.0, -0.5, z], [1.5, -0.6, 4.0], [-1.3, 0.9, 3.0]], dtype=dtype)
        meshes = Meshes([verts], [torch.tensor([[0, 1, 2]])])
        return GenDRRasterizer(here(dtype), settings_of(**SQUARE, faces_per_pixel=1))(meshes).zbuf

    assert (zbuf(1e-5) > 0).sum() > 80
    torch.testing.assert_close(zbuf(depth), zbuf(1e-5), rtol=1e-3, atol=0)


def test_a_corner_at_the_plane_is_not_cut() -> None:
    verts = torch.tensor([[-1.0, -1.0, 0.5], [1.0, -1.0, 0.5], [0.0, 1.0, 2.0]])
    meshes = Meshes([verts], [torch.tensor([[0, 1, 2]])])
    cut, whole = (
        GenDRRasterizer(here(torch.float32), settings_of(image_size=16, z_clip_value=z))(meshes) for z in (0.5, 0.1)
    )
    assert (cut.pix_to_face >= 0).any() and torch.equal(cut.zbuf, whole.zbuf) and torch.equal(cut.dists, whole.dists)


def triangle(x: float, y: float = 0.0, z: float = 2.0, size: float = 0.2) -> list[list[float]]:
    """About a point of the picture (x right, in NDC), for the camera `here`."""
    around = ((-1, -1), (1, -1), (0, 1))
    return [[-(x + size * a) * z / 1.5, (y + size * b) * z / 1.5, z] for a, b in around]


FRUSTUM = {
    "in the middle": (triangle(0.0), True, True),
    "across the side": (triangle(1.0), True, True),
    "across a corner, none of its own in the picture": (
        [[-2.0, 0.5, 2.0], [-0.5, 2.0, 2.0], [-2.0, 2.0, 2.0]],
        True,
        True,
    ),
    "beyond the side, its blur within": (triangle(1.25), True, False),
    "far beyond": (triangle(3.0), False, False),
    "below, its blur within": (triangle(0.0, -1.25), True, False),
    "behind the camera": (triangle(0.0, z=-2.0), False, False),
    "beside and behind the camera": (triangle(3.0, z=-2.0), False, False),
    "through the camera's plane": ([[-4.0, -1.0, 5.0], [4.0, -1.0, 5.0], [0.0, -1.0, -6.0]], True, True),
    # Its projections are all beyond the right side, that of the corner behind the camera with the wrong sign.
    "from the right to the left behind": ([[-3.0, 1.0, 3.0], [-3.0, -1.0, 3.0], [3.0, 0.0, -1.0]], True, True),
    "around the picture": ([[-9.0, -9.0, 2.0], [9.0, -9.0, 2.0], [0.0, 9.0, 2.0]], True, True),
}


@pytest.mark.parametrize("name", FRUSTUM)
def test_cull_to_frustum(name: str) -> None:
    """Faces with all corners beyond one side of the picture go, blur and all; nothing else changes."""
    corners, without, culled = FRUSTUM[name]
    meshes = Meshes([torch.tensor(corners)], [torch.tensor([[0, 1, 2]])])
    settings = {"image_size": 16, "blur_radius": 0.02}
    whole, fewer = (
        GenDRRasterizer(here(torch.float32), settings_of(**settings, cull_to_frustum=cull))(meshes)
        for cull in (False, True)
    )
    assert bool((whole.pix_to_face >= 0).any()) == without
    assert bool((fewer.pix_to_face >= 0).any()) == culled
    assert not culled or torch.equal(whole.zbuf, fewer.zbuf)


@pytest.mark.parametrize("size", [(16, 32), (32, 16)])
def test_the_longer_side_reaches_further(size: tuple[int, int]) -> None:
    """Beyond 1 and within 2 a face is in the picture along the longer side, and culled along the shorter."""
    for along, (x, y) in enumerate(((0.0, 1.6), (1.6, 0.0))):
        meshes = Meshes([torch.tensor(triangle(x, y))], [torch.tensor([[0, 1, 2]])])
        settings = settings_of(image_size=size, blur_radius=1.0, cull_to_frustum=True)
        seen = (GenDRRasterizer(here(torch.float32), settings)(meshes).pix_to_face >= 0).any()
        assert bool(seen) == (size[along] == 32)


def test_rasterize_meshes_cuts_where_it_is_told() -> None:
    """On NDC, x and y projected: at z_clip_value, and nowhere without one."""
    verts = torch.tensor([[-0.8, -0.8, 0.4], [0.8, -0.8, 0.4], [0.0, 0.8, 4.0]])
    meshes = Meshes([verts], [torch.tensor([[0, 1, 2]])])
    for z_clip in (None, 1.0):
        for perspective in (True, False):
            _, zbuf, _, _ = rasterize_meshes(meshes, 32, perspective_correct=perspective, z_clip_value=z_clip)
            nearest = zbuf[zbuf > 0].min()
            assert (nearest >= 1.0) == (z_clip == 1.0) and nearest < 1.3 and math.isfinite(nearest)
