"""The hard shaders in one pass over the faces, against PyTorch3D's own on the dense view."""

import dataclasses
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from door_scenes import SIZE, as_dtype, cameras_of, gradients, lights_of, renderer_of, two_meshes
from golden_fragments import FragmentsCase, fragments_cases
from golden_noise import MANY_TIES, leaf_meshes, rounding
from lit_scene import LIGHTS, Scene
from pytorch3d.renderer import (
    BlendParams,
    HardFlatShader,
    HardGouraudShader,
    HardPhongShader,
    Materials,
    MeshRasterizer,
    MeshRenderer,
    PointLights,
    RasterizationSettings,
    TexturesVertex,
)
from pytorch3d.renderer.mesh.rasterizer import Fragments
from pytorch3d.renderer.mesh.shader import HardDepthShader
from pytorch3d.structures import Meshes
from support.allocations import peak_of_allocations
from support.messages import about
from torch import Tensor

from gendr_adapters import _warnings
from gendr_adapters.pytorch3d import (
    GenDRFragments,
    GenDRHardDepthShader,
    GenDRHardFlatShader,
    GenDRHardGouraudShader,
    GenDRHardPhongShader,
    GenDRRasterizer,
    swap,
)

pytestmark = pytest.mark.usefixtures("normals_of_faces")

OURS = {
    HardPhongShader: GenDRHardPhongShader,
    HardFlatShader: GenDRHardFlatShader,
    HardGouraudShader: GenDRHardGouraudShader,
}
COLOURS = pytest.mark.parametrize("theirs", OURS, ids=lambda shader: shader.__name__)
SHARP = {"blur_radius": 0.0, "faces_per_pixel": 3}
BACK = (0.2, 0.4, 0.9)
CASES = fragments_cases()


@contextmanager
def in_one_pass() -> Iterator[None]:
    def refuse(*args: Any) -> None:
        raise AssertionError("the dense view was asked for")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(GenDRFragments, "nearest", refuse)
        yield


def draw_one_by_one(scene: Scene, shader: Any, **settings: Any) -> Tensor:
    """PyTorch3D's picture of each mesh on its own: it takes no different materials, or backgrounds, in a batch."""
    pictures = []
    for i, mesh in enumerate(scene.meshes()):
        own = torch.tensor([i])
        lighting = scene.lighting()
        for name in ("lights", "materials"):
            lighting[name] = lighting[name].clone().gather_props(own)
        lighting["cameras"] = cameras = type(scene.cameras)(
            focal_length=2.0, principal_point=((0.05, -0.1),), R=scene.cameras.R[own], T=scene.cameras.T[own]
        )
        params = BlendParams(background_color=scene.leaves["background"][i])
        pictures.append(renderer_of(shader(**lighting, blend_params=params), cameras, **settings)(mesh))
    return torch.cat(pictures)


def assert_theirs(scene: Scene, theirs: Any, share: float = 1e-8, **settings: Any) -> Tensor:
    """Pictures, and gradients to all leaves; ours is returned."""
    settings = {**SHARP, **settings}
    with in_one_pass():
        ours = scene.draw(OURS[theirs], settings)
        slopes = gradients(ours, list(scene.leaves.values()))
    expected = draw_one_by_one(scene, theirs, **settings)
    wanted = gradients(expected, list(scene.leaves.values()))
    assert ours.dtype == expected.dtype and set(expected[..., 3].unique().tolist()) == {0.0, 1.0}
    assert torch.equal(ours[..., 3], expected[..., 3])
    torch.testing.assert_close(ours, expected, rtol=0, atol=share)
    for name, a, b in zip(scene.leaves, slopes, wanted, strict=True):
        atol = share * max(1e-3, float(b.abs().max()))
        torch.testing.assert_close(a, b, rtol=0, atol=atol, msg=about(name))
    return ours


# Gouraud shading is of vertex colours; PyTorch3D's hard blending takes no map of one channel, and makes maps of two
# sizes alike in a batch, see below.
PAIRS = [(HardGouraudShader, "vertex")]
PAIRS += [
    (theirs, kind) for theirs in (HardPhongShader, HardFlatShader) for kind in ("vertex", "atlas", "uv", "shared map")
]


