"""A call of every public name that computes with tensors, as a function of one: corners of faces (12, 3, 3)."""

import importlib
import importlib.util
from collections.abc import Callable
from contextlib import nullcontext
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch
from public_api import PUBLIC
from support.compiled_cases import corners
from support.kaolin_modules import stand_in_kaolin
from torch import Tensor
from torch.utils._pytree import tree_leaves

from gendr_adapters import (
    Lighting,
    Mesh,
    RenderSettings,
    TextureMaps,
    axis_angle_to_matrix,
    blend_fragments,
    cameras,
    distributions,
    find_fragments,
    gather_corners,
    gendr,
    headlight,
    kaolin,
    look_at,
    orbit,
    redner,
    render,
    rotation_6d_to_matrix,
    softras,
    t_conorms,
    vertex_normals,
)

SIZE = 10
SETTINGS = RenderSettings(dist_scale=1e-2, gamma=1e-1, near=1, far=10)


class Case(NamedTuple):
    """One call of the public API.

    names: the public names it stands for, below gendr_adapters.
    call: of x (12, 3, 3), to a tensor or a tree of them.
    core: it goes through the core's ops, which have no forward-mode and no second derivatives.
    breaks: why a compiler cannot make it one graph; '': it can.
    needs: the library it is for, 'kaolin' (the test double does) or 'pytorch3d'.
    differentiable: x has a gradient.
    """

    names: tuple[str, ...]
    call: Callable[[Tensor], Any]
    core: bool = True
    breaks: str = ""
    needs: str = ""
    differentiable: bool = True

    def __call__(self, x: Tensor) -> list[Tensor]:
        """The tensors that come out."""
        with stand_in_kaolin() if self.needs == "kaolin" else nullcontext():
            return [value for value in tree_leaves(self.call(x)) if isinstance(value, Tensor)]


CASES: dict[str, Case] = {}
# Public names that compute with no tensor, and what they are.
OTHERS = {
    "Anneal": "numbers: test_schedules.py",
    "NativeLibraryError": "an exception",
    "NothingDrawnWarning": "a warning",
    "data.NAMES": "names",
    "data.path": "a path",
    "distributions.ALIASES": "names",
    "suggest": "settings: test_suggestions.py",
    "distributions.DISTRIBUTIONS": "names",
    "distributions.Distribution": "what a distribution needs",
    "distributions.distribution": "what a distribution needs",
    "t_conorms.T_CONORMS": "names",
    "kaolin.install": "swaps functions: kaolin/test_patching.py",
    "kaolin.patched": "swaps functions: kaolin/test_patching.py",
    "load_mesh": "files: test_mesh_files.py",
    "save_image": "files: test_picture_writing.py",
    "save_mesh": "files: test_mesh_files.py",
    "save_video": "files: test_picture_writing.py",
    "redner.camera_type": "names",
    "redner.channels": "names",
    "redner.get_device": "a device",
    "redner.get_use_gpu": "a device",
    "redner.set_device": "a device",
    "redner.set_use_gpu": "a device",
    "softras.functional.load_obj": "files: test_citizen_files.py",
    "softras.functional.save_obj": "files: test_citizen_files.py",
    "softras.functional.save_voxel": "files: test_citizen_files.py",
    "redner.imread": "files: test_citizen_files.py",
    "redner.imwrite": "files: test_citizen_files.py",
    "redner.load_obj": "files: test_citizen_files.py",
    "redner.TriangleMesh": "files: test_citizen_files.py",
    "pytorch3d.GenDRHardFlatShader": "needs PyTorch3D's compiled normals: pytorch3d/test_hard_shaders.py",
}


def case(*names: str, **properties: Any) -> Callable[[Callable[[Tensor], Any]], None]:
    def add(call: Callable[[Tensor], Any]) -> None:
        assert names[0] not in CASES
        CASES[names[0]] = Case(names, call, **properties)

    return add


