"""experiments/compare_gradients.py on few, small pictures."""

import json
import sys
from pathlib import Path

import imageio.v3 as imageio
import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "experiments"))  # not installed

import compare_gradients  # noqa: E402
from compare_gradients import TASKS, Scale  # noqa: E402
from lab import experiment as lab  # noqa: E402

pytestmark = pytest.mark.slow

SCALE = Scale(seeds=2, size=16, steps=12, shape_views=6, device=torch.device("cpu"))


class NoProgress:
    def update(self):
        pass


@pytest.mark.parametrize("name, share", [("cube pose", 0.85), ("sliding colours", 0.95), ("shape of spot", 0.95)])
def test_both_gradients_learn(name, share):
    _, task, rates = TASKS[name]
    outcome = task("exact", rates[-1:], SCALE, 0, NoProgress())
    runs = outcome.start.shape[1]
    assert outcome.left.shape == (1, 2, runs) and outcome.start.shape == (2, runs)
    assert outcome.left.mean() < share * outcome.start.mean()
    size = compare_gradients.SHOWN
    goal, start, end = outcome.pictures(0, 1, runs - 1)
    assert goal.shape == (4, size, size) and (goal != start).any() and (start != end).any()


def test_seeds_repeat():
    _, task, _ = TASKS["sliding colours"]
    once, again, other = (
        task("exact", (0.01,), SCALE._replace(steps=2), seed, NoProgress()).left for seed in (0, 0, 1)
    )
    assert torch.equal(once, again) and not torch.equal(once, other)


def test_both_gradients_start_alike_and_then_differ():
    _, task, _ = TASKS["cube pose"]
    exact, reference = (task(gradient, (0.1,), SCALE, 0, NoProgress()) for gradient in ("exact", "reference"))
    assert torch.equal(exact.start, reference.start)
    pictures = (outcome.pictures(0, 0, 0) for outcome in (exact, reference))
    goal, start, end = (one == other for one, other in zip(*pictures, strict=True))
    assert goal.all() and start.all() and not end.all()
    assert (exact.left - reference.left).mean(2).abs().min() > 1e-3


def test_vertices_slide_within_the_sphere():
    points = torch.nn.functional.normalize(torch.randn(50, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    moved = compare_gradients.slid(points, torch.Generator().manual_seed(1))
    torch.testing.assert_close(moved.norm(dim=1), torch.ones(50))
    apart = (moved - points).norm(dim=1)
    assert 0.05 < apart.mean() < compare_gradients.SLIDE * 3**0.5


def run(tmp_path, *options):
    argv = ["--quick", "--out", str(tmp_path / "out"), "--json", str(tmp_path / "results.json"), *options]
    lab.run("compare_gradients", compare_gradients.__doc__, compare_gradients.main, compare_gradients.add_options, argv)
    return json.loads((tmp_path / "results.json").read_text())


def test_results_are_written(tmp_path):
    record = run(tmp_path, "--seeds", "2", "--steps", "2", "--image-size", "16")
    best, median, every = record["tables"].values()
    assert [row["task"] for row in best] == list(TASKS)
    for row in best:
        for gradient in ("exact", "reference"):
            of_rates = [r for r in every if r["task"] == row["task"] and r["gradient"] == gradient]
            chosen = min(of_rates, key=lambda r: r["left"])["learning rate"]
            assert row[f"{gradient}'s learning rate"] == chosen and len(of_rates) == len(TASKS[row["task"]][2])
            assert row[gradient] == record["headline"][f"{row['task']}, {gradient}"]
        assert row["exact - reference"] == pytest.approx(row["exact"] - row["reference"], abs=1e-3)
    assert imageio.imread(tmp_path / "out" / "ends.png").ndim == 3
    for of_all, of_one in zip(best, median, strict=True):
        assert of_one["task"] == of_all["task"]
        if "pose" not in of_one["task"]:  # two seeds of one run each: the median is the lower difference
            assert of_one["exact"] - of_one["reference"] <= of_all["exact - reference"] + 1e-6


def test_unknown_tasks_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, "--tasks", "golf")
    assert "cube pose" in capsys.readouterr().err
