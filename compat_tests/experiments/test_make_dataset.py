"""The made data set: closed things, files in the published layout, voxels where the pictures show something."""

import json

import made_sets
import make_dataset
import numpy as np
import pytest
import torch
from lab.experiment import run
from reconstruction import data, making
from reconstruction.shapes import CLASSES
from reconstruction.solids import box, frustum, prism
from reconstruction.voxels import voxel_iou, voxels_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made_sets.make(tmp_path_factory.mktemp("shapes"))


def volume(solid):
    a, b, c = solid.vertices.double()[solid.faces].unbind(1)
    return float((a * torch.linalg.cross(b, c)).sum() / 6)


@pytest.mark.parametrize(
    ("solid", "expected"),
    [
        (box((-1, 0, 2), (1, 3, 2.5), (1, 0, 0)), 3.0),
        (prism([(0, 0), (2, 0), (2, 1)], -1, 2, (1, 0, 0)), 3.0),
        # Prisms of 1000 sides: pi h / 3 (r^2 + r s + s^2).
        (frustum((1, 1, 1), (1, 1, 4), 2, 1, (1, 0, 0), sides=1000), np.pi * 7),
        (frustum((0, 0, 0), (-3, 0, 0), 1, 0, (1, 0, 0), sides=1000), np.pi),
    ],
)
def test_solids_have_their_volume_and_face_outwards(solid, expected):
    assert volume(solid) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", CLASSES)
def test_made_objects_are_closed_and_of_shapenets_size(name):
    for index in range(12):
        solid = making.thing(name, "train", index, seed=0)
        directed = torch.cat([solid.faces[:, [0, 1]], solid.faces[:, [1, 2]], solid.faces[:, [2, 0]]])
        assert len(directed.unique(dim=0)) == len(directed)
        assert {tuple(e) for e in directed.tolist()} == {tuple(e) for e in directed.flip(1).tolist()}
        low, high = solid.vertices.amin(0), solid.vertices.amax(0)
        torch.testing.assert_close(low, -high)
        assert float((high - low).norm()) == pytest.approx(1, abs=1e-5)
        assert volume(solid) > 0
        assert 0 <= float(solid.colours.min()) <= float(solid.colours.max()) <= 1


def test_made_objects_depend_only_on_seed_and_index():
    def vertices(*key):
        return making.thing(*key).vertices

    assert torch.equal(vertices("lamp", "val", 3, 5), vertices("lamp", "val", 3, 5))
    for key in (("lamp", "val", 3, 6), ("lamp", "val", 4, 5), ("lamp", "test", 3, 5)):
        assert not torch.equal(vertices(*key), vertices("lamp", "val", 3, 5))


def test_files_have_the_published_layout(folder):
    names = {f"{c}_{s}_{kind}.npz" for c in CLASSES for s in ("train", "val", "test") for kind in ("images", "voxels")}
    assert {path.name for path in folder.iterdir()} == {*names, making.DESCRIPTION}
    with np.load(folder / "chair_train_images.npz") as file:
        ((_, images),) = file.items()
    with np.load(folder / "chair_train_voxels.npz") as file:
        ((_, grids),) = file.items()
    assert images.shape == (2, 24, 4, 64, 64) and images.dtype == np.uint8
    assert grids.shape == (2, 32, 32, 32) and grids.dtype == bool
    assert images[:, :, 3].max() == 255 and images[:, :, 3, 0].max() == 0


def camera(view):
    """Where it stands, and its axes to the left, up and ahead, in SoftRas' convention."""
    azimuth, elevation = -np.deg2rad(15.0 * view), np.deg2rad(30.0)
    towards = np.array([np.cos(elevation) * np.sin(azimuth), np.sin(elevation), -np.cos(elevation) * np.cos(azimuth)])
    left = np.cross([0, 1, 0], -towards)
    left /= np.linalg.norm(left)
    return 2.732 * towards, np.stack([left, np.cross(-towards, left), -towards])


