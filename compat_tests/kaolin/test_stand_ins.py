"""The test double of Kaolin (stand_ins/) against Kaolin where that imports, and some of its properties anywhere."""

import copy
import inspect
import math
import sys
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch
from kaolin_scenes import weights_like
from support.kaolin_modules import real_kaolin, stand_in_kaolin
from support.scenes import sphere
from torch import Tensor

pytestmark = pytest.mark.filterwarnings("ignore")  # Kaolin's own

COMPUTED = (
    "face_vertices face_normals face_uvs face_features face_tangents vertex_normals vertex_tangents vertex_features"
).split()
BATCHINGS = ["NONE", "FIXED", "LIST"]
LENSES = ["fov", "focal", "ortho", "view_matrix"]


class Pair(NamedTuple):
    double: ModuleType
    real: ModuleType


@pytest.fixture
def pair() -> Pair:
    """Both at once. What is imported meanwhile is Kaolin, which imports as it runs; the double does not."""
    with stand_in_kaolin() as double:
        pass
    return Pair(double, real_kaolin())


def same(a: Any, b: Any, tolerance: float = 2e-6) -> None:
    if isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y, tolerance)
    elif isinstance(a, Tensor):
        assert a.dtype == b.dtype
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)
    else:
        assert a == b


def numbers(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def unit(seed: int, n: int) -> Tensor:
    return torch.nn.functional.normalize(numbers(seed, n, 3), dim=1)


def mesh_arguments(batching: str, kind: str, seed: int = 0) -> dict[str, Any]:
    """Of a bumpy sphere; kind: which attributes it has."""
    vertices, faces = sphere()
    vertices = vertices.float() + 0.02 * numbers(seed, *vertices.shape)
    n, n_faces = len(vertices), len(faces)
    one: dict[str, Any] = {"vertices": vertices}
    if kind == "indexed":
        one |= {"normals": unit(seed + 1, 9), "face_normals_idx": torch.arange(3 * n_faces).view(-1, 3) % 9}
        one |= {"uvs": numbers(seed + 2, 50, 2), "face_uvs_idx": torch.arange(3 * n_faces).view(-1, 3) % 51 - 1}
        one |= {"vertex_features": numbers(seed + 3, n, 5)}
    elif kind == "by_vertex":
        one |= {"vertex_normals": unit(seed + 1, n), "uvs": numbers(seed + 2, n, 2), "face_uvs_idx": faces}
        one |= {"material_assignments": torch.arange(n_faces) % 3}
    elif kind == "by_corner":
        one |= {
            "face_features": numbers(seed + 3, n_faces, 3, 4),
            "face_normals": unit(seed, 3 * n_faces).view(-1, 3, 3),
        }
    if batching == "NONE":
        return {**one, "faces": faces}
    twice = {name: [value, value.flip(0).contiguous()] for name, value in one.items()}
    if batching == "FIXED":
        return {**{name: torch.stack(value) for name, value in twice.items()}, "faces": faces}
    return {**twice, "faces": [faces, faces[:-3]]} if kind == "bare" else {**twice, "faces": [faces, faces]}


@pytest.mark.parametrize("kind", ["bare", "indexed", "by_vertex", "by_corner"])
@pytest.mark.parametrize("batching", BATCHINGS)
def test_meshes(batching: str, kind: str, pair: Pair) -> None:
    double, real = (k.rep.SurfaceMesh(**mesh_arguments(batching, kind)) for k in pair)
    assert double.batching.value == real.batching.value == batching and len(double) == len(real)
    for name in (*COMPUTED, "uvs", "materials", "material_assignments", "normals", "vertex_colors"):
        assert double.has_attribute(name) == real.has_attribute(name), name
        assert double.has_or_can_compute_attribute(name) == real.has_or_can_compute_attribute(name), name
    for i in range(len(real)):
        same(double[i].face_vertices, real[i].face_vertices)
        assert set(double[i].get_attributes(only_tensors=True)) == set(real[i].get_attributes(only_tensors=True))
    for name in COMPUTED:
        same(getattr(double, name), getattr(real, name), 1e-4 if "tangents" in name else 2e-6)
        assert double.has_attribute(name) == real.has_attribute(name), name


@pytest.mark.parametrize("fixed", [True, False])
def test_concatenated_meshes(fixed: bool, pair: Pair) -> None:
    joined = []
    for k in pair:
        meshes = [k.rep.SurfaceMesh(**mesh_arguments("NONE", "indexed", seed)) for seed in (0, 7)]
        several = k.rep.SurfaceMesh(**mesh_arguments("FIXED", "indexed", 3))
        joined.append(k.rep.SurfaceMesh.cat([*meshes, several], fixed_topology=fixed))
    assert joined[0].batching.value == joined[1].batching.value
    assert set(joined[0].get_attributes(True)) == set(joined[1].get_attributes(True))
    for name in ("vertices", "faces", "normals", "face_normals_idx", "face_uvs", "face_vertices"):
        same(*(getattr(mesh, name) for mesh in joined))


def test_batches_of_one(pair: Pair) -> None:
    made = []
    for k in pair:
        materials = [k.render.materials.PBRMaterial(diffuse_color=(0.1, 0.2, 0.3))]
        mesh = k.rep.SurfaceMesh(**mesh_arguments("NONE", "by_vertex"), materials=materials)
        copied = copy.copy(mesh)
        assert mesh.to_batched() is mesh and mesh.batching.value == "FIXED" and mesh.materials == [materials]
        assert copied.batching.value == "NONE" and copied.materials == materials and mesh[0].materials == materials
        made.append(mesh)
    for name in ("vertices", "faces", "vertex_normals", "face_uvs_idx", "material_assignments", "face_tangents"):
        same(*(getattr(mesh, name) for mesh in made), 1e-4)


def test_gradients_of_meshes(pair: Pair) -> None:
    grads = []
    for k in pair:
        vertices, faces = sphere()
        mesh = k.rep.SurfaceMesh(vertices.float().requires_grad_(), faces)
        values = mesh.face_normals.sum() + (mesh.vertex_normals * weights_like(mesh.vertices)).sum()
        assert not mesh.has_attribute("face_normals")
        grads.append(torch.autograd.grad(values, mesh.vertices)[0])
    same(*grads, 1e-4)


def camera_of(k: ModuleType, lens: str, n: int = 2, **more: Any) -> Any:
    camera = k.render.camera.Camera
    eye = torch.tensor([[0.4, 1.0, 2.5], [-2.0, 0.3, 1.7]])[:n]
    pose = {"eye": eye, "at": torch.tensor([[0.1, 0.0, 0.2]] * n), "up": torch.tensor([[0.1, 1.0, 0.0]] * n)}
    size: dict[str, Any] = {"width": 30, "height": 20, **more}
    if lens == "view_matrix":
        view = camera.from_args(**pose, fov=0.5, **size).extrinsics.view_matrix()
        return camera.from_args(view_matrix=view, fov=0.8, x0=1.5, y0=-2.0, num_cameras=n, **size)
    given = {
        "fov": {"fov": 0.7},
        "focal": {"focal_x": 25.0, "focal_y": 31.0, "x0": 3.0, "y0": 2.0, "near": 0.5, "far": 9.0},
        "ortho": {"fov_distance": 1.7, "near": 0.1, "far": 7.0},
    }[lens]
    return camera.from_args(**pose, **given, **size)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("lens", LENSES)
def test_cameras(lens: str, dtype: torch.dtype, pair: Pair) -> None:
    points = numbers(1, 6, 3).to(dtype)
    double, real = (camera_of(k, lens, dtype=dtype) for k in pair)
    for get in (
        len,
        lambda c: (c.width, c.height, c.near, c.far, c.lens_type, c.dtype, str(c.device)),
        lambda c: (c.intrinsics.width, c.intrinsics.height, c.intrinsics.near, c.intrinsics.far),
        lambda c: (c.extrinsics.view_matrix(), c.extrinsics.cam_pos(), c.cam_forward(), c.R, c.t),
        lambda c: c.extrinsics.transform(points),
        lambda c: c.extrinsics.transform(points.expand(2, 6, 3)),
        lambda c: c.transform(points.expand(2, 6, 3)),
        lambda c: c.intrinsics.transform(c.extrinsics.transform(points)),
        lambda c: c[1].transform(points),
        lambda c: c[1].generate_rays(),
        lambda c: type(c).cat([c, c[0]]).transform(points),
        lambda c: len(type(c).cat([c, c[0]])),
    ):
        same(get(double), get(real))
    names = ["fov_distance"] if lens == "ortho" else ["x0", "y0", "focal_x", "focal_y"]
    for name in names:
        same(getattr(double, name), getattr(real, name))
        same(getattr(double.intrinsics, name), getattr(real.intrinsics, name))
    for name in ("project", "x0", "fov_distance"):
        assert hasattr(double, name) == hasattr(real, name)
    if lens != "ortho":
        same(*(c.intrinsics.project(c.extrinsics.transform(points)) for c in (double, real)))
    with pytest.raises(AssertionError):
        double.extrinsics.transform(points.half())


def test_textures_and_vertices(pair: Pair) -> None:
    uvs, maps = numbers(2, 2, 7, 5, 2) * 1.3 + 0.5, numbers(3, 2, 3, 6, 9)
    for mode in ("nearest", "bilinear"):
        same(*(k.render.mesh.texture_mapping(uvs, maps, mode) for k in pair))
        same(*(k.render.mesh.texture_mapping(uvs.flatten(1, 2), maps, mode) for k in pair))
    vertices, faces = (x.float() if x.is_floating_point() else x for x in sphere())
    proj, rotation = torch.tensor([[2.0], [1.5], [-1.0]]), torch.linalg.qr(numbers(4, 2, 3, 3))[0]
    many = torch.stack([vertices, vertices * 0.7])
    where = {"camera_rot": rotation, "camera_trans": torch.tensor([[0.0, 0.1, 3.0], [0.2, 0.0, 4.0]])}
    same(*(k.render.mesh.prepare_vertices(many, faces, proj, **where) for k in pair), 2e-5)
    transform = numbers(5, 2, 4, 3)
    same(*(k.render.mesh.prepare_vertices(many, faces, proj, camera_transform=transform) for k in pair), 1e-3)


def test_mesh_operations(pair: Pair) -> None:
    vertices, faces = (x.float() if x.is_floating_point() else x for x in sphere())
    n = len(vertices) + 1  # one vertex without a neighbour
    same(*(k.ops.mesh.uniform_laplacian(n, faces) for k in pair))
    same(*(k.ops.mesh.index_vertices_by_faces(vertices[None], faces) for k in pair))
    corners = vertices[faces][None]
    for flag in (True, False):
        same(*(k.ops.mesh.face_normals(corners, unit=flag) for k in pair))


def test_mask_iou(pair: Pair) -> None:
    masks = numbers(6, 2, 3, 8, 9).abs()
    same(*(k.metrics.render.mask_iou(*masks) for k in pair))
    same(*(k.metrics.render.mask_iou(masks[0], masks[1] > 0.5) for k in pair))
    same(*(k.metrics.render.mask_iou(masks[0] * 0, masks[1] * 0) for k in pair))


@pytest.mark.parametrize("lights", [1, 3])
def test_lighting(lights: int, pair: Pair) -> None:
    normals, view, albedo = unit(1, 40), unit(2, 40), numbers(3, 40, 3).abs()
    roughness = numbers(4, 40).abs() + 0.05
    light = numbers(5, lights, 3).abs() * 3, unit(6, lights), numbers(7, lights).abs() * 9 + 0.2
    for name, more in (
        ("sg_irradiance_inner_product", ()),
        ("sg_diffuse_inner_product", (albedo,)),
        ("sg_warp_specular_term", (roughness, view, albedo)),
    ):
        same(*(getattr(k.render.lighting, name)(*light, normals, *more) for k in pair), 1e-4)
    made = [k.render.lighting.SgLightingParameters(light[0], light[1] * 3, 4.0) for k in pair]
    made += [k.render.lighting.SgLightingParameters(direction=light[1]) for k in pair]
    made += [k.render.lighting.SgLightingParameters() for k in pair]
    for double, real in zip(made[::2], made[1::2], strict=True):
        same(*((x.amplitude, x.direction, x.sharpness) for x in (double, real)))
        same(*(k.to(torch.device("cpu")).direction for k in (double, real)))
    products = [k.render.lighting.sg.unbatched_sg_inner_product(albedo, normals, roughness, *light) for k in pair]
    same(*products, 1e-5)


def test_functions_that_need_cuda_refuse_cpu_tensors(pair: Pair) -> None:
    """Eight lights, or no points: Kaolin calls compiled functions, which refuse CPU tensors."""
    for k in pair:
        for points, lights in ((4, 8), (0, 1)):
            light = torch.ones(lights, 3), unit(6, lights), torch.ones(lights)
            with pytest.raises(RuntimeError):
                k.render.lighting.sg_diffuse_inner_product(*light, unit(1, points), torch.ones(points, 3))


def test_defaults_and_materials(pair: Pair) -> None:
    lights = [k.render.easy_render.default_lighting() for k in pair]
    same(*((x.amplitude, x.direction, x.sharpness) for x in lights))
    same(*(k.render.easy_render.default_camera(64).transform(numbers(1, 5, 3)) for k in pair))
    read = "diffuse_color specular_color metallic_value roughness_value diffuse_texture is_specular_workflow".split()
    for make in (
        lambda k: k.render.easy_render.default_material(),
        lambda k: k.render.easy_render.default_material((0.1, 0.2, 0.3)),
        lambda k: k.render.materials.PBRMaterial(roughness_value=0.3, metallic_value=torch.tensor([0.2])),
        lambda k: k.render.materials.PBRMaterial(diffuse_texture=numbers(1, 5, 6, 3)).chw(),
        lambda k: k.render.materials.PBRMaterial(diffuse_texture=numbers(1, 3, 5, 6)).chw(),
        lambda k: k.render.materials.PBRMaterial(diffuse_texture=numbers(1, 3, 5, 6)).hwc(),
    ):
        same(*([getattr(make(k), name) for name in read] for k in pair))
    colour = torch.ones(3, requires_grad=True)
    assert all(k.render.materials.PBRMaterial(diffuse_color=colour).diffuse_color.requires_grad for k in pair)
    assert next(list(k.render.easy_render.RenderPass) for k in pair) == list(pair.real.render.easy_render.RenderPass)


def test_signatures(pair: Pair) -> None:
    """Names, order and defaults of all arguments that the double has; it may lack later ones."""
    functions = (
        "render.mesh.rasterize render.mesh.dibr_soft_mask render.mesh.dibr_rasterization render.mesh.texture_mapping "
        "render.mesh.prepare_vertices render.easy_render.render_mesh render.easy_render.default_material "
        "ops.mesh.uniform_laplacian ops.mesh.index_vertices_by_faces ops.mesh.face_normals metrics.render.mask_iou "
        "rep.SurfaceMesh render.lighting.SgLightingParameters render.lighting.sg_warp_specular_term "
        "render.lighting.sg_diffuse_inner_product render.lighting.sg_irradiance_inner_product"
    ).split()
    for path in functions:
        both = []
        for value in pair:
            for name in path.split("."):
                value = getattr(value, name)
            both.append([(p.name, p.default) for p in inspect.signature(value).parameters.values()])
        assert both[0] == both[1], path


def test_stand_in_is_removed_afterwards() -> None:
    before = sys.modules.get("kaolin")
    with stand_in_kaolin() as outer:
        import kaolin

        assert kaolin is outer and "stand_ins" in str(outer.__file__)
        assert sys.modules["kaolin.render.camera"] is kaolin.render.camera
        with stand_in_kaolin() as inner:
            assert inner is outer
        assert sys.modules["kaolin"] is outer
    assert sys.modules.get("kaolin") is before


def test_stand_in_does_not_rasterize() -> None:
    with stand_in_kaolin() as k:
        for function in (k.render.mesh.rasterize, k.render.mesh.dibr_rasterization, k.render.easy_render.render_mesh):
            arguments = [None for p in inspect.signature(function).parameters.values() if p.default is p.empty]
            with pytest.raises(RuntimeError, match="a stand-in for Kaolin's .*, which needs CUDA"):
                function(*arguments)


def test_normals_of_a_sphere() -> None:
    """They point outwards, and so do those of its corners."""
    vertices, faces = (x.float() if x.is_floating_point() else x for x in sphere())
    with stand_in_kaolin() as k:
        mesh = k.rep.SurfaceMesh(vertices, faces)
        outwards = torch.nn.functional.normalize(vertices - vertices.mean(0), dim=1)
        orientation = (mesh.face_normals[:, 0] * outwards[faces].mean(1)).sum(1).sign()
        assert (orientation == orientation[0]).all() and mesh.uvs is None and mesh.face_tangents is None
        used = faces.unique()  # the poles' vertices are there many times
        assert ((mesh.vertex_normals * outwards)[used].sum(1) * orientation[0] > 0.5).all()
        with pytest.raises(AttributeError, match="no attribute 'vertexes'"):
            _ = mesh.vertexes


def test_a_camera_sees_what_it_looks_at() -> None:
    """In the middle; what is above it above, what is nearer with the larger z; its rays end where points are seen."""
    with stand_in_kaolin() as k:
        for lens in ("fov", "ortho"):
            camera = camera_of(k, lens)[0]
            at, up, size = torch.tensor([[0.1, 0.0, 0.2]]), torch.tensor([[0.0, 0.3, 0.0]]), (20, 30)
            x, y, _ = camera.transform(at)[0].tolist()
            assert abs(x) < 1e-6 and abs(y) < 1e-6 and camera.transform(at + up)[0, 1] > 0.05
            nearer = at + 0.1 * (camera.cam_pos()[0, :, 0] - at)
            assert camera.extrinsics.transform(nearer)[0, 0, 2] > camera.extrinsics.transform(at)[0, 0, 2]
            origins, rays = camera.generate_rays()
            seen = camera.transform(origins + 2 * rays)[:, :2].view(*size, 2)
            columns, rows = (2 * torch.arange(30) - 29) / 30, (19 - 2 * torch.arange(20)) / 20
            expected = torch.stack(torch.meshgrid(rows, columns, indexing="ij")[::-1], 2)
            torch.testing.assert_close(seen, expected, rtol=0, atol=1e-5)


def test_a_laplacian_of_a_mean_is_zero() -> None:
    _, faces = sphere()
    n = int(faces.max()) + 1
    with stand_in_kaolin() as k:
        laplacian = k.ops.mesh.uniform_laplacian(n, faces)
        used = faces.unique()
        assert laplacian.sum(1)[used].abs().max() < 1e-6 and (laplacian.diagonal() == -1).all()
        half, whole = torch.zeros(1, 4, 4), torch.ones(1, 4, 4)
        half[:, :2] = 1
        assert math.isclose(k.metrics.render.mask_iou(half, whole), 0.5, abs_tol=1e-6)
        assert k.metrics.render.mask_iou(whole, whole) < 1e-6
