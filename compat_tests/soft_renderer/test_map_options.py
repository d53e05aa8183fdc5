"""map_Kd's options: what each takes, which move the picture, and which are refused by name."""

import pytest
import torch
from PIL import Image

from gendr_adapters._soft_renderer.obj_loading import load_obj
from gendr_adapters._soft_renderer.surface_textures import texel_weights

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"
OBJ = "mtllib a.mtl\nusemtl m\nvt .1 .2\nvt .4 .2\nvt .1 .6\n" + TRIANGLE + "f 1/1 2/2 3/3\n"


@pytest.fixture
def folder(tmp_path):
    picture = Image.new("RGB", (9, 9))
    picture.putdata([(20 * x, 20 * y, 0) for y in range(9) for x in range(9)])
    picture.save(tmp_path / "p q.png")
    return tmp_path


def texels(folder, options, obj=OBJ, **more):
    (folder / "a.obj").write_text(obj)
    (folder / "a.mtl").write_text(f"newmtl m\nmap_Kd {options} p q.png\n")
    return load_obj(folder / "a.obj", load_texture=True, texture_res=2, **more)[2]


def colour(u, v):
    """Of the picture, where it is linear."""
    return torch.stack([160 * u, 160 * (1 - v), torch.zeros_like(u)], -1) / 255


@pytest.mark.parametrize(
    "options",
    [
        "",
        "-s 1 -o 0",
        "-blendu on -blendv on -clamp off -mm 0 1 -bm 1 -boost 2 -texres 256 -cc off -imfchan l -s 1 1 1 -o 0 0 0 -t 0",
        "-BM 0.3 -Clamp OFF\t-imfchan  m",
    ],
)
def test_options_that_change_nothing(folder, options):
    plain = texels(folder, "")
    assert plain.std() > 0.01 and torch.equal(texels(folder, options), plain)


@pytest.mark.parametrize(
    ("options", "scale", "offset"),
    [
        ("-s 2", (2, 1), (0, 0)),
        ("-s 2 .5", (2, 0.5), (0, 0)),
        ("-s 2 .5 7 -o .1 .2", (2, 0.5), (0.1, 0.2)),
        ("-o .25", (1, 1), (0.25, 0)),
        ("-clamp on -o 0 .25 9 -s 1.5", (1.5, 1), (0, 0.25)),
    ],
)
def test_scale_and_offset(folder, options, scale, offset):
    obj = OBJ
    for u, v in ((".1", ".2"), (".4", ".2"), (".1", ".6")):
        moved = [float(x) * s + o for x, s, o in zip((u, v), scale, offset, strict=True)]
        obj = obj.replace(f"vt {u} {v}\n", f"vt {moved[0]} {moved[1]}\n")
    torch.testing.assert_close(texels(folder, options), texels(folder, "", obj))


def test_clamped_pictures_do_not_repeat(folder):
    corners = torch.tensor([[0.5, 0.5], [2.5, 0.5], [0.5, -1.5]])
    obj = OBJ.replace("vt .1 .2", "vt .5 .5").replace("vt .4 .2", "vt 2.5 .5").replace("vt .1 .6", "vt .5 -1.5")
    expected = colour(*(texel_weights(2) @ corners).clamp(0, 1).T)
    for wrap in ("reference", "repeat"):
        torch.testing.assert_close(texels(folder, "-clamp on", obj, wrap=wrap)[0], expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("-mm 0 2", "-mm of map_kd is not supported"),
        ("-mm .1 1", "-mm of map_kd is not supported"),
        ("-t .1", "-t of map_kd is not supported"),
        ("-cc on", "-cc of map_kd is not supported"),
        ("-blendu off", "-blendu of map_kd is not supported"),
        ("-blendv OFF", "-blendv of map_kd is not supported"),
        ("-clamp", "-clamp must be on or off, got 'p'"),
        ("-clamp yes", "-clamp must be on or off, got 'yes'"),
        ("-s", "-s needs one to three numbers"),
        ("-s a", "-s needs one to three numbers"),
        ("-o nan", "-o must be finite numbers"),
        ("-bm high", "-bm must be finite numbers"),
        ("-foo 1", "map_kd has no option '-foo'; there are -blendu, .*-texres"),
        ("-type sphere", "map_kd has no option '-type'"),
    ],
)
def test_options_that_are_refused(folder, options, message):
    with pytest.raises(ValueError, match=f"a.mtl:2: {message}"):
        texels(folder, options)


@pytest.mark.parametrize("rest", ["-clamp on", "-clamp", "-mm 0", "-bm 1", "-s 1", "-s", "-"])
def test_options_without_a_name(folder, rest):
    (folder / "a.obj").write_text(OBJ)
    (folder / "a.mtl").write_text(f"newmtl m\nmap_Kd {rest}\n")
    with pytest.raises(ValueError, match="a.mtl:2: "):
        load_obj(folder / "a.obj", load_texture=True)


def test_names_that_look_like_numbers(folder):
    (folder / "p q.png").rename(folder / "7")
    (folder / "a.obj").write_text(OBJ)
    found = []
    for options in ("", "-o 0", "-o 0 0 0", "-s 1 1"):
        (folder / "a.mtl").write_text(f"newmtl m\nmap_Kd {options} 7\n")
        found.append(load_obj(folder / "a.obj", load_texture=True)[2])
    assert all(torch.equal(x, found[0]) for x in found) and found[0].std() > 0.01


def test_coordinates_that_options_make_infinite(folder):
    obj = OBJ.replace("vt .1 .2", "vt 1e30 -1e30")
    for wrap in ("reference", "repeat"):
        for options in ("-s 1e30 1e30", "-s -1e30 -1e30 -o 3e38", "-s 1e30 -clamp on"):
            assert texels(folder, options, obj, wrap=wrap).isfinite().all()
