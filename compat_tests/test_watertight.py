"""No holes between faces that share an edge or a corner: rounding decides which of them has a pixel, never whether.

Two kinds of scenes. With all corners at pixel centres, whole numbers say exactly which pixels are on a face, and a hard
picture must be just that. And pixels put on a shared edge whose corners are any numbers, where each face's arithmetic
rounds in its own way."""

import itertools
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from support.devices import DEVICES
from support.scenes import sphere
from torch import Tensor

from gendr_adapters import Rendered, RenderSettings, blend_fragments, find_fragments, render
from gendr_adapters.reference import render as reference_render

pytestmark = pytest.mark.exact_coordinates

SIDE = 32  # a power of two: pixel centres have no rounding
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
OUTPUTS = ("image", "alpha", "depth", "face_index")
SPLIT = [[0, 1, 2], [0, 2, 3]]  # of a quadrilateral in two

# On a face, alpha is `least` or more.
SETTINGS: dict[str, tuple[float, dict[str, Any]]] = {
    "hard": (1.0, {"distribution": "hard"}),
    "hard, plain": (1.0, {"distribution": "hard", "dist_squared": False}),
    "all hard": (1.0, {"distribution": "hard", "t_conorm": "hard", "blend": "hard"}),
    "hard, large scale": (1.0, {"distribution": "hard", "dist_scale": 1e30}),
    "hard, small scale": (1.0, {"distribution": "hard", "dist_scale": 1e-30, "dist_squared": False}),
    "hard, box": (1.0, {"distribution": "hard", "reach_shape": "box", "reach": 0.0}),
    "hard, barycentric": (1.0, {"distribution": "hard", "distance": "barycentric"}),
    "hard, one side": (1.0, {"distribution": "hard", "t_conorm": "max", "min_coverage": 0.9}),
    "default": (0.5, {}),
    "hard blending": (0.5, {"blend": "hard"}),
    "no reach": (0.5, {"reach": 0.0}),
    "no reach, plain": (0.5, {"reach": 0.0, "dist_squared": False}),
    "no reach, barycentric": (0.5, {"reach": 0.0, "distance": "barycentric", "dist_squared": False}),
    "steep": (0.5, {"dist_squared": False, "dist_scale": 1e-12}),
    "steep, squared": (0.5, {"dist_scale": 1e-25}),
    "steep, barycentric": (0.5, {"dist_squared": False, "dist_scale": 1e-12, "distance": "barycentric"}),
    "close to min_coverage": (0.5, {"dist_squared": False, "min_coverage": 0.49999}),
    "hard T-conorm": (1.0, {"t_conorm": "hard"}),
    "hard T-conorm, cauchy": (1.0, {"t_conorm": "hard", "distribution": "cauchy", "dist_squared": False}),
    "hard T-conorm, gaussian": (1.0, {"t_conorm": "hard", "distribution": "gaussian"}),
    "no CDF in an edge": (0.0, {"distribution": "exponential", "blend": "hard", "min_coverage": 0.0}),
    "clip none": (1.0, {"distribution": "hard", "clip": "none"}),
}
# Of these the face's closed set is all that counts, so a picture has it and nothing else.
EXACT = [name for name, (least, _) in SETTINGS.items() if least == 1.0]


class Meshes(NamedTuple):
    """Small meshes, an image each, all of F faces."""

    corners: Tensor  # (B, F, 3, 3)
    must: Tensor  # (B, SIDE, SIDE) bool: pixels on a face
    may: Tensor  # and those where a face of no area is


def centre(pixel: Tensor) -> Tensor:
    """NDC of the pixel at (column, row) of whole numbers, exact."""
    return torch.stack([(2 * pixel[..., 0] + 1 - SIDE) / SIDE, (SIDE - 1 - 2 * pixel[..., 1]) / SIDE], -1)


def with_depth(points: Tensor, generator: torch.Generator) -> Tensor:
    depth = 2 + torch.rand((*points.shape[:-1], 1), generator=generator, dtype=torch.float64)
    return torch.cat([points, depth], -1)


