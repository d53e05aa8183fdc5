"""experiments/softness_bias.py, cut down: hard edges find the true pose, and wider edges are off more."""

import json
import sys
from pathlib import Path

import imageio.v3 as imageio
import pytest
import torch

sys.path.append(str(Path(__file__).parents[2] / "experiments"))

import softness_bias
from lab import experiment as lab
from lab.variants import HARD, Edge, TConorm, Variant
from optimize_camera import Protocol, Task

pytestmark = pytest.mark.slow

SOFTRAS = Variant(Edge("logistic", squared=True), TConorm("probabilistic"))


@pytest.fixture(scope="module")
def task():
    return Task(Protocol(poses=5, image_size=24), torch.device("cpu")).part(0, range(3))


@pytest.mark.parametrize("what, finest", [("distance", 0.03), ("elevation", 3.0)])
def test_the_hard_renderer_finds_the_true_pose(task, what, finest):
    assert softness_bias.least(task, what, HARD).abs().max() < finest


def test_wider_edges_end_farther_away(task):
    narrow, wide = (softness_bias.least(task, "distance", SOFTRAS.settings(tau, "exact")) for tau in (1e-5, 1e-2))
    assert (wide > 0.1).all() and narrow.abs().max() < 0.1


def test_the_least_loss_is_found_beside_the_true_pose(task):
    """Offsets from a pose that is wrong by a known one."""
    wrong = task.part(0, range(3))
    wrong.truth = wrong.truth.clone()
    wrong.truth[:, 0] *= 2**0.5
    assert (softness_bias.least(wrong, "distance", HARD) + 0.5).abs().max() < 0.05


def test_results_are_written(tmp_path):
    argv = ["--quick", "--poses", "2", "--image-size", "12", "--out", str(tmp_path), "--json", str(tmp_path / "r.json")]
    run = ("softness_bias", "", softness_bias.experiment, softness_bias.add_options)
    results = lab.run(*run, argv)
    distance, elevation = json.loads((tmp_path / "r.json").read_text())["tables"].values()
    assert len(distance) == len(elevation) == 4 and list(distance[0]) == [
        "distribution",
        "0.01",
        "0.001",
        "0.0001",
        "hard",
    ]
    assert all(row[name] >= 0 for row in elevation for name in row if name != "distribution")
    assert imageio.imread(tmp_path / "errors.png").std() > 10
    assert lab.run(*run, [*argv, "--resume"]).tables == results.tables
