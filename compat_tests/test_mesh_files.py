"""load_mesh and save_mesh: what is saved comes back, materials become one texture, broken files are refused."""

import base64
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import Mesh, RenderSettings, data, gather_corners, load_mesh, render, save_mesh, vertex_normals
from gendr_adapters._meshes._atlas import Part, in_one_texture

trimesh = pytest.importorskip("trimesh")
Image = pytest.importorskip("PIL.Image")


def random_numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def ball(kind: str = "plain") -> Mesh:
    made = trimesh.creation.icosphere(subdivisions=1)
    vertices, faces = torch.from_numpy(made.vertices.copy()).float(), torch.from_numpy(made.faces.copy())
    mesh = Mesh(vertices, faces)
    if kind == "colours":
        return mesh._replace(vertex_colours=(random_numbers(len(vertices), 3) * 255).round() / 255)
    if kind == "texture":
        texture = (random_numbers(5, 7, 3) * 255).round() / 255
        return mesh._replace(uvs=random_numbers(len(faces), 3, 2, seed=1) * 3 - 1, texture=texture)
    return mesh


def looked_up(mesh: Mesh, weights: Tensor) -> Tensor:
    """The texture at points of faces: weights (n, 3) -> (F, n, 3), written out: bilinear, repeating."""
    height, width = mesh.texture.shape[:2]
    uv = weights.double() @ mesh.uvs.double()
    x, y = uv[..., 0] * width - 0.5, (1 - uv[..., 1]) * height - 0.5
    x0, y0 = x.floor(), y.floor()
    found = torch.zeros(*uv.shape[:-1], 3).double()
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        share = (1 - (x - x0 - dx).abs()) * (1 - (y - y0 - dy).abs())
        texel = mesh.texture[((y0 + dy) % height).long(), ((x0 + dx) % width).long()]
        found += share[..., None] * texel
    return found


WEIGHTS = torch.tensor([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.3, 0.5], [0.6, 0.3, 0.1]])


def assert_same_shape(found: Mesh, expected: Mesh) -> None:
    assert found.vertices.dtype == torch.float32 and found.faces.dtype == torch.int64
    assert_close(found.vertices[found.faces], expected.vertices[expected.faces], rtol=0, atol=1e-6)


# ---- round trips


@pytest.mark.parametrize("kind", ["plain", "colours", "texture"])
@pytest.mark.parametrize("suffix", ["obj", "ply", "glb", "stl", "off", "OBJ"])
def test_saved_meshes_are_loaded_unchanged(suffix: str, kind: str, tmp_path: Path) -> None:
    mesh = ball(kind)
    save_mesh(tmp_path / f"a.{suffix}", mesh)
    found = load_mesh(str(tmp_path / f"a.{suffix}"))
    assert_same_shape(found, mesh)
    assert len(found.vertices) == len(mesh.vertices)
    if kind == "colours" and suffix.lower() in ("obj", "ply", "glb"):
        corners = found.vertex_colours[found.faces]
        assert_close(corners, mesh.vertex_colours[mesh.faces], rtol=0, atol=1e-6)
    elif kind == "texture" and suffix.lower() in ("obj", "glb"):
        assert_close(found.texture, mesh.texture, rtol=0, atol=1e-6)
        assert_close(found.uvs, mesh.uvs, rtol=0, atol=1e-6)
    else:
        assert found.texture is None and found.uvs is None and found.vertex_colours is None
    assert found.normals is None


def test_vertices_of_float64_and_gradients_are_saved(tmp_path: Path) -> None:
    mesh = ball().to(torch.float64)
    save_mesh(tmp_path / "a.ply", mesh._replace(vertices=mesh.vertices.requires_grad_()))
    assert_same_shape(load_mesh(tmp_path / "a.ply"), ball())


def test_vertices_of_one_place_become_one(tmp_path: Path) -> None:
    """STL has three of its own for each face; they come back once, where the first of them was."""
    mesh = ball()
    save_mesh(tmp_path / "a.stl", mesh)
    found = load_mesh(tmp_path / "a.stl")
    assert len(found.vertices) == len(mesh.vertices)
    assert found.faces.flatten()[:3].tolist() == [0, 1, 2]
    assert_close(vertex_normals(found.vertices, found.faces)[found.faces], vertex_normals(*mesh[:2])[mesh.faces])


