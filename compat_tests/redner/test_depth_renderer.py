"""get_depth_renderer: conventions, values, gradients."""

import numpy as np
import pytest
import torch
from ray_caster import cast, opencv_ray
from redner_scenes import (
    INTRINSICS,
    Mesh,
    assert_gradient_of_integral,
    cube,
    joined,
    smooth_weights,
    square,
    triangle,
)
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import RenderSettings, gather_corners, render
from gendr_adapters.redner import get_depth_renderer

WIDTH, HEIGHT = DIMS = (16, 12)
SCENE = joined(triangle(), cube(0.3, (0.6, 0.4, 1.8)), square(9.0, 5.0))


def test_renderer_can_be_a_submodule() -> None:
    class Inference(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.renderer = get_depth_renderer(1, False)
            self.guess = torch.nn.Parameter(SCENE.vertices.clone())

        def forward(self) -> Tensor:
            return self.renderer(self.guess, SCENE.faces, INTRINSICS, DIMS)

    model = Inference()
    assert [name for name, _ in model.named_parameters()] == ["guess"]
    model().sum().backward()
    assert model.guess.grad is not None and model.guess.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_points_are_the_ray_casters(dtype: torch.dtype) -> None:
    picture = get_depth_renderer()(SCENE.vertices.to(dtype), SCENE.faces, INTRINSICS, DIMS)
    assert picture.shape == (HEIGHT, WIDTH, 3) and picture.dtype == dtype
    triangles = SCENE.vertices[SCENE.faces].numpy()
    for row in range(HEIGHT):
        for column in range(WIDTH):
            origin, direction = opencv_ray(column + 0.5, row + 0.5, np.array(INTRINSICS))
            hit = cast(origin, direction, triangles, 1e-4)
            expected = np.zeros(3) if hit is None else hit.along * direction
            np.testing.assert_allclose(picture[row, column], expected, rtol=1e-4 if dtype == torch.float32 else 1e-9)


def test_row_r_has_its_centre_at_r_plus_a_half() -> None:
    """A plane, so that the pixel says where it is looked at: fy Y / Z + cy = r + 0.5, and alike for columns."""
    picture = get_depth_renderer()(square(50.0, 2.0).vertices, square(50.0, 2.0).faces, INTRINSICS, DIMS)
    f_x, f_y, c_x, c_y = INTRINSICS
    x, y, z = picture.unbind(2)
    rows = (torch.arange(HEIGHT, dtype=torch.float64) + 0.5)[:, None].expand(HEIGHT, WIDTH)
    columns = (torch.arange(WIDTH, dtype=torch.float64) + 0.5).expand(HEIGHT, WIDTH)
    assert_close(f_y * y / z + c_y, rows)
    assert_close(f_x * x / z + c_x, columns)
    assert_close(z, torch.full_like(z, 2.0))


def test_edge_pixels_are_means_of_foreground_and_background() -> None:
    """The right edge of a square at u = 11.25 covers a quarter of column 11."""
    f_x, _, c_x, _ = INTRINSICS
    scene = joined(square((11.25 - c_x) / f_x * 2, 2.0), square(50.0, 5.0))
    picture = get_depth_renderer(64, seed=0)(scene.vertices, scene.faces, INTRINSICS, DIMS)
    assert_close(picture[5, :, 2][10:13], torch.tensor([2.0, 0.25 * 2 + 0.75 * 5, 5.0]).double())
    alone = get_depth_renderer(64, seed=0)(scene.vertices[:4], scene.faces[:2], INTRINSICS, DIMS)
    assert_close(alone[5, :, 2][10:13], torch.tensor([2.0, 0.25 * 2, 0.0]).double())


def test_indices_from_one_and_of_other_integers() -> None:
    expected = get_depth_renderer()(SCENE.vertices, SCENE.faces, INTRINSICS, DIMS)
    from_one = get_depth_renderer(index_base=1)(SCENE.vertices, SCENE.faces.int() + 1, INTRINSICS, DIMS)
    assert torch.equal(expected, from_one)


@pytest.mark.parametrize(
    "make", [list, tuple, np.array, lambda x: torch.tensor(x, dtype=torch.float32).double(), torch.tensor]
)
def test_intrinsics_of_any_kind(make) -> None:
    renderer = get_depth_renderer()
    picture = renderer(SCENE.vertices, SCENE.faces, make(INTRINSICS), np.array(DIMS))
    assert_close(picture, renderer(SCENE.vertices, SCENE.faces, INTRINSICS, list(DIMS)), rtol=1e-5, atol=1e-5)


def test_intrinsics_that_are_tensors_of_their_own_have_gradients() -> None:
    """One focal length for both, for one."""
    focal = torch.tensor(12.0, requires_grad=True)
    whole = torch.tensor([12.0, 12.0, 8.0, 6.0], dtype=torch.float64, requires_grad=True)
    for intrinsics in ([focal, focal, 8.0, 6], whole):
        picture = get_depth_renderer(4, seed=1)(SCENE.vertices, SCENE.faces, intrinsics, DIMS)
        picture.square().sum().backward()
    assert focal.grad is not None and whole.grad is not None
    assert_close(focal.grad, whole.grad[:2].sum().float())


def test_seeds() -> None:
    def picture(seed: int | None) -> Tensor:
        return get_depth_renderer(4, seed=seed)(SCENE.vertices, SCENE.faces, INTRINSICS, DIMS)

    assert torch.equal(picture(3), picture(3)) and not torch.equal(picture(3), picture(4))
    torch.manual_seed(0)
    first, second = picture(None), picture(None)
    torch.manual_seed(0)
    assert torch.equal(first, picture(None)) and not torch.equal(first, second)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_gradients_repeat_bit_for_bit(n_threads: int) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        found = []
        for _ in range(5):
            vertices = SCENE.vertices.float().requires_grad_()
            intrinsics = torch.tensor(INTRINSICS, requires_grad=True)
            get_depth_renderer(4, seed=1)(vertices, SCENE.faces, intrinsics, DIMS).square().sum().backward()
            assert vertices.grad is not None and intrinsics.grad is not None
            found.append((vertices.grad, intrinsics.grad))
        for vertices_grad, intrinsics_grad in found[1:]:
            assert torch.equal(vertices_grad, found[0][0]) and torch.equal(intrinsics_grad, found[0][1])
    finally:
        torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.parametrize("which", range(4), ids=["fx", "fy", "cx", "cy"])
def test_gradients_to_intrinsics(which: int) -> None:
    scene = joined(triangle(), Mesh(3 * triangle().vertices + torch.tensor([0.5, 0.2, 0.0]), triangle().faces))
    weights = smooth_weights(HEIGHT, WIDTH, 3)
    unit = torch.eye(4, dtype=torch.float64)[which] * 8

    def loss_with(edge_samples: float):
        def loss(parameter: Tensor, n_samples: int, seed: int) -> Tensor:
            intrinsics = torch.tensor(INTRINSICS, dtype=parameter.dtype) + parameter * unit.to(parameter)
            renderer = get_depth_renderer(n_samples, seed=seed, edge_samples=edge_samples)
            return (renderer(scene.vertices.to(parameter), scene.faces, intrinsics, DIMS) * weights).sum()

        return loss

    assert_gradient_of_integral(loss_with(60.0), loss_with(0.0))


def test_the_triangle_moved_sideways() -> None:
    """Depth alone, all pixels alike: the integral changes by what the triangle hides, and sampling does not see it."""
    scene = joined(triangle(), square(3.0, 5.0))
    ahead = torch.tensor([[1.0, 0.0, 0.0]] * 3 + [[0.0, 0.0, 0.0]] * 4, dtype=torch.float64)
    ramp = torch.linspace(-1, 1, WIDTH, dtype=torch.float64)

    def loss_with(edge_samples: float):
        def loss(parameter: Tensor, n_samples: int, seed: int) -> Tensor:
            renderer = get_depth_renderer(n_samples, seed=seed, edge_samples=edge_samples)
            picture = renderer((scene.vertices + parameter * ahead).to(parameter), scene.faces, INTRINSICS, DIMS)
            return (picture[..., 2] * ramp).sum()

        return loss

    assert_gradient_of_integral(loss_with(60.0), loss_with(0.0))


@pytest.mark.slow
def test_fitting_a_moved_triangle_needs_the_boundary_term() -> None:
    scene = joined(triangle(), square(3.0, 5.0))
    vertices, behind = scene.vertices[:3], scene.vertices[3:]
    target = get_depth_renderer(64, seed=0)(scene.vertices, scene.faces, INTRINSICS, DIMS)

    def fitted(edge_samples: float) -> float:
        torch.manual_seed(0)
        shift = torch.tensor([0.25, -0.2, 0.0], dtype=torch.float64, requires_grad=True)
        renderer = get_depth_renderer(4, edge_samples=edge_samples)
        optimizer = torch.optim.Adam([shift], lr=0.02)
        for _ in range(60):
            picture = renderer(torch.cat([vertices + shift, behind]), scene.faces, INTRINSICS, DIMS)
            loss = (picture - target).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float(shift.detach().norm())

    assert fitted(4.0) < 0.06 < 0.15 < fitted(0.0)


@pytest.mark.parametrize("distribution", ["logistic", "cauchy", "uniform"])
@pytest.mark.parametrize("t_conorm", ["probabilistic", "max", "einstein"])
def test_soft_pictures_are_the_cores(distribution: str, t_conorm: str) -> None:
    settings = RenderSettings(
        distribution=distribution, dist_scale=0.02, t_conorm=t_conorm, gamma=0.1, near=0.5, far=8.0
    )
    vertices = SCENE.vertices.clone().requires_grad_()
    picture = get_depth_renderer(settings=settings)(vertices, SCENE.faces, INTRINSICS, DIMS)
    f_x, f_y, c_x, c_y = INTRINSICS
    x, y, z = SCENE.vertices.unbind(1)
    ndc = torch.stack([(2 * (f_x * x / z + c_x) - WIDTH) / HEIGHT, (HEIGHT - 2 * (f_y * y / z + c_y)) / HEIGHT, z], 1)
    points = gather_corners(SCENE.vertices, SCENE.faces)
    expected = render(gather_corners(ndc, SCENE.faces), (HEIGHT, WIDTH), points, settings=settings).image
    assert expected is not None
    assert_close(picture, expected[0].permute(1, 2, 0), rtol=1e-9, atol=1e-9)
    (picture * smooth_weights(HEIGHT, WIDTH, 3)).sum().backward()
    assert vertices.grad is not None and vertices.grad.isfinite().all() and vertices.grad[:3].abs().min() > 0


def test_soft_gradients_are_derivatives() -> None:
    settings = RenderSettings(dist_scale=0.02, gamma=0.1, near=0.5, far=8.0)
    renderer = get_depth_renderer(settings=settings)
    scene = joined(triangle(), square(3.0, 5.0))
    torch.autograd.gradcheck(
        lambda vertices, intrinsics: renderer(vertices, scene.faces, intrinsics, (5, 4)),
        (
            scene.vertices.clone().requires_grad_(),
            torch.tensor([4.0, 4.2, 2.4, 1.9], dtype=torch.float64, requires_grad=True),
        ),
        fast_mode=True,
    )


def test_timing_is_printed_if_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for asked in (False, True):
        get_depth_renderer(1, asked)(SCENE.vertices, SCENE.faces, INTRINSICS, DIMS)
        assert bool(capsys.readouterr().out) == asked


def test_meshes_out_of_sight() -> None:
    behind = Mesh(SCENE.vertices * torch.tensor([1.0, 1.0, -1.0]), SCENE.faces)
    vertices = behind.vertices.requires_grad_()
    picture = get_depth_renderer(4)(vertices, behind.faces, INTRINSICS, DIMS)
    assert (picture == 0).all()
    picture.sum().backward()
    assert vertices.grad is not None and (vertices.grad == 0).all()
    empty = get_depth_renderer(4)(vertices, torch.zeros(0, 3, dtype=torch.int64), INTRINSICS, DIMS)
    assert empty.shape == (HEIGHT, WIDTH, 3) and (empty == 0).all()


BAD_CALLS = {
    "vertices' shape": (lambda: (SCENE.vertices[:, :2], SCENE.faces, INTRINSICS, DIMS), ValueError, "vertices"),
    "vertices' dtype": (lambda: (SCENE.vertices.long(), SCENE.faces, INTRINSICS, DIMS), TypeError, "vertices"),
    "vertices' type": (lambda: ([[0.0, 0, 1]], SCENE.faces, INTRINSICS, DIMS), TypeError, "vertices"),
    "indices' shape": (lambda: (SCENE.vertices, SCENE.faces[:, :2], INTRINSICS, DIMS), ValueError, "indices"),
    "indices' dtype": (lambda: (SCENE.vertices, SCENE.faces.double(), INTRINSICS, DIMS), TypeError, "int64, int32"),
    "an index too large": (lambda: (SCENE.vertices, SCENE.faces + 1, INTRINSICS, DIMS), ValueError, "from 0 to 14"),
    "an index below 0": (lambda: (SCENE.vertices, SCENE.faces - 1, INTRINSICS, DIMS), ValueError, "got -1"),
    "three intrinsics": (lambda: (SCENE.vertices, SCENE.faces, INTRINSICS[:3], DIMS), ValueError, "fx, fy, cx, cy"),
    "three tensors": (lambda: (SCENE.vertices, SCENE.faces, [*torch.ones(3)], DIMS), ValueError, "fx, fy, cx, cy"),
    "a tensor and a name": (
        lambda: (SCENE.vertices, SCENE.faces, [torch.ones(1), "f", 1, 1], DIMS),
        TypeError,
        "fx, fy, cx, cy",
    ),
    "a name": (lambda: (SCENE.vertices, SCENE.faces, "camera", DIMS), TypeError, "fx, fy, cx, cy"),
    "one dimension": (lambda: (SCENE.vertices, SCENE.faces, INTRINSICS, 16), ValueError, "width, height"),
    "no width": (lambda: (SCENE.vertices, SCENE.faces, INTRINSICS, (0, 12)), ValueError, "1 to"),
    "half a pixel": (lambda: (SCENE.vertices, SCENE.faces, INTRINSICS, (1.5, 12)), TypeError, "image_size"),
}


@pytest.mark.parametrize("name", BAD_CALLS)
def test_bad_calls(name: str) -> None:
    arguments, error, said = BAD_CALLS[name]
    with pytest.raises(error, match=said):
        get_depth_renderer()(*arguments())


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"num_samples": 0}, ValueError),
        ({"num_samples": 1.5}, TypeError),
        ({"index_base": 2}, ValueError),
        ({"seed": -1}, ValueError),
        ({"seed": "x"}, TypeError),
        ({"edge_samples": -1.0}, ValueError),
        ({"edge_samples": float("nan")}, ValueError),
        ({"clip_near": 0.0}, ValueError),
        ({"settings": {"gamma": 1}}, TypeError),
    ],
)
def test_bad_settings(arguments, error) -> None:
    with pytest.raises(error, match=next(iter(arguments))):
        get_depth_renderer(**arguments)
