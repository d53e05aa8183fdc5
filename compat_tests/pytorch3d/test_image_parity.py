"""Pictures of a swapped renderer: PyTorch3D's golden ones, and those of its own shaders on our fragments."""

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from door_scenes import (
    PARAMS,
    SIGMA,
    DoubleFoVPerspectiveCameras,
    as_dtype,
    assert_close,
    cameras_of,
    gradients,
    lighting_of,
    lights_of,
    renderer_of,
    settings_of,
    two_meshes,
)
from golden_fragments import FOV, ImageCase, image_cases
from pytorch3d.renderer import (
    BlendParams,
    Materials,
    MeshRasterizer,
    MeshRenderer,
    PointLights,
    RasterizationSettings,
    SoftGouraudShader,
    SoftPhongShader,
    SoftSilhouetteShader,
    TexturesUV,
    TexturesVertex,
)
from pytorch3d.renderer.mesh.shader import SoftDepthShader
from pytorch3d.structures import Meshes
from real_pytorch3d import NEEDS_COMPILED_OPS
from torch import Tensor

from gendr_adapters.pytorch3d import (
    GenDRDepthShader,
    GenDRGouraudShader,
    GenDRPhongShader,
    GenDRRasterizer,
    GenDRSilhouetteShader,
    swap,
)

CASES = image_cases()
STEP = 1e-6


def renderer_of_case(case: ImageCase, cameras: Any = None) -> MeshRenderer:
    """As a user of PyTorch3D makes it."""
    cameras, params = cameras or case.cameras(), BlendParams(case.sigma, case.gamma, case.background_color)
    if case.shader == "silhouette":
        shader = SoftSilhouetteShader(params)
    else:
        shaders = {"phong": SoftPhongShader, "gouraud": SoftGouraudShader}
        lights = PointLights(location=(case.light_location,))
        shader = shaders[case.shader](cameras=cameras, lights=lights, blend_params=params)
    return MeshRenderer(MeshRasterizer(cameras, RasterizationSettings(**case.settings)), shader)


def leaves_of(values: list[np.ndarray]) -> list[Tensor]:
    return [torch.from_numpy(x).requires_grad_() for x in values]


def meshes_of(case: ImageCase, moved: int = 0) -> tuple[Meshes, dict[str, list[Tensor]]]:
    """And the leaves: verts, and colors or uvmap; moved: seed for moving the verts by 1e-6."""
    generator, faces = np.random.default_rng(moved), list(map(torch.from_numpy, case.meshes.faces))
    verts = [v + np.float32(1e-6 if moved else 0) * generator.standard_normal(v.shape, "f4") for v in case.meshes.verts]
    leaves = {"verts": leaves_of(verts)}
    textures = None
    if case.colors is not None:
        leaves["colors"] = leaves_of(case.colors)
        textures = TexturesVertex(leaves["colors"])
    elif case.uvmap is not None:
        (uvmap,) = leaves["uvmap"] = leaves_of([case.uvmap])
        textures = TexturesUV(uvmap.expand(len(faces), -1, -1, -1), faces, list(map(torch.from_numpy, case.uvs)))
    return Meshes(leaves["verts"], faces, textures), leaves


@pytest.mark.parametrize("case", CASES, ids=str)
def test_golden_images(case: ImageCase) -> None:
    meshes, leaves = meshes_of(case)
    image = swap(renderer_of_case(case))(meshes)
    assert image.shape == case.image.shape and image.dtype == torch.float32
    off = ((image.detach() - torch.from_numpy(case.image)).abs() > 1e-4).any(-1)
    assert off.float().mean() <= 1e-3
    if case.shader == "silhouette":
        assert (image[..., :3] == 1).all()

    (image * torch.from_numpy(case.w_image)).sum().backward()
    for name, golden in (("colors", case.grad_colors), ("uvmap", [case.grad_uvmap])):
        if name in leaves:
            expected = [torch.from_numpy(x) for x in golden]
            assert_close([x.grad for x in leaves[name]], expected, 2e-4)
    wanted, ours = torch.from_numpy(np.concatenate(case.grad_verts)), torch.cat([x.grad for x in leaves["verts"]])
    error, allowed = (ours - wanted).abs().amax(1), 2e-4 * ours.abs().max()
    if (error > allowed).any():
        allowed = allowed + noise_of(case, ours)
    # Some golden gradients are not the picture's slope, which finite differences tell, by factors of up to 16,000.
    # Presumably pixels where PyTorch3D clamps the denominator of a face's weights: its backward pass goes on as if it
    # had not.
    wrong = (error - allowed).clamp(min=0)
    assert (wrong > 0).sum() <= 0.2 * len(wrong)
    for vert in wrong.topk(min(2, int((wrong > 0).sum()))).indices.tolist():
        tolerance = 1e-4 * float(ours.abs().max())
        torch.testing.assert_close(ours[vert].double(), slope(case, vert), rtol=1e-3, atol=tolerance)


