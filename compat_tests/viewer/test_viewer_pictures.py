"""What the viewer draws, without a browser: pictures, colours, and the arrows of a gradient."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from gendr_adapters import Mesh, data, gather_corners, load_mesh, render
from gendr_adapters.cameras import PinholeCamera
from gendr_adapters.distributions import DISTRIBUTIONS
from gendr_adapters.t_conorms import T_CONORMS
from gendr_adapters.viewer._panel import matrix_of
from gendr_adapters.viewer._pictures import BACKDROP, heat, picture, pull_of
from gendr_adapters.viewer._view import SHOWN, View

SIZE = (24, 36)


def camera(distance: float) -> PinholeCamera:
    """On the z axis, looking at the origin along -z, y up."""
    return PinholeCamera(
        rotation=torch.diag(torch.tensor([1.0, -1.0, -1.0]))[None],
        translation=torch.tensor([[0.0, 0.0, distance]]),
        focal=torch.full((1, 2), 24.0),
        principal_point=torch.tensor([[18.0, 12.0]]),
        image_size=SIZE,
    )


@pytest.fixture(scope="module")
def ball() -> Mesh:
    mesh = load_mesh(data.path("sphere_642.obj"))
    vertices = mesh.vertices / mesh.vertices.norm(dim=1, keepdim=True)
    return Mesh(vertices, mesh.faces, vertex_colours=torch.tensor([0.2, 0.6, 1.0]).expand_as(vertices))


@pytest.mark.parametrize("shown", SHOWN)
def test_picture_shows_a_ball_in_the_middle(ball: Mesh, shown: str) -> None:
    seen = picture(ball, camera(3.0), View(shown=shown)).astype(int)
    assert seen.shape == (*SIZE, 3)
    middle, corner = seen[12, 18], seen[0, 0]
    if shown == "colour":
        assert middle[0] < middle[1] < middle[2] and (corner == round(255 * BACKDROP)).all()
    else:
        assert middle.min() > corner.max()


def test_texture_is_shown() -> None:
    corners = torch.tensor([[-1.0, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    texture = torch.zeros(2, 2, 3)
    texture[:, 0, 0] = texture[:, 1, 2] = 1.0  # red on the left, blue on the right
    square = Mesh(corners, faces, uvs=((corners[:, :2] + 1) / 2)[faces], texture=texture)
    seen = picture(square, camera(3.0), View(softness=0.1)).astype(int)
    left, right = seen[12, 12], seen[12, 23]
    assert left[0] > 2 * left[2] and right[2] > 2 * right[0]


def test_depth_is_the_brighter_the_nearer(ball: Mesh) -> None:
    seen = picture(ball, camera(3.0), View(shown="depth", softness=0.1)).astype(int)[12, :, 0]
    inside = seen[seen > 0]
    assert inside[len(inside) // 2] == inside.max()
    assert inside[0] < inside[len(inside) // 2] and inside[-1] < inside[len(inside) // 2]


def test_softness_is_the_width_of_edges_in_pixels(ball: Mesh) -> None:
    grey = [np.count_nonzero((p > 12) & (p < 243)) for p in alphas(ball, (0.2, 1.0, 3.0))]
    assert grey[0] < grey[1] < grey[2]


def alphas(scene: Mesh, softness: tuple[float, ...]) -> list[np.ndarray]:
    view = View(shown="alpha", distribution="uniform", t_conorm="max")
    return [picture(scene, camera(3.0), replace(view, softness=s))[..., 0] for s in softness]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_every_distribution_and_t_conorm_makes_a_picture(ball: Mesh, distribution: str) -> None:
    for t_conorm in T_CONORMS:
        view = View(distribution=distribution, t_conorm=t_conorm, reach=20.0, shown="gradient")
        assert picture(ball, camera(3.0), view).shape == (*SIZE, 3)


@pytest.mark.parametrize("shown", SHOWN)
def test_mesh_behind_the_camera_leaves_the_picture_empty(ball: Mesh, shown: str) -> None:
    assert (picture(ball, camera(-3.0), View(shown=shown)) == round(255 * BACKDROP)).all()
    assert not pull_of(ball, camera(-3.0), View()).in_world.any()


def test_camera_inside_the_mesh_makes_a_picture(ball: Mesh) -> None:
    assert picture(ball, camera(0.5), View()).shape == (*SIZE, 3)


def test_pull_points_outwards(ball: Mesh) -> None:
    """The silhouette of a ball gets larger where its outline moves away from the middle."""
    pull = pull_of(ball, camera(3.0), View(softness=0.5))
    outwards = pull.places - torch.tensor([18.0, 12.0])
    strong = pull.on_screen.norm(dim=1) > 0.2 * pull.on_screen.norm(dim=1).max()
    assert strong.sum() > 20
    assert ((outwards * pull.on_screen).sum(1)[strong] > 0).all()


def test_pull_is_the_derivative_of_the_area(ball: Mesh) -> None:
    double = ball.to(torch.float64)
    c = camera(3.0)
    wide = PinholeCamera(
        rotation=c.rotation.double(),
        translation=c.translation.double(),
        focal=c.focal.double(),
        principal_point=c.principal_point.double(),
        image_size=SIZE,
    )
    view = View(softness=2.0)
    # Of depths that don't move, near and far stay.
    direction = double.vertices * torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)

    def area(step: float) -> float:
        seen = wide.project(double.vertices + step * direction)
        settings = view.settings(SIZE, seen[..., 2])
        alpha = render(gather_corners(seen, double.faces), SIZE, settings=settings, outputs=("alpha",)).alpha
        assert alpha is not None
        return alpha.sum().item()

    expected = (area(1e-5) - area(-1e-5)) / 2e-5
    assert (pull_of(double, wide, view).in_world * direction).sum().item() == pytest.approx(expected, rel=1e-5)


def test_heat_is_grey_without_a_gradient() -> None:
    assert torch.equal(heat(torch.zeros(3)), torch.full((3, 3), 0.75))
    red = heat(torch.tensor([0.0, 1.0]))[1]
    assert red[0] > 2 * red[1]


def test_quaternion_gives_its_rotation() -> None:
    half = math.radians(90) / 2
    turned = matrix_of((math.cos(half), 0, 0, math.sin(half))) @ np.array([1.0, 0, 0])
    np.testing.assert_allclose(turned, [0, 1, 0], atol=1e-12)
    turned = matrix_of((math.cos(half), math.sin(half), 0, 0)) @ np.array([0.0, 1, 0])
    np.testing.assert_allclose(turned, [0, 0, 1], atol=1e-12)
