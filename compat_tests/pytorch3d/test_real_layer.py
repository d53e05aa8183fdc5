"""PyTorch3D's Python layer works here, on the CPU with this torch; what it has compiled refuses, or works too."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from golden_fragments import FragmentsCase, ImageCase, fragments_cases, image_cases
from pytorch3d.loss import mesh_edge_loss, mesh_laplacian_smoothing, mesh_normal_consistency
from pytorch3d.ops import sample_points_from_meshes
from pytorch3d.renderer import (
    BlendParams,
    FoVOrthographicCameras,
    FoVPerspectiveCameras,
    HardPhongShader,
    Materials,
    MeshRasterizer,
    MeshRenderer,
    MeshRendererWithFragments,
    OrthographicCameras,
    PerspectiveCameras,
    PointLights,
    RasterizationSettings,
    SoftGouraudShader,
    SoftPhongShader,
    SoftSilhouetteShader,
    TexturesAtlas,
    TexturesUV,
    TexturesVertex,
    look_at_view_transform,
)
from pytorch3d.renderer.mesh.rasterizer import Fragments
from pytorch3d.renderer.mesh.shading import gouraud_shading, phong_shading
from pytorch3d.structures import Meshes
from pytorch3d.utils import ico_sphere
from real_pytorch3d import NEEDS_COMPILED_OPS, has_compiled_ops

HERE = Path(__file__).parent
SIZE = 24


class OneFace(torch.nn.Module):
    """Stands where MeshRasterizer stands: every pixel sees the middle of its mesh's face 0 twice, then nothing."""

    def __init__(self, cameras: object, raster_settings: RasterizationSettings) -> None:
        super().__init__()
        self.cameras, self.raster_settings = cameras, raster_settings

    def forward(self, meshes: Meshes, **kwargs: object) -> Fragments:
        projected = MeshRasterizer(self.cameras, self.raster_settings).transform(meshes, **kwargs)
        first = meshes.mesh_to_faces_packed_first_idx()
        shape = (len(meshes), SIZE, SIZE, 3)
        pix_to_face = first.view(-1, 1, 1, 1).expand(shape).clone()
        pix_to_face[..., 2] = -1
        corners = projected.verts_packed()[projected.faces_packed()][first]
        zbuf = corners[..., 2].mean(1).view(-1, 1, 1, 1).expand(shape)
        bary = torch.full((*shape, 3), 1 / 3)
        return Fragments(pix_to_face=pix_to_face, zbuf=zbuf, bary_coords=bary, dists=torch.full(shape, -1e-3))


def cameras_of(kind: str) -> Any:
    R, T = look_at_view_transform(3.0, 20.0, torch.tensor([0.0, 60.0]))
    pose = {"R": R, "T": T}
    screen = {"in_ndc": False, "image_size": ((SIZE, SIZE),)}
    return {
        "fov": lambda: FoVPerspectiveCameras(fov=50.0, **pose),
        "fov_ortho": lambda: FoVOrthographicCameras(**pose),
        "perspective": lambda: PerspectiveCameras(focal_length=2.0, **pose),
        "perspective_screen": lambda: PerspectiveCameras(24.0, ((SIZE / 2, SIZE / 2),), **pose, **screen),
        "orthographic": lambda: OrthographicCameras(focal_length=0.8, **pose),
        "orthographic_screen": lambda: OrthographicCameras(9.6, ((SIZE / 2, SIZE / 2),), **pose, **screen),
    }[kind]()


def textures_of(kind: str, mesh: Meshes) -> object:
    verts, faces = mesh.verts_packed(), mesh.faces_packed()
    generator = torch.Generator().manual_seed(0)
    if kind == "vertex":
        return TexturesVertex(torch.rand(1, len(verts), 3, generator=generator))
    if kind == "uv":
        return TexturesUV(torch.rand(1, 8, 8, 3, generator=generator), faces[None], verts[None, :, :2] / 2 + 0.5)
    return TexturesAtlas(torch.rand(1, len(faces), 4, 4, 3, generator=generator))


