"""OBJ files of every shape a writer may give them come back as what was meant; damaged ones are read as a second,
slower reader reads them, or refused with their name."""

import math
import re
import struct
from typing import Any

import pytest
import torch
import trimesh
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gendr_adapters._soft_renderer.obj_files import read_obj
from gendr_adapters._soft_renderer.obj_loading import load_obj

pytestmark = pytest.mark.slow

QUIET = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
FEW = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=QUIET)
MANY = settings(max_examples=20_000, deadline=None, suppress_health_check=QUIET)  # minutes

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
FORMS = st.sampled_from(["{!r}", "{:.17e}", "{:+.17g}", "{:.17E}"])
SPACES = st.sampled_from([" ", "  ", "\t", " \t ", " \\\n", "\\\n ", " \x0b"])
ENDS = st.sampled_from(["", " ", "\t", " # a note", "  #", " # v 1 2 3 \\"])
BETWEEN = st.sampled_from(
    ["", "# v 9 9 9", "\t# f 1 2 3\x0cv 9 9 9", "s off", "g a\u2028v 9 9 9", "l 1 2", "o x y", "vp 1 2", "p 1"]
)
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def meant_and_written(draw):
    """What a file says, and its text."""
    size = draw(st.integers(3, 6))
    coloured, weighted = draw(st.booleans()), draw(st.booleans())
    rows = {key: draw(st.lists(st.tuples(*[FLOATS] * n), min_size=3, max_size=4)) for key, n in (("vt", 2), ("vn", 3))}
    width = 3 + weighted + 3 * coloured
    rows["v"] = draw(st.lists(st.tuples(*[FLOATS] * width), min_size=size, max_size=size))
    statements = [
        [key, *(draw(FORMS).format(number) for number in row)]
        for key in draw(st.permutations(list(rows)))
        for row in rows[key]
    ]
    faces = []
    for _ in range(draw(st.integers(1, 3))):
        corners = []
        has_uv, has_normals = draw(st.booleans()), draw(st.booleans())
        for _ in range(draw(st.integers(3, 5))):
            indices = [draw(st.integers(0, len(rows[key]) - 1)) for key in ("v", "vt", "vn")]
            written = [
                str(i - len(rows[k]) if draw(st.booleans()) else i + 1)
                for k, i in zip(("v", "vt", "vn"), indices, strict=True)
            ]
            word = written[0] + (f"/{written[1]}" if has_uv else "/" if has_normals else "")
            corners.append((word + (f"/{written[2]}" if has_normals else ""), indices))
        statements.append(["f", *(word for word, _ in corners)])
        for k in range(1, len(corners) - 1):
            (v, t, n) = zip(*(corners[i][1] for i in (0, k, k + 1)), strict=True)
            faces.append((v, t if has_uv else (None,) * 3, n if has_normals else (None,) * 3))
    lines = []
    for words in statements:
        lines.append(draw(BETWEEN))
        lines.append(
            draw(ENDS.filter(lambda s: "#" not in s))
            + "".join(w + draw(SPACES) for w in words[:-1])
            + words[-1]
            + draw(ENDS)
        )
    text = "\n".join([*lines, ""]).replace("\n", draw(LINE_ENDS))
    return rows, coloured, faces, (b"\xef\xbb\xbf" if draw(st.booleans()) else b"") + text.encode()


def comes_back(folder, file):
    rows, coloured, faces, text = file
    (folder / "a.obj").write_bytes(text)
    found = read_obj(folder / "a.obj")
    assert found.vertices == [row[:3] for row in rows["v"]]
    assert found.colours == ([row[-3:] for row in rows["v"]] if coloured else [])
    assert found.texture_vertices == rows["vt"] and found.normals == rows["vn"]
    assert list(zip(found.faces, found.face_uv, found.face_normals, strict=True)) == faces
    vertices, triangles = load_obj(folder / "a.obj")
    torch.testing.assert_close(vertices, torch.tensor([row[:3] for row in rows["v"]]), rtol=0, atol=0)
    assert triangles.tolist() == [list(v) for v, _, _ in faces]


@FEW
@given(file=meant_and_written())
def test_valid_files_are_read_as_written(tmp_path, file):
    comes_back(tmp_path, file)


@pytest.mark.nightly
@settings(MANY, max_examples=4_000)
@given(file=meant_and_written())
def test_very_many_valid_files_are_read_as_written(tmp_path, file):
    comes_back(tmp_path, file)