@pytest.mark.parametrize("lights", LIGHTS)
@pytest.mark.parametrize("theirs, textures", PAIRS)
def test_textures_and_lights(theirs: Any, textures: str, lights: str) -> None:
    scene = Scene(textures, lights)
    image = assert_theirs(scene, theirs)
    none = {"sigma", "gamma"}
    if lights == "ambient":
        none |= {f"materials' {name}" for name in ("diffuse_color", "specular_color", "shininess")}
        if textures == "atlas":  # of texels that are not interpolated
            none |= {"verts 0", "verts 1", "T"}
    found = zip(scene.leaves, gradients(image, list(scene.leaves.values())), strict=True)
    for name, slope in found:
        assert bool(slope.any()) == (name not in none), name  # else the comparison shows nothing


@pytest.mark.parametrize("theirs, textures", PAIRS)
@pytest.mark.parametrize(
    "settings",
    [
        {"z_clip_value": 2.5},
        {"perspective_correct": False},
        {"cull_backfaces": True},
        {"clip_barycentric_coords": True},
        {"image_size": (9, 31), "faces_per_pixel": 1},
        {"faces_per_pixel": None},
    ],
    ids=str,
)
def test_settings(settings: dict[str, Any], theirs: Any, textures: str) -> None:
    assert_theirs(Scene(textures), theirs, **settings)


@pytest.mark.parametrize("theirs", [HardPhongShader, HardFlatShader])
@pytest.mark.parametrize(
    "how",
    [
        {"sampling_mode": "nearest"},
        {"padding_mode": "zeros"},
        {"padding_mode": "reflection", "align_corners": False},
    ],
    ids=str,
)
def test_sampling(how: dict[str, Any], theirs: Any) -> None:
    """uvs are from -0.4 to 1.4."""
    assert_theirs(Scene("uv", **how), theirs)


@pytest.mark.parametrize("theirs", [HardPhongShader, HardFlatShader])
def test_maps_of_two_sizes(theirs: Any) -> None:
    """In a batch, as which PyTorch3D makes one size of them."""
    scene = Scene("maps of two sizes", n_materials=1)
    params = BlendParams(background_color=torch.tensor(BACK, dtype=torch.float64))
    pictures = [
        renderer_of(shader(**scene.lighting(), blend_params=params), scene.cameras, **SHARP)(scene.meshes())
        for shader in (OURS[theirs], theirs)
    ]
    torch.testing.assert_close(*pictures, rtol=0, atol=1e-8)


@COLOURS
def test_single_precision(theirs: Any) -> None:
    """Of lights in front: on the verge of their being seen rounding moves gradients by more."""
    scene = Scene("vertex", "point", dtype=torch.float32)
    with torch.no_grad():
        scene.of_lights["location"].copy_(3 * scene.cameras.get_camera_center())
    assert_theirs(scene, theirs, 2e-3)


def scene_of(shader: Any, dtype: torch.dtype = torch.float64, **more: Any) -> dict[str, Any]:
    if shader is HardDepthShader:
        return {"cameras": cameras_of(dtype=dtype), **more}
    materials = as_dtype(Materials(shininess=8.0), dtype)
    params = BlendParams(background_color=torch.tensor(BACK, dtype=dtype))
    scene = {"cameras": cameras_of(dtype=dtype), "lights": lights_of(dtype), "materials": materials}
    return {**scene, "blend_params": params, **more}


ALL = {**OURS, HardDepthShader: GenDRHardDepthShader}
# zfar is HardDepthShader's.
SHADERS = pytest.mark.parametrize("theirs", ALL, ids=lambda shader: shader.__name__)


