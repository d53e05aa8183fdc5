"""gendr_adapters.utils: cameras, meshes, textures and losses mean what they say, and errors name what is missing."""

import argparse
import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest
import torch

from gendr_adapters import RenderSettings, data, load_mesh, render
from gendr_adapters._soft_renderer.surface_textures import texel_weights
from gendr_adapters.utils.cameras import orbit, project
from gendr_adapters.utils.command_line import non_negative_float, positive_float, positive_int
from gendr_adapters.utils.losses import iou, iou_loss
from gendr_adapters.utils.plots import Grid
from gendr_adapters.utils.progress import BOTH, MISSING, TOO_MUCH, frame_steps, outline_difference
from gendr_adapters.utils.shading import AMBIENT, lambert
from gendr_adapters.utils.textures import bake_texels


def test_cameras_do_not_mirror():
    # From azimuth 180 the camera is on the positive z axis and the positive x axis is to the right.
    camera = orbit(torch.tensor([4.0]), torch.tensor([0.0]), torch.tensor([180.0]))
    torch.testing.assert_close(camera.eyes, torch.tensor([[0.0, 0.0, 4.0]]), atol=1e-6, rtol=0)
    points = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 1.0]])
    expected = torch.tensor([[[0.25, 0.0, 4.0], [0.0, 0.125, 4.0], [0.0, 0.0, 3.0]]])
    torch.testing.assert_close(project(points, camera, 45.0), expected, atol=1e-6, rtol=0)


def test_corner_uv_belong_to_the_faces_of_the_geometry():
    mesh = load_mesh(data.path("spot.obj"), textures=False)
    uv = mesh.uvs
    assert uv.shape == (*mesh.faces.shape, 2)
    # Corners that share a vertex share its texture coordinates, but for the seams: 3,225 pairs for 2,930 vertices.
    pairs = torch.cat([mesh.faces[..., None], uv], -1).reshape(-1, 3)
    assert len(pairs.unique(dim=0)) == 3225


@pytest.mark.parametrize("resolution", [1, 2, 3, 5])
def test_texel_centres_show_up_where_they_were_baked(resolution):
    # Each texel holds the barycentric weights of its own centre, so the picture must show every pixel's, to a texel.
    corners = torch.tensor([[[-0.9, -0.9, 2.0], [0.9, -0.8, 2.0], [-0.7, 0.9, 2.0]]])
    weights = texel_weights(resolution)
    assert weights.shape == (resolution**2, 3) and (weights > 0).all()
    settings = RenderSettings(dist_scale=1e-8, gamma=1e-5)
    texels = render(corners, 48, weights[None], settings=settings)
    truth = render(corners, 48, torch.eye(3)[None], settings=settings)
    inside = truth.alpha[0] > 0.99
    error = (texels.image - truth.image)[0, :, inside].abs().amax()
    assert error <= 2 / (3 * resolution) + 1e-3


def test_baking_reads_v_upwards_and_repeats():
    texture = torch.zeros(4, 4, 3)
    texture[:2, :, 0] = 1  # upper half red
    uv = torch.tensor([[0.5, 0.75], [1.5, 0.75], [0.5, -1.25]])[:, None].expand(3, 3, 2)
    torch.testing.assert_close(bake_texels(uv, texture, 2)[:, :, 0], torch.ones(3, 4))
    torch.testing.assert_close(bake_texels(uv * 0 + 0.25, texture, 1), torch.zeros(3, 1, 3))


