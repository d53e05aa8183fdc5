"""experiments/anneal_camera.py, cut down to seconds."""

import json
import sys
from pathlib import Path

import pytest
import torch

from gendr_adapters import RenderSettings, data

sys.path.append(str(Path(__file__).parents[2] / "experiments"))  # not installed

import anneal_camera
from lab import experiment as lab

pytestmark = pytest.mark.slow


class NoProgress:
    def update(self):
        pass


@pytest.fixture(scope="module")
def task():
    return anneal_camera.Task(data.path("teapot.obj"), 3, 24, 0, torch.device("cpu"))


def test_starts_are_as_far_off_as_they_should_be(task):
    torch.testing.assert_close(task.degrees_off(task.starts), torch.full((3,), anneal_camera.OFF))
    assert (task.starts[:, 0].abs() < 89).all() and 0.1 < task.wanted.mean() < 0.9


def test_a_camera_that_is_not_far_off_is_found(task):
    near = anneal_camera.Task(data.path("teapot.obj"), 3, 24, 0, torch.device("cpu"))
    near.starts = near.goals + torch.tensor([[4.0, -3.0]])
    fitted = anneal_camera.fit(near, (1.0, 0.1), 40, 0.3, NoProgress())
    assert fitted.degrees.shape == (41, 3) and fitted.degrees[0].tolist() == pytest.approx([5.0] * 3, abs=1e-3)
    assert fitted.degrees[-1].median() < 2.5


def test_softer_edges_have_more_pairs(task):
    base = RenderSettings.silhouette(image_size=24)
    few, many, all_of_them = (task.pairs(task.goals, base.replace(dist_scale=tau)) for tau in (1e-5, 1e-3, 1e2))
    assert 0 < few < many < all_of_them == 24 * 24 * len(task.mesh.faces)


def test_results_are_written(tmp_path):
    argv = ["--quick", "--starts", "2", "--steps", "3", "--image-size", "16"]
    argv += ["--out", str(tmp_path / "out"), "--json", str(tmp_path / "results.json")]
    lab.run("anneal_camera", "", anneal_camera.experiment, anneal_camera.add_options, argv)
    record = json.loads((tmp_path / "results.json").read_text())
    (rows,) = record["tables"].values()
    assert [row["softness, pixels"] for row in rows] == [
        anneal_camera.name_of(one) for one in anneal_camera.SCHEDULES if one != anneal_camera.WIDEST
    ]
    for row in rows:
        assert row["least"] <= row["median"] <= row["most"] and row["pairs a step"] > 0
    assert rows[0]["times those of 1 to 0.03"] == 1 and rows[0]["nearer than 1 to 0.03"] == ""
    assert (tmp_path / "out" / "anneal_camera.png").stat().st_size > 5000