def test_default_device_and_dtype(tmp_path: Path) -> None:
    save_mesh(tmp_path / "a.ply", ball())
    torch.set_default_dtype(torch.float64)
    try:
        found = [load_mesh(path) for path in (tmp_path / "a.ply", data.path("spot.obj"))]
    finally:
        torch.set_default_dtype(torch.float32)
    assert {x.dtype for mesh in found for x in mesh if x is not None} == {torch.float32, torch.int64}
    with torch.device("meta"):
        assert load_mesh(tmp_path / "a.ply").vertices.is_meta


# ---- OBJ


def write_obj(folder: Path, mtl: str, obj: str) -> Path:
    (folder / "a.mtl").write_text(mtl)
    (folder / "a.obj").write_text(f"mtllib a.mtl\n{obj}")
    return folder / "a.obj"


CORNERS = "v 0 0 0\nv 1 0 0\nv 0 1 0\nvt -0.3 0.1\nvt 2.4 0.2\nvt 0.1 1.9\nvn 0 0 1\n"


def test_obj_with_several_materials(tmp_path: Path) -> None:
    """Pictures that repeat, of different sizes, and colours: looked up in one texture as in their own."""
    pictures = [(random_numbers(h, w, 3, seed=h) * 255).round() / 255 for h, w in ((4, 6), (9, 3))]
    for name, picture in zip("pq", pictures, strict=True):
        Image.fromarray((picture * 255).to(torch.uint8).numpy()).save(tmp_path / f"{name}.png")
    path = write_obj(
        tmp_path,
        "newmtl p\nmap_Kd p.png\nnewmtl q\nmap_Kd -s 2 1 -o 0.3 0 q.png\nnewmtl c\nKd 0.2 0.4 0.6\n",
        f"{CORNERS}f 1/1 2/2 3/3\nusemtl p\nf 1/1 2/2 3/3\nusemtl q\nf 3/3 2/2 1/1\nusemtl c\nf 1/1 2/2 3/3\n",
    )
    mesh = load_mesh(path)
    found = looked_up(mesh, WEIGHTS)
    uvs = torch.tensor([[-0.3, 0.1], [2.4, 0.2], [0.1, 1.9]])
    moved = uvs.flip(0) * torch.tensor([2.0, 1.0]) + torch.tensor([0.3, 0.0])
    expected = [
        torch.ones(5, 3).double(),
        looked_up(Mesh(mesh.vertices, mesh.faces, uvs[None], pictures[0]), WEIGHTS)[0],
        looked_up(Mesh(mesh.vertices, mesh.faces, moved[None], pictures[1]), WEIGHTS)[0],
        torch.tensor([0.2, 0.4, 0.6]).double().expand(5, 3),
    ]  # fmt: skip
    assert_close(found, torch.stack(expected), rtol=0, atol=2e-5)
    assert load_mesh(path, textures=False).texture is None
    assert_close(load_mesh(path, textures=False).uvs[0], uvs)


def test_obj_whose_library_is_not_there(tmp_path: Path) -> None:
    """The mesh is read without materials, and a warning says so."""
    (tmp_path / "a.obj").write_text(f"mtllib gone.mtl\n{CORNERS}usemtl a\nf 1/1 2/2 3/3\n")
    with pytest.warns(UserWarning, match=r"a\.obj:1: mtllib names .*gone\.mtl, which does not exist"):
        mesh = load_mesh(tmp_path / "a.obj")
    assert mesh.texture is None and mesh.uvs is not None


def test_obj_with_one_material_keeps_its_picture_and_uvs(tmp_path: Path) -> None:
    spot = load_mesh(data.path("spot.obj"))
    picture = np.asarray(Image.open(data.path("spot_texture.png")).convert("RGB")) / np.float32(255)
    assert np.abs(spot.texture.numpy() - picture).max() < 1e-6
    coloured = load_mesh(write_obj(tmp_path, "newmtl c\nKd 0.2 0.4 0.6\n", f"{CORNERS}usemtl c\nf 1/1/1 2/2/1 3/3/1\n"))
    assert_close(coloured.texture, torch.tensor([[[0.2, 0.4, 0.6]]]))
    assert_close(coloured.uvs[0, 1], torch.tensor([2.4, 0.2]))
    assert coloured.normals.tolist() == [[[0.0, 0.0, 1.0]] * 3]


