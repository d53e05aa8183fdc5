"""Laplacian and flatten losses against the definitions spelled out, values and gradients."""

import loss_reference
import pytest
import torch
from mesh_shapes import icosahedron, soup
from support.devices import DEVICES

from gendr_adapters import data
from gendr_adapters._soft_renderer.losses import FlattenLoss, LaplacianLoss
from gendr_adapters._soft_renderer.meshes import Mesh


def value_and_gradient(loss, x):
    x = x.clone().requires_grad_()
    value = loss(x)
    weights = torch.arange(1, value.numel() + 1, dtype=value.dtype).view(value.shape)
    (gradient,) = torch.autograd.grad((value * weights).sum(), x)
    return value.detach(), gradient


def assert_same(actual, expected, **tolerance):
    for a, e in zip(actual, expected, strict=True):
        torch.testing.assert_close(a, e, check_dtype=False, **tolerance)


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(3)


@DEVICES
@pytest.mark.parametrize("shape", ["closed", "soup"])
@pytest.mark.parametrize("channels", [3, 5])
def test_laplacian_loss_is_that_of_the_matrix(generator, shape, channels, device):
    faces = icosahedron(generator)[1] if shape == "closed" else torch.cat([soup(generator, 12, 9)[1][0], TRIANGLES])
    x = torch.randn(4, 12, channels, generator=generator, dtype=torch.float64)
    loss = LaplacianLoss(torch.zeros(12, 3), faces).to(device)
    expected = value_and_gradient(lambda x: loss_reference.laplacian_loss(x, faces), x)
    assert_same(value_and_gradient(lambda x: loss(x.to(device)).cpu(), x), expected, rtol=1e-12, atol=1e-12)


TRIANGLES = torch.arange(12).view(4, 3)  # so that every vertex is in a face


def test_laplacian_loss_of_a_face_with_a_vertex_twice(generator):
    faces = torch.tensor([[0, 1, 2], [2, 3, 3], [1, 0, 3]])
    x = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(LaplacianLoss(x[0], faces)(x), loss_reference.laplacian_loss(x, faces))


def test_vertices_without_faces_have_no_part_in_the_laplacian_loss(generator):
    vertices, faces = icosahedron(generator)
    more = torch.cat([vertices, torch.randn(3, 3, generator=generator, dtype=torch.float64)])[None]
    value, gradient = value_and_gradient(LaplacianLoss(more[0], faces), more)
    expected, expected_gradient = value_and_gradient(LaplacianLoss(vertices, faces), vertices[None])
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient[:, :12], expected_gradient)
    assert not gradient[:, 12:].any()


@DEVICES
def test_flatten_loss_is_that_of_every_edge(generator, device):
    vertices, faces = icosahedron(generator)
    x = vertices + 0.1 * torch.randn(3, 12, 3, generator=generator, dtype=torch.float64)
    assert len(loss_reference.edges_with_wings(faces)) > 20
    expected = value_and_gradient(lambda x: loss_reference.flatten_loss(x, faces), x)
    loss = FlattenLoss(faces).to(device)
    assert_same(value_and_gradient(lambda x: loss(x.to(device)).cpu(), x), expected, rtol=1e-12, atol=1e-12)
    coarse = loss_reference.flatten_loss(x, faces, eps=0.1)
    torch.testing.assert_close(loss(x.to(device), eps=0.1).cpu(), coarse, check_dtype=False)