def params(*, without: tuple[str, ...] = (), **wanted: bool) -> Any:
    """A parametrization with the cases that have these properties, as booleans; PyTorch3D's are skipped without it."""
    chosen = [c for c in CASES.values() if all(bool(getattr(c, key)) == value for key, value in wanted.items())]
    absent = pytest.mark.skipif(not has_pytorch3d(), reason="no PyTorch3D (compat_tests/pytorch3d/install.py)")
    items = [
        pytest.param(c, id=c.names[0], marks=[absent] if c.needs == "pytorch3d" else [])
        for c in chosen
        if c.names[0] not in without
    ]
    return pytest.mark.parametrize("public", items)


def has_pytorch3d() -> bool:
    try:
        return importlib.util.find_spec("pytorch3d.renderer") is not None
    except ImportError:
        return False


def uncovered() -> set[str]:
    """Public names that have no case and are not among OTHERS. One that two doors share needs one case."""
    named = [*OTHERS, *(name for c in CASES.values() for name in c.names)]
    objects = [_object(name) for name in named if has_pytorch3d() or not name.startswith("pytorch3d.")]
    missing = set()
    for path in PUBLIC:
        if path == "gendr_adapters.pytorch3d" and not has_pytorch3d():
            continue
        module = importlib.import_module(path)
        for name in module.__all__:
            value = getattr(module, name)
            if not isinstance(value, ModuleType) and not any(value is other for other in objects):
                missing.add(f"{path}.{name}")
    return missing


def _object(name: str) -> Any:
    module, _, attribute = f"gendr_adapters.{name}".rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def points(x: Tensor) -> Tensor:
    """The corners as vertices of one mesh, (1, 36, 3)."""
    return x.reshape(1, -1, 3)


# Made here, since cases are called with other default devices, too.
FACES = corners(12)  # what a case is called with, float32
APART = torch.arange(36).reshape(1, 12, 3)  # 12 faces, each with vertices of its own
STRIP = torch.arange(34)[:, None] + torch.arange(3)  # 34 faces that share edges
EYE = torch.eye(3)
FLATTEN, LAPLACIAN = softras.FlattenLoss(STRIP), softras.LaplacianLoss(FACES.reshape(-1, 3), STRIP)
NOTHING_SELECTED = torch.full((1, SIZE, SIZE), -1)


# The package


@case("render", "Rendered")
def _(x: Tensor) -> Any:
    return render(x, SIZE, x, settings=SETTINGS, background=[0.1, 0.2, 0.3], outputs=("image", "alpha", "depth"))


@case("RenderSettings")
def _(x: Tensor) -> Any:
    settings = RenderSettings(dist_scale=x[0, 0, :1].abs() * 0.01 + 1e-3, gamma=x[0, 0, 2:], near=1, far=10)
    presets = (
        RenderSettings.softras(dist_scale=settings.dist_scale, gradient="exact"),
        RenderSettings.pytorch3d(blur_radius=0.01).replace(gamma=settings.gamma),
        RenderSettings.silhouette(image_size=SIZE, pixels=1.5).replace(dist_scale=1e-2),
        RenderSettings.sharp(near=0.5),
    )
    return [render(x, SIZE, x, settings=each) for each in (settings, *presets)]


@case("TextureMaps", "Lighting")
def _(x: Tensor) -> Any:
    light = Lighting(x, x, x[0, 0] * 0, x[0, 0].abs(), x.new_tensor([[0.5, 1, -1, 1]]), x[1, :1].abs(), x[2, :1].abs())
    return render(x, SIZE, TextureMaps(x.reshape(6, 6, 3), x[..., :2]), settings=SETTINGS, lighting=light)


@case("find_fragments", "Fragments", breaks="the number of fragments depends on values")
def _(x: Tensor) -> Any:
    return find_fragments(x, SIZE, settings=SETTINGS)


@case("blend_fragments", breaks="find_fragments")
def _(x: Tensor) -> Any:
    found = find_fragments(x, SIZE, settings=SETTINGS)
    return blend_fragments(found, (found.weights[..., None] * x[found.face]).sum(1), SIZE, SETTINGS)


@case("gather_corners", core=False)
def _(x: Tensor) -> Any:
    return gather_corners(points(x), STRIP)


