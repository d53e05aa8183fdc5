"""docs/get-started.md: its blocks of Python run as they stand, one after the other, and do what the page says."""

import re
from pathlib import Path
from typing import Any

import pytest

imageio = pytest.importorskip("imageio.v3")
pytest.importorskip("PIL")

PAGE = (Path(__file__).parent.parent / "docs" / "get-started.md").read_text()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder in which all blocks ran, and what they left."""
    folder = tmp_path_factory.mktemp("page")
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
            exec(block, names)
    return folder, names


def test_pictures_show_the_mesh(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = ran
    picture = imageio.imread(folder / "mesh.png")
    assert picture.shape == (256, 256, 4)
    covered = (picture[..., 3] > 128).mean()
    assert 0.1 < covered < 0.6 and picture[picture[..., 3] > 128][:, :3].std() > 10
    frames = imageio.imread(folder / "turntable.gif")
    assert frames.shape == (12, 128, 128, 3) and (frames[:, 0, 0] == 255).all()
    assert ((frames.min(-1) < 250).mean((1, 2)) > 0.05).all()


def test_fits_converge(ran: tuple[Path, dict[str, Any]]) -> None:
    folder, names = ran
    assert (names["angles"].detach() - names["truth"]).norm() < 1
    assert names["losses"][-1] < 0.6 * names["losses"][0]
    assert (folder / "fitted.obj").stat().st_size > 10_000
