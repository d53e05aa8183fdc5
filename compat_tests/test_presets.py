"""Presets of RenderSettings: what other renderers do, silhouettes to be fitted, and pictures without seams.

That of PyTorch3D is held against its door in pytorch3d/test_pytorch3d_preset.py.
"""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

import gendr_adapters.softras as sr
from gendr_adapters import RenderSettings, data, distributions, gather_corners, load_mesh, render
from gendr_adapters._soft_renderer import rasterizing
from gendr_adapters.utils.cameras import orbit, project

PRESETS: dict[str, Any] = {
    "softras": RenderSettings.softras,
    "pytorch3d": RenderSettings.pytorch3d,
    "silhouette": lambda **changes: RenderSettings.silhouette(image_size=64, **changes),
    "sharp": RenderSettings.sharp,
}


def teapot(angle: float = 30.0) -> Tensor:
    mesh = load_mesh(data.path("teapot.obj"))
    camera = orbit(torch.tensor([3.0]), torch.tensor([20.0]), torch.tensor([angle]))
    return gather_corners(project(mesh.vertices, camera, 18.0), mesh.faces)


@pytest.mark.parametrize("name", PRESETS)
def test_preset_takes_changes(name: str) -> None:
    preset = PRESETS[name]
    assert preset(far=17.0).far == 17.0 and preset().far != 17.0
    assert preset(gamma=0.5, cull="back").packed == preset().replace(gamma=0.5, cull="back").packed
    with pytest.raises(ValueError, match="unknown cull"):
        preset(cull="front")


def settings_of(draw: Any, monkeypatch: pytest.MonkeyPatch) -> RenderSettings:
    """What a door asks the core for."""
    seen = []

    def spy(*args: Any, **kwargs: Any) -> Any:
        seen.append(kwargs["settings"])
        return render(*args, **kwargs)

    monkeypatch.setattr(rasterizing, "render", spy)
    draw()
    (settings,) = seen
    return settings


def test_softras_preset_is_what_the_door_does(monkeypatch: pytest.MonkeyPatch) -> None:
    corners = torch.rand(1, 4, 3, 3) + torch.tensor([-0.5, -0.5, 2.0])
    colours = torch.rand(1, 4, 1, 3)
    by_function = settings_of(lambda: sr.functional.soft_rasterize(corners, colours, 8), monkeypatch)
    assert by_function.packed == RenderSettings.softras().packed
    mesh = sr.Mesh(corners.reshape(1, 12, 3), torch.arange(12).reshape(1, 4, 3), colours)
    by_renderer = settings_of(lambda: sr.SoftRenderer(8, camera_mode="look_at").render_mesh(mesh), monkeypatch)
    assert by_renderer.packed == RenderSettings.softras().packed
    exact = settings_of(lambda: sr.functional.soft_rasterize(corners, colours, 8, gradient="exact"), monkeypatch)
    assert exact.packed == RenderSettings.softras(gradient="exact").packed


def test_pytorch3d_preset_refuses_an_invalid_blur_radius() -> None:
    for wrong in (-1e-3, math.nan, math.inf):
        with pytest.raises(ValueError, match="blur_radius must be a squared distance"):
            RenderSettings.pytorch3d(blur_radius=wrong)
    with pytest.raises(TypeError, match="blur_radius must be a number"):
        RenderSettings.pytorch3d(blur_radius="1")


# One face that fills the left half of a picture: its other edges are far away, the outline is x = 0.
HALF = torch.tensor([[[0.0, -60, 2], [0, 60, 2], [-90, 0, 2]]], dtype=torch.float64)