@case("distributions.cdf", core=False)
def _(x: Tensor) -> Any:
    return distributions.cdf("logistic", x), distributions.cdf("gamma", x, 1.5, -0.5)


@case("distributions.pdf", core=False)
def _(x: Tensor) -> Any:
    return distributions.pdf("gaussian", x), distributions.pdf("gumbel_max", x)


@case("t_conorms.t_conorm", core=False)
def _(x: Tensor) -> Any:
    a = x.sigmoid()
    return t_conorms.t_conorm("einstein", a, a * 0.5), t_conorms.t_conorm("yager", a, a * 0.5, 2.0)


@case("t_conorms.aggregate", core=False)
def _(x: Tensor) -> Any:
    return t_conorms.aggregate("probabilistic", x.sigmoid(), 1)


@case("vertex_normals", core=False)
def _(x: Tensor) -> Any:
    return vertex_normals(x.reshape(-1, 3), STRIP), vertex_normals(points(x), STRIP)


@case("axis_angle_to_matrix", core=False)
def _(x: Tensor) -> Any:
    return axis_angle_to_matrix(x)


@case("rotation_6d_to_matrix", core=False)
def _(x: Tensor) -> Any:
    return rotation_6d_to_matrix(x[:, :2].flatten(1))


@case("look_at", core=False)
def _(x: Tensor) -> Any:
    return look_at(x[0, 0] - 3, x[0, 1], field_of_view=30.0, image_size=SIZE).project(x[1])


@case("orbit", core=False)
def _(x: Tensor) -> Any:
    return orbit(numbers(x), x[0, 0, :1], x[0, 0, 1:2], image_size=SIZE).project(x[1])


@case("headlight", "Mesh", core=False)
def _(x: Tensor) -> Any:
    mesh = Mesh(x.reshape(-1, 3), APART[0], vertex_colours=x.reshape(-1, 3))
    camera = look_at((0.0, 0.1, -3.0), image_size=SIZE)
    light = headlight(mesh, camera)
    return light.positions, light.normals, mesh.features()


# Cameras


def pinhole(x: Tensor) -> cameras.PinholeCamera:
    return cameras.from_softras_look_at(x[0, :1] - x.new_tensor([0, 0, 4]), viewing_angle=25.0, image_size=SIZE)


_LOOKS = "a camera is checked by its values"


@case("cameras.PinholeCamera", core=False)
def _(x: Tensor) -> Any:
    focal, middle = x.new_tensor([[9.0, 8]]), x.new_tensor([[5.0, 5]])
    camera = cameras.PinholeCamera(
        rotation=EYE.to(x)[None], translation=x[0, :1], focal=focal, principal_point=middle, image_size=SIZE
    )
    return camera.project(x[1]), camera.view(x[1])


@case("cameras.from_softras_look_at", core=False, breaks=_LOOKS)
def _(x: Tensor) -> Any:
    return pinhole(x).project(x[1])


@case("cameras.to_softras_look_at", "cameras.SoftRasLookAt", core=False, breaks=_LOOKS)
def _(x: Tensor) -> Any:
    return cameras.to_softras_look_at(pinhole(x))


@case("cameras.from_opencv", "cameras.to_opencv", "cameras.OpenCVCamera", core=False, breaks=_LOOKS)
def _(x: Tensor) -> Any:
    return cameras.from_opencv(*cameras.to_opencv(pinhole(x), pixel_centre=0), SIZE, pixel_centre=0.5).project(x[1])


def orthographic(x: Tensor) -> cameras.OrthographicCamera:
    return cameras.from_softras_orthogonal(x[0, :1] - x.new_tensor([0, 0, 4]), viewing_scale=0.5, image_size=SIZE)


@case("cameras.OrthographicCamera", core=False)
def _(x: Tensor) -> Any:
    scale, middle = x.new_tensor([[9.0, 8]]), x.new_tensor([[5.0, 5]])
    camera = cameras.OrthographicCamera(
        rotation=EYE.to(x)[None], translation=x[0, :1], scale=scale, principal_point=middle, image_size=SIZE
    )
    return camera.project(x[1]), camera.view(x[1])