def test_atlas_refuses_what_repeats_too_often() -> None:
    faces, picture, uvs = torch.tensor([0]), torch.ones(64, 64, 3), torch.zeros(1, 3, 2)
    many = uvs.clone()
    many[0, 1] = 1e4
    parts = [Part(faces, picture, uvs), Part(faces + 1, picture, many)]
    with pytest.raises(ValueError, match=r"a\.obj: faces repeat the picture of one of 2 materials 10000 x 10000 times"):
        in_one_texture("a.obj", parts, 2)
    assert in_one_texture("a.obj", parts[1:], 2)[0].shape == (64, 64, 3)


# ---- glTF


def scene_of(*parts: Any) -> Any:
    scene = trimesh.Scene()
    for i, part in enumerate(parts):
        scene.add_geometry(
            part, geom_name=f"part{i}", transform=trimesh.transformations.translation_matrix([2 * i, 0, 0])
        )
    return scene


def test_parts_of_a_scene_stand_where_the_scene_has_them(tmp_path: Path) -> None:
    box = trimesh.creation.box()
    moved = trimesh.transformations.translation_matrix([5, 0, 0]) @ np.diag([-1.0, 1, 1, 1])  # and mirrored
    scene = trimesh.Scene()
    scene.add_geometry(box, geom_name="box")
    scene.add_geometry(box, geom_name="box", node_name="again", transform=moved)
    (tmp_path / "a.glb").write_bytes(scene.export(file_type="glb"))
    mesh = load_mesh(tmp_path / "a.glb")
    assert mesh.faces.shape == (24, 3) and len(mesh.vertices) == 16
    assert_close(mesh.vertices.amax(0), torch.tensor([5.5, 0.5, 0.5]))
    outwards = mesh.vertices - torch.where(mesh.vertices[:, :1] > 2, torch.tensor([5.0, 0, 0]), torch.zeros(3))
    assert ((vertex_normals(mesh.vertices, mesh.faces) * outwards).sum(1) > 0).all()


def test_normals_of_a_file(tmp_path: Path) -> None:
    """A stretched and turned node: as the stretched mesh's own."""
    mesh = ball()
    geometry = trimesh.Trimesh(mesh.vertices.numpy(), mesh.faces.numpy(), process=False)
    (tmp_path / "a.ply").write_bytes(geometry.export(file_type="ply", vertex_normal=True))
    assert_close(load_mesh(tmp_path / "a.ply").normals, vertex_normals(*mesh[:2])[mesh.faces], rtol=0, atol=0.05)
    stretch = trimesh.transformations.rotation_matrix(0.7, [1, 2, 3]) @ np.diag([1.0, 3, 0.5, 1])
    scene = trimesh.Scene()
    scene.add_geometry(geometry, transform=stretch)
    (tmp_path / "a.glb").write_bytes(scene.export(file_type="glb", include_normals=True))
    found = load_mesh(tmp_path / "a.glb")
    normals, expected = F.normalize(found.normals, dim=-1), vertex_normals(found.vertices, found.faces)[found.faces]
    assert (normals * expected).sum(-1).min() > 0.9


def test_several_materials_of_a_scene(tmp_path: Path) -> None:
    parts, expected = [], []
    for seed, size in ((1, (4, 6)), (2, (3, 3))):
        mesh = ball("texture")
        texture = (random_numbers(*size, 3, seed=seed) * 255).round() / 255
        image = Image.fromarray((texture * 255).to(torch.uint8).numpy())
        material = trimesh.visual.material.PBRMaterial(baseColorTexture=image, baseColorFactor=[255, 128, 255, 255])
        visual = trimesh.visual.TextureVisuals(uv=mesh.uvs.flatten(0, 1).numpy(), material=material)
        corners = mesh.vertices[mesh.faces].flatten(0, 1).numpy()
        parts.append(trimesh.Trimesh(corners, np.arange(len(corners)).reshape(-1, 3), visual=visual, process=False))
        tinted = texture * torch.tensor([1.0, 128 / 255, 1.0])
        expected.append(looked_up(mesh._replace(texture=tinted), WEIGHTS))
    plain, green = trimesh.creation.box(), trimesh.visual.material.PBRMaterial(baseColorFactor=[51, 102, 0, 255])
    plain.visual = trimesh.visual.TextureVisuals(uv=np.full((8, 2), 3.7), material=green)
    (tmp_path / "a.glb").write_bytes(scene_of(*parts, plain).export(file_type="glb"))
    found = looked_up(load_mesh(tmp_path / "a.glb"), WEIGHTS)
    expected.append(torch.tensor([0.2, 0.4, 0.0]).double().expand(12, 5, 3))
    assert_close(found, torch.cat(expected), rtol=0, atol=2e-5)