def test_flatten_loss_ignores_edges_without_two_faces(generator):
    # An open fan, an edge with three faces (0, 1), and one that both faces have from third to first corner (2, 4).
    faces = torch.tensor([[0, 1, 2], [1, 0, 3], [0, 1, 5], [2, 3, 4], [4, 5, 2], [0, 2, 3]])
    assert [edge[:2] for edge in loss_reference.edges_with_wings(faces)] == [(0, 2), (0, 3), (2, 3)]
    x = torch.randn(2, 6, 3, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(FlattenLoss(faces)(x), loss_reference.flatten_loss(x, faces), check_dtype=False)


@pytest.mark.parametrize("name", ["sphere_642.obj", "sphere_1352.obj", "airplane.obj"])
def test_flatten_loss_has_every_edge_of_the_closed_meshes(name):
    faces = Mesh.from_obj(data.path(name)).faces[0]
    assert len(FlattenLoss(faces).corners) == 4 * (3 * len(faces) // 2)


@pytest.mark.parametrize(("degrees", "expected"), [(0.0, 0.0), (90.0, 1.0), (180.0, 4.0)])
def test_flatten_loss_of_a_fold(degrees, expected):
    angle = torch.deg2rad(torch.tensor(degrees))
    wing = [0.3, -angle.cos().item(), angle.sin().item()]
    vertices = torch.tensor([[[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.5, 1.5, 0.0], wing]])
    loss = FlattenLoss(torch.tensor([[0, 1, 2], [1, 0, 3]]))
    torch.testing.assert_close(loss(vertices), torch.tensor([expected]), atol=1e-5, rtol=1e-5)


def test_averages_are_means_over_the_batch(generator):
    vertices, faces = icosahedron(generator)
    x = vertices * torch.tensor([1.0, 2.0, 3.0])[:, None, None]
    for kind in (lambda **how: LaplacianLoss(vertices, faces, **how), lambda **how: FlattenLoss(faces, **how)):
        torch.testing.assert_close(kind(average=True)(x), kind()(x).mean())


def test_gradients_are_finite_for_collapsed_vertices():
    sphere = Mesh.from_obj(data.path("sphere_642.obj"))
    vertices = torch.zeros_like(sphere.vertices).requires_grad_()
    losses = LaplacianLoss(vertices[0], sphere.faces[0])(vertices) + FlattenLoss(sphere.faces[0])(vertices)
    losses.sum().backward()
    assert vertices.grad.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64])
def test_losses_take_any_integers_and_float32(generator, dtype):
    vertices, faces = icosahedron(generator)
    for loss in (LaplacianLoss(vertices, faces.to(dtype)), FlattenLoss(faces.to(dtype))):
        exact = value_and_gradient(loss, vertices[None])
        assert_same(value_and_gradient(loss, vertices[None].float()), exact, rtol=1e-4, atol=1e-4)


def test_gradients_repeat_bit_for_bit_with_any_number_of_threads():
    sphere = Mesh.from_obj(data.path("sphere_1352.obj"))
    x = sphere.vertices + 0.05 * torch.randn(4, 1352, 3, generator=torch.Generator().manual_seed(0))
    losses = LaplacianLoss(x[0], sphere.faces[0]), FlattenLoss(sphere.faces[0])
    threads = torch.get_num_threads()
    try:
        for loss in losses:
            runs = []
            for n in (1, 2, 4, 4):
                torch.set_num_threads(n)
                runs.append(value_and_gradient(loss, x))
            assert all(torch.equal(a, b) for run in runs[1:] for a, b in zip(runs[0], run, strict=True))
    finally:
        torch.set_num_threads(threads)


def test_losses_leave_nothing_in_the_state_dict(generator):
    vertices, faces = icosahedron(generator)
    assert not LaplacianLoss(vertices, faces).state_dict() and not FlattenLoss(faces).state_dict()


def test_checkpoints_of_the_originals_load(generator):
    vertices, faces = icosahedron(generator)
    model = torch.nn.ModuleDict({"smooth": LaplacianLoss(vertices, faces), "flat": FlattenLoss(faces)})
    model["layer"] = layer = torch.nn.Linear(1, 1)
    before = [model["smooth"](vertices[None]), model["flat"](vertices[None])]
    edges = {f"flat.v{k}s": torch.zeros(30, dtype=torch.int64) for k in range(4)}
    numbers = {"layer.weight": torch.ones(1, 1), "layer.bias": torch.zeros(1)}
    saved = {"smooth.laplacian": torch.zeros(12, 12), **edges, **numbers}
    model.load_state_dict(saved)
    assert layer.weight.item() == 1 and len(saved) == 7
    assert [model["smooth"](vertices[None]), model["flat"](vertices[None])] == before
    model.load_state_dict(model.state_dict())
    with pytest.raises(RuntimeError, match=r"Unexpected key.*smooth\.v0s"):
        model.load_state_dict({**numbers, "smooth.v0s": torch.zeros(1)})


def test_bad_input_is_refused(generator):
    vertices, faces = icosahedron(generator)
    with pytest.raises(ValueError, match=r"faces must be \(F, 3\), got shape \(20, 2\)"):
        FlattenLoss(faces[:, :2])
    with pytest.raises(TypeError, match="faces must be a tensor of integers, got torch.float32"):
        LaplacianLoss(vertices, faces.float())
    with pytest.raises(ValueError, match=r"faces must be in \[0, 11\), got 0 to 11"):
        LaplacianLoss(vertices[:11], faces)
    with pytest.raises(ValueError, match=r"x must be \(N, 12, C\), got shape \(12, 3\)"):
        LaplacianLoss(vertices, faces)(vertices)
    with pytest.raises(ValueError, match=r"vertices must be \(N, V, 3\), got shape \(12, 3\)"):
        FlattenLoss(faces)(vertices)