@case("cameras.WeakPerspectiveCamera", core=False)
def _(x: Tensor) -> Any:
    camera = cameras.WeakPerspectiveCamera(scale=numbers(x), translation=x[0, :1, :2], image_size=SIZE)
    return camera.project(x[1]), camera.view(x[1]), camera.to_orthographic().scale


@case("cameras.from_softras_orthogonal", core=False, breaks=_LOOKS)
def _(x: Tensor) -> Any:
    return orthographic(x).project(x[1])


@case("cameras.to_softras_orthogonal", "cameras.SoftRasOrthogonal", core=False, breaks=_LOOKS)
def _(x: Tensor) -> Any:
    return cameras.to_softras_orthogonal(orthographic(x))


@case("cameras.from_redner", "cameras.to_redner", core=False, breaks=_LOOKS)
def _(x: Tensor) -> Any:
    there = [cameras.to_redner(camera) for camera in (pinhole(x), orthographic(x))]
    return [cameras.from_redner(made).project(x[1]) for made in there]


@case("cameras.from_kaolin", "cameras.to_kaolin", core=False, breaks=_LOOKS, needs="kaolin")
def _(x: Tensor) -> Any:
    return cameras.from_kaolin(cameras.to_kaolin(pinhole(x))).project(x[1])


@case("cameras.from_pytorch3d", "cameras.to_pytorch3d", core=False, breaks=_LOOKS, needs="pytorch3d")
def _(x: Tensor) -> Any:
    return cameras.from_pytorch3d(cameras.to_pytorch3d(pinhole(x))).project(x[1])


# SoftRas and GenDR


def numbers(x: Tensor) -> Tensor:
    """(1,), about 2."""
    return x[0, 0, 2:]


@case("softras.Mesh", core=False)
def _(x: Tensor) -> Any:
    mesh = softras.Mesh(points(x), APART, points(x).abs(), texture_type="vertex")
    normals = mesh.vertex_normals
    mesh.fill_back_()
    return mesh.face_textures, mesh.surface_normals, normals


@case("softras.AmbientLighting", core=False)
def _(x: Tensor) -> Any:
    return softras.AmbientLighting(numbers(x), x[0, 1])(points(x) * 2)


@case("softras.DirectionalLighting", core=False)
def _(x: Tensor) -> Any:
    return softras.DirectionalLighting(numbers(x), x[0, 1], x[0, 2])(points(x) * 2, points(x))


@case("softras.functional.ambient_lighting", core=False)
def _(x: Tensor) -> Any:
    return softras.functional.ambient_lighting(points(x) * 2, 0.5, (1, 0.5, 1))


@case("softras.functional.directional_lighting", core=False)
def _(x: Tensor) -> Any:
    return softras.functional.directional_lighting(points(x) * 2, points(x), 0.5, (1, 0.5, 1), (0, 1, 1))


@case("softras.Lighting", core=False)
def _(x: Tensor) -> Any:
    return softras.Lighting()(softras.Mesh(points(x), APART)).textures


@case("gendr.Lighting", core=False)
def _(x: Tensor) -> Any:
    return gendr.Lighting()(gendr.Mesh(points(x), APART)).textures


@case("softras.FlattenLoss", core=False)
def _(x: Tensor) -> Any:
    return FLATTEN(points(x))


@case("softras.LaplacianLoss", core=False)
def _(x: Tensor) -> Any:
    return LAPLACIAN(points(x))


@case("softras.Look", core=False)
def _(x: Tensor) -> Any:
    return softras.Look((0, 0.1, 1), eye=x[0, :1] - 3)(points(x))


@case("softras.LookAt", core=False)
def _(x: Tensor) -> Any:
    camera = softras.LookAt()
    camera.set_eyes_from_angles(numbers(x), x[0, 0, :1], x[0, 0, 1:2])
    return camera(points(x))


@case("softras.Transform", core=False)
def _(x: Tensor) -> Any:
    return softras.Transform("look_at", eye=(1, 1, -3))(softras.Mesh(points(x), APART)).vertices


