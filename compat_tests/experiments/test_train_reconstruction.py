"""train_reconstruction.py on a tiny data set: it learns, goes on exactly where it was, and says what is wrong."""

import json
import os
import signal
import subprocess
import sys
import types
from typing import Any, ClassVar

import imageio.v3 as imageio
import made_sets
import numpy as np
import pytest
import torch
import train_reconstruction
from lab.experiment import run
from reconstruction import checkpoints, evaluation, logs
from reconstruction.networks import Model
from reconstruction.processes import Processes
from reconstruction.settings import QUICK, chosen
from reconstruction.training import Training
from reconstruction.voxels import voxels_of

import gendr_adapters.softras.functional as srf
from gendr_adapters.data import path as data_path

pytestmark = pytest.mark.slow

TINY = {"batch": 2, "width": 2, "steps": 6, "decay_at": 4}
ALONE = Processes(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_sets.make(tmp_path_factory.mktemp("shapes"))


def template():
    vertices, faces = srf.load_obj(data_path("sphere_642.obj"))
    return vertices, faces.long()


def training(folder, **changes):
    settings = chosen(QUICK, {**TINY, **changes})
    torch.manual_seed(settings.seed)
    model = Model(template(), settings.width, coloured=settings.colour > 0)
    return Training(settings, model, made_sets.load(folder), ALONE)


def command(folder, out, *more):
    tiny = [f"--{name.replace('_', '-')}={value}" for name, value in TINY.items()]
    files = ["--data", str(folder), "--out", str(out), "--json", str(out / "results.json")]
    return [*files, "--small", "--classes=car,table", "--every=12", *([] if "--resume" in more else tiny), *more]


def train(folder, out, *more):
    module = train_reconstruction
    return run(
        "train_reconstruction", module.__doc__, module.experiment, module.add_options, command(folder, out, *more)
    )


def refused(capsys, folder, out, *more):
    with pytest.raises(SystemExit) as exit_:
        train(folder, out, *more)
    return f"{exit_.value}{capsys.readouterr().err}"


def test_training_learns(folder):
    """Two cars: the losses fall by a third, and the voxels' IoU passes the template's by 0.05."""
    objects = made_sets.load(folder)
    objects = type(objects)({"car": objects.images["car"]}, {"car": objects.voxels["car"]})
    settings = chosen(QUICK, {"batch": 2, "width": 4, "steps": 60, "learning_rate": 2e-3})
    torch.manual_seed(0)
    learner = Training(settings, Model(template(), 4, coloured=True), objects, ALONE)
    reports = []
    while learner.step < settings.steps:
        learner.advance()
        if learner.step % 10 == 0:
            reports.append(learner.report())
    first, last = reports[0], reports[-1]
    assert last["iou"] < 0.67 * first["iou"] and last["colour"] < 0.67 * first["colour"]
    (scores,) = evaluation.evaluate(learner.model, objects, ALONE, every=6).values()
    sphere = voxels_of(template()[0][None] / 4, template()[1])[0]
    guess = evaluation.guesses(objects, sphere, objects)["car"]
    assert scores.iou > guess["template"] + 0.05
    assert scores.colour < scores.one_colour


def test_the_learning_rate_and_sigma_fall(folder):
    learner = training(folder, colour=0.0, decay_at=1)
    sigmas = []
    objective = learner.objective

    def noted(made, pair, sigma):
        sigmas.append(sigma)
        return objective(made, pair, sigma)

    learner.objective = noted
    rates = []
    for _ in range(2):
        learner.advance()
        rates.append(learner.report()["learning_rate"])
    assert rates == pytest.approx([1e-3, 3e-4]) and sigmas == pytest.approx([1e-4, 3e-5])


def test_batches_are_of_their_step_and_shared_out(folder):
    objects = made_sets.load(folder)
    whole = objects.draw(3, 7, 8)
    parts = [objects.draw(3, 7, 8, Processes(rank, 4, torch.device("cpu")).part_of(8)) for rank in range(4)]
    for tensor, *pieces in zip(whole, *parts, strict=True):
        assert torch.equal(tensor, torch.cat(pieces))
    assert made_sets.same(list(objects.draw(3, 7, 8)), list(whole))
    assert not torch.equal(objects.draw(3, 8, 8).images_a, whole.images_a)
    assert not torch.equal(objects.draw(4, 7, 8).images_a, whole.images_a)
    for image_a, image_b, eye_a, eye_b in zip(*whole, strict=True):
        (name_a, k_a, view_a), (name_b, k_b, view_b) = (where_is(objects, image) for image in (image_a, image_b))
        assert (name_a, k_a) == (name_b, k_b)
        for eye, view in ((eye_a, view_a), (eye_b, view_b)):
            angle, up = -np.deg2rad(15 * view), np.deg2rad(30)
            expected = [np.cos(up) * np.sin(angle), np.sin(up), -np.cos(up) * np.cos(angle)]
            np.testing.assert_allclose(eye, 2.732 * np.array(expected), atol=1e-5)


def where_is(objects, image):
    wanted = (image.numpy() * 255).round().astype(np.uint8)
    return next(
        (name, k, view)
        for name, images in objects.images.items()
        for k in range(len(images))
        for view in range(24)
        if (images[k, view] == wanted).all()
    )


def test_every_class_is_drawn_alike(folder):
    objects = made_sets.load(folder)
    images = {name: np.full((n, 24, 4, 64, 64), i, np.uint8) for i, (name, n) in enumerate([("a", 1), ("b", 9)])}
    pair = type(objects)(images, {}).draw(0, 0, 400)
    share = (pair.images_a[:, 0, 0, 0] > 0).double().mean()
    assert 0.4 < share < 0.6


def test_a_run_that_was_saved_goes_on_bit_for_bit(folder, tmp_path):
    one = training(folder)
    for _ in range(5):
        one.advance()
    two = training(folder)
    for _ in range(2):
        two.advance()
    checkpoints.save(tmp_path / "c.pt", two.state())
    torch.rand(3)
    three = training(folder, seed=0)
    three.restore(checkpoints.load_run(tmp_path / "c.pt"))
    for _ in range(3):
        three.advance()
    assert three.step == 5 and made_sets.same(three.state(), one.state())
    assert three.report() == one.report()


def test_an_interrupted_program_goes_on_bit_for_bit(folder, tmp_path, monkeypatch, capsys):
    """Ctrl-C in the middle of a step: the step is finished and saved; what comes out is as if nothing had been."""
    train(folder, tmp_path / "one")
    advance = Training.advance

    def interrupted(self):
        if self.step == 2:
            signal.raise_signal(signal.SIGINT)
        advance(self)

    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(Training, "advance", interrupted)
    said = refused(capsys, folder, tmp_path / "two")
    assert said.startswith("130") and "interrupted after step 3 of 6" in said and "--resume" in said
    assert signal.getsignal(signal.SIGINT) is handler
    assert not (tmp_path / "two" / "results.json").exists()
    assert checkpoints.load_run(tmp_path / "two" / "checkpoint.pt")["step"] == 3
    monkeypatch.undo()
    train(folder, tmp_path / "two", "--resume")
    runs = [checkpoints.load_run(tmp_path / name / "checkpoint.pt") for name in ("one", "two")]
    assert made_sets.same(*runs) and runs[0]["step"] == 6 and len(runs[0]["history"]) == 6
    results = [json.loads((tmp_path / name / "results.json").read_text()) for name in ("one", "two")]
    assert results[0]["headline"] == results[1]["headline"] and results[0]["tables"] == results[1]["tables"]


def test_results_of_a_training(folder, tmp_path, capsys):
    results = train(folder, tmp_path)
    ours, curve = json.loads((tmp_path / "results.json").read_text())["tables"].values()
    assert [row["class"] for row in ours] == ["car", "table", "mean"]
    assert all(0 < row[f"{which} IoU"] < 1 for row in ours for which in ("val", "test"))
    assert ours[2]["test IoU"] == pytest.approx((ours[0]["test IoU"] + ours[1]["test IoU"]) / 2)
    assert results.headline["test IoU"] == ours[2]["test IoU"]
    assert [row["step"] for row in curve] == [1, 2, 3, 4, 5, 6]
    assert len(imageio.imread(tmp_path / "reconstructions.gif")) == 24
    # A finished run is measured again without being trained, by its weights alone.
    before = (tmp_path / "checkpoint.pt").read_bytes()
    weights = ("--evaluate", "--weights", str(tmp_path / "checkpoint.pt"))
    again = train(folder, tmp_path, *weights)
    assert {**again.headline, "steps": 6} == results.headline
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    # Nor is it begun anew, or gone on with otherwise, unless asked to.
    capsys.readouterr()
    assert "has a run at step 6 of 6: --resume it" in refused(capsys, folder, tmp_path)
    assert "batch 4 (it has 2)" in refused(capsys, folder, tmp_path, "--resume", "--batch", "4")
    assert "seed 5 (it has 0)" in refused(capsys, folder, tmp_path, "--resume", "--seed", "5")
    said = refused(capsys, folder, tmp_path, "--resume", "--classes", "car,lamp")
    assert "the run was on other data: 2 of car, 2 of table; this is 2 of car, 2 of lamp" in said
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert train(folder, tmp_path, "--resume", "--steps", "7").headline["steps"] == 7
    assert train(folder, tmp_path, "--overwrite", "--colour", "0").headline.keys().isdisjoint({"colour error"})


@pytest.mark.parametrize(
    ("when", "said"), [("before", "the losses of the steps before 4 are"), ("after", "weights are")]
)
def test_checkpoint_with_nan_is_not_saved(folder, tmp_path, monkeypatch, capsys, when, said):
    advance = Training.advance

    def spoilt(self):
        spoil = self.step == 3
        if spoil and when == "before":
            next(self.model.parameters()).data.fill_(torch.nan)
        advance(self)
        if spoil and when == "after":
            next(self.model.parameters()).data.fill_(torch.nan)

    monkeypatch.setattr(Training, "advance", spoilt)
    error = refused(capsys, folder, tmp_path, "--save-every", "2")
    assert f"{said} not finite" in error and "checkpoint.pt is of before" in error
    state = checkpoints.load_run(tmp_path / "checkpoint.pt")
    assert state["step"] == 2 and all(bool(value.isfinite().all()) for value in state["model"].values())


def test_missing_and_broken_data_are_named(folder, tmp_path, capsys):
    assert "the published protocol needs --data FOLDER" in refused_bare(capsys, tmp_path)
    assert "no folder" in refused(capsys, tmp_path / "nowhere", tmp_path)
    (tmp_path / "empty").mkdir()
    assert "_images.npz in" in refused(capsys, tmp_path / "empty", tmp_path, "--classes", "")
    assert "6 of 12 files are missing" in refused(capsys, folder, tmp_path, "--classes", "car,boat")
    some = tmp_path / "some"
    some.mkdir()
    for file in folder.glob("car_*"):
        (some / file.name).write_bytes(file.read_bytes())
    wrong = {
        "car_val_voxels.npz": (b"PK", "car_val_voxels.npz is not a whole .npz file"),
        "car_train_images.npz": ((folder / "car_train_images.npz").read_bytes()[:-900], "is not a whole .npz file"),
        "car_test_voxels.npz": (
            (folder / "car_train_voxels.npz").read_bytes(),
            r"must hold voxels (1, 32, 32, 32), as many as there are images, got (2, 32, 32, 32) bool",
        ),
        "car_test_images.npz": (
            (folder / "car_test_voxels.npz").read_bytes(),
            "must hold images (N, 24, 4, 64, 64) uint8, got (1, 32, 32, 32) bool",
        ),
    }
    for name, (content, said) in wrong.items():
        whole = (some / name).read_bytes()
        (some / name).write_bytes(content)
        assert said in refused(capsys, some, tmp_path, "--classes", "car")
        (some / name).write_bytes(whole)


def refused_bare(capsys, out):
    module = train_reconstruction
    with pytest.raises(SystemExit) as exit_:
        run("t", module.__doc__, module.experiment, module.add_options, ["--out", str(out)])
    return str(exit_.value)


def test_shapenet_that_is_not_whole_is_not_taken_for_it(folder, tmp_path, capsys):
    for file in folder.glob("car_*"):
        (tmp_path / file.name.replace("car", "02958343")).write_bytes(file.read_bytes())
    out = tmp_path / "out"
    said = refused(capsys, tmp_path, out, "--classes", "")
    assert "72 of 78 files are missing" in said and "02691156_train_images.npz" in said
    assert train(tmp_path, out, "--classes", "car", "--steps", "1").headline["steps"] == 1


def test_a_batch_that_cannot_be_shared_out_is_refused():
    with pytest.raises(ValueError, match="a batch of 16 cannot be shared out evenly among 3 processes"):
        Processes(0, 3, torch.device("cpu")).part_of(16)


class FakeWriter:
    made: ClassVar[list[Any]] = []

    def __init__(self, folder, purge_step):
        self.folder, self.purge_step, self.rows, self.closed = folder, purge_step, [], False
        self.made.append(self)

    def add_scalar(self, name, value, step):
        self.rows.append((name, value, step))

    def close(self):
        self.closed = True


def test_tensorboard_gets_the_losses(folder, tmp_path, monkeypatch):
    fake = types.SimpleNamespace(SummaryWriter=FakeWriter)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", fake)
    monkeypatch.setattr(FakeWriter, "made", [])
    train(folder, tmp_path, "--steps", "2")
    train(folder, tmp_path, "--resume", "--steps", "3")
    first, second = FakeWriter.made
    assert first.folder == str(tmp_path / "logs") and first.closed and second.closed
    assert first.purge_step == 1 and second.purge_step == 3  # the first step to be dropped
    names = {"total", "iou", "laplacian", "flatten", "colour", "learning_rate", "val_iou"}
    assert {name for name, _, _ in first.rows} == names
    assert [step for name, _, step in [*first.rows, *second.rows] if name == "iou"] == [1, 2, 3]


def test_training_without_tensorboard_says_so_and_goes_on(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    log = logs.Logs(tmp_path, 0)
    assert "tensorboard is not installed" in capsys.readouterr().out
    log.scalars(1, {"iou": 0.5})
    log.close()


def test_two_processes_train_as_one(folder, tmp_path):
    """torchrun, gloo. After one step Adam's first moment is a tenth of the gradient."""
    common = ["--steps", "1", "--batch", "4"]
    program = str(made_sets.Path(train_reconstruction.__file__))
    argv = command(folder, tmp_path / "two", *common)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*torchrun, program, *argv], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("written:") == 1
    train(folder, tmp_path / "one", *common)
    one, two = (checkpoints.load_run(tmp_path / name / "checkpoint.pt") for name in ("one", "two"))
    assert made_sets.same(one["data"], two["data"])
    for index, moments in one["optimizer"]["state"].items():
        torch.testing.assert_close(
            two["optimizer"]["state"][index]["exp_avg"], moments["exp_avg"], rtol=2e-3, atol=1e-6
        )
    for name, value in one["model"].items():
        if "running" in name:
            torch.testing.assert_close(two["model"][name], value, rtol=1e-5, atol=1e-6)
    for name, value in one["history"][0].items():
        assert two["history"][0][name] == pytest.approx(value, rel=1e-4), name
