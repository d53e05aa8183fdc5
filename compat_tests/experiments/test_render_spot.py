"""experiments/render_spot.py, small: its pictures, and what it says of the saved file."""

import math
import sys
from pathlib import Path

import imageio.v3 as imageio
import pytest
import torch

import gendr_adapters.softras as sr
from gendr_adapters import data

sys.path.append(str(Path(__file__).parents[2] / "experiments"))

import render_spot
from lab import experiment as lab

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("spot")
    arguments = [
        "--quick",
        "--frames",
        "2",
        "--image-size",
        "32",
        "--out",
        str(out),
        "--json",
        str(out / "results.json"),
    ]
    return lab.run("render_spot", render_spot.__doc__, render_spot.experiment, render_spot.add_options, arguments)


def test_pictures(results):
    turn, blur, saved = results.pictures
    assert imageio.imread(turn).shape == (2, 32, 32, 3)
    assert all(imageio.imread(path).std() > 10 for path in (blur, saved))


def test_blur_grows_with_sigma(results):
    blur, _ = results.tables.values()
    alphas = [row["mean alpha"] for row in blur]
    assert alphas == sorted(alphas) and alphas[-1] > 1.5 * alphas[0]
    assert results.headline["at 1e-2"] == blur[-1]["soft share"] > 0.1


def test_saved_files_are_read_as_they_were(results):
    _, saved = results.tables.values()
    assert [(row["texels a side"], row["pixels of the atlas"]) for row in saved] == [
        (2, 16), (2, 9), (5, 16), (5, 18), (8, 16), (8, 27)
    ]  # fmt: skip
    for row in saved:
        assert row["largest difference of a vertex"] == 0 and row["PSNR, dB"] > 40
        if row["pixels of the atlas"] == 3 * row["texels a side"] + 3:
            assert row["largest difference of a texel"] < 0.6 / 255 and row["PSNR, dB"] > 70


def test_a_saved_file_is_a_mesh_of_its_own(results):
    path = results.pictures[0].parent / "spot_5_18.obj"
    mesh = sr.Mesh.from_obj(path, load_texture=True, texture_res=5)
    spot = sr.Mesh.from_obj(data.path("spot.obj"), load_texture=True, texture_res=5)
    assert torch.equal(mesh.faces, spot.faces) and (mesh.textures - spot.textures).abs().max() < 0.003


def test_psnr_by_hand():
    a = torch.zeros(2, 2)
    assert render_spot.psnr(a, a) == math.inf
    assert render_spot.psnr(a, a + 0.1) == pytest.approx(20)


def test_bad_arguments_are_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        lab.run("render_spot", "", render_spot.experiment, render_spot.add_options, ["--frames", "0"])
    assert "got 0, allowed are integers from 1" in capsys.readouterr().err
