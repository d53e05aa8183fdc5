"""`gendr-adapters fit`: folders of silhouettes with a transforms.json become meshes; errors are one sentence."""

import json
import math
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from support.silhouette_sets import cameras_around, silhouettes, write_set

from gendr_adapters import data, load_mesh
from gendr_adapters._soft_renderer.pictures import read_coverage
from gendr_adapters.cameras import PinholeCamera
from gendr_adapters.cli._fit import Fit, FitOptions
from gendr_adapters.cli._program import program
from gendr_adapters.cli._silhouettes import read_views
from gendr_adapters.cli._transforms import read_transforms

AXES = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]


def fitted(folder: Path, out: Path, *options: str) -> Result:
    return CliRunner().invoke(program, ["fit", str(folder), "-o", str(out), "--image-size", "48", *options])


def pixel_of(camera: PinholeCamera, point: tuple[float, float, float]) -> list[float]:
    """Where it is seen: right and down from the image's corner, pixels."""
    x, y, depth = camera.project(torch.tensor([point]))[0, 0].tolist()
    assert depth > 0
    height, width = camera.image_size
    return [(x * min(height, width) + width) / 2, (height - y * min(height, width)) / 2]


def one_view(folder: Path, picture: tuple[int, int], image: tuple[int, int], **said: Any) -> PinholeCamera:
    """The camera of a picture (H, W), in an image (H, W), where the file says so about the lens and the pose."""
    frame = {"file_path": "a.png", "transform_matrix": said.pop("transform_matrix", AXES)}
    Image.new("L", picture[::-1], 255).save(folder / "a.png")
    (folder / "transforms.json").write_text(json.dumps({**said, "frames": [frame]}))
    return read_transforms(folder / "transforms.json")[0].camera(picture, image)


def test_camera_axes_are_right_up_and_behind(tmp_path: Path) -> None:
    camera = one_view(tmp_path, (100, 200), (100, 200), fl_x=100.0)
    assert pixel_of(camera, (1.0, 0.5, -4.0)) == pytest.approx([125, 37.5])


def test_pose_takes_the_camera_to_the_world(tmp_path: Path) -> None:
    # The camera stands at (3, 0, 0) and looks at the origin, z up: its axes are y, z and x of the world.
    pose = [[0, 0, 1, 3], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    camera = one_view(tmp_path, (100, 100), (100, 100), fl_x=60, transform_matrix=pose)
    assert pixel_of(camera, (0.0, 0.5, 1.0)) == pytest.approx([60, 30])


def test_angle_is_that_of_the_whole_width(tmp_path: Path) -> None:
    camera = one_view(tmp_path, (100, 200), (100, 200), camera_angle_x=math.radians(90))
    # Square pixels unless the file says otherwise.
    assert pixel_of(camera, (1.0, 0.5, -1.0)) == pytest.approx([200, 0])
    camera = one_view(tmp_path, (100, 200), (100, 200), camera_angle_x=math.radians(90), camera_angle_y=math.pi / 2)
    assert pixel_of(camera, (1.0, 0.5, -1.0)) == pytest.approx([200, 25])


def test_lens_is_in_pixels_of_the_size_that_the_file_says(tmp_path: Path) -> None:
    lens = {"fl_x": 800, "fl_y": 1600, "cx": 420, "cy": 190, "w": 800, "h": 400}
    camera = one_view(tmp_path, (200, 400), (50, 100), **lens)
    assert pixel_of(camera, (0.0, 0.0, -1.0)) == pytest.approx([52.5, 23.75])
    assert pixel_of(camera, (0.1, 0.1, -1.0)) == pytest.approx([62.5, 3.75])


def test_what_a_frame_says_goes_before_what_the_file_says(tmp_path: Path) -> None:
    content = write_set(tmp_path, count=2, image_size=32)
    content["frames"][1] |= {"fl_x": 77.0}
    (tmp_path / "transforms.json").write_text(json.dumps(content))
    first, second = (
        frame.camera((32, 32), (32, 32)).focal[0, 0].item() for frame in read_transforms(tmp_path / "transforms.json")
    )
    assert second == 77 and first == pytest.approx(16 / math.tan(math.radians(20)), rel=1e-5)


def test_views_are_those_that_were_written(tmp_path: Path) -> None:
    write_set(tmp_path / "alpha", count=3, image_size=(24, 40))
    write_set(tmp_path / "brightness", count=3, image_size=(24, 40), alpha=False)
    mesh = load_mesh(data.path("spot.obj"), textures=False)
    cameras = cameras_around(mesh, 3, (24, 40))
    for views in (read_views(tmp_path / "alpha", 64), read_views(tmp_path / "brightness" / "transforms.json", 64)):
        torch.testing.assert_close(views.cameras.project(mesh.vertices), cameras.project(mesh.vertices))
        torch.testing.assert_close(views.silhouettes, silhouettes(mesh, cameras))


def test_files_as_nerf_names_them(tmp_path: Path) -> None:
    """transforms_train.json, and pictures below it without their suffix."""
    content = write_set(tmp_path / "train", count=3, image_size=16)
    for i, frame in enumerate(content["frames"]):
        frame["file_path"] = f"./train/r_{i}"
    (tmp_path / "transforms_train.json").write_text(json.dumps(content))
    views = read_views(tmp_path / "transforms_train.json", 16)
    assert torch.equal(views.silhouettes, read_views(tmp_path / "train", 16).silhouettes)
    assert [Path(name).name for name in views.names] == ["r_0.png", "r_1.png", "r_2.png"]


def test_larger_pictures_are_made_smaller(tmp_path: Path) -> None:
    write_set(tmp_path, count=2, image_size=(60, 100))
    large, small = read_views(tmp_path, 100), read_views(tmp_path, 50)
    assert small.silhouettes.shape == (2, 30, 50)
    blocks = large.silhouettes.unflatten(2, (50, 2)).unflatten(1, (30, 2)).mean((2, 4))
    torch.testing.assert_close(small.silhouettes, blocks)
    points = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(small.cameras.project(points), large.cameras.project(points))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "I;16", "LA", "RGBA", "transparent colour", "opaque"])
