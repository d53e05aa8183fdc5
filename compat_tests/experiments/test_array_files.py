"""Arrays in files of users (bodies, views, voxels, models): whatever is wrong is a ValueError that names the file."""

import os
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "examples"), str(ROOT / "experiments")]  # not installed

import deform  # noqa: E402
from face_model.basel import from_datasets  # noqa: E402
from lab.array_files import finite_float32  # noqa: E402
from lab.skinned_body import read_body  # noqa: E402
from reconstruction import checkpoints, data, making  # noqa: E402


def small_body():
    """Two joints, three vertices, one face."""
    return {
        "v_template": np.eye(3),
        "weights": np.full((3, 2), 0.5),
        "J_regressor": np.full((2, 3), 1 / 3),
        "kintree_table": np.array([[2**32 - 1, 0], [0, 1]], np.uint32),
        "f": np.array([[0, 1, 2]], np.uint32),
    }


def views_of(path):
    return deform.read_views(path, path)


def voxels_of(path):
    return data._voxels(path, 1)


READERS = {"body": read_body, "views": views_of, "voxels": voxels_of, "images": data._images}


def good(name, path):
    arrays = {
        "body": small_body(),
        "views": {"silhouettes": np.zeros((2, 4, 4), np.uint8), "cameras": np.zeros((2, 3))},
        "voxels": {"arr_0": np.zeros((1, 32, 32, 32), bool)},
        "images": {"arr_0": np.zeros((1, 24, 4, 64, 64), np.uint8)},
    }[name]
    np.savez_compressed(path, **arrays)
    READERS[name](path)
    return path


@pytest.mark.parametrize("name", READERS)
def test_damaged_archives_are_named(tmp_path, name):
    path = good(name, tmp_path / "a.npz")
    whole = path.read_bytes()
    # The middle of the deflated data; the method of the first member; the flag that it is encrypted.
    method = whole.index(b"PK\x01\x02") + 10
    damaged = {
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "zip's head alone": b"PK\x03\x04",
        "data": whole[:60] + bytes(40) + whole[100:],
        "method": whole[:method] + b"\x63" + whole[method + 1 :],
        "encrypted": whole[: method - 2] + b"\x01" + whole[method - 1 :],
        "pickle": pickle.dumps([1]),
        "text": b"no archive",
    }
    for what, content in damaged.items():
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.npz"):
            pytest.fail(f"{what}: {READERS[name](path)}")


@pytest.mark.parametrize("name", READERS)
def test_members_that_are_no_plain_arrays(tmp_path, name):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(good(name, path)) as archive:
        members = archive.namelist()
    head = "{'descr': '<f8', 'fortran_order': False, 'shape': (%s,), }"
    contents = [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + (head % 2**60).ljust(118).encode(),
        b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + (head % "[[[[").ljust(118).encode(),
        b"\x93NUMPY\x01\x00"
        + (118).to_bytes(2, "little")
        + (head % 8).replace("<f8", "|O").ljust(118).encode()
        + b"A" * 64,
    ]
    for content in contents:
        with zipfile.ZipFile(path, "w") as archive:
            for member in members:
                archive.writestr(member, content)
        with pytest.raises(ValueError, match=r"a\.npz"):
            READERS[name](path)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("array", [np.array(1.0), np.zeros(0), np.array(["a"]), np.array([None]), np.zeros(3, "f8,i4")])
def test_arrays_of_another_kind(tmp_path, name, array):
    with zipfile.ZipFile(good(name, tmp_path / "a.npz")) as archive:
        keys = [member.removesuffix(".npy") for member in archive.namelist()]
    np.savez(tmp_path / "a.npz", **dict.fromkeys(keys, array))
    with pytest.raises(ValueError, match=r"a\.npz"):
        READERS[name](tmp_path / "a.npz")


@pytest.mark.parametrize("name", READERS)
def test_only_regular_files_are_read(tmp_path, name):
    os.mkfifo(tmp_path / "fifo.npz")
    (tmp_path / "folder.npz").mkdir()
    for path in ("fifo.npz", "folder.npz"):
        with pytest.raises(ValueError, match=path):
            READERS[name](tmp_path / path)
    with pytest.raises((ValueError, FileNotFoundError), match="nowhere.npz"):
        READERS[name](tmp_path / "nowhere.npz")


NAN = np.full((3, 3), np.nan)
BODIES = [
    ({"v_template": np.array(1.0)}, r"v_template must be \(V, 3\), here \(0, 3\), got \(\)"),
    ({"v_template": NAN}, "v_template must be finite in float32"),
    ({"v_template": np.eye(3) * 1e39}, "v_template must be finite in float32"),
    ({"v_template": np.eye(3) * 1j}, "v_template must hold .*, got complex128"),
    ({"v_template": np.eye(3).astype(str)}, "v_template must hold .*, got <U"),
    ({"v_template": np.eye(3, dtype=bool)}, "v_template must hold .*, got bool"),
    ({"weights": np.array([[0.5, np.inf]] * 3)}, "weights must be finite"),
    ({"weights": np.zeros(())}, r"weights must be \(V, J\)"),
    ({"J_regressor": NAN[:2]}, "J_regressor must be finite"),
    ({"J_regressor": np.zeros(6)}, r"J_regressor must be \(J, V\)"),
    ({"f": np.array([[0.0, 1, 2]])}, "f must hold integers or unsigned integers, got float64"),
    ({"f": np.array([[True, False, True]])}, "f must hold .*, got bool"),
    ({"f": np.array(0)}, r"f must be \(F, 3\)"),
    ({"f": np.zeros((0, 3), int)}, r"f must be \(F, 3\)"),
    ({"f": np.array([[0, 1, -1]])}, r"f must be \(F, 3\) with numbers from 0 to 2"),
    ({"f": np.array([[0, 1, 2**64 - 1]], np.uint64)}, r"f must be \(F, 3\) with numbers from 0 to 2"),
    ({"kintree_table": np.array(0)}, r"kintree_table must be \(2, J\)"),
    ({"kintree_table": np.array([[-1.0, 0], [0, 1]])}, "kintree_table must hold integers"),
    ({"kintree_table": np.array([[-1, 0], [1, 0]])}, "joints in order, 0 to 1, got .1, 0."),
    ({"kintree_table": np.array([[-1, -1], [0, 1]])}, "earlier joints"),
    ({"kintree_table": np.array([[0, 2**64 - 1], [0, 1]], np.uint64)}, "earlier joints"),
]


