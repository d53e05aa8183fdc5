"""save_image and save_video: what is written comes back, alpha means what it says, bad input is refused."""

import gc
import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gendr_adapters import save_image, save_video

imageio = pytest.importorskip("imageio.v3")


def random_numbers(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def levels(values: Tensor) -> np.ndarray:
    return np.rint(values.numpy() * 255).astype(np.uint8)


def test_images_of_one_and_three_channels(tmp_path: Path) -> None:
    colour, grey = random_numbers(3, 5, 7), random_numbers(1, 5, 7)
    save_image(tmp_path / "a.png", colour.requires_grad_())
    assert (imageio.imread(tmp_path / "a.png") == levels(colour.detach().permute(1, 2, 0))).all()
    save_image(str(tmp_path / "b.png"), grey.double())
    assert (imageio.imread(tmp_path / "b.png") == levels(grey[0])).all()
    save_image(tmp_path / "c.png", torch.stack([colour.detach(), 1 - colour.detach()]))
    both = torch.cat([colour.detach(), 1 - colour.detach()], 2).permute(1, 2, 0)
    assert (imageio.imread(tmp_path / "c.png") == levels(both)).all()
    save_image(tmp_path / "d.png", torch.tensor([-1.0, 0.5, 2.0])[:, None, None].expand(3, 2, 2))
    assert imageio.imread(tmp_path / "d.png")[0, 0].tolist() == [0, 128, 255]
    save_image(tmp_path / "e.jpg", torch.full((3, 16, 16), 0.5))
    assert abs(int(imageio.imread(tmp_path / "e.jpg")[8, 8, 0]) - 128) <= 2


def test_alpha_is_the_files_or_lays_over_a_background(tmp_path: Path) -> None:
    image, alpha = random_numbers(3, 5, 7), random_numbers(5, 7).mul(0.9)
    save_image(tmp_path / "a.png", image, alpha)
    assert (imageio.imread(tmp_path / "a.png") == levels(torch.cat([image, alpha[None]]).permute(1, 2, 0))).all()
    save_image(tmp_path / "b.png", image[None], alpha[None], background=(1, 0.5, 0))
    colour = torch.tensor([1, 0.5, 0])[:, None, None]
    expected = levels((image * alpha + colour * (1 - alpha)).permute(1, 2, 0))
    assert np.abs(imageio.imread(tmp_path / "b.png").astype(int) - expected).max() <= 1
    with pytest.raises(ValueError, match=r"e\.jpg: this format has no alpha channel; pass background"):
        save_image(tmp_path / "e.jpg", image, alpha)


def test_gif(tmp_path: Path) -> None:
    ramp = torch.linspace(0, 1, 5)[:, None, None, None]
    save_video(tmp_path / "a.gif", ramp.expand(5, 3, 8, 6), 10)
    frames = imageio.imread(tmp_path / "a.gif")
    assert frames.shape == (5, 8, 6, 3)
    assert np.abs(frames[:, 0, 0, 0].astype(int) - levels(ramp)[:, 0, 0, 0]).max() <= 2
    assert imageio.immeta(tmp_path / "a.gif", index=0)["duration"] == 100
    save_video(tmp_path / "b.gif", (frame for frame in ramp.expand(5, 1, 8, 6)), 10)
    assert (imageio.imread(tmp_path / "b.gif") == frames).all()
    save_video(tmp_path / "c.gif", torch.zeros(5, 3, 8, 6), 10, ramp[:, 0].expand(5, 8, 6))  # black over white
    assert np.abs(imageio.imread(tmp_path / "c.gif")[::-1].astype(int) - frames).max() <= 2


@pytest.mark.filterwarnings("ignore:.*unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(importlib.util.find_spec("imageio_ffmpeg") is None, reason="no imageio-ffmpeg: no MP4 is written")
def test_mp4(tmp_path: Path) -> None:
    """Odd sides, too; a generator is not kept in memory."""
    ffmpeg = importlib.import_module("imageio_ffmpeg")
    ramp = torch.linspace(0, 1, 12)[:, None, None, None].expand(12, 3, 17, 32)
    save_video(tmp_path / "a.mp4", iter(ramp), 12)
    about, *raw = ffmpeg.read_frames(tmp_path / "a.mp4")
    gc.collect()  # its pipes, of which it leaves the closing to the collector
    frames = np.stack([np.frombuffer(frame, np.uint8).reshape(18, 32, 3) for frame in raw])
    assert frames.shape == (12, 18, 32, 3) and about["fps"] == 12 and about["codec"].startswith("h264")
    assert np.abs(frames[:, 8, 16, 0].astype(int) - levels(ramp)[:, 0, 0, 0]).max() <= 8  # of limited-range YUV


GOOD = torch.zeros(3, 4, 4)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: save_image(p / "a.png", np.zeros((4, 4, 3))), TypeError, "image must be a tensor, got ndarray"),
        (lambda p: save_image(p / "a.png", GOOD.half()), TypeError, "float32 or float64"),
        (lambda p: save_image(p / "a.png", GOOD[:2]), ValueError, r"image must be .*got shape \(2, 4, 4\)"),
        (lambda p: save_image(p / "a.png", GOOD[0]), ValueError, r"got shape \(4, 4\)"),
        (lambda p: save_image(p / "a.png", GOOD[:, :0]), ValueError, r"got shape \(3, 0, 4\)"),
        (lambda p: save_image(p / "a.png", GOOD / 0), ValueError, "pixels that are NaN"),
        (lambda p: save_image(p / "a.png", GOOD, GOOD[0, :2]), ValueError, r"alpha must be \(1, 4, 4\).*\(2, 4\)"),
        (lambda p: save_image(p / "a.png", GOOD, background=(1, 1, 1)), ValueError, "background needs alpha"),
        (lambda p: save_image(p / "a.png", GOOD, GOOD[0], background=(1, 2, 1)), ValueError, r"3 numbers in \[0, 1\]"),
        (lambda p: save_image(p / "a.png", GOOD, GOOD[0], background="white"), TypeError, "background must be numbers"),
        (lambda p: save_image(p / "none" / "a.png", GOOD), FileNotFoundError, "none"),
        (lambda p: save_image(p / "a.xyz", GOOD), ValueError, r"a\.xyz"),
        (lambda p: save_video(p / "a.avi", GOOD[None]), ValueError, r"suffix must be one of .*got '\.avi'"),
        (lambda p: save_video(p / "a.gif", GOOD), ValueError, r"frames must be \(T, C, H, W\), got shape \(3, 4, 4\)"),
        (lambda p: save_video(p / "a.gif", []), ValueError, "at least one frame, got none"),
        (lambda p: save_video(p / "a.gif", [GOOD, GOOD[:, :2]]), ValueError, r"have one size.*\(2, 4, 3\) for frame 1"),
        (lambda p: save_video(p / "a.gif", GOOD[None], 0), ValueError, "frames_per_second must be > 0"),
        (lambda p: save_video(p / "a.gif", [GOOD], 5, GOOD[0]), ValueError, "alpha needs frames as one tensor"),
    ],
)  # fmt: skip
def test_bad_pictures(call: Callable[[Path], Any], error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        call(tmp_path)


@pytest.mark.parametrize(
    ("missing", "name", "extra"), [("imageio.v3", "a.gif", "io"), ("imageio_ffmpeg", "a.mp4", "video")]
)
def test_missing_packages_are_named(
    missing: str, name: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=rf"pip install 'gendr_adapters\[{extra}\]'"):
        save_video(tmp_path / name, GOOD[None])


def test_importing_the_package_imports_no_optional_one() -> None:
    code = "import sys, gendr_adapters; print([x for x in ('imageio', 'PIL', 'trimesh') if x in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"