def meshes_of(case: FragmentsCase | ImageCase) -> Meshes:
    return Meshes(list(map(torch.from_numpy, case.meshes.verts)), list(map(torch.from_numpy, case.meshes.faces)))


def textured_spheres(kind: str) -> Meshes:
    mesh = ico_sphere(1)
    return Meshes(mesh.verts_list(), mesh.faces_list(), textures_of(kind, mesh)).extend(2)


@pytest.mark.parametrize(
    "kind", ["fov", "fov_ortho", "perspective", "perspective_screen", "orthographic", "orthographic_screen"]
)
def test_cameras(kind: str) -> None:
    """The rasteriser's transform is the camera's projection to NDC, with the view's depth."""
    cameras, mesh = cameras_of(kind), textured_spheres("vertex")
    projected = MeshRasterizer(cameras, RasterizationSettings(SIZE)).transform(mesh).verts_padded()
    torch.testing.assert_close(projected[..., :2], cameras.transform_points_ndc(mesh.verts_padded())[..., :2])
    depth = cameras.get_world_to_view_transform().transform_points(mesh.verts_padded())[..., 2]
    torch.testing.assert_close(projected[..., 2], depth)


def test_screen_cameras_are_those_in_ndc() -> None:
    for kind in ("perspective", "orthographic"):
        points = torch.rand(5, 3, generator=torch.Generator().manual_seed(1))
        ndc, screen = cameras_of(kind), cameras_of(f"{kind}_screen")
        torch.testing.assert_close(screen.transform_points_ndc(points), ndc.transform_points_ndc(points))


@pytest.mark.parametrize("texture", ["vertex", "uv", "atlas"])
def test_renderer_with_our_rasterizer(texture: str) -> None:
    meshes, cameras = textured_spheres(texture), cameras_of("fov")
    lights, materials = PointLights(location=((0.0, 2.0, 2.0),)), Materials(shininess=10.0)
    rasterizer = OneFace(cameras, RasterizationSettings(SIZE))
    scene = {"cameras": cameras, "lights": lights, "materials": materials}
    for shader in (HardPhongShader(**scene), SoftPhongShader(**scene, blend_params=BlendParams(1e-3, 1e-2))):
        image, fragments = MeshRendererWithFragments(rasterizer, shader)(meshes)
        assert image.shape == (2, SIZE, SIZE, 4) and torch.isfinite(image).all()
        assert torch.equal(image, MeshRenderer(rasterizer, shader)(meshes))
    assert (image[..., 3] > 0.5).all() and image[..., :3].std() > 0

    texels = meshes.sample_textures(fragments)
    colors = phong_shading(meshes, fragments, lights, cameras, materials, texels)
    assert colors.shape == texels.shape == (2, SIZE, SIZE, 3, 3)
    if texture == "vertex":
        assert gouraud_shading(meshes, fragments, lights, cameras, materials).shape == colors.shape
        assert MeshRenderer(rasterizer, SoftGouraudShader(**scene))(meshes).shape == image.shape


@pytest.mark.filterwarnings("ignore:torch.sparse.SparseTensor:UserWarning")
def test_losses() -> None:
    mesh = ico_sphere(1)
    verts = mesh.verts_packed().clone().requires_grad_()
    mesh = Meshes([verts], mesh.faces_list())
    loss = mesh_edge_loss(mesh) + mesh_laplacian_smoothing(mesh, "uniform")
    if has_compiled_ops():
        loss = loss + mesh_normal_consistency(mesh)
    loss.backward()
    assert verts.grad is not None and torch.isfinite(verts.grad).all() and verts.grad.norm() > 0