@pytest.mark.parametrize(("change", "message"), BODIES)
@pytest.mark.parametrize("ending", [".npz", ".pkl"])
def test_bodies_with_bad_numbers(tmp_path, change, message, ending):
    path = (tmp_path / "body").with_suffix(ending)
    arrays = small_body() | change
    if ending == ".npz":
        np.savez(path, **arrays)
    else:
        path.write_bytes(pickle.dumps(arrays))
        message = "body.pkl"  # arrays of text are refused earlier there
    with pytest.raises(ValueError, match=message) as raised:
        read_body(path)
    assert path.name in str(raised.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cameras": np.full((2, 3), np.nan)}, "views.npz: cameras must be finite"),
        ({"cameras": np.full((2, 3), 1e39)}, "views.npz: cameras must be finite"),
        ({"cameras": np.full((2, 3), 1j)}, "views.npz: cameras must hold"),
        ({"cameras": np.full((2, 3), "a")}, "views.npz: cameras must hold"),
        ({"silhouettes": np.zeros((0, 4, 4), np.uint8), "cameras": np.zeros((0, 3))}, "silhouettes must be"),
        ({"silhouettes": np.zeros((2, 0, 0), np.uint8)}, "silhouettes must be"),
    ],
)
def test_views_with_bad_numbers(tmp_path, change, message):
    views = {"silhouettes": np.zeros((2, 4, 4), np.uint8), "cameras": np.zeros((2, 3))}
    np.savez(tmp_path / "views.npz", **(views | change))
    with pytest.raises(ValueError, match=message):
        views_of(tmp_path / "views.npz")


def test_other_byte_orders_and_types_are_numbers(tmp_path):
    cameras = np.arange(6).reshape(2, 3)
    for dtype in (">f8", ">i2", "u2", "f2", "i8"):
        np.savez(tmp_path / "a.npz", silhouettes=np.zeros((2, 4, 4), np.uint8), cameras=cameras.astype(dtype))
        assert views_of(tmp_path / "a.npz")[1].tolist() == cameras.tolist()
    assert finite_float32("x", np.array(2.0)).shape == ()


def test_voxels_that_are_not_finite(tmp_path):
    np.savez(tmp_path / "a.npz", np.full((1, 32, 32, 32), np.nan))
    with pytest.raises(ValueError, match="a.npz must hold voxels of 0 and 1, got some that are not finite"):
        voxels_of(tmp_path / "a.npz")


def test_checkpoints_that_contradict_their_description(tmp_path):
    torch.save({"model": {"a": 3}}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="a.pt is no checkpoint: its 'model' must be tensors by name"):
        checkpoints.load(tmp_path / "a.pt")
    (tmp_path / "made.json").write_bytes(b'{"train": \xff')
    assert making._recipe_in(tmp_path / "made.json") is None


@pytest.mark.parametrize(
    "bad", [np.array(["a"]), np.array(1.0), np.array([None] * 6), np.ones(6) * 1j, np.full(6, 1e39)]
)
def test_models_of_faces_with_bad_numbers(bad):
    datasets = {
        **{f"{what}/model/mean": np.zeros(6) for what in ("shape", "color")},
        **{f"{what}/model/pcaBasis": np.eye(6) for what in ("shape", "color")},
        **{f"{what}/model/pcaVariance": np.ones(6) for what in ("shape", "color")},
        "shape/representer/cells": np.array([[0], [1], [0]]),
    }
    from_datasets(datasets)
    for name in datasets:
        with pytest.raises(ValueError, match=name.split("/")[0]):
            from_datasets(datasets | {name: bad})


def read_damaged(folder, edits):
    """Whatever is put in the place of bytes of an archive, there is an answer or a ValueError with the file's name."""
    path = folder / "fuzzed.npz"
    if not (folder / "whole.npz").exists():
        np.savez_compressed(folder / "whole.npz", **small_body())
    content = bytearray((folder / "whole.npz").read_bytes())
    for place, put in edits:
        place %= len(content)
        content[place : place + 1] = put
    path.write_bytes(content)
    try:
        read_body(path)
    except ValueError as error:
        assert "fuzzed.npz" in str(error)


EDITS = st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=2)), min_size=1, max_size=3)
QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=QUIET)
@given(edits=EDITS)
def test_damaged_bodies(tmp_path, edits):
    read_damaged(tmp_path, edits)


@pytest.mark.nightly
@settings(max_examples=20_000, deadline=None, suppress_health_check=QUIET)
@given(edits=EDITS)
def test_very_many_damaged_bodies(tmp_path, edits):
    read_damaged(tmp_path, edits)