def matrices(x: Tensor) -> Tensor:
    return torch.cat([EYE.to(x), x[0, 0, :, None]], 1)[None]


@case("softras.Projection", core=False)
def _(x: Tensor) -> Any:
    return softras.Projection(matrices(x), orig_size=2)(points(x))


@case("gendr.Projection", core=False)
def _(x: Tensor) -> Any:
    return gendr.Projection(matrices(x), orig_size=2)(gendr.Mesh(points(x), APART)).vertices


@case("gendr.Look", core=False)
def _(x: Tensor) -> Any:
    return gendr.Look((0, 0.1, 1), eye=x[0, :1] - 3)(gendr.Mesh(points(x), APART)).vertices


@case("gendr.LookAt", "gendr.transform.Transform", core=False)
def _(x: Tensor) -> Any:
    return gendr.LookAt(eye=x[0, :1] - 3)(gendr.Mesh(points(x), APART)).vertices


@case("softras.functional.face_vertices", core=False)
def _(x: Tensor) -> Any:
    return softras.functional.face_vertices(points(x), STRIP[None])


@case("softras.functional.vertex_normals", core=False)
def _(x: Tensor) -> Any:
    return softras.functional.vertex_normals(points(x), STRIP[None])


@case("softras.functional.get_points_from_angles", core=False)
def _(x: Tensor) -> Any:
    return softras.functional.get_points_from_angles(numbers(x), x[0, 0, :1], x[0, 0, 1:2])


@case("softras.functional.look", core=False)
def _(x: Tensor) -> Any:
    return softras.functional.look(points(x), x[0, 0] - 3, (0.1, 0, 1))


@case("softras.functional.look_at", core=False)
def _(x: Tensor) -> Any:
    return softras.functional.look_at(points(x), x[0, 0] - 3)


@case("softras.functional.orthogonal", core=False)
def _(x: Tensor) -> Any:
    return softras.functional.orthogonal(points(x), numbers(x))


@case("softras.functional.perspective", core=False)
def _(x: Tensor) -> Any:
    return softras.functional.perspective(points(x), numbers(x) * 10)


@case("softras.functional.projection", core=False)
def _(x: Tensor) -> Any:
    return softras.functional.projection(points(x), matrices(x), [0.1, 0, 0, 0.1, 0], 2)


@case("softras.functional.voxelization", core=False, differentiable=False, breaks="voxels are counted")
def _(x: Tensor) -> Any:
    return softras.functional.voxelization(x[None] / 8 + 0.3, 6)


@case("softras.functional.soft_rasterize")
def _(x: Tensor) -> Any:
    return softras.functional.soft_rasterize(x[None], x[None], SIZE, sigma_val=1e-3, texture_type="vertex")


@case("gendr.functional.render")
def _(x: Tensor) -> Any:
    return gendr.functional.render(x[None], x[None], SIZE, dist_func="logistic", texture_type="vertex")


@case("softras.SoftRasterizer")
def _(x: Tensor) -> Any:
    mesh = softras.Mesh(points(x), APART, points(x).abs(), texture_type="vertex")
    return softras.SoftRasterizer(SIZE, sigma_val=1e-3, texture_type="vertex", gradient="exact")(mesh)


@case("softras.SoftRenderer")
def _(x: Tensor) -> Any:
    mesh = softras.Mesh(points(x), APART)
    return softras.SoftRenderer(SIZE, sigma_val=1e-3, camera_mode="look_at").render_mesh(mesh)


@case("softras.Renderer")
def _(x: Tensor) -> Any:
    mesh = softras.Mesh(points(x), APART, points(x).abs().reshape(1, 12, 3, 3)[:, :, :1])
    return softras.Renderer(SIZE, camera_mode="look_at")(mesh)


@case("gendr.GenDR")
def _(x: Tensor) -> Any:
    mesh = gendr.LookAt(viewing_angle=30)(gendr.Lighting()(gendr.Mesh(points(x), APART)))
    return gendr.GenDR(SIZE, dist_func="logistic", dist_scale=0.05)(mesh)


# Kaolin