def gltf(folder: Path, change: Callable[[dict[str, Any]], None], name: str = "a.gltf", buffer: str = "a.bin") -> Path:
    """A triangle with a picture in files of their own; change edits the header."""
    numbers = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32).tobytes()
    uvs = np.array([[0, 0], [1, 0], [0, 1]], np.float32).tobytes()
    (folder / buffer).write_bytes(numbers + uvs)
    Image.fromarray(np.full((2, 2, 3), 51, np.uint8)).save(folder / "a.png")
    tree: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "buffers": [{"uri": buffer, "byteLength": 60}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}, {"buffer": 0, "byteOffset": 36, "byteLength": 24}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5126, "count": 3, "type": "VEC2"},
        ],
        "images": [{"uri": "a.png"}],
        "textures": [{"source": 0}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}]}],
        "nodes": [{"mesh": 0}],
        "scenes": [{"nodes": [0]}],
        "scene": 0,
    }
    change(tree)
    (folder / name).write_text(json.dumps(tree))
    return folder / name


def test_gltf_reads_files_beside_it(tmp_path: Path) -> None:
    mesh = load_mesh(gltf(tmp_path, lambda tree: None))
    assert mesh.vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]] and mesh.faces.tolist() == [[0, 1, 2]]
    assert_close(mesh.texture, torch.full((2, 2, 3), 0.2))
    assert_close(mesh.uvs, torch.tensor([[[0.0, 1], [1, 1], [0, 0]]]))  # glTF's v is down
    inline = "data:application/octet-stream;base64," + base64.b64encode((tmp_path / "a.bin").read_bytes()).decode()
    assert_same_shape(load_mesh(gltf(tmp_path, lambda tree: tree["buffers"][0].update(uri=inline))), mesh)
    (tmp_path / "below").mkdir()
    spaced = gltf(tmp_path, lambda tree: tree["buffers"][0].update(uri="below/b%20c.bin"), buffer="below/b c.bin")
    assert_same_shape(load_mesh(spaced), mesh)


def coloured(colours: np.ndarray, component: int) -> Callable[[dict[str, Any]], None]:
    def change(tree: dict[str, Any]) -> None:
        uri = "data:;base64," + base64.b64encode(colours.tobytes()).decode()
        tree["buffers"].append({"uri": uri, "byteLength": colours.nbytes})
        tree["bufferViews"].append({"buffer": 1, "byteLength": colours.nbytes})
        accessor = {"bufferView": 2, "componentType": component, "count": 3, "type": f"VEC{colours.shape[1]}"}
        tree["accessors"].append(accessor)
        tree["materials"] = [{"pbrMetallicRoughness": {"baseColorFactor": [1, 0.2, 1, 1]}}]
        tree["meshes"][0]["primitives"][0]["attributes"]["COLOR_0"] = 2

    return change


def test_gltf_vertex_colours_times_the_materials_colour(tmp_path: Path) -> None:
    levels = np.array([[1, 0.5, 0], [0, 1, 1], [0.2, 0, 0]], np.float32)
    mesh = load_mesh(gltf(tmp_path, coloured(levels, 5126)))
    assert_close(mesh.vertex_colours, torch.from_numpy(levels) * torch.tensor([1, 0.2, 1]), rtol=0, atol=0.003)
    with pytest.raises(ValueError, match="COLOR_0 has an integer type that is not supported"):
        load_mesh(gltf(tmp_path, coloured((levels * 65535).astype(np.uint16), 5123)))


# ---- hostile and broken files


