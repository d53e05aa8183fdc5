"""load_obj of the redner door, against its way of counting spelled out, and where the two differ on purpose."""

import inspect
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

import gendr_adapters.redner as pyredner

SQUARE = "v 0 0 2\nv 1 0 2\nv 1 1 2\nv 0 1 2\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\nvn 0 0 -1\nvn 0 1 -1\n"


def written(folder, obj, mtl=None):
    (folder / "a.obj").write_text(("mtllib a.mtl\n" if mtl else "") + obj)
    if mtl:
        (folder / "a.mtl").write_text(mtl)
    return str(folder / "a.obj")


def slowly(text, flip=True, common=False):
    """The meshes of a file with all indices, for each usemtl with faces: rows of v, vt and vn, and their indices."""
    pools: dict[str, list[list[float]]] = {"v": [], "vt": [], "vn": []}
    groups: list[tuple[str | None, list[Any]]] = []
    name = None
    for line in text.splitlines():
        keyword, *words = line.split()
        if keyword in pools:
            pools[keyword].append([float(word) for word in words])
        elif keyword == "usemtl":
            name = words[0]
            groups.append((name, []))
        elif keyword == "f":
            if not groups:
                groups.append((name, []))
            corners = [tuple(int(i) - 1 for i in word.split("/")) for word in words]
            groups[-1][1].extend((corners[0], corners[k], corners[k + 1]) for k in range(1, len(corners) - 1))
    for name, faces in groups:
        if not faces:
            continue
        keys = [[c if common else c[i] for f in faces for c in f] for i in range(3)]
        order = [list(dict.fromkeys(of)) for of in keys]
        indices = [torch.tensor([o.index(k) for k in of]).view(-1, 3).int() for o, of in zip(order, keys, strict=True)]
        rows = [
            torch.tensor([pools[pool][k[i] if common else k] for k in o])
            for i, (pool, o) in enumerate(zip(pools, order, strict=True))
        ]
        if flip:
            rows[1] = torch.stack([rows[1][:, 0], 1 - rows[1][:, 1]], 1)
        yield name, rows, indices


@pytest.mark.parametrize("flip", [True, False])
@pytest.mark.parametrize("common", [True, False])
def test_meshes_are_counted_as_there(tmp_path, flip, common):
    faces = (
        "f 3/3/2 2/2/1 1/1/1\nusemtl m\nusemtl n\nf 1/1/1 2/2/1 3/3/2 4/4/1\nf 4/1/1 3/3/2 2/2/2\n"
        "usemtl n\nf 2/1/1 1/2/2 4/3/1\n"
    )
    path = written(tmp_path, SQUARE + faces, "newmtl m\nKd 1 0 0\nnewmtl n\nnewmtl unused\n")
    materials, meshes, lights = pyredner.load_obj(
        path, flip_tex_coords=flip, use_common_indices=common, device=torch.device("cpu")
    )
    assert list(materials) == ["m", "n"] and not lights
    expected = list(slowly(SQUARE + faces, flip, common))
    assert [name for name, _ in meshes] == [name for name, _, _ in expected] == [None, "n", "n"]
    for (_, mesh), (_, rows, indices) in zip(meshes, expected, strict=True):
        for found, wanted in zip((mesh.vertices, mesh.uvs, mesh.normals), rows, strict=True):
            assert torch.equal(found, wanted) and found.dtype == torch.float32
        for found, wanted in zip((mesh.indices, mesh.uv_indices, mesh.normal_indices), indices, strict=True):
            assert torch.equal(found, wanted) and found.dtype == torch.int32
    ((name, whole),) = pyredner.load_obj(path, obj_group=False)[1]
    assert name == "n" and whole.indices.shape == (5, 3) and whole.vertices.shape == (4, 3)