@SHADERS
@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("blur_radius", [0.0, 1e-3, 0.02])
def test_faces_beside_the_pixel(blur_radius: float, clip: bool, theirs: Any) -> None:
    """With a blur radius they come first where they are nearer, in PyTorch3D, too."""
    settings = {"faces_per_pixel": 5, "clip_barycentric_coords": clip}

    def draw(shader: Any, blur_radius: float) -> tuple[Tensor, list[Tensor]]:
        meshes, leaves = two_meshes()
        scene = scene_of(theirs)
        renderer = renderer_of(shader(**scene), scene["cameras"], blur_radius=blur_radius, **settings)
        image = renderer(meshes, zfar=9.0)
        return image, gradients(image, leaves)

    image, slopes = draw(ALL[theirs], blur_radius)
    expected, wanted = draw(theirs, blur_radius)
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-9)
    for a, b in zip(slopes, wanted, strict=True):
        assert b.any()
        torch.testing.assert_close(a, b, rtol=0, atol=1e-8 * float(b.abs().max()))
    off = (image - draw(ALL[theirs], 0.0)[0]).abs().amax(-1)
    assert bool((off > 0.1).any()) == (blur_radius > 0)


@SHADERS
def test_equal_depths_show_the_first_face(theirs: Any) -> None:
    """Of three on each other the first one counts, and has the gradient, wherever it stands among the others."""
    corners = torch.tensor([[-0.8, -0.7, 0.1], [0.8, -0.6, 0.1], [0.1, 0.8, 0.1]], dtype=torch.float64)
    verts = corners.repeat(3, 1).requires_grad_()
    colours = torch.rand(1, 9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    meshes = Meshes([verts], [torch.arange(9).view(3, 3)], TexturesVertex(colours))
    scene = scene_of(theirs, cameras=cameras_of(n=1))
    pictures, slopes = [], []
    for shader in (ALL[theirs], theirs):
        image = renderer_of(shader(**scene), scene["cameras"], **SHARP)(meshes, zfar=9.0)
        pictures.append(image)
        slopes.append(gradients(image, [verts])[0])
    torch.testing.assert_close(pictures[0], pictures[1], rtol=0, atol=1e-9)
    torch.testing.assert_close(slopes[0], slopes[1], rtol=0, atol=1e-8)
    # Gouraud and Phong shading read the vertices' own normals, so only a face's own vertices matter.
    assert slopes[0][:3].any() and not slopes[0][3:].any()


@SHADERS
@pytest.mark.parametrize("blur_radius", [0.0, 1e-3])
def test_empty_meshes(blur_radius: float, theirs: Any) -> None:
    """Beside others, and alone, where PyTorch3D's shaders fail."""
    meshes, _ = two_meshes()
    nothing = Meshes(torch.zeros(1, 0, 3).double(), torch.zeros(1, 0, 3).long())
    nothing.textures = TexturesVertex(torch.zeros(1, 0, 3).double())
    verts, faces = meshes.verts_list(), meshes.faces_list()
    colours = meshes.textures.verts_features_list()
    one = Meshes([verts[0], verts[0][:0]], [faces[0], faces[0][:0]], TexturesVertex([colours[0], colours[0][:0]]))
    settings = {**SHARP, "blur_radius": blur_radius}
    both = scene_of(theirs)
    image = renderer_of(ALL[theirs](**both), both["cameras"], **settings)(one, zfar=9.0)
    expected = renderer_of(theirs(**both), both["cameras"], **settings)(one, zfar=9.0)
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-9)
    empty = image[1] if theirs is HardDepthShader else image[1, ..., :3]
    assert (empty == (9.0 if theirs is HardDepthShader else torch.tensor(BACK, dtype=torch.float64))).all()
    if blur_radius == 0:
        scene = scene_of(theirs, cameras=cameras_of(n=1))
        alone = renderer_of(ALL[theirs](**scene), scene["cameras"], **settings)(nothing, zfar=9.0)
        assert torch.equal(alone, image[1:])


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_golden_fragments(case: FragmentsCase) -> None:
    """PyTorch3D's shaders on what its compiled rasteriser found, and ours on the meshes."""
    meshes, leaves = leaf_meshes(case, 0)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(0)
        meshes.textures = TexturesVertex([torch.rand(x.shape, generator=generator) for x in leaves])
    golden = Fragments(*map(torch.from_numpy, dataclasses.astuple(case.expected)))
    lights = PointLights(location=((1.0, 2.0, 1.5),), ambient_color=((0.9, 0.8, 0.7),))
    for theirs in ALL:
        cameras = case.cameras()
        scene = {"cameras": cameras} if theirs is HardDepthShader else {"cameras": cameras, "lights": lights}
        expected = theirs(**scene)(golden, meshes, zfar=9.0)
        rasterizer = MeshRasterizer(cameras, RasterizationSettings(**case.settings))
        image = swap(MeshRenderer(rasterizer, theirs(**scene)))(meshes, zfar=9.0)
        assert image.shape == expected.shape
        # Another face comes first where two are at one depth, or where the pixel is on an edge: see `compare` in
        # test_rasterizer_parity.py, which shows that there is nothing else.
        ours = GenDRRasterizer(cameras, RasterizationSettings(**case.settings))(meshes)
        same = ours.pix_to_face[..., 0] == golden.pix_to_face[..., 0]
        assert same.float().mean() > (0.5 if case.id.startswith(MANY_TIES) else 0.98)
        tolerance = 1e-3 + 10 * rounding(golden.bary_coords[..., 0, :])
        off = ((image - expected).abs() > tolerance[..., None]).any(-1) & same
        assert int(off.sum()) <= 1e-3 * off.numel(), theirs.__name__


