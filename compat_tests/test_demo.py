"""The demo, short and small: its files appear, its IoU rises, its cameras and textures mean what they say."""

import imageio.v3 as imageio
import pytest
import torch

from gendr_adapters import RenderSettings, data, render
from gendr_adapters._soft_renderer.surface_textures import texel_weights
from gendr_adapters.demo.__main__ import main
from gendr_adapters.demo.cameras import look_at_origin, project
from gendr_adapters.demo.fit_airplane import Fit, FitOptions, training_cameras
from gendr_adapters.demo.losses import iou_loss
from gendr_adapters.demo.meshes import bake_texels, load_corner_uv, load_obj, save_obj, vertex_normals

pytestmark = pytest.mark.slow


def test_command_line_writes_every_result(tmp_path, capsys):
    main(["--out", str(tmp_path / "out"), "--steps", "3", "--frames", "2", "--size", "32", "--seed", "1"])
    names = {"airplane_fit.gif", "airplane_fit.obj", "airplane_loss.png", "spot.gif", "spot_blur.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("final_hard_iou=0.") and 0 < float(last.partition("=")[2]) < 1
    assert imageio.imread(tmp_path / "out" / "spot.gif").shape == (2, 32, 32, 3)
    assert load_obj(tmp_path / "out" / "airplane_fit.obj").faces.shape == (1280, 3)


def test_bad_argument_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--steps", "0"])
    assert "got 0, allowed are integers from 1" in capsys.readouterr().err


def test_fit_learns():
    fit = Fit(FitOptions(steps=60, image_size=32, learning_rate=0.05, tau_start=1e-3, tau_end=1e-4))
    before = fit.hard_iou()
    assert list(fit.steps()) == list(range(60))
    assert before < 0.2
    assert fit.hard_iou() > 0.6
    assert fit.losses[-1] < fit.losses[0] / 2


def test_fit_is_repeatable_and_the_seed_matters():
    def losses(seed):
        fit = Fit(FitOptions(steps=4, image_size=16, seed=seed))
        list(fit.steps())
        return fit.losses

    assert losses(0) == losses(0)
    assert losses(0) != losses(1)


def test_cameras_do_not_mirror():
    # From azimuth 180 the camera is on the positive z axis and the positive x axis is to the right.
    camera = look_at_origin(torch.tensor([4.0]), torch.tensor([0.0]), torch.tensor([180.0]))
    torch.testing.assert_close(camera.eyes, torch.tensor([[0.0, 0.0, 4.0]]), atol=1e-6, rtol=0)
    points = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 1.0]])
    expected = torch.tensor([[[0.25, 0.0, 4.0], [0.0, 0.125, 4.0], [0.0, 0.0, 3.0]]])
    torch.testing.assert_close(project(points, camera, 45.0), expected, atol=1e-6, rtol=0)


def test_training_cameras_cover_elevations_and_azimuths():
    eyes = training_cameras().eyes
    assert eyes.shape == (24, 3)
    assert len(torch.unique(eyes[:, 1].round(decimals=3))) == 5
    torch.testing.assert_close(eyes.norm(dim=1), torch.full((24,), 2.732))


def test_normals_point_outwards():
    sphere = load_obj(data.path("sphere_642.obj"))
    outwards = sphere.vertices / sphere.vertices.norm(dim=1, keepdim=True)
    assert ((vertex_normals(sphere) * outwards).sum(1) > 0.98).all()


def test_corner_uv_belong_to_the_faces_of_the_geometry():
    mesh, uv = load_obj(data.path("spot.obj")), load_corner_uv(data.path("spot.obj"))
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


def test_obj_round_trip(tmp_path):
    mesh = load_obj(data.path("airplane.obj"))
    save_obj(tmp_path / "copy.obj", mesh)
    copy = load_obj(tmp_path / "copy.obj")
    assert torch.equal(copy.faces, mesh.faces)
    torch.testing.assert_close(copy.vertices, mesh.vertices, atol=1e-7, rtol=0)


def test_unknown_data_file_is_refused():
    with pytest.raises(ValueError, match="got 'cow.obj', allowed are airplane.obj"):
        data.path("cow.obj")