def test_iou_loss_of_equal_and_of_disjoint_silhouettes():
    left = torch.zeros(1, 4, 4)
    left[:, :, :2] = 1
    torch.testing.assert_close(iou_loss(left, left), torch.tensor(0.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(iou_loss(left, 1 - left), torch.tensor(1.0))


def test_lambert_is_ambient_light_alone_on_the_far_side_of_the_lamp():
    camera = orbit(torch.tensor([3.0]), torch.tensor([20.0]), torch.tensor([70.0]))
    towards_lamp = torch.tensor([-0.4, 0.6, -0.7]) @ camera.axes[0]
    lit = lambert(torch.stack([towards_lamp, -towards_lamp]), camera)
    torch.testing.assert_close(lit, torch.tensor([[1.0], [AMBIENT]]))


def test_iou_has_a_value_for_each_silhouette():
    left = torch.zeros(2, 1, 4, 4)
    left[..., :2] = 1
    half = left.clone()
    half[1, :, 2:] = 0
    torch.testing.assert_close(iou(half, left), torch.tensor([[1.0], [0.5]]), atol=1e-6, rtol=0)
    torch.testing.assert_close(iou(half, left[:1]), torch.tensor([[1.0], [0.5]]), atol=1e-6, rtol=0)


def test_steps_of_frames():
    assert frame_steps(10, 4) == {0, 3, 6, 9} and frame_steps(1, 4) == frame_steps(10, 1) == {0}
    assert frame_steps(3, 10) == {0, 1, 2}
    assert frame_steps(10, 4, early=True) == {0, 1, 4, 9}


def test_colours_of_an_outline():
    learned, wanted = torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.tensor([[0.0, 1.0, 0.0, 1.0]])
    expected = np.array([[(1, 1, 1), MISSING, TOO_MUCH, BOTH]]) * 255
    assert np.abs(outline_difference(learned, wanted) - expected).max() <= 0.5 + 1e-3


@pytest.mark.parametrize(
    ("read", "text", "value"), [(positive_int, "1", 1), (positive_float, "1e-9", 1e-9), (non_negative_float, "0", 0.0)]
)
def test_numbers_of_a_command_line(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (positive_int, "0", "got 0, allowed are integers from 1"),
        (positive_float, "0", "got 0, allowed are finite numbers above 0"),
        (positive_float, "inf", "got inf, allowed are finite numbers above 0"),
        (non_negative_float, "-1", "got -1, allowed are finite numbers from 0"),
        (non_negative_float, "nan", "got nan, allowed are finite numbers from 0"),
    ],
)
def test_numbers_out_of_range_are_refused(read, text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        read(text)


@pytest.mark.parametrize(
    ("module", "missing", "name", "extra"),
    [
        ("utils.plots", "matplotlib.figure", "matplotlib", "demo"),
        ("demo", "tqdm", "tqdm", "demo"),
        ("demo", "PIL", "Pillow", "demo"),
    ],
)
def test_a_missing_package_is_named_with_the_extra_that_has_it(monkeypatch, module, missing, name, extra):
    monkeypatch.setitem(sys.modules, missing, None)
    monkeypatch.delitem(sys.modules, f"gendr_adapters.{module}", raising=False)
    with pytest.raises(
        ImportError, match=rf"gendr_adapters.{module} needs {name}: pip install .gendr_adapters\[{extra}\]"
    ):
        import_module(f"gendr_adapters.{module}")


def test_utils_that_need_no_optional_package():
    code = """
import sys
for name in ("imageio", "matplotlib", "PIL", "tqdm", "trimesh"):
    sys.modules[name] = None
import gendr_adapters, gendr_adapters.gendr, gendr_adapters.redner, gendr_adapters.softras
from gendr_adapters.utils import cameras, command_line, deformation, losses, machine, shading, textures
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_unknown_data_file_is_refused():
    with pytest.raises(ValueError, match="got 'cow.obj', allowed are airplane.obj"):
        data.path("cow.obj")


def test_frames_of_a_grid_have_one_layout_and_their_own_captions() -> None:
    grid = Grid(["one row"], ["left", "right"], "a title")
    pictures = [[np.full((8, 8, 3), value, np.uint8) for value in (0, 255)]]
    grid.show(pictures, [["", "1 degree off"]])
    first = grid.pixels()
    grid.show(pictures, [["", "23 degrees off"]])
    second = grid.pixels()
    grid.show([pictures[0][::-1]])
    third = grid.pixels()
    grid.rename("b title")
    renamed = grid.pixels()
    above = np.argwhere((renamed != third).any(2))
    assert len(above) and above[:, 0].max() < first.shape[0] / 5
    assert first.shape == second.shape == third.shape and first.dtype == np.uint8
    changed = [(one != other).any(2) for one, other in ((first, second), (second, third))]
    below, beside = (np.argwhere(where) for where in changed)
    assert len(below) and below[:, 1].min() > first.shape[1] / 2  # only the right caption
    assert len(beside) > len(below) and beside[:, 1].min() < first.shape[1] / 2  # both pictures


def test_a_grid_without_a_title_cannot_be_renamed() -> None:
    with pytest.raises(ValueError, match="has no title"):
        Grid(["one row"], ["one column"]).rename("a title")