@pytest.mark.parametrize("case", fragments_cases(), ids=repr)
def test_golden_cameras(case: FragmentsCase) -> None:
    """The cameras made here are those of the golden files: they project the vertices to the same places."""
    rasterizer = MeshRasterizer(case.cameras(), RasterizationSettings(**case.settings))
    projected = rasterizer.transform(meshes_of(case))
    np.testing.assert_allclose(projected.verts_packed().numpy(), case.verts_ndc, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(has_compiled_ops(), reason="all of PyTorch3D is installed: nothing refuses")
def test_compiled_ops_refuse() -> None:
    meshes, cameras = textured_spheres("vertex"), cameras_of("fov")
    message = "only PyTorch3D's Python layer is installed"
    with pytest.raises(NotImplementedError, match=f"rasterize_meshes is compiled code, and {message}"):
        MeshRasterizer(cameras, RasterizationSettings(SIZE))(meshes)
    fragments = OneFace(cameras, RasterizationSettings(SIZE))(meshes)
    with pytest.raises(NotImplementedError, match=f"sigmoid_alpha_blend is compiled code, and {message}"):
        SoftSilhouetteShader()(fragments, meshes)
    for function in (Meshes.faces_normals_packed, mesh_normal_consistency, sample_points_from_meshes):
        with pytest.raises(NotImplementedError, match=message):
            function(meshes)


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in fragments_cases() if case.scene == "behind"], ids=repr)
def test_slow_rasterizer_gives_the_golden_fragments(case: FragmentsCase, slow_rasterizer: None) -> None:
    """PyTorch3D's rasteriser in Python can stand for the compiled one, where pixels and faces are few."""
    meshes = meshes_of(case)
    (verts,) = (verts.requires_grad_() for verts in meshes.verts_list())
    fragments = MeshRasterizer(case.cameras(), RasterizationSettings(**case.settings))(meshes)
    expected, weights = case.expected, {"zbuf": case.w_zbuf, "bary_coords": case.w_bary, "dists": 50 * case.w_dists}
    np.testing.assert_array_equal(fragments.pix_to_face, expected.pix_to_face)
    loss = torch.zeros((), requires_grad=True)
    for name, weight in weights.items():
        result = getattr(fragments, name)
        np.testing.assert_allclose(result.detach(), getattr(expected, name), rtol=1e-5, atol=2e-6)
        loss = loss + (result * torch.from_numpy(weight)).sum()
    loss.backward()
    grad = np.zeros(verts.shape) if verts.grad is None else verts.grad.numpy()
    np.testing.assert_allclose(grad, case.grad_verts[0], rtol=1e-4, atol=1e-5 * abs(case.grad_verts[0]).max())


@NEEDS_COMPILED_OPS
def test_compiled_rasterizer_gives_the_golden_fragments() -> None:
    """So a full build may stand for the golden files in the other tests."""
    for case in fragments_cases():
        fragments = MeshRasterizer(case.cameras(), RasterizationSettings(**case.settings))(meshes_of(case))
        assert (fragments.pix_to_face.numpy() != case.expected.pix_to_face).mean() <= 1e-3


def test_images_have_what_the_renderer_needs() -> None:
    for case in image_cases():
        meshes, textures = meshes_of(case), None
        if case.colors is not None:
            textures = TexturesVertex(list(map(torch.from_numpy, case.colors)))
        elif case.uvmap is not None and case.uvs is not None:
            uvs = list(map(torch.from_numpy, case.uvs))
            textures = TexturesUV(torch.from_numpy(case.uvmap), meshes.faces_list(), uvs)
        assert (textures is None) == (case.shader == "silhouette")
        assert textures is None or textures.check_shapes(len(meshes), meshes._V, meshes._F)
        assert len(case.cameras()) == len(meshes) == len(case.image)


def test_installing_again_does_nothing() -> None:
    """Nor does it need the package index."""
    result = subprocess.run(
        [sys.executable, HERE / "install.py"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PIP_NO_INDEX": "1"},
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "" or "keeping the build" in result.stdout
