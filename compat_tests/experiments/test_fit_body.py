"""experiments/fit_body.py and the bodies it fits, cut down to seconds."""

import json
import pickle
import sys
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from torch import Tensor

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "experiments"))  # not installed

import fit_body  # noqa: E402
from lab import coloured  # noqa: E402
from lab import experiment as lab  # noqa: E402
from lab.coloured import View  # noqa: E402
from lab.rotations import rotations  # noqa: E402
from lab.skinned_body import RIGHT_ARM, capsules, read_body  # noqa: E402

pytestmark = pytest.mark.slow


class NoProgress:
    def update(self):
        pass


@pytest.fixture(scope="module")
def body():
    return capsules()


def arrays(body):
    """As SMPL's files have them; the root's parent is 2^32 - 1 there."""
    parents = np.array([2**32 - 1, *body.parents[1:]], np.uint32)
    return {
        "v_template": body.template.double().numpy(),
        "weights": body.weights.numpy(),
        "J_regressor": body.regressor.numpy(),
        "kintree_table": np.stack([parents, np.arange(len(parents), dtype=np.uint32)]),
        "f": body.faces.numpy().astype(np.uint32),
    }


def slowly_posed(body, pose):
    """Linear blend skinning of one pose (J, 3), every 20th vertex by itself, with 4 x 4 matrices."""
    joints = (body.regressor @ body.template).double()
    turns = rotations(pose.double())
    moves: list[Tensor] = []
    for j, parent in enumerate(body.parents):
        own = torch.eye(4, dtype=torch.float64)
        own[:3, :3] = turns[j]
        own[:3, 3] = joints[j] - turns[j] @ joints[j]  # about the joint where it rests
        moves.append(own if parent < 0 else moves[parent] @ own)
    posed = []
    for vertex, weights in zip(body.template[::20].double(), body.weights[::20].double(), strict=True):
        move = sum(w * m for w, m in zip(weights, moves, strict=True))
        posed.append(move[:3, :3] @ vertex + move[:3, 3])
    return torch.stack(posed)


def test_skinning(body):
    poses = 0.5 * torch.randn(2, len(body.parents), 3, generator=torch.Generator().manual_seed(0))
    for pose, posed in zip(poses, body.posed(poses), strict=True):
        torch.testing.assert_close(posed[::20].double(), slowly_posed(body, pose), rtol=0, atol=1e-5)
    at_rest = body.posed(torch.zeros(1, len(body.parents), 3))[0]
    torch.testing.assert_close(at_rest, body.template, rtol=0, atol=1e-6)


def test_capsules_are_closed_and_seen_from_outside(body):
    edges = torch.cat([body.faces[:, [0, 1]], body.faces[:, [1, 2]], body.faces[:, [2, 0]]])
    _, counts = edges.unique(dim=0, return_counts=True)
    backwards = {tuple(edge) for edge in edges.flip(1).tolist()}
    assert (counts == 1).all() and {tuple(edge) for edge in edges.tolist()} == backwards
    corners = body.template[body.faces].double()
    volume = torch.linalg.det(corners).sum() / 6
    assert 0.05 < volume < 0.15
    torch.testing.assert_close(body.weights.sum(1), torch.ones(len(body.template)))
    torch.testing.assert_close(body.regressor.sum(1), torch.ones(len(body.parents)))


def test_files_in_smpls_layout(body, tmp_path):
    np.savez(tmp_path / "body.npz", **arrays(body), posedirs=np.zeros(3))
    (tmp_path / "body.pkl").write_bytes(pickle.dumps(arrays(body), protocol=2))
    for name in ("body.npz", "body.pkl"):
        read = read_body(tmp_path / name)
        assert read.parents == body.parents
        for ours, theirs in zip(body[:4], read[:4], strict=True):
            torch.testing.assert_close(ours, theirs)