@pytest.mark.parametrize("size", [(16, 16), (16, 40), (40, 16)])
@pytest.mark.parametrize("changes", [{}, {"dist_squared": False}, {"distribution": "gaussian"}], ids=str)
@pytest.mark.parametrize("pixels", [0.5, 1.5])
def test_silhouette_has_the_given_softness(size: tuple[int, int], changes: dict[str, Any], pixels: float) -> None:
    """At `pixels` from the outline u is 1. Pixel centres are at half pixels from it."""
    settings = RenderSettings.silhouette(pixels=pixels, image_size=size, **changes)
    alpha = render(HALF, size, settings=settings, outputs=("alpha",)).alpha[0, size[0] // 2]
    u = torch.tensor([-1.0], dtype=torch.float64)
    outside = distributions.cdf(settings.distribution, u).item()
    column = size[1] // 2 + math.floor(pixels)
    assert alpha[column].item() == pytest.approx(outside, abs=1e-9)


def test_silhouette_knows_half_extent() -> None:
    """A picture of twice the extent has pixels twice as large, in NDC."""
    own = RenderSettings.silhouette(image_size=32)
    wide = RenderSettings.silhouette(image_size=32, half_extent=(2.0, 2.0))
    assert wide.dist_scale == pytest.approx(4 * own.dist_scale)


def test_silhouette_counts_faces_at_any_depth() -> None:
    beyond = HALF * torch.tensor([1.0, 1.0, 500.0])
    settings = RenderSettings.silhouette(image_size=8)
    assert render(beyond, 8, settings=settings).alpha.max() > 0.9
    assert render(beyond, 8, settings=settings.replace(alpha_range="near_far")).alpha.max() == 0


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"pixels": 0}, ValueError, "pixels must be a number of pixels > 0, got 0"),
        ({"pixels": math.nan}, ValueError, "pixels must be a number of pixels > 0, got nan"),
        ({"pixels": "2"}, TypeError, "pixels must be a number of pixels, got str"),
        ({"pixels": True}, TypeError, "pixels must be a number of pixels, got bool"),
        ({"image_size": 64.0}, TypeError, "image_size must be an int or"),
        ({"image_size": 0}, ValueError, "image sides must be 1 to 32768"),
        ({"dist_scale": 1e-4}, TypeError, "silhouette computes dist_scale from pixels"),
        ({"distance": "barycentric"}, ValueError, "softness in pixels needs distance='euclidean'"),
        ({"half_extent": "wide"}, ValueError, "half_extent must be"),
    ],
)
def test_silhouette_refuses(changes: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        RenderSettings.silhouette(**{"image_size": 64, **changes})


def inner(corners: Tensor, size: int) -> Tensor:
    """(size, size) bool: pixels that are inside, all around them, too."""
    hole = (render(corners, size, outputs=("face_index",)).face_index < 0).float()
    return torch.nn.functional.max_pool2d(hole, 3, 1, 1)[0] == 0


@pytest.mark.parametrize("angle", [0.0, 30.0, 90.0])
def test_sharp_has_no_seams(angle: float) -> None:
    """And the defaults have, in half of the pixels."""
    corners, size = teapot(angle), 128
    inside = inner(corners, size)
    assert inside.sum() > 1000
    alpha = render(corners, size, settings=RenderSettings.sharp(), outputs=("alpha",)).alpha[0]
    assert alpha[inside].min() == 1 and set(alpha.unique().tolist()) == {0.0, 1.0}
    soft = render(corners, size, outputs=("alpha",)).alpha[0]
    assert (soft[inside] < 0.99).float().mean() > 0.3


def test_sharp_has_no_seam_where_pixels_are_right_on_an_edge() -> None:
    """The diagonal of a square goes through pixel centres."""
    square = torch.tensor(
        [[[-0.5, -0.5, 2], [0.5, -0.5, 2], [0.5, 0.5, 2]], [[-0.5, -0.5, 2], [0.5, 0.5, 2], [-0.5, 0.5, 2]]]
    )
    inside = inner(square, 32)
    alpha = render(square, 32, settings=RenderSettings.sharp()).alpha[0]
    assert alpha[inside].min() == 1
    nearly = render(square, 32, settings=RenderSettings(dist_scale=1e-12)).alpha[0]
    assert nearly[inside].min() == 0.75  # a tiny dist_scale is not enough


def test_gradients_of_sharp() -> None:
    """Those that the docstring says remain, and no others."""
    corners, colours = teapot().double().requires_grad_(), torch.rand(1, 2464, 3, 3).double().requires_grad_()
    background = torch.rand(3).double().requires_grad_()
    outputs = ("image", "alpha", "depth")
    image, alpha, depth, _ = render(corners, 32, colours, None, RenderSettings.sharp(), background, outputs)
    wanted = (corners, colours, background)
    of_image = torch.autograd.grad(image.square().sum(), wanted, retain_graph=True)
    assert all(gradient.any() for gradient in of_image)
    (of_depth,) = torch.autograd.grad(depth.sum(), corners, retain_graph=True)
    assert of_depth[..., :2].any() and of_depth[..., 2].any()
    (of_alpha,) = torch.autograd.grad(alpha.sum(), corners)
    assert not of_alpha.any()
