"""Batches: every property of lights, materials and cameras, one an image; images of different counts; empty meshes."""

from typing import Any

import pytest
import torch
from door_scenes import (
    GENDR_PARAMS,
    LIT,
    SHADERS,
    SIGMA,
    SIZE,
    as_dtype,
    assert_close,
    cameras_of,
    gradients,
    lighting_of,
    renderer_of,
    two_meshes,
)
from hypothesis import given
from hypothesis import strategies as st
from pytorch3d.renderer import (
    AmbientLights,
    DirectionalLights,
    FoVPerspectiveCameras,
    Materials,
    PerspectiveCameras,
    PointLights,
    SoftPhongShader,
    TexturesAtlas,
    TexturesVertex,
    look_at_view_transform,
)
from pytorch3d.renderer.mesh.rasterizer import Fragments
from pytorch3d.structures import Meshes, join_meshes_as_batch
from pytorch3d.utils import ico_sphere
from torch import Tensor

from gendr_adapters.pytorch3d import (
    GenDRBlendParams,
    GenDRDepthShader,
    GenDRFlatShader,
    GenDRGouraudShader,
    GenDRNormalShader,
    GenDRPhongShader,
    GenDRSilhouetteShader,
    rasterize_meshes,
)
from gendr_adapters.pytorch3d._fragment_shading import groups


def batch(alike: bool) -> Meshes:
    """Two meshes; alike in size, so that they are shaded together, or not."""
    sphere = ico_sphere(1)
    verts = sphere.verts_packed()
    colours = [torch.rand(len(verts), 3, generator=torch.Generator().manual_seed(i)) for i in range(2)]
    return Meshes([verts, (0.95 if alike else 0.2) * verts], sphere.faces_list() * 2, TexturesVertex(colours))


R, T = look_at_view_transform(2.7, 20.0, torch.tensor([10.0, 75.0]))
COLOUR = torch.tensor([[0.9, 0.5, 0.1], [0.2, 0.6, 1.0]])
PLACE = torch.tensor([[1.0, 2.0, 1.5], [-1.5, 0.5, 2.0]])
BRIGHT = {"ambient_color": COLOUR[:1], "diffuse_color": COLOUR[:1], "specular_color": COLOUR[:1]}
FIELDS = [
    *(("lights", PointLights, name, COLOUR) for name in BRIGHT),
    ("lights", PointLights, "location", PLACE),
    *(("lights", DirectionalLights, name, COLOUR) for name in BRIGHT),
    ("lights", DirectionalLights, "direction", PLACE),
    ("lights", AmbientLights, "ambient_color", COLOUR),
    *(("materials", Materials, name, COLOUR) for name in BRIGHT),
    ("materials", Materials, "shininess", torch.tensor([3.0, 30.0])),
    ("cameras", FoVPerspectiveCameras, "fov", torch.tensor([50.0, 65.0])),
    ("cameras", FoVPerspectiveCameras, "aspect_ratio", torch.tensor([1.0, 1.4])),
    ("cameras", FoVPerspectiveCameras, "R", R),
    ("cameras", FoVPerspectiveCameras, "T", T + torch.tensor([[0.0, 0.0, 0.0], [0.2, 0.1, 0.5]])),
    ("cameras", PerspectiveCameras, "focal_length", torch.tensor([[2.0, 2.0], [1.5, 2.5]])),
    ("cameras", PerspectiveCameras, "principal_point", torch.tensor([[0.0, 0.1], [-0.2, 0.0]])),
    ("cameras", FoVPerspectiveCameras, "znear", torch.tensor([1.0, 0.2])),
    ("cameras", FoVPerspectiveCameras, "zfar", torch.tensor([100.0, 4.0])),
]
NO_Z_RANGE = {"znear": (GenDRDepthShader, GenDRSilhouetteShader), "zfar": (GenDRSilhouetteShader,)}


def cases() -> list[Any]:
    found = []
    for what, cls, field, values in FIELDS:
        for shader in SHADERS if what == "cameras" else LIT:
            if shader not in NO_Z_RANGE.get(field, ()):
                found.append(
                    pytest.param(shader, what, cls, field, values, id=f"{shader.__name__}-{cls.__name__}-{field}")
                )
    return found