def test_a_pickle_with_a_sparse_matrix_and_chumpys_arrays(body, tmp_path, monkeypatch):
    sparse = pytest.importorskip("scipy.sparse")

    class Ch:
        def __init__(self, x):
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    monkeypatch.setitem(sys.modules, "chumpy", type(sys)("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", type(sys)("chumpy.ch"))
    sys.modules["chumpy.ch"].__dict__["Ch"] = Ch
    values = arrays(body)
    values["J_regressor"] = sparse.csc_matrix(values["J_regressor"])
    values["v_template"] = Ch(values["v_template"])
    (tmp_path / "body.pkl").write_bytes(pickle.dumps(values, protocol=2))
    monkeypatch.delitem(sys.modules, "chumpy.ch")
    monkeypatch.delitem(sys.modules, "chumpy")
    read = read_body(tmp_path / "body.pkl")
    torch.testing.assert_close(read.regressor, body.regressor)
    torch.testing.assert_close(read.template, body.template)


class Harmful:
    def __reduce__(self):
        return print, ("this must not be printed",)


def test_a_pickle_cannot_run_code(body, tmp_path, capsys):
    (tmp_path / "body.pkl").write_bytes(pickle.dumps(arrays(body) | {"v_template": Harmful()}))
    with pytest.raises(ValueError, match=r"body\.pkl.*print, which is no array"):
        read_body(tmp_path / "body.pkl")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "change, message",
    [
        ({"weights": None}, "no weights; needed are v_template"),
        ({"weights": np.zeros((3, 3))}, r"weights must be \(V, J\)"),
        ({"f": np.array([[0, 1, 99999]])}, "f must be"),
        ({"kintree_table": np.full((2, 11), 10)}, "earlier joints"),
    ],
)
def test_files_that_are_no_bodies(body, tmp_path, change, message):
    values = {key: value for key, value in (arrays(body) | change).items() if value is not None}
    np.savez(tmp_path / "body.npz", **values)
    with pytest.raises(ValueError, match=message) as raised:
        read_body(tmp_path / "body.npz")
    assert "body.npz" in str(raised.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.npz"):
        read_body(tmp_path / "nowhere.npz")
    for name, content in (("a.npz", b"no"), ("b.pkl", b"no"), ("c.pkl", pickle.dumps([1])), ("d.obj", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            read_body(tmp_path / name)


def problem(direction, n=3, size=32):
    shape = fit_body.upright(capsules())
    view = View(size=size, half_fov=13.0, radius=1.2)
    task = fit_body.problem(direction, n, shape, RIGHT_ARM, view, 0, torch.device("cpu"))
    return task, fit_body.Arm.of(shape, RIGHT_ARM), view


def arm_is_red(pictures):
    """How many pixels show the forearm."""
    red, green, blue = pictures[:, 0], pictures[:, 1], pictures[:, 2]
    return ((red > 0.4) & (green < 0.3) & (blue < 0.3)).sum((1, 2))


def test_the_forearm_is_hidden_at_one_end():
    for direction, hidden_first in (("appears", True), ("hides", False)):
        task, _, view = problem(direction, size=64)
        with torch.no_grad():
            start = fit_body.pictures(view, task.body, task.colours, task.starts, coloured.hard(view))
        hidden, seen = (start, task.pictures) if hidden_first else (task.pictures, start)
        assert (4 * arm_is_red(hidden) < arm_is_red(seen)).all()


def gradient_of_the_hand(method):
    task, arm, view = problem("appears")
    vertices = task.body.posed(task.starts).requires_grad_()
    settings = fit_body.settings_of(method, view, 0.3)
    seen = coloured.draw(view, vertices, task.body.faces, task.colours, settings)
    coloured.differences(seen, task.pictures).sum().backward()
    return vertices.grad[:, arm.hand].norm(dim=(1, 2))


def test_only_soft_renderers_have_a_gradient_to_what_is_hidden():
    assert (gradient_of_the_hand("hard") == 0).all()
    for gradient in ("exact", "reference"):
        assert (gradient_of_the_hand(f"soft, {gradient}") > 10 * gradient_of_the_hand("hard inside")).all()


def test_a_hidden_arm_comes_out():
    """Of many: a single pose may well get stuck, and which ones do hangs on rounding."""
    task, arm, view = problem("appears", n=16)
    before, _ = fit_body.measured(task, arm, view, task.starts)
    fitted = fit_body.fit("soft, exact", task, arm, view, (0.1,), 30, NoProgress())
    blind = fit_body.fit("hard inside", task, arm, view, (0.1,), 30, NoProgress())
    assert fitted.hand.mean() < 0.95 * before.mean()
    assert fitted.hand.mean() < blind.hand.mean()


def test_fits_repeat_bit_for_bit():
    task, arm, view = problem("appears", n=2)
    first, again = (fit_body.fit("soft, exact", task, arm, view, (0.1,), 5, NoProgress()) for _ in range(2))
    assert torch.equal(first.hand, again.hand)


@pytest.mark.parametrize("asked", [[3], [3, 99], [4, 3], [3, 5]])
def test_invalid_arms_are_refused(body, asked):
    with pytest.raises(ValueError, match="--arm"):
        fit_body.arm_joints(body, asked, True)


def test_the_arm_of_an_unknown_body_must_be_given(body):
    assert fit_body.arm_joints(body, None, True) == RIGHT_ARM
    with pytest.raises(ValueError, match="11 joints: --arm"):
        fit_body.arm_joints(body, None, False)


def run(tmp_path, *options):
    argv = ["--quick", "--out", str(tmp_path / "out"), "--json", str(tmp_path / "results.json"), *options]
    lab.run("fit_body", fit_body.__doc__, fit_body.main, fit_body.add_options, argv)
    return json.loads((tmp_path / "results.json").read_text())


def test_results_are_written(body, tmp_path):
    np.savez(tmp_path / "body.npz", **arrays(body))
    small = ("--poses", "2", "--steps", "2", "--image-size", "16", "--learning-rates", "0.1")
    record = run(tmp_path, *small, "--body", str(tmp_path / "body.npz"), "--arm", "3", "4")
    rows, tuned = record["tables"].values()
    assert [row["renderer"] for row in tuned] == 2 * list(fit_body.METHODS)
    assert [row["renderer"] for row in rows] == 2 * ["the starts", *fit_body.METHODS]
    for row in rows:
        if row["renderer"] != "the starts":
            assert row["hand off by"] == record["headline"][f"{row['forearm']}: {row['renderer']}, hand off by"]
    frames = imageio.imread(tmp_path / "out" / "arms.gif")
    assert frames.shape[1:] == imageio.imread(tmp_path / "out" / "arms.png").shape[:2] + (3,)
    assert (frames[0] != frames[-1]).any()


def test_pictures_show_the_medians_of_the_table(tmp_path, monkeypatch):
    shown = []

    class Kept(fit_body.Grid):
        def show(self, rows, captions=None):
            shown.append(captions)
            super().show(rows, captions)

    monkeypatch.setattr(fit_body, "Grid", Kept)
    record = run(tmp_path, "--poses", "3", "--steps", "2", "--image-size", "16", "--learning-rates", "0.1", "0.2")
    rows, tuned = record["tables"].values()
    for j, direction in enumerate(fit_body.DIRECTIONS):
        for method, captions in zip(fit_body.METHODS, shown[-1], strict=True):
            of_rates, (row,) = (
                [row for row in table if (row["forearm"], row["renderer"]) == (direction, method)]
                for table in (tuned, rows)
            )
            assert row["learning rate"] == min(of_rates, key=lambda row: row["hand off by"])["learning rate"]
            median = row["median"]
            assert float(captions[3 * j + 2].removeprefix("hand off by ")) == pytest.approx(median, abs=0.0006)


def test_a_body_that_is_missing(tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(tmp_path, "--body", str(tmp_path / "smpl.pkl"))
    assert "no such file" in capsys.readouterr().err
