"""Faces cut at RenderSettings.near_clip: against the cut written in torch (gendr_adapters/_reference_cut.py), against
the same surface finely tessellated, and where corners lie on the plane, on the camera, or very far out."""

import itertools
import math
from typing import Any

import pytest
import torch
from support.devices import DEVICES, is_emulated, on_cpu
from support.scenes import ALL_OUTPUTS, Scene, loss, random_scene
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import Rendered, RenderSettings, find_fragments, render
from gendr_adapters._native import structs
from gendr_adapters.reference import find_fragments as reference_fragments
from gendr_adapters.reference import render as reference_render

SIZE = (9, 11)
PLANE = 0.5
BASE: dict[str, Any] = {"near_clip": PLANE, "near": 0.3, "far": 10.0, "dist_scale": 1e-2, "gamma": 0.1, "reach": 0.4}
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "PyTorch3D": {"clip": "nonnegative", "min_coverage": 0.0},
    "no clip": {"clip": "none"},
    "screen": {"perspective_correct": False},
    "screen, nonnegative": {"perspective_correct": False, "clip": "nonnegative"},
    "screen, no clip": {"perspective_correct": False, "clip": "none"},
    "parallel": {"perspective_correct": False, "projection": "orthographic"},
    "parallel, nonnegative": {"perspective_correct": False, "projection": "orthographic", "clip": "nonnegative"},
    "parallel, no clip": {"perspective_correct": False, "projection": "orthographic", "clip": "none"},
    "parallel, weights by depth": {"projection": "orthographic"},
    "parallel, weights by depth, nonnegative": {"projection": "orthographic", "clip": "nonnegative"},
    "parallel, weights by depth, no clip": {"projection": "orthographic", "clip": "none"},
    "culled": {"cull": "back"},
    "culled clockwise": {"cull": "back", "front": "clockwise"},
    "planes": {"near": 0.8, "far": 2.0},
    "planes, all alpha": {"near": 0.8, "far": 2.0, "alpha_range": "all"},
    "hard blending": {"blend": "hard"},
    "not squared": {"dist_squared": False, "dist_scale": 0.05},
    "Cauchy, max": {"distribution": "cauchy", "t_conorm": "max"},
    "uniform, Yager": {"distribution": "uniform", "t_conorm": "yager", "t_conorm_p": 2.0, "dist_scale": 0.1},
    "exponential, sum": {"distribution": "exponential", "t_conorm": "sum", "reach": None},
    "hard": {"distribution": "hard", "t_conorm": "hard"},
}
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


PROJECTIONS = ("perspective", "orthographic")
# How faces are cut, and how what is left of them is interpolated: neither says anything about the other.
WAYS = [
    {"projection": projection, "perspective_correct": correct}
    for projection in PROJECTIONS
    for correct in (True, False)
]