def covered(images, points):
    """The mean alpha of the pixels that show the points, over all views."""
    found = []
    for view in range(24):
        eye, axes = camera(view)
        x, y, z = ((points - eye) @ axes.T).T
        column, row = (((side / (z * np.tan(np.deg2rad(15)))) + 1) * 32 for side in (x, -y))
        found.append(images[view, 3, row.astype(int), column.astype(int)] / 255)
    return np.mean(found)


@pytest.mark.parametrize("name", CLASSES)
def test_voxels_are_where_the_pictures_show_something(folder, name):
    """The published axes, spelled out: [y, x, 31 - z] of a grid whose points are 1/31 of the unit cube apart."""
    objects = made_sets.load(folder)
    for images, grid in zip(objects.images[name], objects.voxels[name], strict=True):
        y, x, z = np.nonzero(grid)
        centres = (np.stack([x, y, 31 - z], 1) + 0.5 - 16) / 31
        right = covered(images, centres)
        assert right > 0.9
        if name in ("car", "chair"):  # these look different from the other side
            assert max(covered(images, centres * sign) for sign in ([-1, 1, 1], [1, -1, 1])) < right - 0.02
            assert covered(images, centres[:, [2, 1, 0]]) < right - 0.05


def test_voxels_of_a_box_are_counted():
    solid = box((-0.25, -0.125, -0.4), (0.25, 0.125, 0.1), (1, 1, 1))
    grid = voxels_of(solid.vertices[None], solid.faces)[0]
    scaled = [(31 * e + 16) for e in (-0.25, 0.25, -0.125, 0.125, -0.4, 0.1)]
    x0, x1, y0, y1, z0, z1 = (int(np.floor(e)) for e in scaled)
    expected = torch.zeros(32, 32, 32, dtype=torch.bool)
    expected[y0 : y1 + 1, x0 : x1 + 1, 31 - z1 : 32 - z0] = True
    assert torch.equal(grid, expected)


def test_voxel_iou():
    a, b = torch.zeros(2, 2, 32, 32, 32, dtype=torch.bool)
    a[0, 0, 0, :3], b[0, 0, 0, 2:6] = True, True
    assert voxel_iou(a, b).tolist() == [1 / 6, 1.0]


def test_a_set_that_is_there_is_left_alone_and_a_broken_off_one_made_again(tmp_path):
    recipe = making.Recipe(1, 1, 1)
    making.make(tmp_path, recipe)
    file = tmp_path / "car_val_voxels.npz"
    before = file.read_bytes(), file.stat().st_mtime_ns
    making.make(tmp_path, recipe)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    (tmp_path / making.DESCRIPTION).unlink()
    making.make(tmp_path, recipe)
    assert file.stat().st_mtime_ns > before[1]
    grid = data.load_set(tmp_path, ["car"], "val").voxels["car"]
    making.make(tmp_path, recipe._replace(seed=1))
    assert (data.load_set(tmp_path, ["car"], "val").voxels["car"] != grid).any()


def test_a_folder_with_other_data_is_refused(tmp_path):
    (tmp_path / "02691156_train_images.npz").write_bytes(b"not ours")
    with pytest.raises(FileExistsError, match="files of another data set, 02691156_train_images.npz"):
        making.make(tmp_path, making.Recipe(1, 1, 1))
    assert len(list(tmp_path.iterdir())) == 1


def test_command_line(tmp_path):
    argv = ["--out", str(tmp_path / "set"), "--json", str(tmp_path / "r.json"), "--quick", "--train", "1", "--val", "1"]
    results = run("make_dataset", make_dataset.__doc__, make_dataset.experiment, make_dataset.add_options, argv)
    assert results.headline["objects"] == 5 * (1 + 1 + 4) and results.headline["pictures"] == 24 * 30
    (rows,) = json.loads((tmp_path / "r.json").read_text())["tables"].values()
    assert [row["class"] for row in rows] == ["car", "chair", "lamp", "rocket", "table"]
    assert all(0.01 < row["filled voxels"] < 0.2 and row["train"] == 1 and row["test"] == 4 for row in rows)
    assert results.pictures[0].exists()