@pytest.mark.slow
@pytest.mark.parametrize("shader, what, cls, field, values", cases())
def test_each_field(shader: Any, what: str, cls: Any, field: str, values: Tensor) -> None:
    """Each image has its own value: as rendered one by one, whether shaded together or not."""

    def made(rows: slice) -> dict[str, Any]:
        fields: dict[str, Any] = {"R": R[:1], "T": T[:1]} if what == "cameras" else {}
        fields |= {**BRIGHT, "location": PLACE[:1]} if cls is PointLights else {}
        fields |= {"shininess": 8.0} if what == "materials" and field != "shininess" else {}
        scene = {
            "cameras": FoVPerspectiveCameras(R=R[:1], T=T[:1], fov=50.0),
            "lights": PointLights(**BRIGHT, location=PLACE[:1]),
            "materials": Materials(shininess=8.0),
            "blend_params": GenDRBlendParams(SIGMA, 0.05, (0.2, 0.4, 0.9)),
        }
        return {**scene, what: cls(**{**fields, field: values[rows]})}

    for alike in (True, False):
        meshes = batch(alike)
        scene = made(slice(0, 2))
        both = renderer_of(shader(**scene), scene["cameras"])(meshes)
        for i in range(2):
            scene, other = made(slice(i, i + 1)), made(slice(1 - i, 2 - i))
            alone = renderer_of(shader(**scene), scene["cameras"])(meshes[i])
            torch.testing.assert_close(both[i : i + 1], alone, rtol=0, atol=2e-6)
            if not alike:
                continue
            another = renderer_of(shader(**other), other["cameras"])(meshes[i])
            assert (another - alone).abs().max() > 1e-4  # else the field would have no say


@pytest.mark.parametrize("given", ["cameras", "call"])
@pytest.mark.parametrize("shader", [GenDRPhongShader, GenDRGouraudShader])
def test_depth_range_one_an_image(shader: Any, given: str) -> None:
    """As PyTorch3D has it, of the cameras or of the call."""
    limits = {"znear": torch.tensor([1.0, 0.2]), "zfar": torch.tensor([100.0, 4.0])}
    cameras = FoVPerspectiveCameras(R=R, T=T, **(limits if given == "cameras" else {}))
    params = GENDR_PARAMS._replace(gamma=0.05)
    scene = {"cameras": cameras, "lights": AmbientLights(), "blend_params": params}
    kwargs = limits if given == "call" else {}
    meshes = batch(True)
    image = renderer_of(shader(**scene), cameras)(meshes, **kwargs)
    expected = renderer_of(SoftPhongShader(**scene), cameras, faces_per_pixel=None)(meshes, **kwargs)
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-5)
    assert (image - renderer_of(shader(**scene), cameras)(meshes, znear=1.0, zfar=100.0)).abs().max() > 1e-2


@given(st.lists(st.integers(0, 1000), max_size=12))
def test_groups(counts: list[int]) -> None:
    """Every image with fragments is in one group, and filling up a group adds a quarter at most."""
    found = groups(counts)
    assert sorted(i for group in found for i in group) == [i for i, count in enumerate(counts) if count]
    for group in found:
        assert group == sorted(group)
        there = [counts[i] for i in group]
        assert max(there) * len(there) <= 1.25 * sum(there)


def test_images_alike_are_shaded_together() -> None:
    assert groups([100, 90, 95]) == [[0, 1, 2]] and groups([10, 100, 9]) == [[1], [0, 2]] and groups([]) == []


@pytest.mark.parametrize("textures", ["vertex", "uv", "atlas"])
@pytest.mark.parametrize("shader", [GenDRPhongShader, GenDRFlatShader])
def test_very_different_counts(shader: Any, textures: str) -> None:
    """Five images, shaded in groups: the pictures and gradients of one by one."""
    cameras, materials = cameras_of(n=1), as_dtype(Materials(shininess=8.0), torch.float64)
    scene = lighting_of(cameras, materials=materials)
    renderer = renderer_of(shader(**scene), cameras)
    meshes, leaves = two_meshes(textures)
    singles = [
        meshes[0],
        meshes[1].scale_verts(0.3),
        meshes[0].scale_verts(0.95),
        meshes[1],
        meshes[0].scale_verts(0.1),
    ]
    together, alone = renderer(join_meshes_as_batch(singles)), torch.cat([renderer(mesh) for mesh in singles])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-12)
    assert_close(gradients(together, leaves), gradients(alone, leaves), 1e-10)


def with_empties(where: str, leaf: Tensor, mesh: Meshes) -> Meshes:
    """'x' an empty mesh, 'o' the sphere."""
    none, features = torch.zeros(0, 3, dtype=leaf.dtype), mesh.textures.verts_features_packed()
    colours: Any = [features if x == "o" else none for x in where]
    return Meshes(
        [leaf if x == "o" else none for x in where],
        [mesh.faces_packed() if x == "o" else torch.zeros(0, 3, dtype=torch.long) for x in where],
        TexturesVertex(colours if "o" in where else torch.stack(colours)),
    )


def nothing(shader: Any) -> Tensor:
    """A pixel without a face."""
    pixels = {GenDRSilhouetteShader: [1.0, 1.0, 1.0, 0.0], GenDRDepthShader: [100.0], GenDRNormalShader: [0.0] * 4}
    return torch.tensor(pixels.get(shader, [0.2, 0.4, 0.9, 0.0]))


