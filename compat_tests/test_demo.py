"""The demo, short and small: its files appear, its IoU rises, the seed is heard."""

import imageio.v3 as imageio
import pytest
import torch

from gendr_adapters import load_mesh
from gendr_adapters.demo.__main__ import main
from gendr_adapters.demo.fit_airplane import Fit, FitOptions, training_cameras

pytestmark = pytest.mark.slow


def test_command_line_writes_every_result(tmp_path, capsys):
    main(["--out", str(tmp_path / "out"), "--steps", "3", "--frames", "2", "--image-size", "32", "--seed", "1"])
    names = {"airplane_fit.gif", "airplane_fit.obj", "airplane_loss.png", "spot.gif", "spot_blur.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("final_hard_iou=0.") and 0 < float(last.partition("=")[2]) < 1
    assert imageio.imread(tmp_path / "out" / "spot.gif").shape == (2, 32, 32, 3)
    assert load_mesh(tmp_path / "out" / "airplane_fit.obj").faces.shape == (1280, 3)


def test_bad_argument_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--steps", "0"])
    assert "got 0, allowed are integers from 1" in capsys.readouterr().err


def test_fit_learns():
    fit = Fit(FitOptions(steps=60, image_size=32, learning_rate=0.05, soft_start=0.5, soft_end=0.16))
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


def test_training_cameras_cover_elevations_and_azimuths():
    eyes = training_cameras().eyes
    assert eyes.shape == (24, 3)
    assert len(torch.unique(eyes[:, 1].round(decimals=3))) == 5
    torch.testing.assert_close(eyes.norm(dim=1), torch.full((24,), 2.732))