def test_most_of_the_golden_pixels_count() -> None:
    """Else the comparison above would show little."""
    covered = torch.cat([torch.from_numpy(case.expected.pix_to_face)[..., 0].flatten() >= 0 for case in CASES])
    weights = torch.cat([torch.from_numpy(case.expected.bary_coords)[..., 0, :].reshape(-1, 3) for case in CASES])
    assert int(covered.sum()) > 20_000 and float((rounding(weights) > 1e-4)[covered].float().mean()) < 0.01


def edited(fragments: GenDRFragments) -> GenDRFragments:
    fragments.pix_to_face[:, :4] = -1
    return fragments


def replaced(fragments: GenDRFragments) -> GenDRFragments:
    return dataclasses.replace(fragments, pix_to_face=fragments.pix_to_face.clone())


def of_pytorch3d(fragments: GenDRFragments) -> Fragments:
    return Fragments(fragments.pix_to_face, fragments.zbuf, fragments.bary_coords, fragments.dists)


@SHADERS
@pytest.mark.parametrize("change", [edited, replaced, of_pytorch3d])
def test_fragments_that_only_the_dense_view_has(change: Any, theirs: Any) -> None:
    """The shaders see them as PyTorch3D's do."""
    meshes, _ = two_meshes()
    scene = scene_of(theirs)
    rasterizer = renderer_of(None, scene["cameras"], **SHARP).rasterizer
    image = ALL[theirs](**scene)(change(rasterizer(meshes)), meshes, zfar=9.0)
    expected = theirs(**scene)(change(rasterizer(meshes)), meshes, zfar=9.0)
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-9)
    whole = theirs(**scene)(rasterizer(meshes), meshes, zfar=9.0)
    assert torch.equal(expected, whole) == (change is not edited)


@COLOURS
def test_fragments_of_other_meshes(theirs: Any) -> None:
    scene = scene_of(theirs)
    fragments = renderer_of(None, scene["cameras"], **SHARP).rasterizer(two_meshes()[0])
    with pytest.raises(ValueError, match="the fragments are of 2 meshes with 100 faces"):
        OURS[theirs](**scene)(fragments, two_meshes()[0][0])


class MyLights(PointLights):
    """A child of PyTorch3D's lights may do anything."""

    def diffuse(self, normals: Tensor, points: Tensor) -> Tensor:
        return 2 * super().diffuse(normals, points)


class MyTextures(TexturesVertex):
    def sample_textures(self, fragments: Any, faces_packed: Any = None) -> Tensor:
        return 0.5 * super().sample_textures(fragments, faces_packed)