@pytest.mark.parametrize("where", ["xo", "oxo", "ox", "x", "xx"])
@pytest.mark.parametrize("shader", SHADERS)
def test_empty_meshes(shader: Any, where: str) -> None:
    """They show the background, and leave the others alone."""
    meshes, leaves = two_meshes()
    cameras = cameras_of(n=1)
    renderer = renderer_of(shader(**lighting_of(cameras)), cameras)
    image, alone = renderer(with_empties(where, leaves[0], meshes[0])), renderer(meshes[0])
    for i, what in enumerate(where):
        expected = alone[0] if what == "o" else nothing(shader).to(image).expand(alone[0].shape)
        torch.testing.assert_close(image[i], expected, rtol=0, atol=1e-7)
    if "o" in where:
        ours = gradients(image[where.index("o")], leaves[:1])
        assert_close(ours, gradients(alone[0], leaves[:1]), 1e-9)


@pytest.mark.parametrize("kind", ["lists", "padded", "no faces"])
def test_batches_of_empty_meshes_alone(kind: str) -> None:
    """Of every kind that PyTorch3D makes, though it cannot move them itself: as many empty pictures as meshes."""
    verts, faces = torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.long)
    meshes = {
        "lists": lambda: Meshes([verts] * 3, [faces] * 3),
        "padded": lambda: Meshes(torch.zeros(3, 0, 3), torch.zeros(3, 0, 3, dtype=torch.long)),
        "no faces": lambda: Meshes([torch.rand(4, 3)] * 3, [faces] * 3),
    }[kind]()
    cameras = cameras_of(n=1, dtype=torch.float32)
    for fragments in (Fragments(*rasterize_meshes(meshes, SIZE)), renderer_of(None, cameras).rasterizer(meshes)):
        assert fragments.zbuf.shape[:3] == (3, *SIZE) and (fragments.pix_to_face == -1).all()
    image = renderer_of(GenDRSilhouetteShader(), cameras)(meshes)
    assert image.shape == (3, *SIZE, 4) and not image[..., 3].any()
    none = torch.zeros(3, 0, 2, 2, 5)
    for textures, channels in ((TexturesVertex(torch.zeros(3, 0, 4)), 4), (TexturesAtlas(none), 5)):
        meshes.textures = textures
        shader = GenDRPhongShader(
            cameras=cameras, blend_params=GENDR_PARAMS._replace(background_color=(0.5,) * channels)
        )
        image = renderer_of(shader, cameras)(meshes)
        assert image.shape == (3, *SIZE, channels + 1)
        assert (image[..., :channels] == 0.5).all() and not image[..., channels].any()


@pytest.mark.parametrize("shader", SHADERS)
def test_meshes_out_of_sight(shader: Any) -> None:
    """Two meshes behind the camera: the background, and gradients that are 0."""
    meshes, leaves = two_meshes()
    cameras = cameras_of()
    renderer = renderer_of(shader(**lighting_of(cameras)), cameras)
    image = renderer(
        meshes.offset_verts(2 * cameras.get_camera_center()[0] * torch.ones(len(meshes.verts_packed()), 1))
    )
    torch.testing.assert_close(image, nothing(shader).to(image).expand(image.shape))
    assert not torch.cat(gradients(image, leaves)).any()


@pytest.mark.parametrize("shader", SHADERS)
def test_everything_can_be_overridden(shader: Any) -> None:
    """The call's arguments are as good as the constructors'."""
    meshes = batch(True)
    cameras = FoVPerspectiveCameras(R=R, T=T, fov=50.0)
    scene = {"cameras": cameras, "lights": PointLights(), "materials": Materials(), "blend_params": GENDR_PARAMS}
    renderer, settings = renderer_of(shader(**scene), cameras), renderer_of(None, cameras).rasterizer.raster_settings
    before = renderer(meshes)
    changes: dict[str, Any] = {
        "cameras": FoVPerspectiveCameras(R=R.flip(0), T=T, fov=60.0),
        "blend_params": GENDR_PARAMS._replace(sigma=3e-3, gamma=0.1),
        "raster_settings": type(settings)(image_size=(11, 9), blur_radius=1e-3),
    }
    if shader in LIT:
        changes |= {"lights": PointLights(location=PLACE, **BRIGHT), "materials": Materials(diffuse_color=COLOUR)}
    for name, value in changes.items():
        image = renderer(meshes, **{name: value})
        new = {**scene, **({name: value} if name in scene else {})}
        fields = vars(value) if name == "raster_settings" else {}
        expected = renderer_of(shader(**new), new["cameras"], **fields)(meshes)
        assert torch.equal(image, expected) and (image.shape != before.shape or (image - before).abs().max() > 1e-3)
    assert torch.equal(renderer(meshes), before)
    if shader is GenDRDepthShader:
        assert renderer(meshes, zfar=7.0).max() == 7
    without = renderer_of(shader(**{**scene, "cameras": None}), None)
    assert torch.equal(without(meshes, cameras=cameras), before)
