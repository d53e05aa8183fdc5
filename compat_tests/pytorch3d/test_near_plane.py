"""Faces across the near plane and the camera's own plane, and beyond the sides of the picture."""

import itertools
import math
from typing import Any

import pytest
import torch
from door_scenes import (
    SHADERS,
    DoubleFoVPerspectiveCameras,
    DoubleOrthographicCameras,
    DoublePerspectiveCameras,
    cameras_of,
    gradients,
    renderer_of,
    settings_of,
    two_meshes,
)
from pytorch3d.renderer import (
    AmbientLights,
    FoVPerspectiveCameras,
    OrthographicCameras,
    PerspectiveCameras,
    TexturesVertex,
    look_at_view_transform,
)
from pytorch3d.renderer.mesh.clip import ClipFrustum, clip_faces
from pytorch3d.structures import Meshes
from pytorch3d.transforms import euler_angles_to_matrix
from support.scenes import away_from_borders, floor_around
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters.pytorch3d import (
    GenDRBlendParams,
    GenDRGouraudShader,
    GenDRPhongShader,
    GenDRRasterizer,
    GenDRSilhouetteShader,
    rasterize_meshes,
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


def test_depth_at_which_faces_are_cut() -> None:
    """z_clip_value, else znear / 2, else 0.01 for perspective cameras, however features are interpolated: nowhere for
    others, unless they are interpolated as with those."""
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
    for correct in (True, False, None):
        assert clip_of(cameras_of("fov", **single), perspective_correct=correct) == 0.5
        assert clip_of(cameras_of("perspective", **single), perspective_correct=correct) == 0.01
        # No near plane to speak of, and none that was asked for: as without one.
        for znear in (-1.0, 0.0, -0.0, torch.tensor([0.75, -2.0])):
            assert clip_of(cameras_of("fov", znear=znear, **single), perspective_correct=correct) == 0.01
    for znear in (math.nan, math.inf, torch.tensor([1.0, math.nan])):
        with pytest.raises(ValueError, match="znear must be finite"):
            clip_of(cameras_of("fov", znear=znear, **single))
        assert clip_of(cameras_of("fov", znear=znear, **single), z_clip_value=0.25) == 0.25


@pytest.mark.parametrize("error", [NotImplementedError, AttributeError])
def test_cameras_that_do_not_say_what_they_are(error: type[Exception]) -> None:
    """As PyTorch3D, which does not ask them where perspective_correct is given."""

    class Cameras(PerspectiveCameras):
        def is_perspective(self) -> bool:
            raise error

    meshes = ground(1, torch.zeros(3)).update_padded(ground(1, torch.zeros(3)).verts_padded().float())
    for correct, clip, projection in ((True, 0.01, "perspective"), (False, None, "orthographic")):
        settings = settings_of(**SQUARE, perspective_correct=correct)
        found = GenDRRasterizer(Cameras(focal_length=1.5), settings)(meshes).meshes.settings
        assert (found.near_clip, found.projection) == (clip, projection)


FLOOR = [[-50.0, -1.0, -50.0], [50.0, -1.0, -50.0], [50.0, -1.0, 50.0], [-50.0, -1.0, 50.0]]


@pytest.mark.parametrize("correct", [True, False, None])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_floor_through_the_camera(dtype: torch.dtype, correct: bool | None) -> None:
    """It is seen whether or not its features are interpolated in space, tilted and from cameras in a batch, too."""
    meshes = Meshes([torch.tensor(FLOOR, dtype=dtype)], [torch.tensor([[0, 1, 2], [0, 2, 3]])])
    camera = DoubleFoVPerspectiveCameras if dtype == torch.float64 else FoVPerspectiveCameras
    settings = {"image_size": 64, "blur_radius": 0.0, "perspective_correct": correct, "faces_per_pixel": 1}
    for znear, z_clip in ((1.0, None), (-1.0, None), (1.0, 0.2), (-1.0, 4e-3)):
        clipped = settings_of(**settings, z_clip_value=z_clip)
        fragments = GenDRRasterizer(camera(fov=60.0, znear=znear), clipped)(meshes)
        assert (fragments.pix_to_face >= 0).sum() == 1984
        assert fragments.zbuf[fragments.zbuf > 0].min() >= (z_clip or 0.01)
    turns = torch.tensor([[0.3, 0.0, 0.0], [-0.2, 0.6, 0.0], [0.4, -0.4, 0.0]], dtype=torch.float64)
    rotations = euler_angles_to_matrix(turns, "XZY").to(dtype)
    turned = camera(fov=60.0, R=rotations, T=torch.zeros(3, 3, dtype=dtype))
    seen = GenDRRasterizer(turned, settings_of(**settings))(meshes.extend(3)).pix_to_face[..., 0] >= 0
    x, y = torch.meshgrid(*(1 - (2 * torch.arange(64) + 1) / 64,) * 2, indexing="xy")
    slope = math.tan(math.radians(30.0))
    rays = torch.stack([x * slope, y * slope, torch.ones_like(x)], -1).double() @ rotations.double().mT[:, None]
    reached = -rays / rays[..., 1:2]  # where they meet the plane of the floor
    hit = (rays[..., 1] < 0) & (reached[..., [0, 2]].abs() <= 50).all(-1)
    assert (seen != hit).sum() <= 3 and all(500 < n < 3700 for n in hit.sum((1, 2)))


@pytest.mark.parametrize("correct", [True, False])
def test_a_camera_in_a_box(correct: bool) -> None:
    """Every pixel shows the inside of the box, in every direction of view."""
    corners = torch.tensor([[x, y, z] for x in (-1.0, 1.1) for y in (-0.9, 1.0) for z in (-1.2, 1.0)])
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = torch.tensor([q[:3] for q in quads] + [[q[0], q[2], q[3]] for q in quads])
    R, T = look_at_view_transform(eye=((0.1, 0.05, -0.1),), at=((0.0, 0.3, 1.0), (1.0, 0.2, 0.1), (-0.7, -0.5, -1.0)))
    cameras = FoVPerspectiveCameras(R=R, T=T, znear=0.02)
    scene = {"cameras": cameras, "blend_params": GenDRBlendParams(1e-6), "lights": AmbientLights()}
    settings = {"image_size": 32, "blur_radius": 0.0, "perspective_correct": correct}
    meshes = Meshes([corners], [faces], TexturesVertex(torch.ones(1, 8, 3) * 0.25)).extend(3)
    image = renderer_of(GenDRPhongShader(**scene), cameras, **settings)(meshes)
    torch.testing.assert_close(image[..., :3], torch.full_like(image[..., :3], 0.25), rtol=0, atol=1e-5)
    seen = GenDRRasterizer(cameras, settings_of(**settings, faces_per_pixel=1))(meshes)
    assert (seen.pix_to_face >= 0).all()


@pytest.mark.parametrize("z_clip", [0.5, 1.9])
def test_weights_are_those_of_pytorch3ds_pieces(z_clip: float) -> None:
    """Without perspective_correct a cut face is interpolated as PyTorch3D would its triangles, if it knew that x and y
    are projected: by its own clip_faces, told so."""
    generator = torch.Generator().manual_seed(2)
    corners = torch.rand(40, 3, 3, generator=generator) * torch.tensor([3.0, 3.0, 4.0]) - torch.tensor([1.5, 1.5, 0.5])
    corners = torch.cat([corners[..., :2] / corners[..., 2:], corners[..., 2:]], 2)
    frustum = ClipFrustum(perspective_correct=True, z_clip_value=z_clip, cull=False)
    pieces = clip_faces(corners, torch.tensor([0]), torch.tensor([40]), frustum)
    meshes = Meshes([corners.reshape(-1, 3)], [torch.arange(120).view(-1, 3)])
    pix_to_face, zbuf, bary_coords, _ = rasterize_meshes(
        meshes, 33, faces_per_pixel=None, z_clip_value=z_clip, projection="perspective"
    )
    compared = 0
    for i, face in enumerate(pieces.faces_clipped_to_unclipped_idx.tolist()):
        conversion = int(pieces.faces_clipped_to_conversion_idx[i])
        if conversion < 0:  # not cut
            continue
        piece = pieces.face_verts[i].double()
        image, row, column, slot = (pix_to_face == face).nonzero(as_tuple=True)
        at = torch.stack([1 - (2 * column + 1) / 33, 1 - (2 * row + 1) / 33, torch.ones(len(row))], 1).double()
        plane = torch.cat([piece[:, :2], torch.ones(3, 1, dtype=torch.float64)], 1)
        if plane.det().abs() < 1e-3:
            continue
        weights = torch.linalg.solve(plane.T, at.T)
        inside = (weights > 1e-3).all(0)
        expected = (pieces.barycentric_conversion[conversion].double() @ weights).T
        got = bary_coords[image, row, column, slot].double()
        torch.testing.assert_close(got[inside], expected[inside], rtol=0, atol=2e-3)
        depth = zbuf[image, row, column, slot].double()
        torch.testing.assert_close(depth[inside], (piece[:, 2] @ weights)[inside], rtol=1e-4, atol=0)
        compared += int(inside.sum())
    assert compared > 200


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
def test_cut_faces_are_the_same_square_of_many_faces(z_clip: float | None, nearest: float) -> None:
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


def test_a_cut_face_has_no_seam() -> None:
    """A face of which a quadrilateral is left covers its inside by more than a half, everywhere, also along what would
    be the diagonal of two halves: PyTorch3D has a line there."""
    verts = torch.tensor([[-9.02, -1.01, 0.21], [9.03, -1.01, 12.1], [-9.04, -1.01, 12.2]])
    meshes = Meshes([verts], [torch.tensor([[0, 1, 2]])])
    settings = {"image_size": 40, "blur_radius": 1e-2, "z_clip_value": 1.5}
    soft = renderer_of(GenDRSilhouetteShader(GenDRBlendParams(1e-3)), here(torch.float32), **settings)(meshes)[..., 3]
    hard = renderer_of(GenDRSilhouetteShader(HARD), here(torch.float32), **settings)(meshes)[..., 3]
    assert 100 < hard.sum() < 1500 and torch.equal(soft > 0.5, hard == 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shader", "parallel", "correct"),
    [
        (GenDRSilhouetteShader, False, True),
        (GenDRPhongShader, False, True),
        (GenDRPhongShader, False, False),
        *itertools.product([GenDRGouraudShader], [False, True], [False, True]),
    ],
)
@pytest.mark.parametrize("clip", [None, "unit", "none"])
def test_gradient_through_the_cut(shader: Any, clip: str | None, parallel: bool, correct: bool) -> None:
    """One corner before the plane, one behind the camera, in the middle of the picture."""
    verts = torch.tensor([[-1.5, -0.6, 0.3], [1.4, -0.5, 3.0], [-0.2, 1.1, 2.0], [0.9, 0.8, -0.7]]).double()
    faces, colours = torch.tensor([[0, 1, 2], [3, 2, 1]]), torch.rand(4, 3, dtype=torch.float64)
    params = GenDRBlendParams(0.02, 0.2)
    cameras = DoubleOrthographicCameras(focal_length=0.8) if parallel else here()
    scene = {"cameras": cameras, "lights": AmbientLights(), "blend_params": params}
    settings = {"image_size": 5, "blur_radius": 0.3, "z_clip_value": 0.8, "perspective_correct": correct}
    renderer = renderer_of(shader(**scene), cameras, clip, **settings)

    def draw(verts: Tensor) -> Tensor:
        return renderer(Meshes([verts], [faces], TexturesVertex(colours[None])))

    assert draw(verts)[..., 3].std() > 0.1 and torch.autograd.gradcheck(draw, verts.requires_grad_(), atol=1e-6)


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


@pytest.mark.exact_coordinates
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
    for correct in (None, False):
        settings = {"image_size": 16, "blur_radius": 0.02, "perspective_correct": correct}
        whole, fewer = (
            GenDRRasterizer(here(torch.float32), settings_of(**settings, cull_to_frustum=cull))(meshes)
            for cull in (False, True)
        )
        assert bool((whole.pix_to_face >= 0).any()) == without
        assert bool((fewer.pix_to_face >= 0).any()) == culled
        assert not culled or torch.equal(whole.zbuf, fewer.zbuf)


@pytest.mark.parametrize("size", [(16, 32), (32, 16)])
def test_frustum_is_wider_along_the_longer_side(size: tuple[int, int]) -> None:
    """Beyond 1 and within 2 a face is in the picture along the longer side, and culled along the shorter."""
    for along, (x, y) in enumerate(((0.0, 1.6), (1.6, 0.0))):
        meshes = Meshes([torch.tensor(triangle(x, y))], [torch.tensor([[0, 1, 2]])])
        settings = settings_of(image_size=size, blur_radius=1.0, cull_to_frustum=True)
        seen = (GenDRRasterizer(here(torch.float32), settings)(meshes).pix_to_face >= 0).any()
        assert bool(seen) == (size[along] == 32)


def test_rasterize_meshes_cuts_only_at_z_clip_value() -> None:
    """On NDC, x and y projected: at z_clip_value, and nowhere without one."""
    verts = torch.tensor([[-0.8, -0.8, 0.4], [0.8, -0.8, 0.4], [0.0, 0.8, 4.0]])
    meshes = Meshes([verts], [torch.tensor([[0, 1, 2]])])
    for z_clip in (None, 1.0):
        for perspective in (True, False):
            _, zbuf, _, _ = rasterize_meshes(meshes, 32, perspective_correct=perspective, z_clip_value=z_clip)
            nearest = zbuf[zbuf > 0].min()
            assert (nearest >= 1.0) == (z_clip == 1.0) and nearest < 1.3 and math.isfinite(nearest)


def test_rasterize_meshes_takes_a_projection() -> None:
    """None is PyTorch3D's way: as perspective_correct says."""
    verts = torch.tensor([[-0.8, -0.8, 0.4], [0.8, -0.8, 0.4], [0.0, 0.8, 4.0]])
    meshes = Meshes([verts], [torch.tensor([[0, 1, 2]])])

    def covered(correct: bool, **projection: Any) -> int:
        found = rasterize_meshes(meshes, 64, perspective_correct=correct, z_clip_value=1.0, **projection)
        return int((found[0][..., 0] >= 0).sum())

    counts = {name: covered(True, projection=name) for name in ("perspective", "orthographic")}
    assert counts["perspective"] < 0.5 * counts["orthographic"]
    for correct in (True, False):
        assert covered(correct) == counts["perspective" if correct else "orthographic"]
        for name, count in counts.items():
            assert covered(correct, projection=name) == count
    with pytest.raises(ValueError, match="unknown projection 'ortographic'; did you mean 'orthographic'"):
        covered(True, projection="ortographic")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("steps", [2, 8, 40])
def test_a_floor_with_vertices_in_the_cameras_plane(steps: int, dtype: torch.dtype) -> None:
    """It is the floor a little further on, as in test_camera_plane.py."""
    camera = DoublePerspectiveCameras if dtype == torch.float64 else PerspectiveCameras
    cameras = camera(focal_length=0.25, principal_point=((0.01, 0.013),))
    rasterizer = GenDRRasterizer(cameras, settings_of(image_size=48, blur_radius=1e-9, z_clip_value=0.1))
    for half in (0.42, 4.0, 400.0):
        vertices, faces = floor_around(steps, half, dtype)
        vertices = vertices * vertices.new_tensor([-1, -1, 1])
        here, there = (
            vertices.clone().requires_grad_(),
            (vertices + vertices.new_tensor([0, 0, min(1e-4, 2.5e-5 * half)])),
        )
        got, expected = (rasterizer(Meshes([v], [faces])).zbuf[0, ..., 0] for v in (here, there))
        assert (expected > 0).double().mean() > 0.05
        compared = away_from_borders(expected > 0)
        assert_close(got.detach()[compared], expected[compared], rtol=1e-4, atol=0)
        (gradient,) = torch.autograd.grad(got[compared].sum(), here)
        assert gradient.isfinite().all() and (steps > 2 or gradient[here[:, 2] == 0].any())