NUMBER = re.compile(rb"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
INDEX = re.compile(rb"[+-]?[0-9]+")


def slowly(text):
    """Vertices and faces of what a second reader finds; None for what it would refuse. It knows v, vt, vn and f."""
    text = re.sub(rb"\r\n?", b"\n", text)
    lines: list[bytes] = []
    going_on = False
    for line in text.split(b"\n"):
        line = re.sub(rb"(^|[ \t\v\f])#.*", b"", line, flags=re.DOTALL)
        ends = line.endswith(b"\\")
        line = line[:-1] if ends else line
        lines = [*lines[:-1], lines[-1] + b" " + line] if going_on else [*lines, line]
        going_on = ends
    vertices, counts, faces = [], {b"v": 0, b"vt": 0, b"vn": 0}, []
    for line in lines:
        words = re.split(rb"[ \t\v\f]+", line.strip(b" \t\v\f"))
        key = words.pop(0).lower()
        if any(not 33 <= byte <= 126 for byte in key) and (key, words) != (b"\x1a", []):
            return None
        if key not in (*counts, b"f", b"fo"):
            if key in (b"usemtl", b"mtllib"):
                return None  # not its business
            continue
        for i, word in enumerate(words):
            if word.endswith(b"#"):
                words = [*words[:i], *filter(None, [word[:-1]])]
                break
        if key in counts:
            counts[key] += 1
            if not all(NUMBER.fullmatch(w) for w in words):
                return None
            try:
                row = [struct.unpack("f", struct.pack("f", float(w)))[0] for w in words]
            except OverflowError:
                return None
            if not all(map(math.isfinite, row)):
                return None
            if len(row) not in {b"v": (3, 4, 6, 7), b"vt": (2, 3), b"vn": (3,)}[key]:
                return None
            if key == b"v":
                vertices.append((row[:3], row[-3:] if len(row) > 4 else None))
            continue
        corners = []
        for word in words:
            parts = word.split(b"/")
            if len(parts) > 3 or not all(INDEX.fullmatch(p) or (i and not p) for i, p in enumerate(parts)):
                return None
            found = []
            for name, part in zip(counts, parts, strict=False):
                number = int(part) if part else None
                if number is not None and (number == 0 or number < -counts[name]):
                    return None
                found.append(number if number is None or number > 0 else counts[name] + number + 1)
            corners.append(found)
        if len(corners) < 3:
            return None
        faces += [(corners[0], corners[k], corners[k + 1]) for k in range(1, len(corners) - 1)]
    corners = [corner for face in faces for corner in face]
    whole = all(c[0] <= counts[b"v"] and (len(c) < 2 or c[1] is None or c[1] <= counts[b"vt"]) for c in corners)
    if not vertices or not faces or not whole or len({colour is None for _, colour in vertices}) > 1:
        return None
    return [v for v, _ in vertices], [[corner[0] - 1 for corner in face] for face in faces]


WHOLE = (
    b"# a note\n\nv 0 0 0\nv 1.5 -2 3e-1\nv .5 +1 0 \\\n\nvt 0 .5\nvt 1 1 0\nvn 0 0 1\ng x\nf 1/1/1 2/2/1 3/1/1\n"
    b"f -3//1 -2//1 3//1 # back\nv 1 1 1\r\nf 1 2 3 4#\rf 4/ 3 2\n"
)
PIECES = st.sampled_from(
    [b"\n", b"\r", b"\\", b"\\\n", b"#", b" #", b"\t", b"/", b"-", b"+", b".", b"e", b"_", b"\x0b", b"\x0c", b"\x00",
     b"\x1a", b"\x85", b"\xc2\xa0", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"0", b"9", b"v", b"f", b" ", b"", b"V",
     b"nan", b"1e39", b"\x1c"]
)  # fmt: skip
EDITS = st.lists(
    st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 2), PIECES | st.binary(max_size=2)), min_size=1, max_size=4
)


def is_read_as_slowly(folder, edits):
    buffer = bytearray(WHOLE)
    for place, gone, put in edits:
        buffer[place : place + gone] = put
    text = bytes(buffer)
    (folder / "a.obj").write_bytes(text)
    expected = (
        None if b"\0" in text or text[:2] in (b"\xff\xfe", b"\xfe\xff") else slowly(text.removeprefix(b"\xef\xbb\xbf"))
    )
    try:
        vertices, faces = load_obj(folder / "a.obj")
    except ValueError as error:
        assert "a.obj" in str(error) and (expected is None), error
        assert re.search(r"a\.obj:\d+: |no vertices|no faces|UTF", str(error)), error
        return
    assert expected is not None
    assert torch.equal(vertices, torch.tensor(expected[0])) and faces.tolist() == expected[1]


@settings(FEW, max_examples=300)
@given(edits=EDITS)
def test_damaged_files_are_refused_or_read_alike(tmp_path, edits):
    is_read_as_slowly(tmp_path, edits)


@pytest.mark.nightly
@MANY
@given(edits=EDITS)
def test_very_many_damaged_files(tmp_path, edits):
    is_read_as_slowly(tmp_path, edits)


def test_second_reader_reads_the_package_data(tmp_path):
    vertices, faces = slowly(WHOLE)
    assert len(vertices) == 4 and faces == [[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 2, 3], [3, 2, 1]]


@FEW
@given(file=meant_and_written())
def test_trimesh_sees_the_same_triangles(tmp_path, file):
    """Of the same meshes, plainly written."""
    rows, _, faces, _ = file
    text = "".join(f"v {x:.9g} {y:.9g} {z:.9g}\n" for x, y, z, *_ in rows["v"])
    text += "".join("f " + " ".join(str(i + 1) for i in v) + "\n" for v, _, _ in faces)
    (tmp_path / "a.obj").write_text(text)
    vertices, triangles = load_obj(tmp_path / "a.obj")
    theirs: Any = trimesh.load(tmp_path / "a.obj", process=False, maintain_order=True)
    assert torch.equal(vertices[triangles.long()], torch.from_numpy(theirs.triangles.copy()).float())