def test_silhouette_in_every_kind_of_picture(tmp_path: Path, mode: str) -> None:
    white = np.zeros((4, 6), bool)
    white[1:3, 2:4] = True
    plain = Image.fromarray(white.astype(np.uint8) * 255)
    if mode in ("LA", "RGBA"):
        picture = Image.new(mode, plain.size)
        picture.putalpha(plain)
    elif mode == "opaque":
        picture = plain.convert("RGBA")
    elif mode == "I;16":
        picture = Image.fromarray(white.astype(np.uint16) * 65535)
    else:
        picture = plain.convert("P" if mode == "transparent colour" else mode)
    colour = {"transparency": picture.getpixel((0, 0))} if mode == "transparent colour" else {}
    picture.save(tmp_path / "a.png", **colour)
    levels, is_alpha = read_coverage(tmp_path / "a.png")
    assert (levels == white).all() and levels.dtype == np.float32
    assert is_alpha == (mode in ("LA", "RGBA", "transparent colour"))


def test_batches_see_every_view_before_one_is_seen_twice(tmp_path: Path) -> None:
    write_set(tmp_path, count=12, image_size=16)
    batches = Fit(read_views(tmp_path, 16), None, FitOptions(1, 0.01, 3))._batches()
    seen = [number for _, batch in zip(range(6), batches, strict=False) for number in batch]
    assert [sorted(seen[i : i + 12]) for i in range(0, 48, 12)] == [list(range(12))] * 4


def test_first_sphere_is_where_the_cameras_look(tmp_path: Path) -> None:
    write_set(tmp_path, "sphere_642.obj", count=6, image_size=64)
    ball = load_mesh(data.path("sphere_642.obj"), textures=False)
    fit = Fit(read_views(tmp_path, 64), None, FitOptions(1, 0.01, 0))
    radius = ball.vertices.norm(dim=1).max()
    assert fit.middle.norm() < 0.02 * radius and abs(fit.radius / radius - 1) < 0.05
    assert fit.hard_iou().min() > 0.9


@pytest.mark.parametrize("scale", [0.01, 50.0])
def test_fit_has_the_silhouettes(tmp_path: Path, scale: float) -> None:
    """In a world of any unit, moved to the side."""
    content = write_set(tmp_path / "set", count=8, image_size=48)
    for frame in content["frames"]:
        for row in frame["transform_matrix"][:3]:
            row[3] = scale * row[3] + 7
    (tmp_path / "set" / "transforms.json").write_text(json.dumps(content))
    result = fitted(tmp_path / "set", tmp_path / "a.obj", "--steps", "40")
    assert result.exit_code == 0, result.output
    assert f"written: {tmp_path / 'a.obj'}" in result.output and "of 8 views" in result.output
    mesh = load_mesh(tmp_path / "a.obj")
    views = read_views(tmp_path / "set", 48)
    ious = Fit(views, mesh, FitOptions(1, 0.01, 0)).hard_iou()
    assert ious.mean() > 0.85
    printed = re.search(r"mean (\S+), lowest (\S+) of", result.output)
    assert [float(text) for text in printed.groups()] == pytest.approx(
        [float(ious.mean()), float(ious.min())], abs=2e-3
    )
    goal = load_mesh(data.path("spot.obj"), textures=False).vertices
    low, high = scale * goal.amin(0) + 7, scale * goal.amax(0) + 7
    assert ((mesh.vertices.amin(0) - low).abs() < 0.2 * (high - low)).all()
    assert ((mesh.vertices.amax(0) - high).abs() < 0.2 * (high - low)).all()