_SELECTS = "which faces are drawn depends on values"


def image_of(x: Tensor) -> tuple[Tensor, Tensor]:
    """Kaolin's face_vertices_z and face_vertices_image, (1, 12, 3) and (1, 12, 3, 2)."""
    return -x[None, ..., 2], x[None, ..., :2]


@case("kaolin.dibr_rasterization", breaks=_SELECTS)
def _(x: Tensor) -> Any:
    return kaolin.dibr_rasterization(SIZE, SIZE, *image_of(x), x[None], x.new_ones(1, 12))


@case("kaolin.rasterize", breaks=_SELECTS)
def _(x: Tensor) -> Any:
    return kaolin.rasterize(SIZE, SIZE, *image_of(x), x[None])


@case("kaolin.dibr_soft_mask", breaks=_SELECTS)
def _(x: Tensor) -> Any:
    return kaolin.dibr_soft_mask(image_of(x)[1], NOTHING_SELECTED)


def kaolin_scene(x: Tensor) -> tuple[Any, Any]:
    from kaolin.rep import SurfaceMesh

    view = cameras.to_kaolin(pinhole(FACES))
    return view, SurfaceMesh(x.reshape(-1, 3), APART[0], vertex_features=x.reshape(-1, 3).abs())


@case("kaolin.render_mesh", breaks=_SELECTS, needs="kaolin")
def _(x: Tensor) -> Any:
    return kaolin.render_mesh(*kaolin_scene(x), extra_passes=("alpha", "depth"))


@case("kaolin.soft_render", breaks=_SELECTS, needs="kaolin")
def _(x: Tensor) -> Any:
    return kaolin.soft_render(*kaolin_scene(x), SETTINGS)


# redner

_SAMPLES = "edges are sampled where values say"


@case("redner.AmbientLight", "redner.DeferredLight", core=False)
def _(x: Tensor) -> Any:
    return redner.AmbientLight(x[0, 0]).render(*x.unbind(1))


@case("redner.PointLight", core=False)
def _(x: Tensor) -> Any:
    return redner.PointLight(x[0, 0] + 3, x[0, 1].abs()).render(*x.unbind(1))


@case("redner.DirectionalLight", core=False)
def _(x: Tensor) -> Any:
    return redner.DirectionalLight(-x[0, 0], x[0, 1].abs()).render(*x.unbind(1))


@case("redner.SpotLight", core=False)
def _(x: Tensor) -> Any:
    light = redner.SpotLight(x[0, 0] + 3, -x[0, 0], numbers(x), x[0, 1].abs())
    return light.render(*x.unbind(1))


@case("redner.Texture", core=False)
def _(x: Tensor) -> Any:
    return redner.Texture(x, x[0, 0, :2]).sample(x[1, :, :2])


@case("redner.compute_vertex_normal", core=False)
def _(x: Tensor) -> Any:
    return redner.compute_vertex_normal(x.reshape(-1, 3), STRIP)


@case("redner.gen_look_at_matrix", core=False)
def _(x: Tensor) -> Any:
    return redner.gen_look_at_matrix(x[0, 0] - 3, x[0, 0], x.new_tensor([0.0, 1, 0]))


@case("redner.gen_rotate_matrix", core=False)
def _(x: Tensor) -> Any:
    return redner.gen_rotate_matrix(x[0, 0])


def redner_scene(x: Tensor) -> redner.Scene:
    camera = redner.Camera(
        x[0, 0] - x.new_tensor([0, 0, 4]), x[1, 0], x.new_tensor([0.0, 1, 0]), numbers(x) * 20, resolution=(SIZE, SIZE)
    )
    material = redner.Material(use_vertex_color=True)
    item = redner.Object(x.reshape(-1, 3), APART[0], material, colors=x.reshape(-1, 3).abs())
    return redner.Scene(camera, objects=[item])


@case("redner.render_albedo", "redner.Scene", "redner.Camera", "redner.Object", "redner.Material", breaks=_SAMPLES)
def _(x: Tensor) -> Any:
    return redner.render_albedo(redner_scene(x), num_samples=(4, 4), seed=1)


