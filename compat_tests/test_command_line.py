"""`gendr-adapters`: commands, their pictures and videos, and errors of one sentence."""

import subprocess
import sys
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from gendr_adapters import __version__, data
from gendr_adapters.cli._program import program

SPOT = str(data.path("spot.obj"))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(program, list(arguments))


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def rendered(path: Path, *options: str) -> np.ndarray:
    result = run("render", SPOT, "-o", str(path), "--image-size", "48x32", *options)
    assert result.exit_code == 0, result.output
    assert f"written: {path}" in result.output
    return pixels(path)


def test_picture_of_a_mesh(tmp_path: Path) -> None:
    seen = rendered(tmp_path / "spot.png")
    assert seen.shape == (32, 48, 3)
    assert (seen[0] == 255).all() and seen[16, 24].max() < 255
    # All of the mesh is in the picture.
    dark = seen.min(2) < 250
    assert not (dark[0].any() or dark[-1].any() or dark[:, 0].any() or dark[:, -1].any()) and dark.any()


def test_transparent_picture(tmp_path: Path) -> None:
    seen = rendered(tmp_path / "spot.png", "--background", "none")
    assert seen.shape == (32, 48, 4)
    assert seen[0, 0, 3] == 0 and seen[16, 24, 3] == 255


@pytest.mark.parametrize("show", ["colour", "alpha", "depth", "normals"])
def test_show_options(tmp_path: Path, show: str) -> None:
    seen = rendered(tmp_path / "spot.png", "--show", show, "--background", "0,0,0", "--azimuth", "180")
    middle, corner = seen[16, 24], seen[0, 0]
    assert (corner == 0).all() and middle.max() > 60
    assert (np.ptp(middle) < 3) == (show in ("alpha", "depth"))
    if show == "normals":
        # What is seen is turned towards the camera: blue.
        covered = seen.max(2) >= 200
        assert covered.sum() > 100 and (seen[..., 2][covered] >= 120).mean() > 0.95


def test_softness_is_seen(tmp_path: Path) -> None:
    sharp, soft = (rendered(tmp_path / "a.png", "--show", "alpha", *more) for more in ((), ("--softness", "3")))
    between = [np.count_nonzero((seen > 20) & (seen < 235)) for seen in (sharp, soft)]
    assert between[1] > 1.5 * between[0]


def test_distance_is_obeyed(tmp_path: Path) -> None:
    near, far = (rendered(tmp_path / "a.png", "--show", "alpha", "--distance", d).sum() for d in ("4", "8"))
    assert 3.5 < near / far < 5


def test_video_is_one_turn(tmp_path: Path) -> None:
    """MP4s are written by the same function: test_picture_writing.py."""
    path = tmp_path / "spot.gif"
    result = run("render", SPOT, "-o", str(path), "--image-size", "32", "--frames", "3")
    assert result.exit_code == 0, result.output
    frames = [frame[..., :3].astype(int) for frame in imageio.imiter(path)]
    assert len(frames) == 3
    assert all(abs(a - b).max() > 60 for a, b in zip(frames, frames[1:], strict=False))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("render", "no.obj", "-o", "a.png"), "File 'no.obj' does not exist"),
        (("render", SPOT), "Missing option '-o' / '--out'"),
        (("render", SPOT, "-o", "a.xyz"), "Error: a.xyz: "),
        (("render", SPOT, "-o", "a.png", "--image-size", "0"), "allowed are sides of 1 to 32768 pixels"),
        (("render", SPOT, "-o", "a.png", "--image-size", "4x"), "allowed are a side, 512, or width x height, 640x480"),
        (("render", SPOT, "-o", "a.png", "--background", "1,2,3"), "red,green,blue from 0 to 1"),
        (("render", SPOT, "-o", "a.gif", "--background", "none"), "--background none goes with pictures"),
        (("render", SPOT, "-o", "a.png", "--softness", "-1"), "-1.0 is not in the range x>0"),
        (("render", SPOT, "-o", "a.png", "--softness", "nan"), "got 'nan', allowed are finite numbers"),
        (("render", SPOT, "-o", "a.png", "--distance", "nan"), "got 'nan', allowed are finite numbers"),
        (("render", SPOT, "-o", "a.png", "--distance", "inf"), "got 'inf', allowed are finite numbers"),
        (("render", SPOT, "-o", "a.png", "--field-of-view", "nan"), "got 'nan', allowed are finite numbers"),
        (("render", SPOT, "-o", "a.png", "--elevation", "inf"), "got 'inf', allowed are finite numbers"),
        (("render", SPOT, "-o", "a.png", "--azimuth", "nan"), "got 'nan', allowed are finite numbers"),
        (("render", SPOT, "-o", "a.gif", "--frames-per-second", "nan"), "got 'nan', allowed are finite numbers"),
        (("render", SPOT, "-o", "a.png", "--device", "xla"), "allowed are cpu and cuda"),
        (("view", "no.obj"), "File 'no.obj' does not exist"),
        (("paint",), "No such command 'paint'"),
    ],
)
def test_errors_are_one_sentence(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code != 0 and message in result.output and "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_file_that_is_no_mesh(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("v 0 0\n")
    result = run("render", str(tmp_path / "a.obj"), "-o", str(tmp_path / "a.png"))
    assert result.exit_code == 1 and result.output.startswith(f"Error: {tmp_path}/a.obj:1: ")


def test_help_of_every_command_does_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in program.commands:
        result = run(name, "--help")
        assert result.exit_code == 0 and "usage" in result.output.lower()
    assert list(tmp_path.iterdir()) == []


def test_version_and_info() -> None:
    assert run("--version").output == f"gendr-adapters, version {__version__}\n"
    assert run("info").output.startswith(f"gendr_adapters   {__version__}\n")


@pytest.mark.slow
def test_module_is_the_program_and_alone_prints_the_info() -> None:
    def output(*arguments: str) -> str:
        command = [sys.executable, "-m", "gendr_adapters", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert output() == output("info")
    assert output("render", "--help").startswith("Usage: gendr-adapters render")
