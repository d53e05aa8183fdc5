"""Gradients of a pixel exactly on the outline of a face where u = +-d / tau: d has no direction there, and the edge's
normal is the limit from either side."""

from typing import Any

import pytest
import torch
from support.devices import DEVICES
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import RenderSettings, blend_fragments, find_fragments, render

pytestmark = pytest.mark.exact_coordinates

SIDE = 8
TAU = 0.1
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
# With a pdf at 0 that is the same from both sides, and a CDF there that counts.
SMOOTH: list[dict[str, Any]] = [
    *(
        {"distribution": d}
        for d in ("uniform", "cubic_hermite", "wigner_semicircle", "gaussian", "laplace", "logistic")
    ),
    *({"distribution": d} for d in ("gudermannian", "cauchy", "reciprocal", "gumbel_max", "gumbel_min")),
    {"distribution": "exponential", "dist_shift": 0.5},
    {"distribution": "exponential_rev", "dist_shift": 0.5},
    {"distribution": "gamma", "dist_shape": 2.0, "dist_shift": 0.5},
    {"distribution": "gamma_rev", "dist_shape": 2.0, "dist_shift": 0.5},
    {"distribution": "levy", "dist_shift": 1.0},
    {"distribution": "levy_rev", "dist_shift": 1.0},
]
T_CONORMS: list[dict[str, Any]] = [
    *({"t_conorm": name} for name in ("max", "probabilistic", "einstein", "sum")),
    *({"t_conorm": name, "t_conorm_p": 0.7} for name in ("hamacher", "frank", "yager", "aczel_alsina", "dombi")),
    {"t_conorm": "schweizer_sklar", "t_conorm_p": -0.7},
]
# Of faces with a pixel centre on an edge: which edge, its pixel, and the corners.
ON_EDGES = {
    "first edge": ((4, 6), [(0.625, -0.9), (0.625, 0.8), (-0.7, 0.3)]),
    "second edge": ((4, 6), [(-0.7, 0.3), (0.625, -0.9), (0.625, 0.8)]),
    "third edge, clockwise": ((4, 6), [(0.625, -0.9), (-0.7, 0.3), (0.625, 0.8)]),
    "slanted": ((3, 4), [(-0.125, -0.125), (0.375, 0.375), (-0.6, 0.9)]),
}


def settings_of(**more: Any) -> RenderSettings:
    return RenderSettings(**{"dist_squared": False, "dist_scale": TAU, "near": 0.5, "far": 100.0, **more})


def face_of(points: list[tuple[float, float]], depths: tuple[float, float, float] = (2.0, 3.0, 2.5)) -> Tensor:
    flat = torch.tensor(points, dtype=torch.float64)
    return torch.cat([flat, torch.tensor(depths, dtype=torch.float64)[:, None]], 1)[None]


def alpha_at(faces: Tensor, pixel: tuple[int, int], settings: RenderSettings) -> Tensor:
    alpha = render(faces, SIDE, settings=settings, outputs=("alpha",)).alpha
    assert alpha is not None
    return alpha[0, pixel[0], pixel[1]]


def listed_alpha_at(faces: Tensor, pixel: tuple[int, int], settings: RenderSettings) -> Tensor:
    found = find_fragments(faces, SIDE, settings=settings)
    offsets = torch.tensor([0, len(faces)], device=faces.device)
    alpha = blend_fragments(found, None, SIDE, settings, face_offsets=offsets, outputs=("alpha",)).alpha
    assert alpha is not None
    return alpha[0, pixel[0], pixel[1]]


def differences(faces: Tensor, pixel: tuple[int, int], settings: RenderSettings, device: str) -> Tensor:
    """d alpha / d corners by central differences in float64."""
    step, out = 1e-6, torch.zeros_like(faces)
    for i in range(faces.numel()):
        moved = []
        for sign in (1, -1):
            at = faces.clone()
            at.view(-1)[i] += sign * step
            moved.append(alpha_at(at.to(device), pixel, settings).item())
        out.view(-1)[i] = (moved[0] - moved[1]) / (2 * step)
    return out


def check(faces: Tensor, pixel: tuple[int, int], settings: RenderSettings, dtype: torch.dtype, device: str) -> None:
    expected = differences(faces, pixel, settings, device)
    assert expected.abs().max() > 0.1
    corners = faces.to(device, dtype).requires_grad_()
    tolerance = 1e-5 if dtype == torch.float64 else 1e-4
    for alpha in (alpha_at, listed_alpha_at):
        (got,) = torch.autograd.grad(alpha(corners, pixel, settings), corners)
        assert_close(got.double().cpu(), expected, rtol=0, atol=tolerance * expected.abs().max().item())


@DEVICES
@DTYPES
def test_square_of_the_fault_report(dtype: torch.dtype, device: str) -> None:
    x = torch.tensor(0.625, dtype=dtype, device=device, requires_grad=True)
    left, low, high, depth = (torch.full_like(x, v).detach() for v in (-0.7, -0.7, 0.7, 2.0))
    a, b, c, d = (torch.stack([*p, depth]) for p in ((left, low), (x, low), (x, high), (left, high)))
    faces = torch.stack([torch.stack([a, b, c]), torch.stack([a, c, d])])
    alpha = alpha_at(faces, (4, 6), settings_of(t_conorm="max"))
    (got,) = torch.autograd.grad(alpha, x)
    assert_close(got.item(), 2.5, rtol=1e-6, atol=0)


@DEVICES
@DTYPES
@pytest.mark.parametrize("where", ON_EDGES)
@pytest.mark.parametrize("distance", ["euclidean", "barycentric"])
def test_any_edge(distance: str, where: str, dtype: torch.dtype, device: str) -> None:
    pixel, points = ON_EDGES[where]
    check(face_of(points), pixel, settings_of(distance=distance), dtype, device)