@case("redner.render_g_buffer", "redner.Shape", breaks=_SAMPLES)
def _(x: Tensor) -> Any:
    wanted = [redner.channels.position, redner.channels.vertex_color]
    return redner.render_g_buffer(redner_scene(x), wanted, seed=1)


@case("redner.render_deferred", breaks=_SAMPLES)
def _(x: Tensor) -> Any:
    return redner.render_deferred(redner_scene(x), [redner.AmbientLight(x[0, 1].abs())], seed=1)


@case("redner.get_depth_renderer", "redner.DepthRenderer", breaks=_SAMPLES)
def _(x: Tensor) -> Any:
    renderer = redner.get_depth_renderer(2, seed=1)
    return renderer(x.reshape(-1, 3), APART[0], (9.0, 9.0, 5.0, 4.0), (SIZE, SIZE))


# PyTorch3D

_OTHERS_CODE = "PyTorch3D's own code breaks"


def pytorch3d_scene(x: Tensor) -> tuple[Any, Any]:
    """A rasteriser and a mesh."""
    from pytorch3d.renderer import FoVPerspectiveCameras, RasterizationSettings, TexturesVertex
    from pytorch3d.structures import Meshes

    from gendr_adapters.pytorch3d import GenDRRasterizer

    settings = RasterizationSettings(SIZE, blur_radius=0.01, faces_per_pixel=8)
    textures = TexturesVertex(points(x).abs())
    return GenDRRasterizer(FoVPerspectiveCameras(), settings), Meshes([*points(x)], [*APART], textures)


def shaded(x: Tensor, shader: str) -> Any:
    from pytorch3d.renderer import FoVPerspectiveCameras, MeshRenderer, PointLights

    from gendr_adapters import pytorch3d

    rasterizer, meshes = pytorch3d_scene(x)
    made: type = getattr(pytorch3d, shader)
    params = pytorch3d.GenDRBlendParams(sigma=1e-2)
    if shader == "GenDRSilhouetteShader":
        return MeshRenderer(rasterizer, made(blend_params=params))(meshes)
    others = {"cameras": FoVPerspectiveCameras(), "lights": PointLights(location=((0.0, 0.0, -1.0),))}
    return MeshRenderer(rasterizer, made(blend_params=params, **others))(meshes)


def _add_shader(name: str) -> None:
    also = ("pytorch3d.GenDRBlendParams",) if "Silhouette" in name else ()
    case(f"pytorch3d.{name}", *also, breaks=_OTHERS_CODE, needs="pytorch3d")(lambda x: shaded(x, name))


for _kind in ("Depth", "Flat", "Gouraud", "Normal", "Phong", "Silhouette"):
    _add_shader(f"GenDR{_kind}Shader")
for _kind in ("Depth", "Gouraud", "Phong"):
    _add_shader(f"GenDRHard{_kind}Shader")


@case("pytorch3d.GenDRRasterizer", "pytorch3d.GenDRFragments", breaks=_OTHERS_CODE, needs="pytorch3d")
def _(x: Tensor) -> Any:
    rasterizer, meshes = pytorch3d_scene(x)
    found = rasterizer(meshes)
    return found.zbuf, found.bary_coords, found.dists


@case("pytorch3d.rasterize_meshes", breaks=_OTHERS_CODE, needs="pytorch3d")
def _(x: Tensor) -> Any:
    from gendr_adapters.pytorch3d import rasterize_meshes

    return rasterize_meshes(pytorch3d_scene(x)[1], SIZE, blur_radius=0.01)[1:]


@case("pytorch3d.swap", breaks=_OTHERS_CODE, needs="pytorch3d")
def _(x: Tensor) -> Any:
    from pytorch3d.renderer import MeshRasterizer, MeshRenderer, SoftSilhouetteShader

    from gendr_adapters.pytorch3d import swap

    rasterizer, meshes = pytorch3d_scene(x)
    theirs = MeshRasterizer(rasterizer.cameras, rasterizer.raster_settings)
    return swap(MeshRenderer(theirs, SoftSilhouetteShader()))(meshes)