OUTSIDE = ["../secret.bin", "%2e%2e/secret.bin", "/etc/hostname", "below/../../secret.bin", "link.bin"]
NETWORK = ["http://example.com/a.bin", "https:a.bin", "file:///etc/hostname", "//example.com/a.bin", "ftp://x/a.bin"]


@pytest.mark.parametrize("uri", [*OUTSIDE, *NETWORK])
@pytest.mark.parametrize("what", ["buffers", "images"])
def test_gltf_reads_nothing_outside_its_folder(what: str, uri: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    path = gltf(folder, lambda tree: tree[what][0].update(uri=uri))
    for name in ("a.bin", "a.png"):
        (tmp_path / "secret.bin").write_bytes((folder / name).read_bytes())
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    with pytest.raises(ValueError, match=r"a\.gltf: an? (buffer|image) names .*so it is not read"):
        load_mesh(path)


@pytest.mark.parametrize("name", ["../secret", "/etc/secret", "link"])
def test_obj_reads_nothing_outside_its_folder(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_text("newmtl a\nKd 1 0 0\n")
    (folder / "link").symlink_to(tmp_path / "secret")
    (folder / "a.obj").write_text(f"mtllib {name}\n{CORNERS}usemtl a\nf 1/1 2/2 3/3\n")
    with pytest.raises(ValueError, match=r"a\.obj:1: mtllib names .*outside the file's folder"):
        load_mesh(folder / "a.obj")
    pictured = write_obj(folder, f"newmtl a\nmap_Kd {name}\n", f"{CORNERS}usemtl a\nf 1/1 2/2 3/3\n")
    with pytest.raises(ValueError, match=r"a\.mtl:2: map_Kd names .*outside the file's folder"):
        load_mesh(pictured)
    assert load_mesh(pictured, textures=False).faces.shape == (1, 3)


def test_ply_reads_no_picture_outside_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    Image.fromarray(np.zeros((2, 2, 3), np.uint8)).save(tmp_path / "secret.png")
    text = "ply\nformat ascii 1.0\ncomment TextureFile ../secret.png\nelement vertex 3\nproperty float x\n"
    text += "property float y\nproperty float z\nproperty float s\nproperty float t\nelement face 1\n"
    text += "property list uchar int vertex_indices\nend_header\n0 0 0 0 0\n1 0 0 1 0\n0 1 0 0 1\n3 0 1 2\n"
    (folder / "a.ply").write_text(text)
    with pytest.raises(ValueError, match=r"a\.ply: TextureFile names .*outside the file's folder"):
        load_mesh(folder / "a.ply")
    (folder / "a.ply").write_text(text.replace("../secret", "own"))
    Image.fromarray(np.full((2, 2, 3), 51, np.uint8)).save(folder / "own.png")
    mesh = load_mesh(folder / "a.ply")
    assert_close(mesh.texture, torch.full((2, 2, 3), 0.2))
    assert_close(mesh.uvs, torch.tensor([[[0.0, 0], [1, 0], [0, 1]]]))


def bad_header(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tree: tree.update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tree: tree["accessors"][0].update(count=10**12), "asks for .* bytes, but the file has"),
        (lambda tree: tree["accessors"].append({"componentType": 5126, "count": 10**10, "type": "MAT4"}), "asks for"),
        (lambda tree: tree["bufferViews"].extend([{"buffer": 0, "byteLength": 10**6}] * 1000), "asks for"),
        (lambda tree: tree["accessors"][0].update(count=-1), "count must be an int >= 0, got -1"),
        (lambda tree: tree["accessors"][0].update(count="3"), "count must be an int >= 0, got '3'"),
        (lambda tree: tree["accessors"][0].update(bufferView=7), "cannot be read as GLTF"),
        (lambda tree: tree["accessors"][0].update(componentType=5121), "POSITION has an integer type"),
        (lambda tree: tree["accessors"][0].update(componentType=1), "not a glTF file: KeyError"),
        (lambda tree: tree["accessors"][0].update(sparse={}), "sparse accessor"),
        (lambda tree: tree["nodes"][0].update(children=[0]), "nodes are not a tree"),
        (lambda tree: tree["nodes"].extend([{"children": [0]}, {"children": [0]}]), "nodes are not a tree"),
        (lambda tree: tree.update(extensionsRequired=["KHR_draco_mesh_compression"]), "needs the glTF extension KHR"),
        (lambda tree: tree["meshes"][0]["primitives"][0].update(mode=6), "a fan of triangles"),
        (lambda tree: tree["meshes"][0]["primitives"][0].update(indices=99), "not a glTF file: IndexError"),
        (lambda tree: tree["materials"][0]["pbrMetallicRoughness"]["baseColorTexture"].update(texCoord=1), "texCoord"),
        (lambda tree: tree["images"][0].update(uri="a.bin"), "1 of its 1 pictures cannot be read"),
        (lambda tree: tree["buffers"][0].update(uri="none.bin"), "a buffer names 'none.bin', which cannot be read"),
        (lambda tree: tree["buffers"][0].update(uri=5), "URI that is not a string"),
        (lambda tree: tree.update(meshes=[], nodes=[], scenes=[{}]), "no faces|cannot be read"),
        (lambda tree: tree.update(nodes=5), "not a glTF file: TypeError"),
        (lambda tree: tree.update(asset={"version": "1.0"}), "only GLTF 2|cannot be read"),
    ],
)  # fmt: skip
def test_broken_gltf(change: Callable[[dict[str, Any]], None], message: str, tmp_path: Path) -> None:
    path = gltf(tmp_path, change)
    with pytest.raises(ValueError, match=rf"{path}.*({message})"):
        load_mesh(path)


