"""experiments/deform.py, cut down: it learns, draws as SoftRas' renderer does, and refuses files that do not fit."""

import sys
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import torch

import gendr_adapters.softras as sr
from gendr_adapters import data, load_mesh

sys.path.append(str(Path(__file__).parents[2] / "experiments"))

import deform
from lab import experiment as lab

pytestmark = pytest.mark.slow


def views(every):
    wanted, cameras = deform.read_views(data.path("airplane_silhouettes.npz"), data.path("cameras.npy"))
    return wanted[::every, ::2, ::2], cameras[::every]


def deformation(sigma=1e-3, gradient="exact"):
    return deform.Deformation(*views(20), load_mesh(data.path("sphere_642.obj"), textures=False), sigma, gradient)


def test_data():
    wanted, cameras = deform.read_views(data.path("airplane_silhouettes.npz"), data.path("cameras.npy"))
    assert wanted.shape == (120, 64, 64) and cameras.shape == (120, 3)
    assert wanted.min() == 0 and wanted.max() == 1 and (wanted.mean((1, 2)) > 0.01).all()


@pytest.mark.parametrize("gradient", ["exact", "reference"])
def test_silhouettes_are_those_of_the_softras_door(gradient):
    ours = deformation(sigma=1e-4, gradient=gradient)
    template = ours.template
    door = sr.SoftRenderer(
        32, sigma_val=1e-4, aggr_func_rgb="hard", camera_mode="look_at", viewing_angle=15, gradient=gradient
    )
    door.transform.set_eyes(ours.eyes)
    weights = torch.rand(6, 32, 32, generator=torch.Generator().manual_seed(0))
    results = []
    for draw in (
        lambda v: ours.silhouettes(v, ours.settings),
        lambda v: door.render_mesh(sr.Mesh(v.expand(6, -1, -1), template.faces.expand(6, -1, -1)))[:, 3],
    ):
        vertices = (0.5 * template.vertices).requires_grad_()
        alpha = draw(vertices)
        (alpha * weights).sum().backward()
        results.append((alpha.detach(), vertices.grad))
    (alpha, ours_grad), (expected, theirs) = results
    assert alpha.mean() > 0.05
    torch.testing.assert_close(alpha, expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(ours_grad, theirs, rtol=1e-3, atol=1e-4 * theirs.abs().max().item())


def test_deformation_learns_and_repeats():
    learned = deformation()
    steps = list(learned.steps(40, 0.05))
    first, last = steps[0], steps[-1]
    assert last.loss < 0.75 * first.loss
    assert learned.hard_iou(last.vertices) > learned.hard_iou(first.vertices) + 0.2
    again = list(deformation().steps(5, 0.05))
    assert [step.loss for step in again] == [step.loss for step in steps[:5]]


def run(tmp_path, *more):
    wanted, cameras = views(40)
    np.savez(tmp_path / "some.npz", silhouettes=(wanted * 255).byte().numpy())
    np.save(tmp_path / "cameras.npy", cameras.numpy())
    arguments = ["--quick", "--template", "sphere_642.obj", "--steps", "3", "--out", str(tmp_path / "out")]
    arguments += ["--silhouettes", str(tmp_path / "some.npz"), "--cameras", str(tmp_path / "cameras.npy")]
    arguments += ["--json", str(tmp_path / "results.json"), *more]
    return lab.run("deform", deform.__doc__, deform.experiment, deform.add_options, arguments)


def test_command_line(tmp_path, monkeypatch):
    monkeypatch.setattr(deform, "FRAME", 48)
    results = run(tmp_path)
    assert {path.name for path in results.pictures} == {
        "deform.gif", "deform_loss.png", "deformed.obj", "shapes.png"
    }  # fmt: skip
    assert imageio.imread(results.pictures[0]).shape == (3, 96, 48, 3)
    (rows,) = results.tables.values()
    assert rows[0]["step"] == 0 and rows[-1]["step"] == 2 and rows[-1]["hard IoU"] == results.headline["hard IoU"]
    assert results.headline["views"] == 3 and results.headline["hard IoU"] > results.headline["hard IoU of the sphere"]
    mesh = load_mesh(results.pictures[2])
    wanted, cameras = views(40)
    last = deform.Deformation(wanted, cameras, mesh, 1e-4, "exact")
    assert last.hard_iou(mesh.vertices) == pytest.approx(results.headline["hard IoU"], abs=1e-6)


@pytest.mark.parametrize("name", ["silhouettes", "cameras"])
def test_files_that_do_not_fit_are_named(tmp_path, name):
    bad = tmp_path / "bad.npy"
    with pytest.raises(ValueError, match=f"bad.npy: no {name} to be read"):
        run(tmp_path, f"--{name}", str(bad))
    bad.write_bytes(b"nothing")
    with pytest.raises(ValueError, match=f"bad.npy: no {name} to be read"):
        run(tmp_path, f"--{name}", str(bad))
    np.save(bad, np.zeros((2, 5)))
    with pytest.raises(ValueError, match=r"bad.npy: .*got .*\(2, 5\)"):
        run(tmp_path, f"--{name}", str(bad))
    np.savez(tmp_path / "other.npz", something=np.zeros(3))
    with pytest.raises(ValueError, match="other.npz: no"):
        run(tmp_path, f"--{name}", str(tmp_path / "other.npz"))
    assert not (tmp_path / "results.json").exists()