@DEVICES
@DTYPES
@pytest.mark.parametrize("distribution", SMOOTH, ids=lambda d: d["distribution"])
def test_any_distribution(distribution: dict[str, Any], dtype: torch.dtype, device: str) -> None:
    pixel, points = ON_EDGES["second edge"]
    check(face_of(points), pixel, settings_of(**distribution), dtype, device)


@DEVICES
@DTYPES
@pytest.mark.parametrize("t_conorm", T_CONORMS, ids=lambda t: t["t_conorm"])
def test_any_t_conorm(t_conorm: dict[str, Any], dtype: torch.dtype, device: str) -> None:
    pixel, points = ON_EDGES["slanted"]
    check(face_of(points), pixel, settings_of(**t_conorm), dtype, device)


@DEVICES
@DTYPES
@pytest.mark.parametrize("projection", ["perspective", "orthographic"])
def test_edges_of_a_cut_face(projection: str, dtype: torch.dtype, device: str) -> None:
    """An edge that the plane at depth 1 shortens, and the one it makes: from (0.375, -0.625) to (0.375, 0.875)."""
    settings = settings_of(near_clip=1.0, projection=projection)
    share = 0.4 if projection == "perspective" else 0.8  # of the way to the corner at depth 0.5 where the cut is
    tip = [(-0.625, y) for y in (-0.625, 0.875)]
    behind = [(-0.625 + 1 / share, y) for y in (-0.625, 0.875)]
    depths = (3.0, 0.5, 0.5)
    shortened = face_of([tip[0], behind[0], (behind[0][0], 0.9)], depths)
    check(shortened, (6, 2), settings, dtype, device)
    made = face_of([(-0.625, 0.125), (behind[0][0], -1.7), (behind[0][0], 1.9)], depths)
    check(made, (4, 5), settings, dtype, device)


@DEVICES
@DTYPES
def test_a_corner(dtype: torch.dtype, device: str) -> None:
    """There it is the limit of pixels beside the edge that begins or ends the face, as the corner is in two edges."""
    points = [(0.625, -0.125), (0.5, 0.7), (-0.7, 0.1)]
    corners = face_of(points).to(device, dtype).requires_grad_()
    (got,) = torch.autograd.grad(alpha_at(corners, (4, 6), settings_of()), corners)
    along = torch.tensor([-0.125, 0.825], dtype=torch.float64)
    along = along / along.norm()
    normal = torch.tensor([along[1], -along[0]])
    pdf = 0.25 / TAU
    assert_close(got[0, 0, :2].double().cpu(), pdf * normal, rtol=1e-5, atol=1e-6)
    assert got[0, 1:].abs().max() < 1e-6
    # A pixel a little outside that edge, near the corner.
    shifted = face_of(points)
    shifted[0, :, :2] -= 1e-5 * normal + 1e-5 * along
    beside = shifted.requires_grad_()
    (near,) = torch.autograd.grad(alpha_at(beside.to(device), (4, 6), settings_of()), beside)
    assert_close(near.sum(1), got.double().cpu().sum(1), rtol=0, atol=1e-3 * pdf)


@DEVICES
@DTYPES
def test_an_edge_by_rounding(dtype: torch.dtype, device: str) -> None:
    """The distance computed is some 1e-8, on either side, and its direction nothing but rounding."""
    generator = torch.Generator().manual_seed(0)
    n = 200
    away = torch.randint(-(2**19), 2**19, (n, 2), generator=generator).to(dtype) * 2.0**-20
    pixel = torch.tensor([0.125, 0.125], dtype=dtype)
    left = torch.stack([-away[:, 1], away[:, 0]], 1)
    aside = pixel + left * (0.5 + torch.rand((n, 1), generator=generator, dtype=dtype))
    points = torch.stack([pixel - away, pixel + away, aside], 1)
    corners = torch.cat([points, torch.full_like(points[..., :1], 2)], 2)[:, None].to(device).requires_grad_()
    alpha = render(corners, SIDE, settings=settings_of(), outputs=("alpha",)).alpha
    assert alpha is not None
    (got,) = torch.autograd.grad(alpha[:, 3, 4].sum(), corners)
    outward = -left / left.norm(dim=1, keepdim=True)
    expected = 0.25 / TAU * outward
    tolerance = 1e-3 if dtype == torch.float32 else 1e-9
    assert_close(got[:, 0, :, :2].sum(1).cpu(), expected, rtol=0, atol=tolerance * 2.5)


@DEVICES
@DTYPES
def test_gradients_where_the_limit_does_not_exist(dtype: torch.dtype, device: str) -> None:
    """All around a face of no area is outside, so that on it the coverage is largest; squared, it is flat; and the
    references, which divide what rounding leaves of the distance by 1e-6, say 0 but for that."""
    eps = torch.finfo(dtype).eps
    pixel, points = ON_EDGES["first edge"]
    segment = face_of([(-0.875, 0.125), (0.875, 0.125), (0.125, 0.125)])
    for faces, at, settings, most in (
        (segment, (3, 4), settings_of(), 100 * eps),
        (face_of(points), pixel, settings_of(dist_squared=True), 100 * eps),
        (face_of(points), pixel, settings_of(gradient="reference"), 2.5 * 4 * eps / 1e-6),
    ):
        corners = faces.to(device, dtype).requires_grad_()
        alpha = alpha_at(corners, at, settings)
        assert alpha.item() == 0.5
        (got,) = torch.autograd.grad(alpha, corners)
        assert (got.abs() <= most).all()  # of 2.5; squared, rounding leaves a distance
