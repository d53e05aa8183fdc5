"""What save_obj writes comes back, through our own reader and another one."""

from typing import Any

import numpy as np
import pytest
import torch
import trimesh
from mesh_shapes import icosahedron
from PIL import Image

from gendr_adapters import data
from gendr_adapters._soft_renderer.meshes import Mesh
from gendr_adapters._soft_renderer.obj_loading import load_obj
from gendr_adapters._soft_renderer.obj_writing import save_obj, save_voxel


@pytest.fixture
def mesh():
    vertices, faces = icosahedron(torch.Generator().manual_seed(0))
    return (vertices * torch.tensor([1, 1e-6, 1e7])).float(), faces


def texels(n_faces, resolution):
    return torch.rand(n_faces, resolution**2, 3, generator=torch.Generator().manual_seed(1))


def test_geometry_comes_back_bit_for_bit(mesh, tmp_path):
    save_obj(tmp_path / "a.obj", *mesh)
    vertices, faces = load_obj(tmp_path / "a.obj")
    assert torch.equal(vertices, mesh[0]) and torch.equal(faces.long(), mesh[1])
    assert [path.name for path in tmp_path.iterdir()] == ["a.obj"]


@pytest.mark.parametrize("resolution", [1, 2, 5, 12])
def test_texels_come_back_to_eight_bits(mesh, tmp_path, resolution):
    textures = texels(20, resolution)
    save_obj(str(tmp_path / "a.b.obj"), mesh[0], mesh[1], textures, texture_res=None)
    assert {path.name for path in tmp_path.iterdir()} == {"a.b.obj", "a.b.mtl", "a.b.png"}
    *geometry, found = load_obj(tmp_path / "a.b.obj", load_texture=True, texture_res=resolution)
    torch.testing.assert_close(found, textures, atol=0.5 / 255 + 1e-4, rtol=0)
    assert torch.equal(geometry[0], mesh[0]) and torch.equal(geometry[1].long(), mesh[1])
    # And from there on they do not change.
    save_obj(tmp_path / "c.obj", geometry[0], geometry[1], found, texture_res=None)
    assert (tmp_path / "c.png").read_bytes() == (tmp_path / "a.b.png").read_bytes()


def test_spot_survives_with_the_default_resolution(tmp_path):
    spot = Mesh.from_obj(data.path("spot.obj"), load_texture=True, texture_res=5)
    spot.save_obj(tmp_path / "spot.obj", save_texture=True)
    found = Mesh.from_obj(tmp_path / "spot.obj", load_texture=True, texture_res=5)
    assert torch.equal(found.vertices, spot.vertices) and torch.equal(found.faces, spot.faces)
    off = (found.textures - spot.textures).abs()
    assert off.mean() < 5e-4 and off.max() < 0.2
    spot.save_obj(tmp_path / "spot.obj", save_texture=True, texture_res_out=None)
    found = Mesh.from_obj(tmp_path / "spot.obj", load_texture=True, texture_res=5)
    torch.testing.assert_close(found.textures, spot.textures, atol=0.5 / 255 + 1e-4, rtol=0)


def test_another_reader_sees_the_same_texture(mesh, tmp_path):
    textures = texels(20, 1)
    save_obj(tmp_path / "a.obj", *mesh, textures)
    found: Any = trimesh.load(tmp_path / "a.obj", process=False)
    np.testing.assert_allclose(found.triangles, mesh[0][mesh[1]], rtol=1e-6)
    uv = found.visual.uv[found.faces].mean(1)
    picture = np.asarray(found.visual.material.image)
    assert picture.shape == (4 * 16, 5 * 16, 3)
    columns = (uv[:, 0] * (picture.shape[1] - 1)).round().astype(int)
    rows = ((1 - uv[:, 1]) * (picture.shape[0] - 1)).round().astype(int)
    np.testing.assert_array_equal(picture[rows, columns], (textures[:, 0] * 255).round().numpy().astype(np.uint8))


def test_pixels_are_clipped_and_rounded(mesh, tmp_path):
    textures = torch.tensor([-1.0, 0.999, 3.0]).expand(20, 1, 3)
    save_obj(tmp_path / "a.obj", mesh[0], mesh[1], textures, texture_res=4)
    assert np.asarray(Image.open(tmp_path / "a.png"))[-1, 0].tolist() == [0, 255, 255]


def test_colours_of_vertices_come_back_bit_for_bit(mesh, tmp_path):
    colours = torch.rand(12, 3, generator=torch.Generator().manual_seed(2)) * 3 - 1
    batch = Mesh(mesh[0], mesh[1], colours, texture_type="vertex")
    batch.save_obj(tmp_path / "a.obj", save_texture=True)
    found = Mesh.from_obj(tmp_path / "a.obj", load_texture=True, texture_type="vertex")
    assert torch.equal(found.textures[0], colours) and torch.equal(found.vertices[0], mesh[0])
    assert [path.name for path in tmp_path.iterdir()] == ["a.obj"]
    batch.save_obj(tmp_path / "a.obj")
    assert len((tmp_path / "a.obj").read_text().split("v ")[1].split()) == 3


def test_tensors_with_gradients_are_saved(mesh, tmp_path):
    save_obj(tmp_path / "a.obj", mesh[0].requires_grad_(), mesh[1], texels(20, 2).requires_grad_())
    assert torch.equal(load_obj(tmp_path / "a.obj")[0], mesh[0])


