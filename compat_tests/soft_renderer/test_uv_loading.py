"""'uv' textures from OBJ files and back, against the texels that the same files give."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.testing import assert_close

import gendr_adapters.gendr as gendr
import gendr_adapters.softras as sr
from gendr_adapters import RenderSettings, TextureMaps, data, render
from gendr_adapters._soft_renderer.surface_textures import texel_weights

CORNERS = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"
HEAD = "mtllib a.mtl\n" + CORNERS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, (width, height) in {"wide": (7, 3), "high": (2, 6)}.items():
        levels = torch.randint(256, (height, width, 3), generator=torch.Generator().manual_seed(width))
        Image.fromarray(levels.byte().numpy()).save(tmp_path / f"{name}.png")
    return tmp_path


def load(folder: Path, obj: str, mtl: str, **how: Any) -> Any:
    (folder / "a.obj").write_text(obj)
    (folder / "a.mtl").write_text(mtl)
    return sr.functional.load_obj(folder / "a.obj", load_texture=True, texture_res=4, **how)


def shown_at_texels(textures: TextureMaps) -> Tensor:
    """(F, 16, 3): what the maps show where faces have the centres of 4 x 4 texels: at the middle pixel of a picture in
    which a face is moved there, large."""
    weights = texel_weights(4).float()
    n_faces = textures.uvs.shape[0]
    corners = torch.tensor([[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]) * 3
    at = corners - (weights @ corners)[:, None]  # (16, 3, 2)
    faces = torch.cat([at, torch.ones(16, 3, 1)], -1)[None].expand(n_faces, -1, -1, -1).reshape(-1, 1, 3, 3)
    uvs = textures.uvs[:, None].expand(-1, 16, -1, -1).reshape(-1, 1, 3, 2)
    picture = render(faces, 1, textures._replace(uvs=uvs), settings=RenderSettings(blend="hard", near=0.1))
    assert picture.image is not None
    return picture.image.view(n_faces, 16, 3)


def face(*corners: tuple[float, float], first: int = 1) -> str:
    lines = "".join(f"vt {u} {v}\n" for u, v in corners)
    return lines + "f " + " ".join(f"{i + 1}/{first + i}" for i in range(3)) + "\n"


INSIDE = face((0, 0), (1, 0.25), (0.5, 1))
# None has a texel's centre on the border of the picture, where it jumps.
OVER = {
    "across the right border": face((0.8123, 0.2), (1.3071, 0.3), (0.9019, 0.6)),
    "across both borders": face((0.8123, -0.2173), (1.3071, 0.3149), (0.9019, 0.6)),
    "far away, within a picture": face((4, -3), (5, -2.5), (4.5, -2)),
    "over two pictures": face((0.0137, 0.0171), (2, 0.1093), (0.3, 1.7)),
}


def test_single_picture_is_the_map(folder: Path) -> None:
    _, _, textures = load(folder, HEAD + "usemtl m\n" + INSIDE, "newmtl m\nmap_Kd wide.png\n", texture_type="uv")
    assert textures.maps.shape == (3, 7, 3) and textures.padding == "border" and textures.align_corners
    assert textures.uvs.tolist() == [[[0, 0], [1, 0.25], [0.5, 1]]]
    assert torch.equal(
        sr.functional.load_obj(folder / "a.obj", load_texture=True, texture_type="uv")[2].maps, textures.maps
    )


@pytest.mark.parametrize("wrap", ["reference", "repeat"])
@pytest.mark.parametrize("options", ["", "-clamp on ", "-s .5 2 -o .25 -.5 "])
def test_texels_are_those_of_surface_textures(folder: Path, wrap: str, options: str) -> None:
    """Where faces are inside the picture, or wrap says the same of them."""
    mtl = f"newmtl m\nmap_Kd {options}wide.png\n"
    faces = [INSIDE]
    if options == "-clamp on " or (wrap == "repeat" and not options):
        faces += OVER.values()
    elif not options:
        faces += [OVER["across the right border"], face((-0.1, 0), (0.5, 0), (0.2, 0.4))]
    for one in faces:
        obj = HEAD + "usemtl m\n" + one
        if options.startswith("-s"):
            obj = obj.replace("vt 0 0", "vt 0 .25").replace("0.5 1\n", "0.5 .75\n")
        texels, textures = (load(folder, obj, mtl, wrap=wrap, texture_type=kind)[2] for kind in ("surface", "uv"))
        assert_close(shown_at_texels(textures), texels, rtol=0, atol=1e-4)
        assert texels.std() > 0.01


def test_pictures_and_colours_in_one_map(folder: Path) -> None:
    obj = HEAD + face((0, 0), (1, 0), (0, 1))  # before the first usemtl
    for i, name in enumerate("wkh"):
        obj += f"usemtl {name}\n" + face((0, 0.1), (1, 1), (0.3, 0), first=3 * i + 4)
    mtl = "newmtl w\nmap_Kd wide.png\nnewmtl k\nKd .1 .2 .3\nnewmtl h\nKd 0 0 0\nmap_Kd high.png\n"
    texels, textures = (load(folder, obj, mtl, texture_type=kind)[2] for kind in ("surface", "uv"))
    assert textures.maps.shape == (1 + 3 + 1 + 6, 7, 3)
    assert_close(shown_at_texels(textures), texels, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", OVER)
def test_faces_across_the_border_of_one_of_several(folder: Path, name: str) -> None:
    obj = HEAD + "usemtl w\n" + INSIDE + "usemtl h\n" + OVER[name].replace("1/1 2/2 3/3", "1/4 2/5 3/6")
    mtl = "newmtl w\nmap_Kd wide.png\nnewmtl h\nmap_Kd high.png\n"
    if name == "far away, within a picture":
        texels, textures = (load(folder, obj, mtl, wrap="repeat", texture_type=kind)[2] for kind in ("surface", "uv"))
        assert_close(shown_at_texels(textures), texels, rtol=0, atol=1e-5)
        return
    with pytest.raises(ValueError, match=r"a.obj:14: a face across the border of its picture, one of several"):
        load(folder, obj, mtl, wrap="repeat", texture_type="uv")


def test_bad_uv_files_are_refused(folder: Path) -> None:
    plain = "newmtl m\nmap_Kd wide.png\n"
    with pytest.raises(ValueError, match="no mtllib"):
        load(folder, CORNERS + INSIDE, plain, texture_type="uv")
    with pytest.raises(ValueError, match="a corner without texture coordinates"):
        load(folder, HEAD + "usemtl m\nf 1 2 3\n", plain, texture_type="uv")
    with pytest.raises(ValueError, match="'surface', 'vertex' or 'uv'"):
        load(folder, HEAD + INSIDE, plain, texture_type="atlas")


@pytest.mark.parametrize("door", [sr, gendr], ids=["softras", "gendr"])
def test_meshes_come_back_as_they_were_saved(folder: Path, door: Any) -> None:
    mtl, obj = "newmtl m\nmap_Kd wide.png\n", HEAD + "usemtl m\n"
    for one in (INSIDE, OVER["over two pictures"]):
        load(folder, obj + one, mtl)
        mesh = door.Mesh.from_obj(folder / "a.obj", load_texture=True, texture_type="uv", wrap="repeat")
        mesh.save_obj(folder / "again.obj", save_texture=True)
        again = door.Mesh.from_obj(folder / "again.obj", load_texture=True, texture_type="uv", wrap="repeat")
        assert torch.equal(again.textures.maps, mesh.textures.maps)
        assert torch.equal(again.textures.uvs, mesh.textures.uvs)
        assert again.textures[2:] == mesh.textures[2:]
    mesh.save_obj(folder / "plain.obj")
    assert "vt" not in (folder / "plain.obj").read_text()


MAP, UVS = torch.rand(2, 2, 3), torch.tensor([[[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]])
UNSAVED = {
    "several maps": (TextureMaps(MAP.expand(2, 2, 2, 3), UVS, torch.zeros(1).long()), "one map"),
    "edges": (TextureMaps(MAP, UVS), "align_corners=True"),
    "nearest": (TextureMaps(MAP, UVS, filter="nearest", align_corners=True), "bilinear"),
    "borders": (TextureMaps(MAP, UVS * 2, align_corners=True), "outside"),
    "not finite": (TextureMaps(MAP / 0, UVS, align_corners=True), "finite"),
    "half precision": (TextureMaps(MAP.half(), UVS, align_corners=True), "float16"),
    "other faces": (TextureMaps(MAP, UVS.expand(2, 3, 2), align_corners=True), "uvs must be"),
}


@pytest.mark.parametrize("name", UNSAVED)
def test_uv_meshes_that_cannot_be_saved(folder: Path, name: str) -> None:
    textures, message = UNSAVED[name]
    corners = torch.eye(3)
    with pytest.raises((TypeError, ValueError), match=message):
        sr.functional.save_obj(folder / "b.obj", corners, torch.tensor([[0, 1, 2]]), textures, texture_type="uv")
    assert not (folder / "b.obj").exists()


def test_light_is_not_saved(folder: Path) -> None:
    mesh = sr.Mesh(
        torch.eye(3), torch.tensor([[0, 1, 2]]), TextureMaps(MAP, UVS, align_corners=True), texture_type="uv"
    )
    sr.Lighting("uv")(mesh)
    with pytest.raises(ValueError, match="lit"):
        mesh.save_obj(folder / "b.obj", save_texture=True)
    mesh.reset_()
    mesh.save_obj(folder / "b.obj", save_texture=True)


@pytest.mark.parametrize("wrap", ["reference", "repeat"])
def test_spot(wrap: str) -> None:
    """Its picture as it is. Some of its faces are a few pixels below 0: the picture repeats there."""
    path = data.path("spot.obj")
    _, _, textures = sr.functional.load_obj(path, load_texture=True, texture_type="uv", wrap=wrap)
    assert textures.maps.shape[:2] == (1024, 1024) and textures.padding == "repeat"
    texels = sr.functional.load_obj(path, load_texture=True, texture_res=4, wrap=wrap)[2]
    differs = ((shown_at_texels(textures) - texels).abs() > 1e-3).any(2)
    # Within a pixel below 0 those of 'surface' are at 0.
    place = 1023 * (texel_weights(4) @ textures.uvs)
    assert not (differs & ~((place < 0) & (place > -1)).any(2)).any()
    assert (place <= -1).any() == (wrap == "reference")