def bytes_of(suffix: str) -> bytes:
    geometry = trimesh.creation.box()
    written = geometry.export(file_type=suffix)
    return written.encode() if isinstance(written, str) else bytes(written)


BROKEN = {
    "empty": lambda good: b"",
    "half": lambda good: good[: len(good) // 2],
    "noise": lambda good: np.random.default_rng(0).integers(0, 256, 500, np.uint8).tobytes(),
    "text": lambda good: b"hello\n" * 9,
    "begins well": lambda good: good[:40] + b"\xff" * 200,
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("suffix", ["ply", "glb", "stl", "off", "gltf", "obj"])
def test_broken_files_are_refused_by_name(suffix: str, how: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(BROKEN[how](b'{"asset": 3}' if suffix == "gltf" else bytes_of(suffix)))
    with pytest.raises(ValueError, match=rf"a\.{suffix}"):
        load_mesh(path)


@pytest.mark.parametrize("suffix", ["ply", "glb", "stl", "off"])
def test_changed_bytes_never_end_in_anything_else(suffix: str, tmp_path: Path) -> None:
    """A mesh, or a ValueError that names the file."""
    good, random = bytes_of(suffix), np.random.default_rng(1)
    path = tmp_path / f"a.{suffix}"
    loaded = 0
    for _ in range(60):
        content = bytearray(good)
        for place in random.integers(0, len(good), random.integers(1, 6)):
            content[place] = random.integers(0, 256)
        path.write_bytes(content)
        try:
            mesh = load_mesh(path)
        except ValueError as error:
            assert path.name in str(error)
            continue
        loaded += 1
        assert mesh.vertices.isfinite().all() and mesh.faces.min() >= 0 and mesh.faces.max() < len(mesh.vertices)
    assert loaded > 0


def test_ply_that_claims_a_lot(tmp_path: Path) -> None:
    text = bytes_of("ply").replace(b"element vertex 8", b"element vertex 80000000000000")
    (tmp_path / "a.ply").write_bytes(text)
    with pytest.raises(ValueError, match=r"a\.ply: its header says 'element vertex 80000000000000', but the file has"):
        load_mesh(tmp_path / "a.ply")


def test_numbers_that_are_not_finite(tmp_path: Path) -> None:
    for number in ("nan", "1e39"):
        (tmp_path / "a.off").write_text(f"OFF\n3 1 0\n0 0 0\n1 0 {number}\n0 1 0\n3 0 1 2\n")
        with pytest.raises(ValueError, match=r"a\.off: its vertices must be finite numbers"):
            load_mesh(tmp_path / "a.off")


def test_files_that_are_not_there_or_none(tmp_path: Path) -> None:
    for suffix in ("obj", "ply", "glb"):
        with pytest.raises(FileNotFoundError):
            load_mesh(tmp_path / f"none.{suffix}")
    with pytest.raises(ValueError, match=r"suffix must be one of \.obj, \.ply, .*, got '\.fbx'"):
        load_mesh("a.fbx")
    with pytest.raises(ValueError, match=r"suffix must be one of .*, got '\.gltf'"):
        save_mesh("a.gltf", ball())
    (tmp_path / "null.ply").symlink_to("/dev/null")
    with pytest.raises(ValueError, match="is no regular file"):
        load_mesh(tmp_path / "null.ply")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save_mesh(tmp_path / "a.ply", ball())
    monkeypatch.setitem(sys.modules, "trimesh", None)
    for call in (lambda: load_mesh(tmp_path / "a.ply"), lambda: save_mesh(tmp_path / "b.ply", ball())):
        with pytest.raises(ImportError, match=r"needs trimesh: pip install 'gendr_adapters\[mesh\]'"):
            call()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"vertices": [[0.0, 0, 0]]}, TypeError, "vertices must be a tensor, got list"),
        ({"vertices": torch.zeros(4, 2)}, ValueError, r"vertices must be \(4, 3\), got shape \(4, 2\)"),
        ({"vertices": torch.full((99, 3), torch.nan)}, ValueError, "vertices must be finite"),
        ({"faces": torch.zeros(2, 3)}, TypeError, "faces must be an int64 or int32 tensor, got torch.float32"),
        ({"faces": torch.tensor([[0, 1, 10**6]])}, ValueError, "faces must be in .*, got 0 to 1000000"),
        ({"uvs": torch.zeros(2, 3, 2)}, ValueError, r"uvs must be .*, got shape \(2, 3, 2\)"),
        ({"vertex_colours": torch.zeros(2, 3)}, ValueError, "vertex_colours must be"),
        ({"texture": torch.zeros(2, 2, 4)}, ValueError, r"texture must be \(2, 2, 3\), got shape \(2, 2, 4\)"),
        ({"texture": torch.zeros(2, 2, 3)}, ValueError, "a texture but no uvs"),
    ],
)
def test_meshes_that_cannot_be_saved(
    change: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    for suffix in ("obj", "ply"):
        with pytest.raises(error, match=message):
            save_mesh(tmp_path / f"a.{suffix}", ball()._replace(**change))
    with pytest.raises(TypeError, match="mesh must be a gendr_adapters.Mesh, got tuple"):
        save_mesh(tmp_path / "a.obj", tuple(ball()))
    assert not list(tmp_path.iterdir())


# ---- what meshes show


@pytest.mark.parametrize("kind", ["plain", "colours", "texture"])
def test_features_are_what_render_takes(kind: str) -> None:
    mesh = ball(kind)
    corners = gather_corners(mesh.vertices + torch.tensor([0.0, 0.0, 3.0]), mesh.faces).expand(2, -1, -1, -1)
    image = render(corners, 16, mesh.features(2), settings=RenderSettings(distribution="hard")).image
    assert image.shape == (2, 3, 16, 16) and (image[:, :, 8, 8] > 0).any()
    with pytest.raises(ValueError, match="a texture but no uvs"):
        mesh._replace(texture=torch.ones(1, 1, 3), uvs=None).features()


def test_normals_of_vertices() -> None:
    mesh = ball()
    outwards = F.normalize(mesh.vertices, dim=1)
    assert ((vertex_normals(mesh.vertices, mesh.faces) * outwards).sum(1) > 0.98).all()
    several = torch.stack([mesh.vertices, 2 * mesh.vertices])
    assert_close(vertex_normals(several, mesh.faces)[1], vertex_normals(mesh.vertices, mesh.faces))
    for vertices, faces, error, message in (
        (mesh.vertices[0], mesh.faces, ValueError, r"vertices must be \(V, 3\) or \(B, V, 3\), got shape \(3,\)"),
        (mesh.vertices, mesh.faces.float(), TypeError, "faces must be an int64 or int32 tensor, got torch.float32"),
        (mesh.vertices, mesh.faces[0], ValueError, r"faces must be \(F, 3\), got shape \(3,\)"),
        (mesh.vertices, mesh.faces + 10**6, ValueError, "faces must be in"),
    ):
        with pytest.raises(error, match=message):
            vertex_normals(vertices, faces)
