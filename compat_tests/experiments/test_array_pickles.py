"""Pickles of arrays: what NumPy and SciPy write comes back; what would crash or fill the process does not."""

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[2] / "experiments"))  # not installed

from lab.array_pickles import as_array, read_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def dumped(folder, value, protocol=2):
    (folder / "a.pkl").write_bytes(value if isinstance(value, bytes) else pickle.dumps(value, protocol))
    return folder / "a.pkl"


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_come_back(tmp_path, protocol):
    random = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "f": random.random((3, 4)),
        "fortran": np.asfortranarray(random.random((3, 4))),
        "f4 big": random.random((2, 3)).astype(">f4"),
        "u": np.arange(5, dtype=np.uint32),
        "b": np.array([True, False]),
        "empty": np.zeros((0, 3)),
        "0-d": np.array(3.5),
        "scalar": np.float64(2.5),
        "strided": random.random((4, 6))[::2, ::3],
    }
    found = read_pickle(dumped(tmp_path, arrays, protocol))
    for name, wanted in arrays.items():
        array = as_array(found[name])
        np.testing.assert_array_equal(array, wanted)
        assert array.dtype == wanted.dtype and array.flags.writeable


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_sparse_matrices_come_back(tmp_path, protocol):
    sparse = pytest.importorskip("scipy.sparse")
    dense = np.random.default_rng(0).random((4, 5)) * (np.arange(20).reshape(4, 5) % 3 == 0)
    found = read_pickle(dumped(tmp_path, {"m": sparse.csc_matrix(dense)}, protocol))["m"]
    np.testing.assert_array_equal(as_array(found), dense)
    with pytest.raises(ValueError, match="has more than 19 numbers"):
        as_array(found, max_size=19)


def test_unused_members_may_be_object_arrays(tmp_path):
    values = {"names": np.array([{"a": 1}, None], object), "v": np.arange(3), "s": "text", "l": [1, (2, 3)]}
    found = read_pickle(dumped(tmp_path, values))
    assert as_array(found["v"]).tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="type 'O8', which holds no plain numbers"):
        as_array(found["names"])
    for name in ("s", "l"):
        with pytest.raises(ValueError, match="an array is expected, got"):
            as_array(found[name])


class Calls:
    """Pickled as a call of something with arguments, and a state it is given then."""

    def __init__(self, *call, state=None):
        self.call = (*call, state) if state is not None else call

    def __reduce__(self):
        return self.call


RECONSTRUCT = np.zeros(1).__reduce__()[0]
BLANK = (np.ndarray, (0,), b"b")
STRUCTURED = np.dtype([("a", "O"), ("b", "f8")])
HIDDEN = (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 27)  # a field of objects in eight plain bytes
BEYOND = (3, "|", None, ("a",), {"a": (np.dtype("f8"), 10**6)}, 8, 1, 0)


@pytest.mark.parametrize(
    "value",
    [
        Calls(np.ndarray, ((1,), np.dtype("O"), b"A" * 8)),
        Calls(np.ndarray, ((10**6,), np.dtype("f8"), b"A" * 8)),
        Calls(RECONSTRUCT, BLANK, state=(1, (1,), np.dtype("O"), False, b"A" * 8)),
        Calls(RECONSTRUCT, BLANK, state=(1, (1,), STRUCTURED, False, b"A" * 16)),
        Calls(RECONSTRUCT, BLANK, state=(1, (1,), Calls(np.dtype, ("V8",), state=HIDDEN), False, b"A" * 8)),
        Calls(RECONSTRUCT, BLANK, state=(1, (1,), Calls(np.dtype, ("V8",), state=BEYOND), False, b"A" * 8)),
        Calls(RECONSTRUCT, BLANK, state=(1, (1,), Calls(np.dtype, ("f8",), state=HIDDEN), False, b"A" * 8)),
        Calls(RECONSTRUCT, BLANK, state=(1, (2,), np.dtype("f8"), False, b"A" * 8)),
        Calls(RECONSTRUCT, BLANK, state=(1, (-1,), np.dtype("f8"), False, b"A" * 8)),
        Calls(RECONSTRUCT, BLANK, state=(1, (2**62, 4), np.dtype("f8"), False, b"")),
        Calls(RECONSTRUCT, BLANK, state=(1, (True,), np.dtype("f8"), False, b"A" * 8)),
        Calls(RECONSTRUCT, BLANK, state=(1, (1,), "f8", False, b"A" * 8)),
        Calls(RECONSTRUCT, BLANK, state=(1, (1,), np.dtype("f8"), False, [b"A" * 8])),
        Calls(RECONSTRUCT, BLANK, state=(1, (1,), np.dtype("f8"), False, "\u2028" * 8)),
        Calls(RECONSTRUCT, BLANK, state=[]),
        Calls(RECONSTRUCT, BLANK),
        Calls(RECONSTRUCT, (dict, (0,), b"b")),
        Calls(np.dtype, ("f8",)),
        Calls(np.dtype, ("M8[s]",)),
        Calls(eval, ("1",)),
        np.array(["a"]),
        np.array([1j]),
        np.array([b"a"]),
        np.array([1], "M8[s]"),
    ],
)
def test_pickles_make_nothing_but_plain_arrays(tmp_path, value):
    with pytest.raises((ValueError, pickle.UnpicklingError)):
        as_array(read_pickle(dumped(tmp_path, {"v": value}))["v"])