def noise_of(case: ImageCase, gradient: Tensor) -> Tensor:
    """(V,): how far the gradient at each vertex moves where all vertices move by 1e-6, about the rounding of what is
    projected. Much only where a pixel is on a kink, as between two texels, and rounding says on which side."""
    moves = []
    for seed in range(1, 7):
        meshes, leaves = meshes_of(case, seed)
        loss = (swap(renderer_of_case(case))(meshes) * torch.from_numpy(case.w_image)).sum()
        moves.append(torch.cat(torch.autograd.grad(loss, leaves["verts"])) - gradient)
    return torch.stack(moves).abs().amax((0, 2))


def test_noise_excuses_few_vertices() -> None:
    """Else the comparison of gradients would show nothing."""
    noisy = []
    for case in CASES[:6]:  # every shader and texture
        meshes, leaves = meshes_of(case)
        loss = (swap(renderer_of_case(case))(meshes) * torch.from_numpy(case.w_image)).sum()
        gradient = torch.cat(torch.autograd.grad(loss, leaves["verts"]))
        noisy.append(noise_of(case, gradient) > 2e-4 * gradient.abs().max())
    assert torch.cat(noisy).float().mean() <= 0.1


def slope(case: ImageCase, vert: int) -> Tensor:
    """(3,): of the golden's loss along one vertex' axes, by finite differences in double precision."""
    pose = {"R": torch.from_numpy(case.meshes.R), "T": torch.from_numpy(case.meshes.T)}
    renderer = swap(renderer_of_case(case, DoubleFoVPerspectiveCameras(fov=FOV, **pose)))
    counts, faces = list(map(len, case.meshes.verts)), list(map(torch.from_numpy, case.meshes.faces))
    textures = None
    if case.colors is not None:
        textures = TexturesVertex([torch.from_numpy(x).double() for x in case.colors])
    elif case.uvmap is not None:
        maps = torch.from_numpy(case.uvmap).double().expand(len(faces), -1, -1, -1)
        textures = TexturesUV(maps, faces, [torch.from_numpy(x).double() for x in case.uvs])
    losses = torch.zeros(3, 2, dtype=torch.float64)
    for axis, side in itertools.product(range(3), range(2)):
        verts = torch.from_numpy(np.concatenate(case.meshes.verts)).double()
        verts[vert, axis] += STEP * (1 - 2 * side)
        image = renderer(Meshes(list(verts.split(counts)), faces, textures))
        losses[axis, side] = (image * torch.from_numpy(case.w_image)).sum()
    return (losses[:, 0] - losses[:, 1]) / (2 * STEP)


def theirs_on_ours(shader: Any, cameras: Any, meshes: Meshes, **settings: Any) -> Tensor:
    """PyTorch3D's own shader, on the dense view of all faces."""
    return renderer_of(shader, cameras, **{"faces_per_pixel": None, **settings})(meshes)


COLOUR = {"phong": (SoftPhongShader, GenDRPhongShader), "gouraud": (SoftGouraudShader, GenDRGouraudShader)}


@pytest.mark.parametrize("kind", ["perspective", "ortho"])
@pytest.mark.parametrize(
    "shading, textures", [("phong", "vertex"), ("phong", "uv"), ("phong", "atlas"), ("gouraud", "vertex")]
)
def test_colour_is_softmax_rgb_blend_of_all_faces(shading: str, textures: str, kind: str) -> None:
    """In double precision: two meshes, each with its camera."""
    theirs, ours = COLOUR[shading]
    meshes, leaves = two_meshes(textures)
    cameras, materials = cameras_of(kind), as_dtype(Materials(shininess=8.0), torch.float64)
    scene = lighting_of(cameras, materials=materials)
    image, expected = renderer_of(ours(**scene), cameras)(meshes), theirs_on_ours(theirs(**scene), cameras, meshes)
    assert 0.2 < expected[..., 3].mean() < 0.8
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-6)
    assert_close(gradients(image, leaves), gradients(expected, leaves), 1e-5)


