"""What OBJ and MTL files may look like: line ends, continued lines, encodings, numbers, cases; and other files."""

import os

import pytest
import torch
from PIL import Image

from gendr_adapters._soft_renderer.obj_files import read_obj
from gendr_adapters._soft_renderer.obj_loading import load_obj
from gendr_adapters._soft_renderer.statements import FLOAT32_END

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"
FACE = TRIANGLE + "f 1 2 3\n"


def read(folder, content):
    (folder / "a.obj").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_obj(folder / "a.obj")


def textures(folder, obj, mtl, **more):
    (folder / "a.obj").write_text(obj)
    (folder / "a.mtl").write_text(mtl)
    return load_obj(folder / "a.obj", load_texture=True, texture_res=1, **more)[2][:, 0]


# Python's splitlines() ends lines at all of these.
@pytest.mark.parametrize("end", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_lines_end_only_at_line_ends(tmp_path, end):
    assert len(read(tmp_path, f"# note{end}v 9 9 9\n" + FACE).vertices) == 3
    assert len(read(tmp_path, f"o name{end}v 9 9 9\n" + FACE).vertices) == 3
    with pytest.raises(ValueError, match="a.obj:1: coordinates must be finite numbers"):
        read(tmp_path, f"v 9 9 9{end}v 8 8 8\n" + FACE)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(tmp_path, end):
    with pytest.raises(ValueError, match="a.obj:4: coordinates"):
        read(tmp_path, (TRIANGLE + "v x y z\n").replace("\n", end))
    assert read(tmp_path, FACE.replace("\n", end).removesuffix(end)).faces == [(0, 1, 2)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_go_on_after_a_backslash(tmp_path, end):
    text = "v 0 \\\n 0 \\\n0\nv 1 0\\\n0\nv 0 1 0\nf 1 \\\n\\\n2 3\nf 3 2 1\\\n"
    file = read(tmp_path, text.replace("\n", end))
    assert file.vertices == [(0, 0, 0), (1, 0, 0), (0, 1, 0)]
    assert file.faces == [(0, 1, 2), (2, 1, 0)] and file.face_lines == [7, 10]
    with pytest.raises(ValueError, match="a.obj:4: coordinates must be finite numbers, got '0 0 x'"):
        read(tmp_path, (TRIANGLE + "v 0 \\\n0 \\\nx\n").replace("\n", end))


def test_comments_end_with_their_line(tmp_path):
    assert len(read(tmp_path, "# C:\\meshes\\\n" + FACE).vertices) == 3
    assert len(read(tmp_path, "v 5 5 5 # C:\\meshes\\\n" + FACE).vertices) == 4


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-16-le", "utf-32"])
def test_other_encodings_are_refused_by_name(tmp_path, encoding):
    with pytest.raises(ValueError, match=r"a\.obj.*UTF-(16|32)"):
        read(tmp_path, FACE.encode(encoding))
    (tmp_path / "a.mtl").write_bytes("newmtl m\n".encode(encoding))
    (tmp_path / "b.obj").write_text("mtllib a.mtl\nusemtl m\n" + FACE)
    with pytest.raises(ValueError, match=r"a\.mtl.*UTF-(16|32)"):
        load_obj(tmp_path / "b.obj", load_texture=True)


def test_zero_bytes_are_named_with_their_line(tmp_path):
    with pytest.raises(ValueError, match="a.obj:5: a zero byte"):
        read(tmp_path, FACE + "\0")


@pytest.mark.parametrize("line", ["\ufeffv 1 1 1", "v\xa01 1 1", "\u2003v 1 1 1", "\x1cv 1 1 1"])
def test_keywords_are_of_ascii(tmp_path, line):
    """A vertex is in these lines, for the eye; passing over it would shift all that follow."""
    with pytest.raises(ValueError, match="a.obj:5: a line begins with a keyword of ASCII"):
        read(tmp_path, FACE + line + "\n")


def test_end_mark_of_dos_is_ignored(tmp_path):
    assert len(read(tmp_path, FACE + "\x1a").faces) == 1


def test_keywords_in_any_case(tmp_path):
    obj = "MTLLIB a.mtl\nV 0 0 0\nV 1 0 0\nv 0 1 0\nVT 0 0\nUseMtl m\nF 1/1 2/1 3/1\nusemtl M\nFO 1 2 3\n"
    Image.new("RGB", (2, 2), (0, 255, 0)).save(tmp_path / "p.png")
    mtl = "NEWMTL m\nMap_kD p.png\nNewMtl M\nkd 1 0 0\n"
    assert textures(tmp_path, obj, mtl).tolist() == [[0, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize("word", ["map_kd", "map_Kd", "MAP_KD", "Map_KD"])
def test_map_kd_in_any_case(tmp_path, word):
    Image.new("RGB", (2, 2), (0, 255, 0)).save(tmp_path / "p.png")
    obj = "mtllib a.mtl\nvt 0 0\nusemtl m\n" + TRIANGLE + "f 1/1 2/1 3/1\n"
    assert textures(tmp_path, obj, f"newmtl m\nKd 0 0 0\n{word} p.png\n").tolist() == [[0, 1, 0]]


GOOD = {
    "1e2": 100,
    "+1": 1,
    "-1.": -1,
    ".5": 0.5,
    "1E-3": 1e-3,
    "007": 7,
    "-0": 0,
    "1e-999": 0,
    "3.4028235e38": 3.4028235e38,
}
BAD = [
    "1_0", "0x10", "1,5", "1d5", "1e", "--1", "1e39", "-1e39", "3.4028236e38", "1e999", "inf", "-Infinity", "nan",
    "1.#INF", "-nan(ind)", "\uff11", "\u0661", "1\u2009", "one", "1f", "1j", "True",
]  # fmt: skip


@pytest.mark.parametrize(("word", "value"), GOOD.items())
def test_numbers(tmp_path, word, value):
    file = read(tmp_path, f"v {word} {word} {word}\nvt {word} {word}\nvn {word} {word} {word}\n" + FACE)
    assert file.vertices[0] == file.normals[0] == (value,) * 3 and file.texture_vertices == [(value,) * 2]


@pytest.mark.parametrize("word", BAD)
@pytest.mark.parametrize("line", ["v 0 {} 0", "v 0 0 0 {} 0 0 0", "v 0 0 0 0 0 {}", "vt 0 {}", "vn 0 0 {}"])
def test_invalid_number_is_named_with_its_line(tmp_path, line, word):
    with pytest.raises(ValueError, match=r"a\.obj:5: .* must be finite numbers, got"):
        read(tmp_path, FACE + line.format(word) + "\n")


@pytest.mark.parametrize("word", BAD)
@pytest.mark.parametrize("line", ["Kd {} 0 0", "Kd {}", "Ks 0 0 {}", "Ke 0 {} 0", "Ns {}", "map_Kd -s {} 1 p.png"])
def test_invalid_number_in_materials_is_named(tmp_path, line, word):
    obj = "mtllib a.mtl\nvt 0 0\nusemtl m\n" + TRIANGLE + "f 1/1 2/1 3/1\n"
    with pytest.raises(ValueError, match=r"a\.mtl:2: .*"):
        textures(tmp_path, obj, f"newmtl m\n{line.format(word)}\n")


def test_numbers_beyond_float32_are_refused():
    largest = torch.finfo(torch.float32).max
    assert torch.tensor(FLOAT32_END, dtype=torch.float64).float().isinf()
    assert torch.tensor(FLOAT32_END * (1 - 2**-53), dtype=torch.float64).float() == largest


@pytest.mark.parametrize(
    "word", ["1_0", "\uff11", "1.0", "1e0", "0x1", "", "1/1/1/1", "9" * 5000, "--1", "1//0", "//1", "/1"]
)
def test_invalid_index_is_named(tmp_path, word):
    with pytest.raises(ValueError, match=r"a\.obj:4: "):
        read(tmp_path, TRIANGLE + f"f {word} 2 3\n" if word else TRIANGLE + "f 2 3\n")


def test_signs_and_empty_ends_of_indices(tmp_path):
    file = read(tmp_path, TRIANGLE + "vt 0 0\nf +1/1/ 2/+1 3/1\nf 1// 2/ 3\nf 1//9 2//9 3//9\n")
    assert file.face_uv == [(0, 0, 0), (None,) * 3, (None,) * 3] and file.face_normals[2] == (8, 8, 8)
    with pytest.raises(ValueError, match="a.obj:7: normal 9, but the file has 0"):
        file.check_normals()


@pytest.mark.parametrize(
    ("vertex", "colour"),
    [
        ("v 1 2 3", None),
        ("v 1 2 3 .9", None),
        ("v 1 2 3 .1 .2 .3", (0.1, 0.2, 0.3)),
        ("v 1 2 3 .9 .1 .2 .3", (0.1, 0.2, 0.3)),
    ],
)
def test_w_is_not_read_as_a_colour(tmp_path, vertex, colour):
    file = read(tmp_path, f"{vertex}\n" * 3 + "f 1 2 3\n")
    assert file.vertices == [(1, 2, 3)] * 3 and file.colours == ([colour] * 3 if colour else [])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("v 1 2 3 4 5", "a vertex has three coordinates"),
        ("v 1 2 3 4 5 6 7 8", "a vertex has three coordinates"),
        ("v", "a vertex has three coordinates"),
        ("vt 1 2 3 4", "a texture vertex has two coordinates"),
        ("vn 1 2", "a normal has three coordinates"),
        ("vn 1 2 3 4", "a normal has three coordinates"),
    ],
)
def test_too_few_or_too_many_numbers(tmp_path, line, message):
    with pytest.raises(ValueError, match=f"a.obj:5: {message}"):
        read(tmp_path, FACE + line + "\n")


def test_normalization_that_overflows(tmp_path):
    (tmp_path / "a.obj").write_text("v -3e38 0 0\nv 3e38 0 0\nv 0 1 0\nf 1 2 3\n")
    with pytest.raises(ValueError, match="a.obj: the vertices are too far apart for float32"):
        load_obj(tmp_path / "a.obj", normalization=True)


def test_huge_texture_coordinates(tmp_path):
    Image.new("RGB", (3, 2), (0, 255, 0)).save(tmp_path / "p.png")
    for wrap in ("reference", "repeat"):
        obj = "mtllib a.mtl\nusemtl m\nvt 3e38 -3e38\nvt -3e38 1e30\nvt 1e-45 0\n" + TRIANGLE + "f 1/1 2/2 3/3\n"
        found = textures(tmp_path, obj, "newmtl m\nmap_Kd p.png\n", wrap=wrap)
        torch.testing.assert_close(found, torch.tensor([[0.0, 1, 0]]))


def test_the_only_material_needs_no_usemtl(tmp_path):
    obj = "mtllib a.mtl\nvt 0 0\n" + TRIANGLE + "f 1/1 2/1 3/1\n"
    assert textures(tmp_path, obj, "newmtl m\nKd 1 0 0\n").tolist() == [[1, 0, 0]]
    Image.new("RGB", (2, 2), (0, 255, 0)).save(tmp_path / "p.png")
    assert textures(tmp_path, obj, "newmtl m\nKd 1 0 0\nmap_kd p.png\n").tolist() == [[0, 1, 0]]
    with pytest.raises(ValueError, match="a.obj:1: no usemtl says which of the library's 2 materials .*: 'm', 'n'"):
        textures(tmp_path, obj, "newmtl m\nKd 1 0 0\nnewmtl n\n")
    with pytest.raises(ValueError, match="a.obj:1: no usemtl says which of the library's 0 materials"):
        textures(tmp_path, obj, "# nothing\n")
    # Where there is a usemtl, what is before it is white, as the format says.
    later = obj + "usemtl m\nf 1/1 2/1 3/1\n"
    assert textures(tmp_path, later, "newmtl m\nKd 1 0 0\n").tolist() == [[1, 1, 1], [1, 0, 0]]


def test_only_regular_files_are_read(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    obj = "mtllib a.mtl\nvt 0 0\nusemtl m\n" + TRIANGLE + "f 1/1 2/1 3/1\n"
    with pytest.raises(ValueError, match="fifo is no regular file"):
        load_obj(tmp_path / "fifo")
    with pytest.raises(IsADirectoryError):
        load_obj(tmp_path)
    with pytest.raises(ValueError, match="a.mtl:2: .*fifo is no regular file"):
        textures(tmp_path, obj, "newmtl m\nmap_Kd fifo\n")
    with pytest.raises(ValueError, match="a.mtl:2: .*zero is no regular file"):
        textures(tmp_path, obj, "newmtl m\nmap_Kd /dev/zero\n")
    with pytest.raises(ValueError, match="a.obj:1: .*fifo is no regular file"):
        textures(tmp_path, obj.replace("a.mtl", "fifo"), "")


def test_backslashes_in_paths(tmp_path):
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (2, 2), (0, 255, 0)).save(tmp_path / "pictures" / "p q.png")
    Image.new("RGB", (2, 2), (255, 0, 0)).save(tmp_path / "r\\s.png")
    obj = "mtllib .\\a.mtl\nvt 0 0\nusemtl m\n" + TRIANGLE + "f 1/1 2/1 3/1\n"
    assert textures(tmp_path, obj, "newmtl m\nmap_Kd pictures\\p q.png\n").tolist() == [[0, 1, 0]]
    assert textures(tmp_path, obj, "newmtl m\nmap_Kd -clamp on .\\pictures\\p q.png\n").tolist() == [[0, 1, 0]]
    assert textures(tmp_path, obj, "newmtl m\nmap_Kd r\\s.png\n").tolist() == [[1, 0, 0]]
    assert textures(tmp_path, obj, "newmtl m\nmap_Kd \\\npictures/p q.png\n").tolist() == [[0, 1, 0]]
    with pytest.raises(FileNotFoundError, match="a.mtl:2: names the picture .*C:/x/p.png"):
        textures(tmp_path, obj, "newmtl m\nmap_Kd C:\\x\\p.png\n")