def test_voxels_are_saved_as_points(tmp_path):
    voxel = torch.zeros(2, 4, 5, dtype=torch.int32)
    voxel[1, 3, 2] = voxel[0, 1, 4] = 1
    voxel[0, 0, 0] = 2
    save_voxel(tmp_path / "v.obj", voxel)
    lines = [line for line in (tmp_path / "v.obj").read_text().splitlines() if line and line[0] != "#"]
    assert lines == ["v 0 0.25 0.800000012", "v 0.5 0.75 0.400000006"]


@pytest.mark.parametrize("ending", [".obj", ""])
@pytest.mark.parametrize(
    "name",
    ["-x", "-s 1 2", "#y", " z", "\tq", "a b", "a\tb", "a#b", "a\\b", "a\\", "'q'", ".hidden", "\u2028a",
     "a\x85b", "\xa0#x", "\u00e9", "a\udc80", "ends ", "a\x1c#", "~x", "-"],
)  # fmt: skip
def test_names_are_found_again(mesh, tmp_path, name, ending):
    textures = texels(20, 1)
    save_obj(tmp_path / (name + ending), mesh[0], mesh[1], textures, texture_res=None)
    vertices, _, found = load_obj(tmp_path / (name + ending), load_texture=True, texture_res=1)
    assert torch.equal(vertices, mesh[0]) and len(list(tmp_path.iterdir())) == 3
    torch.testing.assert_close(found, textures, atol=0.5 / 255 + 1e-4, rtol=0)


@pytest.mark.parametrize("name", ["a\nv 9 9 9", "a\rv 9 9 9", "a\r\nb", "a #b", "a\t#b", " #", "a\x0bb", "a\x0c#"])
def test_names_that_cannot_be_written_are_refused(mesh, tmp_path, name):
    with pytest.raises(ValueError, match="filename must have no line break"):
        save_obj(tmp_path / f"{name}.obj", *mesh, texels(20, 1))
    assert not list(tmp_path.iterdir())
    if "\n" in name or "\r" in name:
        with pytest.raises(ValueError, match="filename must have no line break"):
            save_obj(tmp_path / f"{name}.obj", *mesh)
    else:  # with nothing beside it to be named
        save_obj(tmp_path / f"{name}.obj", *mesh)
        assert torch.equal(load_obj(tmp_path / f"{name}.obj")[0], mesh[0])


@pytest.mark.parametrize("name", ["a.mtl", "a.png"])
def test_files_do_not_overwrite_each_other(mesh, tmp_path, name):
    with pytest.raises(ValueError, match="filename must not end in .mtl or .png"):
        save_obj(tmp_path / name, *mesh, texels(20, 1))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e39])
def test_numbers_that_cannot_be_loaded_again_are_refused(mesh, tmp_path, value):
    vertices = mesh[0].double()
    vertices[3, 1] = value
    with pytest.raises(ValueError, match="vertices must be finite in float32"):
        save_obj(tmp_path / "a.obj", vertices, mesh[1])
    for textures, kind in ((texels(20, 2), "surface"), (mesh[0].clone(), "vertex")):
        textures = textures.double()
        textures.view(-1)[5] = value
        with pytest.raises(ValueError, match="textures must be finite in float32"):
            save_obj(tmp_path / "a.obj", mesh[0], mesh[1], textures, texture_type=kind)
    assert not list(tmp_path.iterdir())


def test_bad_input_is_refused(mesh, tmp_path):
    vertices, faces = mesh
    path = tmp_path / "a.obj"
    for name, call in {
        r"vertices must be a tensor \(n, 3\), got shape \(1, 12, 3\)": lambda: save_obj(path, vertices[None], faces),
        r"faces must be a tensor \(n, 3\), got list": lambda: save_obj(path, vertices, [[0, 1, 2]]),
        r"faces must be in \[0, 11\), got 0 to 11": lambda: save_obj(path, vertices[:11], faces),
        "texture_type must be 'surface', 'vertex' or 'uv', got 'face'": lambda: save_obj(
            path, vertices, faces, texture_type="face"
        ),
        r"'surface' textures must be \(20, R \* R, 3\), got shape \(20, 3, 3\)": lambda: save_obj(
            path, vertices, faces, torch.zeros(20, 3, 3)
        ),
        r"'vertex' textures must be \(12, 3\), got shape \(12, 4\)": lambda: save_obj(
            path, vertices, faces, torch.zeros(12, 4), texture_type="vertex"
        ),
        "texture_res must be None or an int from 2, got 1": lambda: save_obj(path, vertices, faces, texels(20, 1), 1),
        r"voxel must be a tensor \(X, Y, Z\), got shape \(2, 2\)": lambda: save_voxel(path, torch.zeros(2, 2)),
        "only a batch of one mesh can be saved, got 2": lambda: Mesh(
            vertices.expand(2, -1, -1), faces.expand(2, -1, -1)
        ).save_obj(path),
    }.items():
        with pytest.raises(ValueError, match=name):
            call()
    with pytest.raises(TypeError, match="faces must be integers, got torch.float32"):
        save_obj(path, vertices, faces.float())
    assert not path.exists()