@pytest.mark.parametrize("shading", ["phong", "gouraud"])
def test_floor_of_the_background(shading: str) -> None:
    """Far from the faces their coverage sinks below 1e-10, which the background weighs at least."""
    theirs, ours = COLOUR[shading]
    meshes, leaves = two_meshes()
    scene = lighting_of(cameras_of(), blend_params=PARAMS._replace(sigma=5e-4))
    wide = {"blur_radius": 28 * 5e-4}
    image = renderer_of(ours(**scene), scene["cameras"], **wide)(meshes)
    expected = theirs_on_ours(theirs(**scene), scene["cameras"], meshes, **wide)
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-6)
    far = (expected[..., 3] > 1e-12) & (expected[..., 3] < 1e-8)
    share = (expected[..., :3] - torch.tensor(PARAMS.background_color)).abs().amax(-1)[far]
    assert (share < 0.05).any() and (share > 0.2).any()  # where the floor is more than the faces, and less
    slopes = [gradients(x[far], leaves) for x in (image, expected)]
    assert_close(*slopes, 1e-4)
    assert_close(gradients(image, leaves), gradients(expected, leaves), 1e-5)


@pytest.mark.parametrize("kind", ["fov", "fov_ortho"])
@pytest.mark.parametrize("shading", ["phong", "gouraud"])
def test_colour_in_single_precision(shading: str, kind: str) -> None:
    """With znear and zfar of the cameras, (N,)."""
    theirs, ours = COLOUR[shading]
    meshes, leaves = two_meshes("vertex", torch.float32)
    cameras = cameras_of(kind, dtype=torch.float32)
    scene = lighting_of(cameras, torch.float32)
    image, expected = renderer_of(ours(**scene), cameras)(meshes), theirs_on_ours(theirs(**scene), cameras, meshes)
    torch.testing.assert_close(image, expected, rtol=0, atol=2e-5)
    assert_close(gradients(image, leaves), gradients(expected, leaves), 2e-3)


@pytest.mark.parametrize("kind", ["perspective", "ortho"])
def test_silhouette_is_the_product_of_all_faces(kind: str) -> None:
    meshes, leaves = two_meshes("none")
    cameras = cameras_of(kind)
    image = renderer_of(GenDRSilhouetteShader(PARAMS), cameras)(meshes)
    fragments = GenDRRasterizer(cameras, settings_of(faces_per_pixel=None))(meshes)
    coverage = torch.sigmoid(-fragments.dists / SIGMA) * (fragments.pix_to_face >= 0)
    expected = 1 - (1 - coverage).prod(-1)
    torch.testing.assert_close(image[..., 3], expected, rtol=0, atol=1e-9)
    assert_close(gradients(image[..., 3], leaves), gradients(expected, leaves), 1e-9)


@pytest.mark.parametrize("kind", ["perspective", "ortho"])
def test_depth_is_soft_depth_of_all_faces(kind: str) -> None:
    meshes, leaves = two_meshes("none")
    cameras = cameras_of(kind)
    scene = {"cameras": cameras, "blend_params": PARAMS}
    image = renderer_of(GenDRDepthShader(**scene), cameras)(meshes, zfar=10.0)
    expected = renderer_of(SoftDepthShader(**scene), cameras, faces_per_pixel=None)(meshes, zfar=10.0)
    assert image.shape == expected.shape and expected.detach().max() == 10
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-9)
    assert_close(gradients(image, leaves), gradients(expected, leaves), 1e-8)


def test_smaller_k_gives_another_picture() -> None:
    """So the comparisons above say something about the faces behind."""
    meshes, leaves = two_meshes("vertex")
    cameras = cameras_of()
    scene = lighting_of(cameras, blend_params=PARAMS._replace(gamma=0.1))
    every = renderer_of(GenDRPhongShader(**scene), cameras)(meshes)
    few = theirs_on_ours(SoftPhongShader(**scene), cameras, meshes, faces_per_pixel=2)
    assert (every - few).abs().max() > 0.05
    differences = [a - b for a, b in zip(gradients(every, leaves), gradients(few, leaves), strict=True)]
    assert all(x.abs().max() > 0.1 for x in differences)


@NEEDS_COMPILED_OPS
@pytest.mark.parametrize("shader", [SoftSilhouetteShader, SoftPhongShader, SoftGouraudShader])
def test_pictures_are_those_of_the_compiled_rasterizer(shader: Any) -> None:
    meshes, leaves = two_meshes("vertex", torch.float32)
    cameras = cameras_of("fov", dtype=torch.float32)
    silhouette = shader is SoftSilhouetteShader
    lights = lights_of(torch.float32)
    soft = shader(PARAMS) if silhouette else shader(cameras=cameras, lights=lights, blend_params=PARAMS)
    renderer = MeshRenderer(MeshRasterizer(cameras, settings_of(faces_per_pixel=100)), soft)
    expected, image = renderer(meshes), swap(renderer)(meshes)
    assert ((image - expected).abs().amax(-1) > 1e-4).float().mean() <= 1e-3
    assert_close(gradients(image, leaves), gradients(expected, leaves), 5e-3)