def test_start_keeps_its_faces_and_colours(tmp_path: Path) -> None:
    write_set(tmp_path / "set", count=3, image_size=32)
    result = fitted(tmp_path / "set", tmp_path / "a.obj", "--steps", "3", "--start", str(data.path("spot.obj")))
    assert result.exit_code == 0, result.output
    mesh, start = load_mesh(tmp_path / "a.obj"), load_mesh(data.path("spot.obj"))
    assert torch.equal(mesh.faces, start.faces) and torch.equal(mesh.texture, start.texture)
    moved = (mesh.vertices - start.vertices).norm(dim=1)
    assert 0 < moved.max() < 0.1


def test_seed_decides_the_order(tmp_path: Path) -> None:
    write_set(tmp_path, count=20, image_size=16)
    views = read_views(tmp_path, 16)
    first = [next(Fit(views, None, FitOptions(1, 0.01, seed))._batches()) for seed in (0, 0, 1)]
    assert first[0] == first[1] != first[2]


def frames(content: dict[str, Any], **said: Any) -> None:
    content["frames"][1].update(said)


def without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda content: content["frames"][1].pop(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.clear(), "has no 'frames': it is no transforms.json, or an empty one"),
        (lambda c: c.update(frames=[]), "has no 'frames'"),
        (lambda c: c["frames"].append(3), "frame 3 must be an object, got 3"),
        (without("file_path"), "file_path must be the name of a picture, got None"),
        (without("transform_matrix"), "must be four rows of four numbers, got None"),
        (lambda c: c.pop("camera_angle_x"), "has neither fl_x nor camera_angle_x"),
        (lambda c: c.update(camera_angle_x=4.0), "camera_angle_x must be in (0, pi) radians, got 4"),
        (lambda c: c.update(fl_x=-1), "fl_x must be > 0, got -1"),
        (lambda c: c.update(fl_x="12"), "fl_x must be finite numbers, got '12'"),
        (lambda c: c.update(fl_x=math.nan), "fl_x must be finite numbers, got nan"),
        (lambda c: c.update(w=10**400), "w must be finite numbers, got 1000"),
        (lambda c: c.update(w=32, h=64), "is 32 x 32 pixels, and the file says 32 x 64"),
        (lambda c: c.update(k1=0.1), "the pictures are distorted; undistort them first"),
        (lambda c: c.update(camera_model="OPENCV_FISHEYE"), "only perspective ones are read"),
        (lambda c: frames(c, transform_matrix=[[1, 2], [3, 4]]), "must be four rows of four numbers"),
        (lambda c: frames(c, transform_matrix=[[math.inf] * 4] * 4), "must be finite numbers, got inf"),
        (lambda c: frames(c, transform_matrix=[[0.0] * 4] * 4), "must be a rotation and a translation"),
        (lambda c: frames(c, transform_matrix=[[-1, 0, 0, 0], *AXES[1:]]), "must be a rotation and a translation"),
        (lambda c: frames(c, file_path="none.png"), "none.png, and there is no such file"),
        (lambda c: frames(c, file_path="../outside.png"), "outside the file's folder, so it is not read"),
        (lambda c: frames(c, file_path="/etc/hostname"), "outside the file's folder, so it is not read"),
        (lambda c: frames(c, file_path="linked.png"), "outside the file's folder, so it is not read"),
        (lambda c: frames(c, file_path="a\0b"), "must be the name of a picture"),
        (lambda c: frames(c, file_path="."), "it is a folder"),
        (lambda c: frames(c, file_path="broken.png"), "cannot read the picture"),
        (lambda c: frames(c, file_path="bomb.png"), "decompression bomb"),
        (lambda c: frames(c, file_path="other.png"), "pictures must be of one size"),
        (lambda c: frames(c, file_path="empty.png"), "empty.png shows no silhouette at 32 x 32 pixels"),
        (lambda c: frames(c, file_path="clear.png"), "clear.png shows no silhouette at 32 x 32 pixels"),
        (lambda c: frames(c, file_path="grey.png"), "grey.png has no alpha and is not white on black"),
        (lambda c: frames(c, file_path="inverse.png"), "inverse.png has no alpha and is not white on black"),
        (lambda c: c.update(frames=c["frames"][:1]), "look in nearly the same direction"),
        (
            lambda c: [f.update(transform_matrix=turned(f["transform_matrix"])) for f in c["frames"]],
            "are its axes those of OpenGL?",
        ),
    ],
)
def test_bad_sets_are_refused(tmp_path: Path, change: Callable[[dict[str, Any]], Any], message: str) -> None:
    folder = tmp_path / "set"
    content = write_set(folder, count=3, image_size=32)
    Image.new("L", (32, 32), 255).save(tmp_path / "outside.png")
    (folder / "linked.png").symlink_to(tmp_path / "outside.png")
    (folder / "broken.png").write_bytes((folder / "r_0.png").read_bytes()[:60])
    (folder / "bomb.png").write_bytes(bomb())
    Image.new("RGBA", (16, 32), (9, 9, 9, 128)).save(folder / "other.png")
    Image.new("L", (32, 32), 0).save(folder / "empty.png")
    Image.new("RGBA", (32, 32), (255, 255, 255, 0)).save(folder / "clear.png")
    Image.new("L", (32, 32), 128).save(folder / "grey.png")
    inverse = np.full((32, 32), 255, np.uint8)
    inverse[8:24, 8:24] = 0
    Image.fromarray(inverse).save(folder / "inverse.png")
    change(content)
    (folder / "transforms.json").write_text(json.dumps(content))
    refused(fitted(folder, tmp_path / "a.obj"), message, tmp_path / "a.obj")


