"""`Mesh` and normals: layouts, batches, values and gradients against loops over the faces."""

import numpy as np
import pytest
import torch
from mesh_shapes import icosahedron, soup
from support.devices import DEVICES

from gendr_adapters import data
from gendr_adapters._soft_renderer.meshes import Mesh
from gendr_adapters._soft_renderer.normals import face_vertices, vertex_normals
from gendr_adapters.softras.functional import soft_rasterize


@pytest.fixture(params=[1, 2, 3])
def batch(request):
    """Vertices (N, 11, 3) and faces (N, 13, 3); for N = 3, axes of length 3 cannot be confused unseen."""
    return soup(torch.Generator().manual_seed(request.param), 11, 13, request.param)


def gradient(function, x):
    x = x.clone().requires_grad_()
    weights = torch.randn(function(x).shape, generator=torch.Generator().manual_seed(9), dtype=x.dtype)
    return torch.autograd.grad((function(x) * weights).sum(), x)[0]


def assert_same_function(actual, expected, x, device):
    def moved(x):
        return actual(x.to(device)).cpu()

    torch.testing.assert_close(moved(x), expected(x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(gradient(moved, x), gradient(expected, x), rtol=1e-10, atol=1e-10)


def normalized(vector):
    return vector / vector.norm().clamp(min=1e-6)


def reference_surface_normals(vertices, faces):
    rows = []
    for mesh, corners in zip(vertices, faces, strict=True):
        rows.append(
            torch.stack([normalized(torch.linalg.cross(mesh[c] - mesh[b], mesh[a] - mesh[b])) for a, b, c in corners])
        )
    return torch.stack(rows)


def reference_vertex_normals(vertices, faces):
    rows = []
    for mesh, corners in zip(vertices, faces, strict=True):
        sums = [torch.zeros(3, dtype=vertices.dtype) for _ in mesh]
        for face in corners.tolist():
            for k in range(3):
                here, following, preceding = (mesh[face[(k + turn) % 3]] for turn in range(3))
                sums[face[k]] = sums[face[k]] + torch.linalg.cross(following - here, preceding - here)
        rows.append(torch.stack([normalized(vector) for vector in sums]))
    return torch.stack(rows)


def test_face_vertices(batch):
    vertices, faces = batch
    expected = torch.stack([v[f] for v, f in zip(vertices, faces, strict=True)])
    assert torch.equal(Mesh(vertices, faces).face_vertices, expected)
    for integers in (torch.int32, torch.int16, torch.uint8):
        assert torch.equal(face_vertices(vertices, faces.to(integers)), expected)
    assert torch.autograd.gradcheck(lambda v: face_vertices(v, faces), vertices.clone().requires_grad_())


@DEVICES
def test_surface_normals(batch, device):
    vertices, faces = batch
    faces[0, 0] = faces[0, 0, 0]  # without area
    assert_same_function(
        lambda v: Mesh(v, faces.to(device)).surface_normals,
        lambda v: reference_surface_normals(v, faces),
        vertices,
        device,
    )


@DEVICES
def test_vertex_normals(batch, device):
    vertices, faces = batch
    faces[faces == 7] = 6  # a vertex without faces, and faces without area
    assert_same_function(
        lambda v: Mesh(v, faces.to(device)).vertex_normals,
        lambda v: reference_vertex_normals(v, faces),
        vertices,
        device,
    )
    assert not Mesh(vertices, faces).vertex_normals[:, 7].any()


@pytest.mark.cuda(real=True)
def test_on_cuda_corners_of_vertices_that_do_not_exist_are_nan():
    vertices = torch.zeros(2, 4, 3, device="cuda")
    faces = torch.zeros(2, 5, 3, dtype=torch.int64, device="cuda")
    faces[0, 3, 1] = 4
    wrong = face_vertices(vertices, faces).isnan()
    assert wrong[0, 3, 1].all() and wrong.sum() == 3


def test_normals_of_tiny_faces_are_not_blown_up():
    corners = torch.tensor([[0, 0, 0], [1e-4, 0, 0], [0, 1e-4, 0]], dtype=torch.float64)
    mesh = Mesh(corners, torch.tensor([[0, 1, 2]]))
    torch.testing.assert_close(mesh.surface_normals, torch.tensor([[[0, 0, 1e-2]]], dtype=torch.float64))


def test_normals_point_outwards():
    sphere = Mesh.from_obj(data.path("sphere_642.obj"))
    outwards = sphere.vertices / sphere.vertices.norm(dim=2, keepdim=True)
    assert ((sphere.vertex_normals * outwards).sum(2) > 0.98).all()
    assert ((sphere.surface_normals * outwards[0][sphere.faces[0]].mean(1)).sum(2) > 0.98).all()


def test_gradients_repeat_bit_for_bit_with_any_number_of_threads():
    sphere = Mesh.from_obj(data.path("sphere_1352.obj"))
    vertices = sphere.vertices.expand(4, -1, -1)
    faces = sphere.faces.expand(4, -1, -1)
    threads = torch.get_num_threads()
    try:
        runs = []
        for n in (1, 2, 4, 4):
            torch.set_num_threads(n)
            runs.append(
                torch.cat(
                    [
                        gradient(f, vertices)
                        for f in (lambda v: face_vertices(v, faces), lambda v: vertex_normals(v, faces))
                    ]
                )
            )
        assert all(torch.equal(runs[0], run) for run in runs[1:])
    finally:
        torch.set_num_threads(threads)


def test_arrays_become_tensors_of_the_originals_types():
    vertices, faces = (x.numpy() for x in icosahedron(torch.Generator().manual_seed(0)))
    mesh = Mesh(vertices, faces, np.zeros((20, 4, 3)))
    assert (mesh.vertices.dtype, mesh.faces.dtype, mesh.textures.dtype) == (torch.float32, torch.int32, torch.float32)
    assert (mesh.vertices.shape, mesh.faces.shape, mesh.textures.shape) == ((1, 12, 3), (1, 20, 3), (1, 20, 4, 3))
    assert (mesh.batch_size, mesh.num_vertices, mesh.num_faces, mesh.texture_res) == (1, 12, 20, 2)
    assert mesh.device == torch.device("cpu") and mesh.texture_type == "surface"
    with torch.device("meta"):
        assert Mesh(vertices, faces).device.type == "meta"
    assert Mesh(torch.zeros(12, 3, device="meta"), faces).faces.device.type == "meta"


def test_tensors_stay_what_they_are(batch):
    vertices, faces = batch
    mesh = Mesh(vertices, faces)
    assert mesh.vertices is vertices and mesh.faces is faces
    assert (mesh.batch_size, mesh.num_vertices, mesh.num_faces) == (len(vertices), 11, 13)


@pytest.mark.parametrize(("kind", "resolution", "shape"), [("surface", 3, (2, 13, 9, 3)), ("vertex", 3, (2, 11, 3))])
def test_meshes_are_white_unless_told(kind, resolution, shape):
    vertices, faces = soup(torch.Generator().manual_seed(0), 11, 13, 2)
    mesh = Mesh(vertices, faces, texture_res=resolution, texture_type=kind)
    assert torch.equal(mesh.textures, torch.ones(shape, dtype=torch.float64))
    assert mesh.texture_res == (resolution if kind == "surface" else 1)


def test_face_textures():
    vertices, faces = soup(torch.Generator().manual_seed(0), 11, 13, 2)
    colours = torch.rand(2, 11, 3)
    found = Mesh(vertices, faces, colours, texture_type="vertex").face_textures
    assert torch.equal(found, torch.stack([c[f] for c, f in zip(colours, faces, strict=True)]))
    texels = torch.rand(2, 13, 4, 3)
    assert Mesh(vertices, faces, texels).face_textures is texels


def test_setters_and_reset(batch):
    vertices, faces = batch
    mesh = Mesh(vertices, faces)
    textures = mesh.textures
    before = mesh.face_vertices
    mesh.vertices = vertices * 2
    assert torch.equal(mesh.face_vertices, before * 2)
    mesh.faces = faces[:, :5]
    mesh.textures = textures[:, :5] * 0.5
    assert (mesh.num_faces, mesh.face_textures.max()) == (5, 0.5)
    mesh.fill_back_()
    mesh.reset_()
    assert mesh.vertices is vertices and mesh.faces is faces and mesh.textures is textures
    mesh.fill_back_()
    assert mesh.num_faces == 26
    vertices.mul_(3)
    mesh.reset_()
    assert torch.equal(mesh.face_vertices, before * 3)  # nothing stale


@pytest.mark.parametrize("order", [[0, 1, 2], [0, 2, 1]])
@pytest.mark.parametrize("resolution", [1, 2, 4])
def test_fill_back_shows_the_same_texture_behind(resolution, order):
    corners = torch.tensor([[-0.8, -0.7, 2.0], [0.1, 0.9, 2.0], [0.8, -0.5, 2.0]])
    texels = torch.rand(1, 1, resolution**2, 3, generator=torch.Generator().manual_seed(0))
    mesh = Mesh(corners, torch.tensor([order]), texels)

    def picture(fill_back):
        return soft_rasterize(mesh.face_vertices, mesh.face_textures, 32, fill_back=fill_back, sigma_val=1e-7)[:, :3]

    both_sides = picture(fill_back=True)
    mesh.fill_back_()
    mesh.fill_back_()
    assert mesh.num_faces == 2 and both_sides.mean() > 0.1
    torch.testing.assert_close(picture(fill_back=False), both_sides, atol=1e-3, rtol=0)


def test_fill_back_of_colours_at_vertices():
    vertices, faces = soup(torch.Generator().manual_seed(0), 11, 13, 2)
    mesh = Mesh(vertices, faces, texture_type="vertex")
    mesh.fill_back_()
    assert mesh.textures.shape == (2, 11, 3)
    assert torch.equal(mesh.face_vertices[:, 13:], mesh.face_vertices[:, :13].flip(2))


@pytest.mark.parametrize(
    ("error", "message", "call"),
    [
        (
            ValueError,
            "texture_type must be 'surface', 'vertex' or 'uv', got 'uvs'",
            lambda v, f: Mesh(v, f, texture_type="uvs"),
        ),
        (
            ValueError,
            r"vertices must be \(N, V, 3\) or \(V, 3\), got shape \(4, 2\)",
            lambda v, f: Mesh(v[0, :, :2], f),
        ),
        (TypeError, "vertices must be a tensor or a NumPy array, got list", lambda v, f: Mesh(v.tolist(), f)),
        (ValueError, "there must be faces for each of 2 meshes, got 1", lambda v, f: Mesh(v, f[:1])),
        (
            ValueError,
            r"textures must be of 2 x 5 faces, got shape \(2, 4, 1, 3\)",
            lambda v, f: Mesh(v, f, torch.zeros(2, 4, 1, 3)),
        ),
        (ValueError, r"must have R \* R texels a face, got 3", lambda v, f: Mesh(v, f, torch.zeros(2, 5, 3, 3))),
        (
            ValueError,
            r"textures must be \(N, V, 3\) or \(V, 3\), got shape \(2, 5, 1, 3\)",
            lambda v, f: Mesh(v, f, torch.zeros(2, 5, 1, 3), texture_type="vertex"),
        ),
        (
            ValueError,
            r"faces must be in \[0, 4\), the mesh's vertices, got 4 in face 3 of mesh 1",
            lambda v, f: face_vertices(v, f + 4 * (torch.arange(10).view(2, 5, 1) == 8)),
        ),
        (TypeError, "faces must be a tensor of integers, got torch.float32", lambda v, f: face_vertices(v, f.float())),
        (ValueError, r"faces must be \(2, F, 3\), got shape \(1, 5, 3\)", lambda v, f: vertex_normals(v, f[:1])),
        (ValueError, r"vertices must be \(N, V, 3\), got shape \(4, 3\)", lambda v, f: vertex_normals(v[0], f)),
        (TypeError, "vertices must be float32 or float64, got torch.int64", lambda v, f: face_vertices(f, f)),
    ],
)
def test_bad_input_is_refused(error, message, call):
    with pytest.raises(error, match=message):
        call(torch.zeros(2, 4, 3), torch.zeros(2, 5, 3, dtype=torch.int64))