DICT = b"\x80\x04}\x8c\x01v"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x80\x04}r\xff\xff\xff\x7f.", "with gaps"),  # LONG_BINPUT: 16 GiB of places for objects
        (b"(dp999999999999\n.", "with gaps"),
        (b"\x80\x04})" + b"\x85" * 200_000 + b"Ns.", "more than 10000 tuples"),  # hash() of it overflows the stack
        (b"\x80\x05\x96\x00\x00\x00\x00\x08\x00\x00\x00.", "expected 34359738368 bytes"),  # BYTEARRAY8
        (b"\x80\x04\x8e\x00\x00\x00\x00\x08\x00\x00\x00.", "expected 34359738368 bytes"),  # BINBYTES8
        (DICT + b"cos\nsystem\n\x8c\x04true\x85Rs.", "os.system, which is no array"),
        (DICT + b"cnumpy\nndarray\n}bs.", None),
        (DICT + b"cnumpy\nndarray\n)\x81s.", None),
        (DICT + b"Pnumpy\ns.", "outside of it"),
        (DICT + b"\x82\x01s.", None),  # EXT1
        (DICT + b"c_codecs\nencode\n\x8c\x03zip\x8c\x03zip\x86Rs.", "for something else than bytes"),
        (
            b"\x80\x04]\x8c\xc8" + b"a" * 200 + b"\x94" + b"c_codecs\nencode\nh\x00\x8c\x06latin1\x86R0" * 90 + b".",
            "more bytes",
        ),
    ],
)
def test_pickles_that_would_harm_the_process(tmp_path, data, message):
    with pytest.raises(Exception, match=message):
        as_array(read_pickle(dumped(tmp_path, data))["v"])


def test_sparse_matrices_that_do_not_fit(tmp_path):
    sparse = pytest.importorskip("scipy.sparse")
    for change in (
        {"indices": np.array([-1, 0, 0])},
        {"indices": np.array([9, 0, 0])},
        {"indices": np.array([0.5, 0, 0])},
        {"indptr": np.array([0, 2, 1, 3])},
        {"indptr": np.array([0, 1, 2, 2])},
        {"indptr": np.array([0, 1, 3])},
        {"indptr": np.array(3)},
        {"indptr": np.zeros(0, np.int32)},
        {"data": np.ones(2)},
        {"_shape": (-2, 3)},
        {"_shape": "ab"},
        {"_shape": None},
        {"indices": None},
    ):
        matrix = sparse.csc_matrix(np.eye(3))
        matrix.__dict__.update(change)
        with pytest.raises(ValueError, match="sparse matrix|an array is expected"):
            as_array(read_pickle(dumped(tmp_path, {"m": matrix}))["m"], 100)


def read_fuzzed(folder, data):
    """Every error is an Exception, which read_body makes a ValueError of; the process goes on."""
    path = folder / "f.pkl"
    path.write_bytes(data)
    try:
        for value in read_pickle(path).values():
            as_array(value, 10_000)
    except Exception:
        pass


WHOLE = pickle.dumps({"v": np.arange(6.0).reshape(2, 3), "f": np.arange(3)}, 2)
EDITS = st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(max_size=3)), min_size=1, max_size=4)


def edited(edits):
    data = bytearray(WHOLE)
    for place, put in edits:
        data[place : place + 1] = put
    return bytes(data)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(edits=EDITS)
def test_damaged_pickles_do_no_harm(tmp_path_factory, edits):
    read_fuzzed(tmp_path_factory.getbasetemp(), edited(edits))


@pytest.mark.nightly
@settings(max_examples=20_000, deadline=None)
@given(edits=EDITS)
def test_very_many_damaged_pickles_do_no_harm(tmp_path_factory, edits):
    read_fuzzed(tmp_path_factory.getbasetemp(), edited(edits))
