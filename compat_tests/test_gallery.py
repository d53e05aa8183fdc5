"""`gendr-adapters gallery`: its files, and that its pictures of doors and of limits show what they say."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from gendr_adapters import Mesh, RenderSettings, data, gather_corners, load_mesh, render
from gendr_adapters.cameras import PinholeCamera
from gendr_adapters.cli import _gallery
from gendr_adapters.cli._door_pictures import DOORS, Drawn, Scene, core, scene_of
from gendr_adapters.cli._nearest_faces import LIMITS, limited
from gendr_adapters.cli._program import program
from gendr_adapters.utils.plots import save_grid

NAMES = ["distributions", "doors", "faces_per_pixel", "t_conorms"]


def grey(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L"))


def placed(name: str, image_size: int) -> tuple[Mesh, PinholeCamera]:
    return _gallery._placed(load_mesh(data.path(name), textures=False), image_size)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return scene_of(*placed("spot.obj", 32))


@pytest.mark.slow
def test_gallery(tmp_path: Path) -> None:
    mesh = str(data.path("sphere_642.obj"))
    arguments = ["gallery", "--mesh", mesh, "--out", str(tmp_path / "new"), "--image-size", "16"]
    result = CliRunner().invoke(program, arguments)
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [f"gallery_{name}.png" for name in NAMES]
    heights = {name: len(grey(tmp_path / "new" / f"gallery_{name}.png")) for name in NAMES}
    assert heights["distributions"] > heights["t_conorms"] > 1000 > heights["doors"]


@pytest.mark.parametrize("name", DOORS)
def test_doors_agree(scene: Scene, name: str) -> None:
    if name == "PyTorch3D":
        pytest.importorskip("pytorch3d.renderer", reason="no PyTorch3D")
    wanted, drawn = core(scene), DOORS[name](scene)
    assert (wanted.image < 0.9).any(0).sum() > 100
    # Of pixels on an edge rounding decides which face they see.
    assert ((drawn.image - wanted.image).abs().amax(0) > 1e-3).sum() <= 5
    if drawn.is_soft:
        torch.testing.assert_close(drawn.alpha, wanted.alpha, atol=1e-4, rtol=0)
    else:
        covered = (wanted.image < 1).any(0)
        assert abs(drawn.alpha.sum() / covered.sum() - 1) < 0.05


def test_differences_are_counted() -> None:
    image, alpha = torch.zeros(3, 10, 10), torch.zeros(10, 10)
    wanted = Drawn(image, alpha)
    other = Drawn(image.clone(), alpha.clone())
    assert other.differences(wanted) == ("0.0% of the pixels differ", "the same numbers")
    other.image[1, 2, 3] = other.image[2, 4, 5] = 0.5
    other.alpha[0, 0] = 0.25
    assert other.differences(wanted) == ("2.0% of the pixels differ", "differs by up to 2e-01")


def test_door_that_is_missing_is_said_in_words(tmp_path: Path, scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch3d.renderer", None)
    panels = []
    monkeypatch.setattr(_gallery, "save_grid", lambda path, rows, *labels: panels.append((rows, labels)))
    ticks: list[int] = []
    _gallery._write_doors(tmp_path / "a.png", scene.mesh, scene.camera, lambda: ticks.append(1))
    (((images, alphas), (_, columns, captions)),) = panels
    texts = {door: image for door, image in zip(columns, images, strict=True) if isinstance(image, str)}
    assert texts == {"PyTorch3D": "PyTorch3D cannot be\nimported here"} and len(ticks) == len(DOORS)
    assert isinstance(alphas[columns.index("PyTorch3D")], str) and captions[0][columns.index("PyTorch3D")] == ""


def test_limit_that_leaves_nothing_out_changes_nothing() -> None:
    mesh, camera = placed("sphere_642.obj", 24)
    whole = limited(mesh, camera, None)
    most = int(whole.in_reach.max())
    assert most > 20
    same = limited(mesh, camera, most)
    torch.testing.assert_close(same.alpha, whole.alpha)
    torch.testing.assert_close(same.pull, whole.pull)
    assert same.said(most, whole).startswith(
        "more faces are in reach\nat 0% of the pixels\nalpha differs by up to 0.00"
    )


def test_limits_leave_faces_out() -> None:
    mesh, camera = placed("spot.obj", 32)
    whole = limited(mesh, camera, None)
    apart = [float((limited(mesh, camera, limit).alpha - whole.alpha).abs().max()) for limit in LIMITS]
    assert apart == sorted(apart, reverse=True) and apart[0] > 0.9
    idle = [int((limited(mesh, camera, limit).pull == 0).sum()) for limit in LIMITS]
    assert idle == sorted(idle, reverse=True) and idle[0] > 1000
    over = (whole.in_reach[whole.in_reach > 0] > LIMITS[0]).float().mean()
    assert f"at {over:.0%} of the pixels" in limited(mesh, camera, LIMITS[0]).said(LIMITS[0], whole)


def test_all_faces_are_what_render_draws() -> None:
    mesh, camera = placed("spot.obj", 32)
    whole = limited(mesh, camera, None)
    settings = RenderSettings(dist_scale=(2 * 2 / 32) ** 2, reach_per_scale=9.2102, near=0.1, min_coverage=0.0)
    corners = gather_corners(camera.project(mesh.vertices), mesh.faces)
    alpha = render(corners, 32, settings=settings, outputs=("alpha",)).alpha
    torch.testing.assert_close(whole.alpha, alpha[0], atol=1e-3, rtol=0)


def test_grid_has_captions_and_texts(tmp_path: Path) -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    save_grid(tmp_path / "plain.png", [[picture, picture]], ["a"], ["b", "c"])
    save_grid(tmp_path / "more.png", [[picture, "none"]], ["a"], ["b", "c"], [["one\ntwo", ""]])
    plain, more = grey(tmp_path / "plain.png"), grey(tmp_path / "more.png")
    assert more.shape[0] > plain.shape[0] and more.shape[1] == plain.shape[1]
    assert (more < 50).sum() < 0.7 * (plain < 50).sum()
