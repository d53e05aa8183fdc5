"""imread and imwrite."""

from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from torch.testing import assert_close

from gendr_adapters.redner import imread, imwrite


@pytest.mark.parametrize("gamma", [1.0, 2.2])
def test_all_bytes_survive_both_ways(tmp_path: Path, gamma: float) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16)[:, :, None].repeat(3, 2)
    imageio.imwrite(tmp_path / "in.png", pixels)
    light = imread(tmp_path / "in.png", gamma)
    assert light.dtype == torch.float32
    assert_close(light[..., 1].flatten(), (torch.arange(256) / 255) ** gamma)
    imwrite(light, str(tmp_path / "new" / "out.png"), gamma)
    assert (imageio.imread(tmp_path / "new" / "out.png") == pixels).all()


def test_grey_alpha_and_sixteen_bits(tmp_path: Path) -> None:
    grey = np.array([[0, 128], [255, 3]], dtype=np.uint8)
    imageio.imwrite(tmp_path / "grey.png", grey)
    assert_close(imread(tmp_path / "grey.png", 1.0), torch.from_numpy(grey / 255).float()[..., None].expand(2, 2, 3))
    rgba = np.random.default_rng(0).integers(0, 256, (2, 3, 4), dtype=np.uint8)
    imageio.imwrite(tmp_path / "rgba.png", rgba)
    assert_close(imread(tmp_path / "rgba.png", 1.0), torch.from_numpy(rgba[..., :3] / 255).float())
    deep = np.array([[0, 65535, 1000]], dtype=np.uint16)
    imageio.imwrite(tmp_path / "deep.png", deep)
    assert_close(imread(tmp_path / "deep.png", 2.0)[..., 0], torch.tensor([[0, 1, (1000 / 65535) ** 2]]))


def test_values_are_clipped_or_normalised(tmp_path: Path) -> None:
    img = torch.tensor([[[-1.0], [0.25], [3.0]]], requires_grad=True)
    imwrite(img, tmp_path / "clipped.png", 2.0)
    assert imageio.imread(tmp_path / "clipped.png").tolist() == [[0, 128, 255]]
    imwrite(img, tmp_path / "normalised.png", 1.0, normalize=True)
    assert imageio.imread(tmp_path / "normalised.png").tolist() == [[0, 80, 255]]
    imwrite(torch.full((1, 2, 3), 0.5), tmp_path / "flat.png", 1.0, normalize=True)
    assert (imageio.imread(tmp_path / "flat.png") == 128).all()


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        imread(tmp_path / "none.png")
    with pytest.raises(ValueError, match="exr"):
        imwrite(torch.zeros(2, 2, 3), tmp_path / "out.exr")
    with pytest.raises(ValueError, match="height, width"):
        imwrite(torch.zeros(2, 2), tmp_path / "out.png")
    with pytest.raises(TypeError, match="tensor"):
        imwrite(np.zeros((2, 2, 3)), tmp_path / "out.png")
    with pytest.raises(ValueError, match="gamma"):
        imread(tmp_path / "none.png", 0.0)