def test_materials(tmp_path):
    pixels = np.array([[[255, 0, 128], [0, 0, 0]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    mtl = "newmtl a\nKd .1 .2 .3\nKs .4 .5 .6\nNs 6\nKe 1 2 3\nnewmtl b\nMAP_KD p.png\nmap_Ks p.png\nmap_Ns p.png\n"
    faces = "usemtl a\nf 1/1 2/2 3/3\nusemtl b\nf 1/1 3/3 4/4\n"
    path = written(tmp_path, SQUARE + faces, mtl)
    materials, _, lights = pyredner.load_obj(path)
    a, b = materials["a"], materials["b"]
    assert_close(a.diffuse_reflectance.texels.cpu(), torch.tensor([0.1, 0.2, 0.3]))
    assert_close(a.specular_reflectance.texels.cpu(), torch.tensor([0.4, 0.5, 0.6]))
    assert_close(a.roughness.texels.cpu(), torch.tensor([0.25]))
    light = pyredner.imread(tmp_path / "p.png")
    for texture in (b.diffuse_reflectance, b.specular_reflectance):
        assert torch.equal(texture.texels.cpu(), light)
    assert_close(b.roughness.texels.cpu(), 2 / (light[..., :1] + 2))
    assert list(lights) == ["a"]
    assert_close(lights["a"].cpu(), torch.tensor([1.0, 2, 3]))
    objects = pyredner.load_obj(path, return_objects=True)
    assert [item.light_intensity is not None for item in objects] == [True, False]
    assert objects[0].normals is None and objects[0].uvs.shape == (3, 2)


def test_loaded_objects_are_drawn(tmp_path):
    """A picture of four texels on a square that fills the view: row 0 of it is above."""
    pixels = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "p.png")
    square = "v -2 -2 2\nv 2 -2 2\nv 2 2 2\nv -2 2 2\nvt 1 0\nvt 0 0\nvt 0 1\nvt 1 1\nf 1/1 2/2 3/3 4/4\n"
    objects = pyredner.load_obj(
        written(tmp_path, square, "newmtl m\nmap_Kd p.png\n"), return_objects=True, device="cpu"
    )
    camera = pyredner.Camera(
        position=torch.zeros(3), look_at=torch.tensor([0.0, 0, 1]), up=torch.tensor([0.0, 1, 0]),
        fov=torch.tensor([90.0]), resolution=(4, 4),
    )  # fmt: skip
    picture = pyredner.render_albedo(pyredner.Scene(camera, objects=objects), num_samples=4)
    corners = picture[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert_close(corners.argmax(1)[:3], torch.tensor([0, 1, 2]))
    assert (corners[3] > 0.5).all()


def test_objects_without_materials_are_grey(tmp_path):
    (item,) = pyredner.load_obj(written(tmp_path, SQUARE + "f 1 2 3\n"), return_objects=True)
    assert_close(item.material.diffuse_reflectance.texels.cpu(), torch.full((3,), 0.5))
    assert item.uvs is item.normals is item.uv_indices is item.normal_indices is None


def test_the_only_material_needs_no_usemtl(tmp_path):
    materials, meshes, _ = pyredner.load_obj(written(tmp_path, SQUARE + "f 1 2 3\n", "newmtl m\nKd 1 0 0\n"))
    assert list(materials) == ["m"] and [name for name, _ in meshes] == ["m"]


def test_the_signature():
    expected = (
        "filename, obj_group=True, flip_tex_coords=True, use_common_indices=False, return_objects=False, device=None"
    )
    found = inspect.signature(pyredner.load_obj).parameters.values()
    assert ", ".join(str(p.replace(annotation=p.empty)) for p in found) == expected


@pytest.mark.parametrize(
    ("obj", "mtl", "message"),
    [
        ("f 1 2 3//3\n", None, "a.obj:11: normal 3, but the file has 2"),
        ("f 1//1 2 3//1\n", None, "a.obj:11: a corner without normals, which others"),
        ("f 1/1 2/1 3/1\nf 1 2 3\n", None, "a.obj:12: a corner without texture coordinates, which others"),
        ("f 1 2 3\nvn 1 2\n", None, "a.obj:12: a normal has three coordinates, got '1 2'"),
        ("vn 0 nan 1\nf 1 2 3\n", None, "a.obj:11: normals must be finite numbers"),
        ("usemtl x\nf 1 2 3\n", "newmtl m\n", "a.obj:13: no library has the face's material 'x'"),
        ("f 1 2 3\n", "newmtl m\nnewmtl n\n", "a.obj:1: no usemtl says which of the library's 2 materials"),
        ("f 1 2 3\n", "newmtl m\nNs -2\n", "a.mtl:2: Ns must be more than -2"),
        ("f 1 2 3\n", "newmtl m\nNs 1 2\n", "a.mtl:2: Ns is one number, got '1 2'"),
        ("f 1 2 3\n", "newmtl m\nKe 1e39\n", "a.mtl:2: colours must be finite numbers"),
        ("f 1 2 3\n", "newmtl m\nmap_Ks -s 2 2 p.png\n", "a.mtl:2: map_ks with -s, -o or -clamp on"),
        ("f 1 2 3\n", "newmtl m\nmap_Kd p.png\n", "a.mtl:2: cannot read the picture"),
    ],
)
def test_bad_files(tmp_path, obj, mtl, message):
    (tmp_path / "p.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=message):
        pyredner.load_obj(written(tmp_path, SQUARE + obj, mtl))
    with pytest.raises(FileNotFoundError, match="none.obj"):
        pyredner.load_obj(tmp_path / "none.obj")