@pytest.mark.parametrize("what", ["lights", "textures", "blur radius", "fragments"])
@pytest.mark.parametrize("theirs", [HardPhongShader, HardFlatShader])
def test_pytorch3ds_shader_runs_where_the_core_cannot_shade(
    theirs: Any, what: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_warnings, "_logged", set())
    meshes, _ = two_meshes()
    scene = scene_of(theirs)
    settings = {**SHARP, "blur_radius": 1e-3} if what == "blur radius" else SHARP
    if what == "lights":
        scene["lights"] = as_dtype(MyLights(location=((1.0, 2.0, 1.5),)), torch.float64)
    if what == "textures":
        meshes.textures = MyTextures(meshes.textures.verts_features_list())
    rasterizer = renderer_of(None, scene["cameras"], **settings).rasterizer
    with caplog.at_level(logging.INFO, "gendr_adapters"):
        for _ in range(2):
            fragments = rasterizer(meshes)
            image = OURS[theirs](**scene)(of_pytorch3d(fragments) if what == "fragments" else fragments, meshes)
    torch.testing.assert_close(image, theirs(**scene)(rasterizer(meshes), meshes), rtol=0, atol=1e-9)
    (record,) = caplog.records
    named = {"lights": "MyLights", "textures": "MyTextures", "blur radius": "blur_radius above 0"}
    assert OURS[theirs].__name__ in record.message and named.get(what, "Fragments") in record.message


@pytest.mark.parametrize("shape", [(1,), (3,), (2, 3), (*SIZE, 3), (2, *SIZE, 3)])
@COLOURS
def test_backgrounds(theirs: Any, shape: tuple[int, ...]) -> None:
    """All that the soft shaders take; with a gradient."""
    meshes, _ = two_meshes()
    back = torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).requires_grad_()
    scene = scene_of(theirs, blend_params=BlendParams(background_color=back))
    image = renderer_of(OURS[theirs](**scene), scene["cameras"], **SHARP)(meshes)
    empty = image[..., 3] == 0
    full = back[:, None, None] if shape == (2, 3) else back
    full = full.expand(2, *SIZE, 3)
    assert 0.1 < empty.float().mean() < 0.9 and torch.equal(image[empty][:, :3], full[empty])
    (slope,) = torch.autograd.grad(image[..., :3].sum(), back)
    (expected,) = torch.autograd.grad(full[empty].sum(), back)
    torch.testing.assert_close(slope, expected)


def test_depth_of_cameras_that_see_to_different_depths() -> None:
    """PyTorch3D's shader takes one zfar."""
    meshes, _ = two_meshes("none")
    scene = {"cameras": cameras_of()}
    image = renderer_of(GenDRHardDepthShader(**scene), scene["cameras"], **SHARP)(meshes, zfar=torch.tensor([5.0, 8.0]))
    assert image[0].max() == 5 and image[1].max() == 8 and image.dtype == torch.float64
    assert (image < 4).any((1, 2, 3)).all()


def test_gouraud_needs_vertex_colours() -> None:
    meshes, _ = two_meshes("uv")
    scene = scene_of(HardGouraudShader)
    with pytest.raises(ValueError, match="meshes need TexturesVertex, got TexturesUV"):
        renderer_of(GenDRHardGouraudShader(**scene), scene["cameras"], **SHARP)(meshes)


@SHADERS
@pytest.mark.parametrize("blur_radius", [0.0, 1e-3])
def test_memory_does_not_grow_with_the_slots(blur_radius: float, theirs: Any) -> None:
    """There is one that counts."""

    def peak(k: int) -> int:
        scene = scene_of(theirs)
        settings = {"blur_radius": blur_radius, "faces_per_pixel": k, "image_size": 40}
        renderer = renderer_of(ALL[theirs](**scene), scene["cameras"], **settings)

        def step() -> None:
            meshes, leaves = two_meshes()
            gradients(renderer(meshes, zfar=9.0), leaves)

        step()
        return peak_of_allocations(step)

    few, many = peak(1), peak(50)
    assert 0 < many <= 1.01 * few