def crossing_faces(seed: int, projection: str = "perspective", faces: int = 7) -> Tensor:
    """Faces (F, 3, 3) with corners on either side of PLANE and of the camera, around the middle of the picture."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.rand((faces, 3, 3), generator=generator, dtype=torch.float64)
    z = -1.5 + 5 * points[..., 2:]
    xy = 3 * points[..., :2] - 1.5
    return torch.cat([xy / z if projection == "perspective" else xy, z], 2)


def crossing_scene(seed: int, projection: str = "perspective", faces: int = 7) -> Scene:
    return random_scene(seed, faces)._replace(face_vertices=crossing_faces(seed, projection, faces))


def nearer_corners(faces: Tensor) -> Tensor:
    return (faces[..., 2] < PLANE).sum(-1)


def gradients_of(values: list[Tensor], inputs: list[Tensor]) -> list[Tensor]:
    """Of each of the values alone, so that none hides another."""
    generator = torch.Generator().manual_seed(3)
    found = []
    for value in values:
        weights = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        total = (weights * value.double().cpu()).sum()
        if not total.requires_grad:
            found += [torch.zeros_like(x).cpu() for x in inputs]
            continue
        grads = torch.autograd.grad(total, inputs, retain_graph=True, allow_unused=True)
        found += [torch.zeros_like(x).cpu() if g is None else g.cpu() for g, x in zip(grads, inputs, strict=True)]
    return found


def assert_gradients_close(got: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    for a, b in zip(got, expected, strict=True):
        assert_close(a.double(), b, rtol=0, atol=tolerance * (b.abs().max().item() + 1e-6))


def test_the_scenes_have_faces_of_every_kind() -> None:
    counts = torch.bincount(torch.cat([nearer_corners(crossing_faces(seed)) for seed in range(3)]), minlength=4)
    assert (counts >= 1).all() and counts[1] >= 3 and counts[2] >= 3


@DEVICES
@pytest.mark.parametrize("name", SETTINGS)
def test_pictures_and_their_gradients(name: str, device: str) -> None:
    for seed in range(3):
        settings = {**BASE, **SETTINGS[name]}
        scene = crossing_scene(seed, settings.get("projection", "perspective"))
        scales = {
            k: torch.tensor([settings[k]], dtype=torch.float64, requires_grad=True) for k in ("dist_scale", "gamma")
        }
        inputs = [x.requires_grad_() for x in scene]
        expected = reference_render(inputs[0], SIZE, inputs[1], RenderSettings(**{**settings, **scales}), inputs[2])
        values = [x for x in (expected.image, expected.alpha, expected.depth) if x is not None]
        expected_gradients = gradients_of(values, [*inputs, *scales.values()])

        moved = [x.detach().to(device).requires_grad_() for x in inputs]
        moved_scales = {k: x.detach().to(device).requires_grad_() for k, x in scales.items()}
        full = RenderSettings(**{**settings, **moved_scales})
        rendered = render(moved[0], SIZE, moved[1], None, full, moved[2], ALL_OUTPUTS)
        image, alpha, depth, face_index = on_cpu(rendered)
        assert torch.equal(face_index[0], expected.face_index)
        for a, b in zip((image, alpha, depth), values, strict=True):
            assert_close(a[0], b, rtol=1e-11, atol=1e-11)
        got = gradients_of([rendered.image[0], rendered.alpha[0], rendered.depth[0]], [*moved, *moved_scales.values()])
        assert_gradients_close(got, expected_gradients, 1e-9)
        cut = (nearer_corners(inputs[0]) % 3 > 0).nonzero()[:, 0]
        if name == "default":
            assert any(g[cut, :, 2].any() for g in expected_gradients if g.shape == inputs[0].shape)


@DEVICES
@DTYPES
@pytest.mark.parametrize("name", SETTINGS)
def test_fragments_and_their_gradients(name: str, dtype: torch.dtype, device: str) -> None:
    settings = RenderSettings(**{**BASE, **SETTINGS[name]})
    faces = crossing_faces(1, settings.projection, 14).to(dtype)
    doubles = faces.double().requires_grad_()
    expected = reference_fragments(doubles, SIZE, settings)
    corners = faces.to(device).requires_grad_()
    found = find_fragments(corners, SIZE, settings=settings)
    order = torch.argsort(found.pixel * len(faces) + found.face)
    assert torch.equal(found.pixel[order].cpu(), expected.pixel) and torch.equal(found.face[order].cpu(), expected.face)
    kinds = nearer_corners(faces)[expected.face]
    assert (kinds == 1).sum() > 5 and (kinds == 2).sum() > 5
    tolerance = 1e-11 if dtype == torch.float64 else 2e-5
    got = [x[order] for x in found[3:]]
    for a, b in zip(got, expected[2:], strict=True):
        assert_close(a.double().cpu(), b, rtol=tolerance, atol=tolerance)
    bound = 1e-9 if dtype == torch.float64 else 1e-3
    assert_gradients_close(gradients_of(got, [corners]), gradients_of(list(expected[2:]), [doubles]), bound)


def test_gradcheck() -> None:
    """Finite differences, tau and gamma included."""
    tau, gamma = (torch.tensor([x], dtype=torch.float64, requires_grad=True) for x in (0.02, 0.3))
    for way, clip, squared in itertools.product(WAYS, ["unit", "nonnegative", "none"], [True, False]):
        scene = crossing_scene(4, way["projection"])
        inputs = [x.requires_grad_() for x in scene]
        base = {**BASE, **way, "clip": clip, "dist_squared": squared, "reach": 10.0}
        base |= {"near": 1e-3, "far": 1e3, "min_coverage": 0.0}

        def picture(faces: Tensor, features: Tensor, background: Tensor, t: Tensor, g: Tensor, b: Any = base) -> Any:
            settings = RenderSettings(**{**b, "dist_scale": t, "gamma": g})
            return render(faces, (3, 4), features, None, settings, background, ALL_OUTPUTS)[:3]

        def pairs(faces: Tensor, b: Any = base) -> Any:
            return find_fragments(faces, (3, 4), settings=RenderSettings(**b))[3:]

        # Depths are huge near the horizon of an extrapolated face.
        tolerances = {"atol": 1e-3, "rtol": 1e-2} if clip == "none" else {"atol": 1e-5, "rtol": 1e-3}
        assert torch.autograd.gradcheck(picture, (*inputs, tau, gamma), fast_mode=True, **tolerances)
        if clip != "none":
            assert torch.autograd.gradcheck(pairs, (inputs[0],), fast_mode=True, **tolerances)


# A ground plane below the camera that reaches behind it: X from -2.1 to 1.9, Z from -3 to 9 at Y = -0.63.
GROUND_X, GROUND_Y, GROUND_Z = (-2.1, 1.9), -0.63, (-3.0, 9.0)
GROUND_SIZE = (41, 37)


def grid(nx: int, nz: int, z_from: float, projection: str = "perspective") -> Scene:
    """The part of the ground from z_from on as 2 nx nz faces; features are X and Z."""
    x = torch.linspace(*GROUND_X, nx + 1, dtype=torch.float64)
    z = torch.linspace(z_from, GROUND_Z[1], nz + 1, dtype=torch.float64)
    xz = torch.stack(torch.meshgrid(x, z, indexing="ij"), -1)
    a, b, c, d = xz[:-1, :-1], xz[1:, :-1], xz[1:, 1:], xz[:-1, 1:]
    faces = torch.stack([torch.stack([a, b, c], 2), torch.stack([a, c, d], 2)], 2).reshape(-1, 3, 2)
    fx, fz = faces[..., 0], faces[..., 1]
    # By parallel rays the plane is seen from a little above, or it would be a line.
    screen = (fx / fz, GROUND_Y / fz) if projection == "perspective" else (0.4 * fx, 0.1 * fz - 0.3)
    return Scene(torch.stack([*screen, fz], -1), faces, torch.tensor([-5.0, -5.0], dtype=torch.float64))


@DEVICES
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_cut_ground_is_the_same_as_many_small_faces(way: dict[str, Any], device: str) -> None:
    """Two faces, one cut to a triangle and one to a quadrilateral, are the plane that many small faces make up: in
    outline always, in colour and depth where these are interpolated as on the surface."""
    coarse, fine = grid(1, 1, GROUND_Z[0], way["projection"]), grid(14, 60, PLANE, way["projection"])
    assert nearer_corners(coarse.face_vertices).tolist() == [2, 1]
    assert not nearer_corners(fine.face_vertices).any()

    def pictures(scene: Scene, **changes: Any) -> Rendered:
        settings = {**BASE, **way, "clip": "nonnegative", "far": 100.0, "blend": "hard", **changes}
        faces, features, background = (x.to(device) for x in scene)
        everything = render(faces, GROUND_SIZE, features, None, RenderSettings(**settings), background, ALL_OUTPUTS)
        return on_cpu(everything)

    whole, pieces = (pictures(x, distribution="hard", t_conorm="max") for x in (coarse, fine))
    assert torch.equal(whole.alpha, pieces.alpha)
    assert 0.2 < whole.alpha.mean() < 0.8
    covered = whole.alpha[0] > 0
    if way["perspective_correct"] == (way["projection"] == "perspective"):
        assert_close(whole.depth, pieces.depth, rtol=1e-11, atol=1e-11)
        assert_close(whole.image, pieces.image, rtol=1e-10, atol=1e-10)
    assert whole.image[0, 1, covered].min() >= PLANE
    softly, softly_pieces = (pictures(x, t_conorm="max", reach=None, dist_scale=0.02) for x in (coarse, fine))
    outside = ~covered
    assert (softly.alpha[0, outside] > 0.01).sum() > 50
    assert_close(softly.alpha[0, outside], softly_pieces.alpha[0, outside], rtol=1e-10, atol=1e-10)


@DEVICES
@DTYPES
def test_a_cut_face_has_no_seam(dtype: torch.dtype, device: str) -> None:
    """A face cut to a quadrilateral is one face: within, alpha depends on the distance to its outline alone."""
    quadrilateral = grid(1, 1, GROUND_Z[0]).face_vertices[1:]
    settings = RenderSettings(**{**BASE, "reach": None, "far": 100.0, "dist_scale": 1e-3})
    faces = quadrilateral.to(device, dtype).requires_grad_()
    alpha = render(faces, (64, 64), settings=settings, outputs=("alpha",)).alpha
    hard = RenderSettings(**{**BASE, "far": 100.0, "distribution": "hard"})
    within = render(faces.detach(), (64, 64), settings=hard, outputs=("alpha",)).alpha > 0
    assert within.sum() > 300 and (alpha[within] > 0.5).all() and (alpha[~within] <= 0.5).all()
    found = find_fragments(faces.detach(), (64, 64), settings=settings)
    expected = torch.sigmoid(found.distance2 / 1e-3)
    assert_close(alpha.detach().reshape(-1)[found.pixel], expected, rtol=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad(alpha.sum(), faces)
    assert gradient.isfinite().all() and gradient[0, :, 2].any()


@DEVICES
def test_culling_is_that_of_the_surface(device: str) -> None:
    """A face in space turns its front to the camera or not, wherever the projections of its corners are."""
    faces = crossing_faces(11, faces=60)
    points = torch.cat([faces[..., :2] * faces[..., 2:], faces[..., 2:]], 2)
    front = torch.linalg.det(points) > 0
    base = {**BASE, "reach": None, "far": 100.0}
    seen = find_fragments(faces.to(device), 24, settings=RenderSettings(**base)).face.unique().cpu()
    cut = seen[nearer_corners(faces)[seen] > 0]
    assert len(cut) > 20 and front[cut].any() and not front[cut].all()
    for side, wanted in (("counterclockwise", front), ("clockwise", ~front)):
        settings = RenderSettings(**{**base, "cull": "back", "front": side})
        assert torch.equal(
            find_fragments(faces.to(device), 24, settings=settings).face.unique().cpu(), seen[wanted[seen]]
        )


def render_all(scene: Scene, size: Any, settings: dict[str, Any], device: str, dtype: torch.dtype) -> list[Tensor]:
    """All outputs, and the gradients to faces, features, background, tau and gamma."""
    inputs = [x.to(device, dtype).requires_grad_() for x in scene]
    scales = {
        k: torch.tensor([settings[k]], dtype=dtype, device=device, requires_grad=True) for k in ("dist_scale", "gamma")
    }
    full = RenderSettings(**{**settings, **scales})
    rendered = on_cpu(render(inputs[0], size, inputs[1], None, full, inputs[2], ALL_OUTPUTS))
    return [*(x.detach() for x in rendered), *torch.autograd.grad(loss(rendered), [*inputs, *scales.values()])]


@DEVICES
@DTYPES
def test_faces_behind_the_plane_are_what_they_were(dtype: torch.dtype, device: str) -> None:
    """A plane that cuts nothing changes nothing: no bit on the CPU; CUDA has kernels of their own for such scenes, in
    which the compiler may join multiplications and additions otherwise."""
    exact = device == "cpu" and not is_emulated()
    scene = random_scene(5, 9)
    assert scene.face_vertices[..., 2].min() > PLANE
    for name in ("default", "PyTorch3D", "screen", "parallel", "Cauchy, max"):
        settings = {**BASE, **SETTINGS[name]}
        with_plane = render_all(scene, SIZE, settings, device, dtype)
        without = render_all(scene, SIZE, {**settings, "near_clip": None}, device, dtype)
        for a, b in zip(with_plane, without, strict=True):
            bound = 0.0 if exact else 500 * torch.finfo(dtype).eps * b.abs().max().item()
            assert_close(a, b, rtol=0, atol=bound)


@DEVICES
def test_parts_before_the_plane_are_not_drawn(device: str) -> None:
    scene = crossing_scene(6, faces=12)
    behind = scene.face_vertices[..., 2].clamp(max=PLANE - 1e-3)
    scene = scene._replace(face_vertices=torch.cat([scene.face_vertices[..., :2], behind[..., None]], 2))
    for name in ("default", "planes, all alpha", "screen", "parallel"):
        image, alpha, depth, face_index, gradient, *_ = render_all(
            scene, SIZE, {**BASE, **SETTINGS[name]}, device, torch.float64
        )
        assert not alpha.any() and not depth.any() and not gradient.any() and (face_index == -1).all()
        assert_close(image[0], scene.background[:, None, None].expand_as(image[0]))


@DEVICES
def test_pixels_nearest_to_the_cut_edge_are_drawn(device: str) -> None:
    """Where near is near_clip, rounding does not take pixels away whose nearest point is on the cut edge."""
    for dtype, seed, way in itertools.product([torch.float32, torch.float64], range(4), WAYS):
        base = {**BASE, "reach": 0.6, "min_coverage": 0.0, "far": 100.0, **way}
        faces = crossing_faces(seed, way["projection"]).to(device, dtype)
        at, below = (
            find_fragments(faces, SIZE, settings=RenderSettings(**{**base, "near": near}))
            for near in (PLANE, PLANE / 2)
        )
        assert (at.depth == PLANE).sum() > 10
        assert all(torch.equal(a, b) for a, b in zip(at, below, strict=True))


@DEVICES
@DTYPES
def test_a_batch_is_its_images(dtype: torch.dtype, device: str) -> None:
    scenes = [crossing_scene(seed) for seed in (1, 2)]
    together = Scene(*(torch.stack(x) for x in zip(*scenes, strict=True)))
    outputs = render_all(together, SIZE, BASE, device, dtype)[:4]
    for b, scene in enumerate(scenes):
        for one, many in zip(render_all(scene, SIZE, BASE, device, dtype)[:4], outputs, strict=True):
            assert torch.equal(one[0], many[b])


@DEVICES
def test_runs_give_the_same_bits(device: str) -> None:
    scene = grid(3, 2, GROUND_Z[0])
    size = (150, 140)  # rows enough for bands, pixels enough for pieces

    def run() -> list[Tensor]:
        return render_all(scene, size, {**BASE, "reach": None}, device, torch.float32)

    first, threads = run(), torch.get_num_threads()
    assert first[4].any()
    try:
        for n in (1, 2, 3):
            torch.set_num_threads(n)
            assert all(torch.equal(a, b) for a, b in zip(run(), first, strict=True))
    finally:
        torch.set_num_threads(threads)


def assert_single_is_close(scene: Scene, size: Any, settings: dict[str, Any], device: str, tolerance: float) -> None:
    """Float32 against float64 for the same float32 numbers: alpha, image, depth; gradients relative to the largest."""
    scene = Scene(*(x.float().double() for x in scene))
    single = render_all(scene, size, settings, device, torch.float32)
    double = render_all(scene, size, settings, device, torch.float64)
    for k in (0, 1):
        assert_close(single[k].double(), double[k], rtol=0, atol=tolerance)
    both = (single[3] == double[3]) & (double[3] >= 0)
    assert both.sum() >= 0.99 * (double[3] >= 0).sum()
    assert_close(single[2][both].double(), double[2][both], rtol=tolerance, atol=0)
    for a, b in zip(single[4:], double[4:], strict=True):
        assert_close(a.double().cpu(), b.cpu(), rtol=0, atol=100 * tolerance * (b.abs().max().item() + 1e-3))


@DEVICES
def test_single_precision(device: str) -> None:
    settings = {**BASE, "reach": None, "min_coverage": 0.0}
    for seed, way in itertools.product(range(5), WAYS):
        scene = crossing_scene(seed, way["projection"])
        assert_single_is_close(scene, SIZE, {**settings, **way}, device, 2e-5)
    # A plane close to the camera, cut at x of some hundred; and a small face at the picture's edge.
    ground = {**settings, "near_clip": 0.01, "near": 0.005, "far": 100.0, "gamma": 1.0}
    assert_single_is_close(grid(1, 1, GROUND_Z[0]), SIZE, ground, device, 1e-4)
    corner = torch.tensor([[0.9, 0.85, 0.501], [0.903, 0.849, 0.502], [0.901, 0.852, 0.4995]], dtype=torch.float64)
    small = random_scene(0, 1)._replace(face_vertices=corner[None])
    assert_single_is_close(small, 64, {**settings, "dist_scale": 1e-5, "gamma": 1.0}, device, 2e-4)


@DEVICES
@DTYPES
def test_image_does_not_jump_when_a_corner_begins_to_be_cut(dtype: torch.dtype, device: str) -> None:
    """The picture does not jump where the plane first touches a face, however short the new edge is."""
    corners = torch.tensor([[-0.6, -0.7, 2.0], [0.7, -0.5, 3.0], [0.1, 0.8, PLANE]], dtype=dtype)
    settings = {**BASE, "reach": None, "far": 100.0}
    whole = render(corners[None].to(device), 32, settings=RenderSettings(**settings), outputs=("alpha", "depth"))
    for less in (torch.finfo(dtype).eps, 1e-6, 1e-5):
        for first in range(3):
            cut = corners.roll(first, 0).clone()
            cut[(first + 2) % 3, 2] -= less * PLANE
            assert nearer_corners(cut) == 1
            one = render(cut[None].to(device), 32, settings=RenderSettings(**settings), outputs=("alpha", "depth"))
            assert_close(one.alpha, whole.alpha, rtol=0, atol=1e-4)
            assert_close(one.depth, whole.depth, rtol=1e-4, atol=0)
    # In every direction and for every shape: one image each.
    generator = torch.Generator().manual_seed(0)
    many = torch.rand((400, 1, 3, 3), generator=generator, dtype=torch.float64)
    many = torch.cat([2 * many[..., :2] - 1, 1 + 2 * many[..., 2:]], 3).to(dtype)
    many[:, 0, 2, 2] = PLANE
    whole = render(many.to(device), 8, settings=RenderSettings(**settings), outputs=("alpha",))
    for ulps in (1, 2, 3, 10):
        many[:, 0, 2, 2] = PLANE * (1 - ulps * torch.finfo(dtype).eps)
        nearer = render(many.to(device), 8, settings=RenderSettings(**settings), outputs=("alpha",))
        assert_close(nearer.alpha, whole.alpha, rtol=0, atol=1e-4)
    # The same where the plane leaves next to nothing: two corners at it, the third in front.
    little = corners.clone()
    little[:2, 2] = PLANE
    little[2, 2] = 0.2
    alpha = render(little[None].to(device), 32, settings=RenderSettings(**settings), outputs=("alpha",)).alpha
    assert not alpha.any(), "a polygon without area counts nowhere"


@DEVICES
@DTYPES
@pytest.mark.parametrize("clip", ["unit", "nonnegative", "none"])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_colour_and_depth_do_not_jump_when_a_face_comes_to_be_cut(
    way: dict[str, Any], clip: str, dtype: torch.dtype, device: str
) -> None:
    """Colour and depth of a face with one corner at the plane, or two, are those of the face with them a little before
    it: whatever interpolation says of the whole face, it says of what is left of it."""
    corners = torch.tensor([[-0.6, -0.7, 2.0], [0.7, -0.5, 3.0], [0.1, 0.8, 2.5]], dtype=dtype)
    features = torch.tensor([[0.1, 0.9], [0.8, 0.2], [0.4, 0.6]], dtype=dtype)
    # Within the face: at its outline a pixel of depth just below far, or next to where a corner was, is another matter.
    settings = RenderSettings(**{**BASE, **way, "reach": 0.0, "near": 1e-3, "far": 100.0, "clip": clip})

    def fragments(before: float, first: int, at: tuple[int, ...]) -> Tensor:
        moved = corners.roll(first, 0).clone()
        moved[at, 2] = PLANE * (1 - before)
        found = find_fragments(moved[None].to(device), 24, settings=settings)
        colour = found.weights.cpu() @ features.roll(first, 0)
        everything = torch.full((24 * 24, 3), torch.nan, dtype=dtype)
        return everything.index_copy(0, found.pixel.cpu(), torch.cat([colour, found.depth.cpu()[:, None]], 1))

    for first, at in itertools.product(range(3), [(2,), (0,), (1, 2), (0, 2)]):
        whole = fragments(0.0, first, at)
        for before in (torch.finfo(dtype).eps, 1e-6, 1e-5):
            cut = fragments(before, first, at)
            both = whole[:, 0].isfinite() & cut[:, 0].isfinite()
            assert both.sum() > 100 and whole[:, 0].isfinite().sum() <= both.sum() + 1
            assert_close(cut[both], whole[both], rtol=2e-3, atol=2e-3)
            # Away from the corner, where a little may be much, far better.
            assert ((cut - whole)[both].abs() > 2e-4).double().mean() < 0.02


@DEVICES
@pytest.mark.parametrize("clip", ["unit", "nonnegative", "none"])
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_neighbours_agree_on_their_edge(way: dict[str, Any], clip: str, device: str) -> None:
    """Two faces with an edge in common, cut or not as they may be, show the same along it."""
    settings = RenderSettings(**{**BASE, **way, "reach": 1e-6, "near": 1e-3, "far": 100.0, "clip": clip})
    for top_z, left_z, right_z in itertools.product([2.0, 0.3, -0.7], [1.5, 0.2, -0.4], [3.0, 0.4, -1.1]):
        points = torch.tensor([[0.0, -0.9, 1.2], [0.0, 0.8, top_z], [-0.8, 0.1, left_z], [0.9, -0.2, right_z]]).double()
        if way["projection"] == "perspective":
            points = torch.cat([points[:, :2] / points[:, 2:], points[:, 2:]], 1)
        faces = points[torch.tensor([[0, 1, 2], [1, 0, 3]])]
        found = find_fragments(faces.to(device), 25, settings=settings)
        on_the_edge = found.pixel % 25 == 12
        left, right = (on_the_edge & (found.face == face) for face in (0, 1))
        assert torch.equal(found.pixel[left], found.pixel[right]) and left.sum() >= 3
        a, b = found.weights[left], found.weights[right][:, [1, 0, 2]]
        assert_close(a, b, rtol=0, atol=1e-9)
        assert_close(found.depth[left], found.depth[right], rtol=1e-9, atol=0)


ODD_CORNERS = {
    "on the plane": (0.3, PLANE),
    "just before it": (0.3, PLANE * (1 - 1e-7)),
    "on the camera": (0.3, 0.0),
    "on the camera, far out": (1e18, 0.0),
    "next to the camera": (0.3, 1e-6),
    "next to the camera, far out": (3e5, 1e-6),
    "behind it, far out": (-3e5, -1e-6),
    "very far out": (1e15, 1e-15),
    "as far as it goes": (1e18, 1e-18),
    "far behind": (0.3, -1e30),
    "far ahead": (0.3, 1e30),
    "far behind and far out": (1e18, -1e30),
}


@pytest.mark.slow
@DEVICES
@DTYPES
@pytest.mark.parametrize("name", ODD_CORNERS)
def test_odd_corners(name: str, dtype: torch.dtype, device: str) -> None:
    x, z = ODD_CORNERS[name]
    ways = itertools.product([(0,), (0, 1), (2,)], WAYS, ["unit", "nonnegative", "none"], [PLANE, 1e-6, 1e-30])
    for corners, way, clip, plane in ways:
        as_in_space = way["perspective_correct"] == (way["projection"] == "perspective")
        if not as_in_space and plane != PLANE:
            continue
        for other_z in (2.0, -1.0):
            scene = random_scene(2, 2)
            scene.face_vertices[0, corners, 0], scene.face_vertices[0, corners, 2] = x, z
            scene.face_vertices[0, 1, 2] = other_z if 1 not in corners else z
            settings = {**BASE, "near": 1e-3, "far": 1e4, "clip": clip, **way}
            settings |= {"near_clip": plane, "reach": None}
            results = render_all(scene, 5, settings, device, dtype)
            context = (corners, way, clip, plane, other_z)
            assert all(value.isfinite().all() for value in results), context
            assert results[1].min() >= 0 and results[1].max() <= 1 + 1e-6, context
            if clip != "none":
                assert results[0].min() >= -1e-6 and results[0].max() <= 1 + 1e-6, context
            faces = scene.face_vertices.to(device, dtype).requires_grad_()
            found = find_fragments(faces, 5, settings=RenderSettings(**settings))
            (gradient,) = torch.autograd.grad(sum(value.sum() for value in found[3:]), faces)
            assert gradient.isfinite().all(), context


def test_a_cut_point_does_not_depend_on_how_far_out_its_end_is() -> None:
    """x z counts: the same line in space with its end ever closer to the plane of the camera."""
    line = torch.tensor([[-0.5, -0.6, 2.0], [0.6, -0.4, 2.0]], dtype=torch.float64)
    settings = RenderSettings(**{**BASE, "reach": None, "far": 100.0})

    def alpha(z: float, dtype: torch.dtype) -> Tensor:
        point = torch.tensor([0.1, 0.9], dtype=torch.float64)  # where, in space, the third corner is at depth z
        corner = torch.tensor([[point[0] / z, point[1] / z, z]], dtype=torch.float64)
        return render(torch.cat([line, corner])[None].to(dtype), 32, settings=settings, outputs=("alpha",)).alpha

    limit = alpha(1e-12, torch.float64)
    assert limit.mean() > 0.1
    for z in (1e-4, -1e-4, 1e-6, -1e-6, 1e-12, -1e-12):
        for dtype in (torch.float32, torch.float64):
            assert_close(alpha(z, dtype).double(), limit, rtol=0, atol=max(20 * abs(z), 1e-5))


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("projection", PROJECTIONS)
@pytest.mark.parametrize("twice", range(3))
def test_a_cut_face_of_no_area_is_nowhere(twice: int, projection: str, dtype: torch.dtype, device: str) -> None:
    """Two corners in one place, wherever that is: rounding of the cut points does not make an area of it."""
    generator = torch.Generator().manual_seed(twice)
    faces = 3 * torch.rand((600, 3, 3), generator=generator, dtype=torch.float64) - 1.5
    faces[::2, :, 1] = faces[::2, :1, 1]  # horizontal
    faces[:, twice - 1] = faces[:, twice - 2]
    side = torch.tensor([-1.0, -1.0, 1.0]).roll(twice + 1) * torch.tensor([1.0, 1.0, -1.0]).repeat(200)[:, None]
    faces[..., 2] = PLANE + side * 10 ** (-8 * faces[..., 2].abs())
    faces = faces.to(dtype)
    cut = faces[nearer_corners(faces) % 3 > 0]  # in float32 some depths round to that of the plane
    assert len(cut) > 300
    settings = RenderSettings(**{**BASE, "projection": projection, "reach": None, "perspective_correct": False})
    assert not render(cut[None].to(device), SIZE, settings=settings, outputs=("alpha",)).alpha.any()
    assert not reference_render(cut[:60].double(), SIZE, settings=settings).alpha.any()


@DEVICES
@pytest.mark.parametrize("clip", ["unit", "nonnegative"])
@pytest.mark.parametrize("size", [1e-1, 1e-2, 1e-3, 1e-4])
def test_what_is_left_of_small_and_narrow_faces(size: float, clip: str, device: str) -> None:
    """Cut points are rounded where they lie, at some 1 from the middle: places on an edge are good to that over its
    length, some hundreds of units at most, though the face is a thousand times as narrow."""
    settings = RenderSettings(**{**BASE, "projection": "orthographic", "clip": clip, "reach": None})
    for seed in range(4):
        faces = size * crossing_faces(seed, "orthographic", faces=20)
        middle = faces[:, :2].mean(1)
        faces[:, 2] = middle + 1e-3 * (faces[:, 2] - middle)
        faces[..., 2] = PLANE + torch.linspace(-1, 1, 60, dtype=torch.float64).reshape(3, 20).T.roll(7, 0)
        faces[..., :2] += torch.tensor([0.7, -0.4])
        expected = reference_fragments(faces, SIZE, settings)
        got = find_fragments(faces[None].to(device), SIZE, settings=settings)
        assert len(expected.face) > 100 and torch.equal(got.face.cpu(), expected.face)
        tolerance = 512 * torch.finfo(torch.float64).eps / size
        assert_close(got.weights.cpu(), expected.weights, rtol=0, atol=tolerance)
        assert_close(got.depth.cpu(), expected.depth, rtol=0, atol=tolerance)


def test_settings_that_exclude_cutting_are_refused_by_the_c_abi() -> None:
    settings = RenderSettings(**BASE)
    faces = crossing_faces(0)

    def call(**changed: float) -> None:
        named = zip(structs.SETTING_INTS + structs.SETTING_FLOATS, sum(settings.packed, ()), strict=True)
        numbers = [changed.get(name, number) for name, number in named]
        n_ints = len(structs.SETTING_INTS)
        torch.ops.gendr_adapters.fragments(faces, None, None, [1, *SIZE], numbers[:n_ints], numbers[n_ints:])

    call()
    for name in ("distance", "gradient"):
        with pytest.raises(ValueError, match="near_clip does not go with"):
            call(**{name: 1})
    with pytest.raises(ValueError, match="projection must be GENDR_PERSPECTIVE or GENDR_ORTHOGRAPHIC"):
        call(projection=2)
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="near_clip must be a depth > 0"):
            call(near_clip=bad)