def turned(pose: list[list[float]]) -> list[list[float]]:
    """As a file has it that was written with the axes of OpenCV."""
    return [[x, -y, -z, t] for x, y, z, t in pose]


def bomb() -> bytes:
    """A small file that claims to be a PNG of 60,000 x 60,000 pixels."""
    parts = [b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0), b"IDAT" + zlib.compress(b"\0")]
    chunks = [struct.pack(">I", len(part) - 4) + part + struct.pack(">I", zlib.crc32(part)) for part in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def refused(result: Result, message: str, out: Path) -> None:
    assert result.exit_code != 0 and not isinstance(result.exception, (AssertionError, TypeError)), result.output
    assert "Error: " in result.output and message in result.output and "Traceback" not in result.output
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no JSON"),
        ("{", "is no JSON"),
        ("[" * 200_000, "is no JSON"),
        ("\0\ufffe", "is no JSON"),
        ('{"frames": [' + "9" * 5000 + "]}", "is no JSON"),
        ("[1]", "has no 'frames'"),
    ],
)
def test_bad_json_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "transforms.json").write_text(text)
    refused(fitted(tmp_path, tmp_path / "a.obj"), message, tmp_path / "a.obj")


def test_huge_json_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_set(tmp_path, count=3, image_size=16)
    monkeypatch.setattr("gendr_adapters.cli._transforms._MOST_BYTES", 100)
    refused(fitted(tmp_path, tmp_path / "a.obj"), "bytes, and at most 100 are read", tmp_path / "a.obj")


def test_folder_without_cameras_is_refused(tmp_path: Path) -> None:
    refused(fitted(tmp_path, tmp_path / "a.obj"), "transforms.json", tmp_path / "a.obj")
    refused(fitted(tmp_path / "none", tmp_path / "a.obj"), "does not exist", tmp_path / "a.obj")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--steps", "0"), "0 is not in the range x>=1"),
        (("--learning-rate", "nan"), "got 'nan', allowed are finite numbers"),
        (("--image-size", "100000"), "is not in the range"),
        (("--seed", "-1"), "is not in the range"),
        (("--device", "xla"), "allowed are cpu and cuda"),
    ],
)
def test_bad_options_are_refused(tmp_path: Path, options: tuple[str, ...], message: str) -> None:
    write_set(tmp_path, count=3, image_size=32)
    refused(fitted(tmp_path, tmp_path / "a.obj", *options), message, tmp_path / "a.obj")


@pytest.mark.parametrize(
    ("name", "message"), [("a.xyz", "the suffix must be one of"), ("none/a.obj", "and there is no such folder")]
)
def test_mesh_that_cannot_be_written_is_refused_before_the_fit(tmp_path: Path, name: str, message: str) -> None:
    write_set(tmp_path, count=3, image_size=32)
    refused(fitted(tmp_path, tmp_path / name, "--steps", "1000000"), message, tmp_path / name)


def test_start_in_another_world_is_refused(tmp_path: Path) -> None:
    write_set(tmp_path, count=3, image_size=32)
    (tmp_path / "far.obj").write_text("v 900 0 0\nv 901 0 0\nv 900 1 0\nf 1 2 3\n")
    result = fitted(tmp_path, tmp_path / "a.obj", "--start", str(tmp_path / "far.obj"))
    refused(result, "in none of the silhouettes", tmp_path / "a.obj")
