"""OBJ and MTL files: what is read from good ones, and which line is blamed in bad ones."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from gendr_adapters import data
from gendr_adapters._soft_renderer.obj_loading import load_obj

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"


@pytest.fixture
def write(tmp_path):
    """Writes files beside each other; returns the path of the last one."""

    def write_all(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("_", ".")
            path.write_text(text)
        return str(path)

    return write_all


def faces_of(path):
    return load_obj(path)[1].tolist()


@pytest.mark.parametrize("name", ["airplane.obj", "sphere_642.obj", "sphere_1352.obj", "spot.obj"])
def test_vertices_and_faces_are_in_the_file_s_order(name):
    words = [line.split() for line in data.path(name).read_text().splitlines()]
    vertices, faces = load_obj(data.path(name))
    assert (vertices.dtype, faces.dtype) == (torch.float32, torch.int32)
    expected = np.array([word[1:4] for word in words if word[:1] == ["v"]]).astype(np.float32)
    np.testing.assert_array_equal(vertices, expected)
    assert faces.tolist() == [[int(c.split("/")[0]) - 1 for c in word[1:]] for word in words if word[:1] == ["f"]]


def test_faces_of_many_corners_become_fans(write):
    path = write(a_obj="v 0 0 0\n" * 6 + "f 1 2 3 4\nf 6 5 4 3 2\n")
    assert faces_of(path) == [[0, 1, 2], [0, 2, 3], [5, 4, 3], [5, 3, 2], [5, 2, 1]]


def test_negative_indices_count_back_from_their_line(write):
    assert faces_of(write(a_obj=TRIANGLE + "f -3 -2 -1\nv 2 2 2\nf -1 -2 1\n")) == [[0, 1, 2], [3, 2, 0]]


def test_faces_may_come_before_their_vertices_and_lines_may_hold_comments(write):
    path = write(
        a_obj="f 1/1/1 2//4 3/2  # the only one\n\t#\n" + TRIANGLE + "vt 0 0\nvt 1 1 0\nvn 0 0 1\ns off\no x\n"
    )
    assert faces_of(path) == [[0, 1, 2]]


def test_normalization_centres_the_bounding_box(write):
    vertices, _ = load_obj(write(a_obj="v 1 10 -2\nv 3 14 -2.5\nv 2 11 -1\nf 1 2 3\n"), normalization=True)
    # Longest side 4, along y: half of it is 1.
    expected = (torch.tensor([[1, 10, -2], [3, 14, -2.5], [2, 11, -1]]) - torch.tensor([2, 12, -1.75])) / 2
    torch.testing.assert_close(vertices, expected)


def test_everything_is_on_the_default_device(write):
    path = write(a_mtl="newmtl m\nKd 1 0 0\n", a_obj="mtllib a.mtl\nusemtl m\n" + TRIANGLE + "f 1 2 3\n")
    with torch.device("meta"):
        found = [*load_obj(path, load_texture=True), *load_obj(data.path("spot.obj"), load_texture=True)]
    assert [x.device.type for x in found] == ["meta"] * 6


def test_colours_of_vertices(write):
    path = write(a_obj="v 0 0 0 .1 .2 .3\nv 1 0 0 .9 0 1 2\nv 0 1 0 1 1 1\nf 1 2 3\n")  # the second has w, too
    colours = load_obj(path, load_texture=True, texture_type="vertex")[2]
    torch.testing.assert_close(colours, torch.tensor([[0.1, 0.2, 0.3], [0, 1, 2], [1, 1, 1]]))


def test_colours_of_materials(write, tmp_path):
    (tmp_path / "with space.mtl").write_text("newmtl grey one\nKd 0.5\n")
    write(b_mtl="# b\nnewmtl a\nKs 0 0 0\nKd 0.1 0.2 0.3 # blueish\n\tnewmtl unused\n", c_mtl="newmtl c\nKd 1 1 0\n")
    faces = "f 1 2 3\nusemtl a\nf 1 2 3 1\nusemtl grey one\nf 1 2 3\nusemtl a\nf 1 2 3\nusemtl c\nf 1 2 3\n"
    path = write(a_obj="mtllib with space.mtl\nmtllib b.mtl c.mtl\n" + TRIANGLE + faces)
    textures = load_obj(path, load_texture=True, texture_res=2)[2]
    blue = [0.1, 0.2, 0.3]
    expected = torch.tensor([[1, 1, 1], blue, blue, [0.5] * 3, blue, [1, 1, 0]])
    torch.testing.assert_close(textures, expected[:, None].expand(6, 4, 3))


def test_comments_after_names_are_ignored(write, tmp_path):
    Image.new("RGB", (2, 2), (255, 0, 51)).save(tmp_path / "p.png")
    write(a_mtl="newmtl m # mine\nmap_Kd p.png # red\nnewmtl n#1\t# no comment inside\nKd 0 0 1# blue\n")
    faces = "usemtl m # x\nf 1/1 2/1 3/1\nusemtl n#1\nf 1 2 3\n"
    path = write(a_obj="mtllib a.mtl # beside\nvt 0 0\n" + TRIANGLE + faces)
    textures = load_obj(path, load_texture=True, texture_res=1)[2][:, 0]
    torch.testing.assert_close(textures, torch.tensor([[1, 0, 0.2], [0, 0, 1]]))


def test_a_byte_order_mark_hides_nothing(tmp_path):
    (tmp_path / "a.mtl").write_text("newmtl m\nKd 1 0 0\n", encoding="utf-8-sig")
    text = "v 5 5 5\n" + TRIANGLE + "mtllib a.mtl\nusemtl m\nf 1 2 3\n"
    (tmp_path / "a.obj").write_text(text, encoding="utf-8-sig")
    vertices, _, textures = load_obj(tmp_path / "a.obj", load_texture=True)
    assert len(vertices) == 4 and vertices[0].tolist() == [5, 5, 5]
    assert textures[0, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "LA", "1", "I;16"])
def test_pictures_of_every_kind(write, tmp_path, mode):
    # Two rows: white above, a darker one below.
    grey = np.array([[255, 255], [51, 51]], np.uint8)
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(grey).convert(mode)
    image.save(tmp_path / "p.png")
    path = write(
        a_mtl="newmtl m\nKd 0 0 0\nmap_Kd p.png\n",
        a_obj="mtllib a.mtl\nusemtl m\nvt 0 0\nvt 1 1\n" + TRIANGLE + "f 1/1 2/1 3/1\nf 1/2 2/2 3/2\n",
    )
    low, high = load_obj(path, load_texture=True, texture_res=1)[2][:, 0]
    torch.testing.assert_close(high, torch.ones(3))
    torch.testing.assert_close(low, torch.full((3,), 0.0 if mode == "1" else 0.2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("v 0 0\n", ":1: a vertex has three coordinates, got '0 0'"),
        ("v 0 0 0\nv 0 x 0\n", ":2: coordinates must be finite numbers, got '0 x 0'"),
        ("v 0 0 nan\n", ":1: coordinates must be finite numbers"),
        ("v 0 0 0 1 1 1\nv 0 0 0\n", ":2: either every vertex has a colour or none"),
        ("v 0 0 0\nv 0 0 0 1 1 1\n", ":2: either every vertex has a colour or none"),
        ("vt 0.5\n", ":1: a texture vertex has two coordinates, got '0.5'"),
        ("vt 0 inf\n", ":1: texture coordinates must be finite numbers"),
        (TRIANGLE + "f 1 2\n", ":4: a face has three corners or more, got '1 2'"),
        (TRIANGLE + "f\n", ":4: a face has three corners or more, got ''"),
        (TRIANGLE + "f 1 2 x\n", ":4: indices count from 1, or from -1 back to -3, the first so far, got 'x'"),
        (TRIANGLE + "f 1 2 0\n", ":4: indices count from 1"),
        (TRIANGLE + "f 1 2 -4\nv 0 0 0\n", ":4: indices count from 1, .* got '-4'"),
        (TRIANGLE + "f 1 2/y 3\n", ":4: indices count from 1, .* got '2/y'"),
        (TRIANGLE + "f 1 2 3\n\nf 1 2 4\n", ":6: vertex 4, but the file has 3"),
        (TRIANGLE + "vt 0 0\nf 1/1 2/1 3/2\n", ":5: texture vertex 2, but the file has 1"),
        (TRIANGLE + "f 1/-1 2/-1 3/-1\n", ":4: indices count from 1"),
        ("usemtl\n", ":1: usemtl needs the name of a material"),
        ("mtllib \n", ":1: mtllib needs the name of a file"),
        ("f 1 2 3\n", ": no vertices; is it an OBJ file?"),
        (TRIANGLE, ": no faces; is it an OBJ file?"),
        ("\x07PNG\r\n", ":1: a line begins with a keyword of ASCII, got '.x07PNG'"),
        ("\0PNG\r\n", ":1: a zero byte; is it UTF-16, or no text at all"),
    ],
)
def test_bad_obj_files(write, text, message):
    with pytest.raises(ValueError, match="a.obj" + message):
        load_obj(write(a_obj=text))


WITH_UV = "mtllib a.mtl\nvt 0 0\n" + TRIANGLE + "usemtl m\n"


@pytest.mark.parametrize(
    ("mtl", "obj", "message"),
    [
        ("", TRIANGLE + "f 1 2 3\n", "a.obj: no mtllib, so there is no texture of faces to load"),
        ("newmtl n\n", WITH_UV + "f 1 2 3\n", "a.obj:7: no library has the face's material 'm'"),
        ("Kd 1 1 1\n", WITH_UV + "f 1 2 3\n", "a.mtl:1: Kd before the first newmtl"),
        ("newmtl\n", WITH_UV + "f 1 2 3\n", "a.mtl:1: newmtl needs a value"),
        ("newmtl m\nKd 1 b 1\n", WITH_UV + "f 1 2 3\n", "a.mtl:2: colours must be finite numbers, got '1 b 1'"),
        ("newmtl m\nKd 1 1\n", WITH_UV + "f 1 2 3\n", "a.mtl:2: Kd has one value, grey, or three, got '1 1'"),
        (
            "newmtl m\nmap_Kd -x 1 p.png\n",
            WITH_UV + "f 1 2 3\n",
            "a.mtl:2: map_kd has no option '-x'; there are -blendu",
        ),
        ("newmtl m\n\nmap_Kd p.png\n", WITH_UV + "f 1/1 2/1 3/1\n", "a.mtl:3: cannot read the picture .*p.png"),
        ("newmtl m\nmap_Kd q.png\n", WITH_UV + "f 1/1 2/1 3/1\nf 1/1 2 3/1\n", "a.obj:8: a corner without texture"),
    ],
)
def test_bad_materials_and_pictures(write, tmp_path, mtl, obj, message):
    (tmp_path / "p.png").write_bytes(b"\x89PNG\r\n\x1a\n and nothing more")
    Image.new("RGB", (2, 2)).save(tmp_path / "q.png")
    with pytest.raises(ValueError, match=message):
        load_obj(write(a_mtl=mtl, a_obj=obj), load_texture=True)


def test_a_picture_cut_short_is_refused(write, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "p.png")
    (tmp_path / "p.png").write_bytes((tmp_path / "p.png").read_bytes()[:1000])
    path = write(a_mtl="newmtl m\nmap_Kd p.png\n", a_obj=WITH_UV + "f 1/1 2/1 3/1\n")
    with pytest.raises(ValueError, match="a.mtl:2: cannot read the picture .*p.png: .*truncated"):
        load_obj(path, load_texture=True)


def test_missing_files_are_named_with_the_line_that_names_them(write, tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.obj"):
        load_obj(tmp_path / "absent.obj")
    path = write(a_obj="# x\nmtllib b.mtl\n" + TRIANGLE + "usemtl m\nf 1 2 3\n")
    assert len(load_obj(path)) == 2  # nobody asks for it
    with pytest.raises(FileNotFoundError, match="a.obj:2: mtllib names .*b.mtl, and there is no such file"):
        load_obj(path, load_texture=True)
    write(b_mtl="newmtl m\nmap_Kd c.png\n")
    path = write(a_obj="mtllib b.mtl\nvt 0 0\n" + TRIANGLE + "usemtl m\nf 1/1 2/1 3/1\n")
    with pytest.raises(FileNotFoundError, match="b.mtl:2: names the picture .*c.png, and there is no such file"):
        load_obj(path, load_texture=True)


def test_textures_that_are_not_there_are_refused(write):
    path = write(a_obj=TRIANGLE + "f 1 2 3\n")
    with pytest.raises(ValueError, match="a.obj: the vertices have no colours"):
        load_obj(path, load_texture=True, texture_type="vertex")
    with pytest.raises(ValueError, match="a.obj: all vertices are in one place"):
        load_obj(write(a_obj="v 1 1 1\nf 1 1 1\n"), normalization=True)


def test_bad_arguments_are_refused(write):
    path = write(a_obj=TRIANGLE + "f 1 2 3\n")
    with pytest.raises(ValueError, match="texture_type must be 'surface', 'vertex' or 'uv', got 'face'"):
        load_obj(path, texture_type="face")
    for resolution in (0, 2.0, True):
        with pytest.raises(ValueError, match=f"texture_res must be an int from 1, got {resolution}"):
            load_obj(path, texture_res=resolution)


def test_only_pictures_need_pillow(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    assert len(load_obj(data.path("spot.obj"))) == 2
    with pytest.raises(ImportError, match=r"spot_texture.png needs Pillow: pip install 'gendr_adapters\[io\]'"):
        load_obj(data.path("spot.obj"), load_texture=True)