def on_faces(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels are on one of the faces (..., F, 3, 2) of whole numbers of pixels, and which on one without area."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    at = np.stack([columns, rows], -1)[:, :, None, None]  # (SIDE, SIDE, 1, 1, 2)
    start = faces[..., None, None, :, :, :]
    edge = np.roll(start, -1, axis=-2) - start
    side = edge[..., 0] * (at - start)[..., 1] - edge[..., 1] * (at - start)[..., 0]
    area = edge[..., 0, 0] * edge[..., 1, 1] - edge[..., 0, 1] * edge[..., 1, 0]
    closed = (side * np.sign(area)[..., None] >= 0).all(-1)
    low, high = start.min(-2), start.max(-2)
    in_box = ((at[..., 0, :] >= low) & (at[..., 0, :] <= high)).all(-1)
    flat = (area == 0) & (side == 0).all(-1) & in_box
    return (closed & (area != 0)).any(-1), flat.any(-1)


def lattice(points: Tensor, triangles: list[list[int]], generator: torch.Generator) -> Meshes:
    """points: (B, V, 2) whole numbers, pixels."""
    must, may = on_faces(points.numpy()[:, triangles])
    corners = with_depth(centre(points.double()), generator)[:, triangles]
    return Meshes(corners, torch.from_numpy(must), torch.from_numpy(may))


def lattice_quads(seed: int, n: int) -> Meshes:
    """Of any four corners: convex, not convex, crossing themselves, needles, of no area."""
    generator = torch.Generator().manual_seed(seed)
    return lattice(torch.randint(0, SIDE, (n, 4, 2), generator=generator), SPLIT, generator)


def lattice_fans(seed: int, n: int, faces: int = 6) -> Meshes:
    """Around a corner in common, all with the same sense."""
    generator = torch.Generator().manual_seed(seed)
    hub = torch.randint(SIDE // 3, 2 * SIDE // 3, (n, 1, 2), generator=generator)
    rim = torch.randint(0, SIDE, (n, faces, 2), generator=generator)
    away = (rim - hub).double()
    order = torch.atan2(away[..., 1], away[..., 0]).argsort(1)
    points = torch.cat([hub, rim.gather(1, order[..., None].expand(n, faces, 2))], 1)
    return lattice(points, [[0, 1 + k, 1 + (k + 1) % faces] for k in range(faces)], generator)


def lattice_sphere(seed: int, n: int) -> Meshes:
    """A closed mesh in turns and sizes of its own, its corners moved to pixel centres."""
    generator = torch.Generator().manual_seed(seed)
    vertices, faces = sphere(8, 12)
    turn = 7 * torch.rand((n, 1), generator=generator, dtype=torch.float64)
    size = SIDE * (0.3 + 0.3 * torch.rand((n, 1), generator=generator, dtype=torch.float64))
    x, y = vertices[:, 0] * turn.cos() - vertices[:, 1] * turn.sin(), vertices[:, 0] * turn.sin() + vertices[:, 1]
    points = (torch.stack([x, y], -1) * size[..., None] + SIDE / 2).round().long()
    return lattice(points, faces.tolist(), generator)


class Pixels(NamedTuple):
    """Meshes of which one pixel is known to be on an edge or in a corner that faces share all around it."""

    corners: Tensor  # (B, F, 3, 3)
    row: Tensor  # (B,)
    column: Tensor


def beside(start: Tensor, end: Tensor, side: float, generator: torch.Generator) -> Tensor:
    """Points (B, 2) somewhere to the left (side 1) or right (-1) of the edges."""
    along, across = torch.rand((2, len(start), 1), generator=generator, dtype=start.dtype)
    edge = end - start
    normal = torch.stack([-edge[:, 1], edge[:, 0]], 1)
    return start + (1.6 * along - 0.3) * edge + side * (0.02 + across) * normal


class Edge(NamedTuple):
    """The second corner is `ratio` times as far from the pixel as the first, on the other side of it."""

    ratio: float = 1.0
    depths: tuple[float, float, float] | None = None  # of the first and second corner, and of the others


WHOLE = Edge()


def quads_through(seed: int, n: int, dtype: torch.dtype, shared: Edge = WHOLE) -> Pixels:
    """A pixel lies on the edge that two faces share."""
    generator = torch.Generator().manual_seed(seed)
    pixel = torch.randint(SIDE // 4, 3 * SIDE // 4, (n, 2), generator=generator)
    p = centre(pixel.to(dtype))
    away = torch.randint(-(2**20), 2**20, (n, 2), generator=generator).to(dtype) * 2.0**-21
    if dtype == torch.float64:
        away = away + torch.randint(0, 2**20, (n, 2), generator=generator).to(dtype) * 2.0**-42
    start = p - away  # without rounding, as what follows
    end = p + away * shared.ratio
    assert torch.equal(p - start, away) and torch.equal(end - p, away * shared.ratio)
    points = torch.stack([start, beside(start, end, -1, generator), end, beside(start, end, 1, generator)], 1)
    z = 2 + torch.rand((n, 4, 1), generator=generator, dtype=dtype)
    if shared.depths is not None:
        first, second, others = shared.depths
        z = torch.tensor([first, others, second, others], dtype=dtype)[:, None].expand(n, 4, 1)
    corners = torch.cat([points, z], 2)[:, SPLIT]
    return Pixels(corners, pixel[:, 1], pixel[:, 0])


def fans_around(seed: int, n: int, dtype: torch.dtype, faces: int = 5) -> Pixels:
    """A pixel in the corner that all faces of a fan share."""
    generator = torch.Generator().manual_seed(seed)
    pixel = torch.randint(SIDE // 4, 3 * SIDE // 4, (n, 2), generator=generator)
    hub = centre(pixel.to(dtype))[:, None]
    turn = torch.arange(faces) + 0.9 * torch.rand((n, faces), generator=generator, dtype=dtype)
    turn = turn * (2 * torch.pi / faces)
    radius = 0.1 + torch.rand((n, faces), generator=generator, dtype=dtype)
    rim = hub + radius[..., None] * torch.stack([turn.cos(), turn.sin()], -1)
    points = torch.cat([torch.cat([hub, rim], 1), 2 + torch.rand((n, faces + 1, 1), generator=generator).to(dtype)], 2)
    return Pixels(points[:, [[0, 1 + k, 1 + (k + 1) % faces] for k in range(faces)]], pixel[:, 1], pixel[:, 0])


def cut_fans_around(
    seed: int, n: int, dtype: torch.dtype, projection: str, ulps: int, size: float | None = None
) -> Pixels:
    """Fans of five faces, of a size or of any, around a pixel, or a corner so many units in the last place off it. The
    plane at depth 1 cuts off three corners in five: nearer ones, ones next to the camera's plane and far behind."""
    generator, faces = torch.Generator().manual_seed(seed), 5

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    pixel = torch.randint(0, SIDE, (n, 2), generator=generator)
    hub = centre(pixel.to(dtype))
    towards = torch.where(uniform(n, 2) < 0.5, -9.0, 9.0).to(dtype)
    for _ in range(ulps):
        hub = torch.nextafter(hub, towards)
    turn = (torch.arange(faces) + 0.9 * uniform(n, faces) + 7 * uniform(n, 1)) * (2 * torch.pi / faces)
    radius = torch.full_like(turn, size) if size else 10 ** (6 * uniform(n, 1) - 4) * (0.1 + uniform(n, faces))
    depth = torch.where(uniform(n, faces) < 0.6, 1 - 10 ** (4 * uniform(n, faces) - 3), 1 + 3 * uniform(n, faces))
    depth = torch.where(depth.abs() < 1e-3, 1e-3, depth)
    # What is behind the camera is seen mirrored.
    radius = radius / depth if projection == "perspective" else radius
    rim = hub.double()[:, None] + radius[..., None] * torch.stack([turn.cos(), turn.sin()], -1)
    middle = torch.cat([hub.double(), 1 + 3 * uniform(n, 1)], 1)
    points = torch.cat([middle[:, None], torch.cat([rim, depth[..., None]], 2)], 1)
    fan = [[0, 1 + k, 1 + (k + 1) % faces] for k in range(faces)]
    return Pixels(points[:, fan].to(dtype), pixel[:, 1], pixel[:, 0])


CUBE = list(itertools.product((-1.0, 1.0), repeat=3))
SIDES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


def box_around(seed: int, projection: str) -> tuple[Tensor, float]:
    """Corners (12, 3, 3) of a box around the camera, and a depth of the near plane that leaves all of the picture
    within. Upright, turned by parts of a right angle, or any way: edges go through pixels, and some corners far out."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64)

    turn = torch.linalg.qr(uniform(3, 3) - 0.5).Q
    if seed % 4:
        angle = torch.pi / 4 * torch.tensor(seed % 4 - 1, dtype=torch.float64)
        c, s = angle.cos(), angle.sin()
        turn = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], dtype=torch.float64)
    size = 10 ** (3 * uniform(1) - 0.5) * (10 ** (2 * uniform(3)) if seed % 3 else torch.ones(3))
    middle = (uniform(3) - 0.5) * (seed % 5 > 1)
    points = (torch.tensor(CUBE, dtype=torch.float64) + middle) * size @ turn.mT
    sides = [(q[k:] + q[:k]) for q, k in zip(SIDES, (uniform(6) < 0.5).long().tolist(), strict=True)]
    corners = points[torch.tensor([[q[i] for i in split] for q in sides for split in SPLIT])]
    within = 0.3 * size.min()
    scale = corners[..., 2:] if projection == "perspective" else within
    return torch.cat([corners[..., :2] / scale, corners[..., 2:]], -1), 0.3 * within.item()


def check_boxes(name: str, seeds: Iterable[int], dtype: torch.dtype, device: str) -> None:
    for seed, projection in itertools.product(seeds, PROJECTIONS):
        corners, plane = box_around(seed, projection)
        least, settings = settings_of(name, near_clip=plane, near=plane / 2, far=1e9, projection=projection)
        for side in (SIDE, SIDE + 1):
            faces = corners.to(device, dtype)[None]
            rendered = render(faces, side, torch.ones_like(faces[..., :1]), settings=settings, outputs=OUTPUTS)
            check_covered(rendered, torch.ones((1, side, side), dtype=torch.bool), least, settings.blend == "hard")


def check_cut_fans(name: str, seed: int, n: int, dtype: torch.dtype, device: str) -> None:
    for ulps, projection in itertools.product(range(3), PROJECTIONS):
        fans = cut_fans_around(seed, n, dtype, projection, ulps)
        check_pixels(name, fans, device, near_clip=1.0, projection=projection, far=1e9)


def settings_of(name: str, **more: Any) -> tuple[float, RenderSettings]:
    least, own = SETTINGS[name]
    return least, RenderSettings(**{"dist_scale": 1e-4, "near": 0.5, "far": 100.0, **own, **more})


def picture(corners: Tensor, settings: RenderSettings) -> Rendered:
    """With features of 1 over a background of 0."""
    return render(corners, SIDE, torch.ones_like(corners[..., :1]), settings=settings, outputs=OUTPUTS)


def listed(corners: Tensor, settings: RenderSettings) -> tuple[Tensor, Tensor]:
    """Fragments of each pixel, and alpha from them; (B, SIDE, SIDE)."""
    found = find_fragments(corners, SIDE, settings=settings)
    counts = torch.bincount(found.pixel, minlength=len(corners) * SIDE**2).reshape(-1, SIDE, SIDE)
    s = RenderSettings(**{name: getattr(settings, name) for name in BLENDING})
    alpha = blend_fragments(found, None, SIDE, s, n_images=len(corners), outputs=("alpha",)).alpha
    assert alpha is not None
    return counts.cpu(), alpha.cpu()


BLENDING = ("distribution", "dist_scale", "dist_squared", "t_conorm", "distance")


def check_covered(rendered: Rendered, on: Tensor, least: float, hard_blend: bool) -> None:
    """on: (B, SIDE, SIDE) bool, pixels that a face has."""
    assert rendered.alpha is not None and rendered.depth is not None and rendered.face_index is not None
    alpha, depth, face_index = (x.cpu()[on] for x in (rendered.alpha, rendered.depth, rendered.face_index))
    missing = (face_index < 0) | (depth <= 0) | (alpha < least * (1 - 1e-6))
    assert not missing.any(), f"{int(missing.sum())} of {int(on.sum())} pixels are holes"
    if hard_blend:
        assert rendered.image is not None
        assert (rendered.image.cpu()[:, 0][on] > 1 - 1e-5).all()


def check_meshes(name: str, meshes: Meshes, dtype: torch.dtype, device: str) -> None:
    least, settings = settings_of(name)
    corners = meshes.corners.to(device, dtype)
    rendered = picture(corners, settings)
    check_covered(rendered, meshes.must, least, settings.blend == "hard")
    counts, alpha = listed(corners, settings)
    assert (counts[meshes.must] > 0).all()
    assert (alpha[meshes.must] >= least * (1 - 1e-6)).all()
    if name in EXACT:
        outside = ~(meshes.must | meshes.may)
        assert rendered.alpha is not None and rendered.face_index is not None
        assert (rendered.alpha.cpu()[outside] == 0).all() and (alpha[outside] == 0).all()
        assert (rendered.face_index.cpu()[outside] == -1).all()


def check_pixels(name: str, pixels: Pixels, device: str, **more: Any) -> None:
    least, settings = settings_of(name, **more)
    corners = pixels.corners.to(device)
    on = torch.zeros((len(corners), SIDE, SIDE), dtype=torch.bool)
    on[torch.arange(len(corners)), pixels.row, pixels.column] = True
    check_covered(picture(corners, settings), on, least, settings.blend == "hard")
    counts, alpha = listed(corners, settings)
    assert (counts[on] > 0).all() and (alpha[on] >= least * (1 - 1e-6)).all()


NAMES = pytest.mark.parametrize("name", SETTINGS)
WHERE_CUT = pytest.mark.parametrize("name", [n for n in SETTINGS if "barycentric" not in n])
PROJECTIONS = ("perspective", "orthographic")
LATTICES = {"quads": lattice_quads, "fans": lattice_fans, "spheres": lattice_sphere}
THROUGH = {"quads": quads_through, "fans": fans_around}
# The plane at depth 1 cuts the edge beyond the pixel: the others are in front or not, or the corner behind the camera,
# so that the edge is seen on its extension beyond the first corner.
CUTS = {
    "one": Edge(3.0, (4.0, 0.5, 4.0)),
    "two": Edge(3.0, (4.0, 0.5, 0.25)),
    "behind": Edge(-5.0, (4.0, -2.0, 3.0)),
}


@DEVICES
@DTYPES
def test_quad_of_the_fault_report(dtype: torch.dtype, device: str) -> None:
    """Row 36, column 46 of 64 x 64 was a hole."""
    at = torch.tensor([[54, 35], [33, 40], [43, 24], [55, 18]], dtype=dtype)
    points = torch.stack([(2 * at[:, 0] - 63) / 64, (63 - 2 * at[:, 1]) / 64, torch.full_like(at[:, 0], 2)], 1)
    quad = points[torch.tensor(SPLIT)].to(device)
    for t_conorm in ("probabilistic", "hard", "max"):
        settings = RenderSettings(distribution="hard", t_conorm=t_conorm)
        rendered = render(quad, 64, settings=settings, outputs=("alpha", "face_index", "depth"))
        assert rendered.alpha is not None and rendered.face_index is not None
        assert rendered.alpha[0, 36, 46] == 1 and rendered.face_index[0, 36, 46] >= 0


@DEVICES
@DTYPES
@pytest.mark.parametrize("distribution", ["hard", "logistic", "uniform"])
def test_a_diagonal_under_the_hard_t_conorm(distribution: str, dtype: torch.dtype, device: str) -> None:
    """In float32 with distribution hard the diagonal was lost."""
    square = torch.tensor([[-0.875, -0.875], [0.875, -0.875], [0.875, 0.875], [-0.875, 0.875]], dtype=dtype)
    faces = torch.cat([square, torch.full_like(square[:, :1], 2)], 1)[torch.tensor(SPLIT)].to(device)
    settings = RenderSettings(distribution=distribution, t_conorm="hard")
    assert render(faces, 8, settings=settings, outputs=("alpha",)).alpha.eq(1).all()
    found = find_fragments(faces, 8, settings=settings)
    assert blend_fragments(found, None, 8, settings, outputs=("alpha",)).alpha.eq(1).all()


@pytest.mark.slow
@DEVICES
@DTYPES
@NAMES
def test_corners_at_pixels(name: str, dtype: torch.dtype, device: str) -> None:
    check_meshes(name, lattice_quads(0, 60), dtype, device)
    check_meshes(name, lattice_fans(1, 15), dtype, device)


@DEVICES
@DTYPES
@pytest.mark.parametrize("name", ["hard", "all hard", "default", "no reach"])
def test_closed_meshes(name: str, dtype: torch.dtype, device: str) -> None:
    check_meshes(name, lattice_sphere(2, 2), dtype, device)


@DEVICES
@DTYPES
@NAMES
def test_pixels_on_any_edge(name: str, dtype: torch.dtype, device: str) -> None:
    check_pixels(name, quads_through(3, 60, dtype), device)
    check_pixels(name, fans_around(4, 20, dtype), device)


@DEVICES
@DTYPES
@pytest.mark.parametrize("cut", CUTS)
@WHERE_CUT
def test_pixels_on_an_edge_that_is_cut(name: str, cut: str, dtype: torch.dtype, device: str) -> None:
    check_pixels(name, quads_through(5, 60, dtype, CUTS[cut]), device, near_clip=1.0)


@pytest.mark.slow
@DEVICES
@DTYPES
@WHERE_CUT
def test_corners_of_cut_faces(name: str, dtype: torch.dtype, device: str) -> None:
    check_cut_fans(name, 7, 40, dtype, device)


@DEVICES
def test_a_small_fan_that_had_a_hole(device: str) -> None:
    """Next to its corner, which is a unit in the last place off a pixel, float32 measured edges from cut points, which
    are rounded more coarsely than the faces are large."""
    for projection in PROJECTIONS:
        fans = cut_fans_around(0, 2500, torch.float32, projection, ulps=1, size=1e-5)
        on = (torch.arange(2500), fans.row, fans.column)
        settings = settings_of("hard", near_clip=1.0, projection=projection, far=1e9)[1]
        face_index = render(fans.corners.to(device), SIDE, settings=settings, outputs=("face_index",)).face_index
        assert face_index is not None and (face_index.cpu()[on] >= 0).all()


@DEVICES
@DTYPES
@WHERE_CUT
def test_boxes_around_the_camera(name: str, dtype: torch.dtype, device: str) -> None:
    check_boxes(name, range(3), dtype, device)


@DEVICES
@DTYPES
@pytest.mark.parametrize("split", [SPLIT, [[0, 1, 3], [1, 2, 3]], [[1, 2, 0], [2, 3, 0]]], ids=str)
def test_slope_of_the_fault_report(split: list[list[int]], dtype: torch.dtype, device: str) -> None:
    """z = y by parallel rays, cut at one half: pixels on the diagonal above it were holes."""
    corners = torch.tensor([[-4, -4, -4], [4, -4, -4], [4, 4, 4], [-4, 4, 4]], dtype=dtype)[torch.tensor(split)]
    y = torch.tensor([(39 - 2 * row) / 40 for row in range(40)], dtype=dtype)[:, None].expand(40, 40)
    for name, correct in itertools.product(("hard", "hard blending", "no reach", "default"), (True, False)):
        settings = settings_of(name, near_clip=0.5, projection="orthographic", perspective_correct=correct, near=0.1)[1]
        for faces in (corners, corners.flip(1)):
            rendered = render(faces.to(device), 40, settings=settings, outputs=("depth",))
            assert rendered.depth is not None
            assert torch.equal(rendered.depth[0].cpu() > 0, y > 0.5)


@pytest.mark.nightly
@DTYPES
@NAMES
def test_many_meshes(name: str, dtype: torch.dtype) -> None:
    """Of each setting and dtype: 2,250 quads and fans with corners at pixels, 10 closed meshes, 10,000 pixels on edges
    and in corners and, where faces may be cut, 4,500 on edges that are, 12,000 in corners and 200 boxes, twice."""
    for seed in range(100, 105):
        for make, n in ((lattice_quads, 250), (lattice_fans, 200), (lattice_sphere, 2)):
            check_meshes(name, make(seed, n), dtype, "cpu")
        check_pixels(name, quads_through(seed, 1500, dtype), "cpu")
        check_pixels(name, fans_around(seed, 500, dtype), "cpu")
        if "barycentric" not in name:
            for shared in CUTS.values():
                check_pixels(name, quads_through(seed, 300, dtype, shared), "cpu", near_clip=1.0)
            check_cut_fans(name, seed, 400, dtype, "cpu")
    if "barycentric" not in name:
        check_boxes(name, range(1000, 1100), dtype, "cpu")


@DEVICES
@pytest.mark.parametrize("name", [n for n in SETTINGS if n != "clip none"])
def test_pixels_on_edges_are_those_of_the_reference(name: str, device: str) -> None:
    """Pixels on edges in float64: alpha, and which of them a face has."""
    settings = settings_of(name)[1]
    # Either may find a pixel that is on an edge a little inside, which a steep coverage shows.
    rounding = 6 * torch.finfo(torch.float64).eps  # of faces no larger than 1
    rounding = rounding**2 if settings.dist_squared else rounding
    tolerance = 1e-9 if settings.distribution == "hard" else 1e-9 + rounding / float(settings.dist_scale)
    for corners in (quads_through(6, 3, torch.float64).corners, lattice_fans(7, 3).corners):
        got = picture(corners.to(device), settings)
        for i, faces in enumerate(corners):
            expected = reference_render(faces, SIDE, None, settings)
            assert got.alpha is not None and got.face_index is not None
            torch.testing.assert_close(got.alpha[i].cpu(), expected.alpha, rtol=0, atol=tolerance)
            assert torch.equal(got.face_index[i].cpu() >= 0, expected.face_index >= 0)
