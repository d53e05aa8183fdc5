"""experiments/cube_pose.py, and the rotations and runs it is made of, cut down to seconds."""

import json
import math
import sys
from pathlib import Path

import imageio.v3 as imageio
import pytest
import torch

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "experiments"))  # not installed

import cube_pose  # noqa: E402
from lab import experiment as lab  # noqa: E402
from lab.coloured import View, cube, differences, draw, hard, hard_inside, soft  # noqa: E402
from lab.rotations import angles_between, random_rotations, random_turns, rotations, turn_between  # noqa: E402
from lab.runs import Runs, falling  # noqa: E402

pytestmark = pytest.mark.slow

VIEW = View(size=24)


class NoProgress:
    def update(self):
        pass


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_rotations_are_the_exponentials_of_their_vectors():
    vectors = torch.cat([torch.randn(20, 3, dtype=torch.float64, generator=generator()) * 2, torch.zeros(1, 3)])
    x, y, z = vectors.unbind(1)
    zero = torch.zeros_like(x)
    across = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).view(-1, 3, 3)
    torch.testing.assert_close(rotations(vectors), torch.linalg.matrix_exp(across), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [0.0, 1e-6, 1.0, math.pi])
def test_rotations_have_gradients_at_every_angle(size):
    vector = torch.tensor([[0.6 * size, -0.8 * size, 0.0]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(rotations, (vector,))


def test_angles_are_measured_near_0_and_near_180():
    angles = torch.tensor([0.0, 1e-5, 1.0, math.pi / 2, math.pi - 1e-4], dtype=torch.float64)
    start = random_rotations(5, generator()).double()
    turned = rotations(torch.tensor([0.0, 0.6, 0.8], dtype=torch.float64) * angles[:, None]) @ start
    torch.testing.assert_close(angles_between(start, turned), torch.rad2deg(angles), rtol=1e-4, atol=2e-5)


def test_random_rotations_are_uniform():
    apart = angles_between(random_rotations(4000, generator(1)), random_rotations(4000, generator(2)))
    assert apart.mean().item() == pytest.approx(90 + 360 / math.pi**2, abs=2)  # that of guesses: 126.5 degrees
    turns = angles_between(torch.eye(3), random_turns(500, (20.0, 50.0), generator()))
    assert 20 <= turns.min() < 21 and 49 < turns.max() <= 50.01


def test_turns_between_directions():
    some, others = (torch.nn.functional.normalize(torch.randn(10, 3, generator=generator(i)), dim=1) for i in (0, 1))
    turned = (rotations(turn_between(some, others)) @ some[..., None])[..., 0]
    torch.testing.assert_close(turned, others, rtol=0, atol=1e-5)


def test_every_run_has_its_own_learning_rate():
    runs = Runs([torch.zeros(3, 2)], (0.1, 0.5))
    runs.step(runs.values()[0].sum(1))
    torch.testing.assert_close(
        runs.by_rate(runs.values()[0]).detach(), -torch.tensor([0.1, 0.5])[:, None, None].expand(2, 3, 2)
    )
    assert runs.of_all(torch.arange(3)).tolist() == [0, 1, 2, 0, 1, 2]


def test_schedules():
    assert falling(1e-1, 1e-3, 0) == 1e-1
    assert falling(1e-1, 1e-3, 1) == pytest.approx(1e-3)
    assert falling(1e-1, 1e-3, 0.5) == pytest.approx(1e-2)


@pytest.mark.parametrize("kind", ["sides", "corners"])
def test_the_cube_is_seen_from_outside(kind):
    shape = cube(kind)
    corners = shape.vertices[shape.faces]
    across = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((across * corners.mean(1)).sum(1) > 0).all()
    assert across.norm(dim=1).sum() / 2 == 24  # all of its surface, once
    assert (shape.colours.reshape(6, 6, 3).std(1).amax() < 1e-6) == (kind == "sides")


def test_hidden_faces_have_a_gradient_in_soft_pictures_only():
    shape = cube("corners")
    hidden = shape.vertices[shape.faces][:, :, 2].amax(1) < 0  # the far side, seen along z

    def gradient(settings):
        colours = shape.colours.clone().requires_grad_()
        draw(VIEW, shape.vertices[None], shape.faces, colours, settings)[:, :3].sum().backward()
        return colours.grad[hidden].abs().max()

    assert hidden.sum() == 2
    assert gradient(hard(VIEW)) == 0 and gradient(hard_inside(VIEW, 1e-3)) == 0
    assert gradient(soft(VIEW, 1e-3, 0.3)) > 1e-3


def test_coarser_levels_are_means_of_pixels():
    seen, wanted = torch.rand(2, 4, 8, 8, generator=generator()), torch.rand(2, 4, 8, 8, generator=generator(1))
    apart = seen - wanted
    coarse = apart.view(2, 4, 4, 2, 4, 2).mean((3, 5))
    expected = apart.square().mean((1, 2, 3)) + coarse.square().mean((1, 2, 3))
    torch.testing.assert_close(differences(seen, wanted, 2), expected)


@pytest.mark.parametrize(
    "kind, method, left",
    [
        ("corners", cube_pose.Method("soft"), 25.0),
        ("corners", cube_pose.Method("hard"), 25.0),
        ("sides", cube_pose.Method("soft"), 30.0),
        ("sides", cube_pose.Method("soft", "reference"), 30.0),
    ],
)
def test_a_cube_that_is_not_far_off_is_found(kind, method, left):
    problem = cube_pose.pairs(kind, 8, VIEW, 0, torch.device("cpu"))
    near = problem._replace(starts=random_turns(8, (35.0, 45.0), generator()) @ problem.goals)
    fitted = cube_pose.fit(method, near, VIEW, (0.05,), 40, NoProgress())
    assert fitted.errors.shape == (1, 8) and fitted.errors.mean() < left
    again = cube_pose.fit(method, near, VIEW, (0.05,), 40, NoProgress())
    assert torch.equal(fitted.errors, again.errors)


def test_a_hard_picture_of_plain_sides_says_nothing():
    problem = cube_pose.pairs("sides", 4, VIEW, 0, torch.device("cpu"))
    sizes = {}
    for renderer in ("hard", "soft"):
        turn = torch.zeros(4, 3, requires_grad=True)
        turned = rotations(turn) @ problem.starts
        settings = cube_pose.Method(renderer).settings(VIEW, 0.0)
        seen = draw(VIEW, problem.cube.vertices @ turned.mT, *problem.cube[1:], settings)
        differences(seen, problem.pictures).sum().backward()
        sizes[renderer] = turn.grad.norm(dim=1).amin().item() if renderer == "soft" else turn.grad.abs().max().item()
    assert sizes["hard"] < 1e-6 and sizes["soft"] > 1e-3


def run(tmp_path, *options):
    argv = ["--quick", "--out", str(tmp_path / "out"), "--json", str(tmp_path / "results.json"), *options]
    lab.run("cube_pose", cube_pose.__doc__, cube_pose.main, cube_pose.add_options, argv)
    return json.loads((tmp_path / "results.json").read_text())


def test_results_are_written(tmp_path):
    small = ("--poses", "6", "--steps", "3", "--image-size", "16", "--learning-rates", "0.1", "0.2", "--cubes", "sides")
    record = run(tmp_path, *small)
    of_renderers, apart, tuned = record["tables"].values()
    assert (
        len(of_renderers) == 1 + len(cube_pose.METHODS)
        and len(apart) == 2
        and len(tuned) == 2 * (len(of_renderers) - 1)
    )
    left = {row["renderer"]: row["mean"] for row in of_renderers[1:]}
    assert record["headline"] == {f"sides: {name}, degrees left": degrees for name, degrees in left.items()}
    for row in of_renderers[1:]:
        of_rates = {other["learning rate"]: other["mean"] for other in tuned if other["renderer"] == row["renderer"]}
        assert row["learning rate"] == min(of_rates, key=of_rates.__getitem__) and row["mean"] not in of_rates.values()
    of_exact, of_reference = (
        [row["mean"] for row in of_renderers if row["renderer"] == f"soft, {gradient}, fixed"]
        for gradient in ("exact", "reference")
    )
    assert apart[0]["mean"] == pytest.approx(of_exact[0] - of_reference[0], abs=1e-3)
    frames = imageio.imread(tmp_path / "out" / "cubes.gif")
    assert frames.shape[1:] == imageio.imread(tmp_path / "out" / "cubes.png").shape[:2] + (3,)
    assert (frames[0] != frames[-1]).any()


def test_pictures_show_the_medians_of_the_table(tmp_path, monkeypatch):
    shown = []

    class Kept(cube_pose.Grid):
        def show(self, rows, captions=None):
            shown.append(captions)
            super().show(rows, captions)

    monkeypatch.setattr(cube_pose, "Grid", Kept)
    record = run(tmp_path, "--poses", "5", "--steps", "2", "--image-size", "16", "--learning-rates", "0.1", "0.2")
    rows = next(iter(record["tables"].values()))
    for j, kind in enumerate(("sides", "corners")):
        for method, captions in zip(cube_pose.METHODS, shown[-1], strict=True):
            (median,) = (row["median"] for row in rows if (row["cube"], row["renderer"]) == (kind, str(method)))
            assert float(captions[3 * j + 2].removesuffix("° off")) == pytest.approx(median, rel=0.01)


@pytest.mark.parametrize(
    "options, message",
    [(["--poses", "0"], "from 1"), (["--learning-rates", "-1"], "above 0"), (["--cubes", "round"], "sides")],
)
def test_options_out_of_range(tmp_path, capsys, options, message):
    with pytest.raises(SystemExit):
        run(tmp_path, *options)
    assert message in capsys.readouterr().err
