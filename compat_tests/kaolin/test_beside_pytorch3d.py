"""The same scene through the Kaolin door and the PyTorch3D door: the same silhouette, depth and faces."""

import pytest
import torch
from support.scenes import sphere
from torch import Tensor

from gendr_adapters.kaolin import dibr_rasterization, rasterize

pytest.importorskip("pytorch3d.renderer", reason="no PyTorch3D")

from pytorch3d.renderer import (
    MeshRenderer,
    MeshRendererWithFragments,
    PerspectiveCameras,
    RasterizationSettings,
)
from pytorch3d.structures import Meshes

from gendr_adapters.pytorch3d import GenDRBlendParams, GenDRRasterizer, GenDRSilhouetteShader

FOCAL, SIZE, SIGMA, REACH = 2.0, 48, 1e-3, 8.0


def through_pytorch3d(view: Tensor, faces: Tensor, distribution: str) -> tuple[Tensor, Tensor, Tensor]:
    """Silhouette, depth and nearest face. view: x right, y up, z ahead, which PyTorch3D has with x to the left."""
    cameras = PerspectiveCameras(focal_length=FOCAL)
    settings = RasterizationSettings(SIZE, blur_radius=REACH**2, faces_per_pixel=1, perspective_correct=True)
    shader = GenDRSilhouetteShader(GenDRBlendParams(sigma=SIGMA, distribution=distribution))
    meshes = Meshes([view * torch.tensor([-1.0, 1.0, 1.0])], [faces])
    alpha = MeshRenderer(GenDRRasterizer(cameras, settings), shader)(meshes)[..., 3]
    settings.blur_radius = 0.0
    _, nearest = MeshRendererWithFragments(GenDRRasterizer(cameras, settings), shader)(meshes)
    return alpha, nearest.zbuf[..., 0], nearest.pix_to_face[..., 0]


def scene() -> tuple[Tensor, Tensor]:
    projected, faces = sphere()
    depth = projected[:, 2:]
    view = torch.cat([projected[:, :2] / 2 * depth, depth], 1) + torch.tensor([0.0123, 0.0231, 0.0])
    return view.float(), faces


def corners_of(view: Tensor, faces: Tensor) -> tuple[Tensor, Tensor]:
    """face_vertices_z and face_vertices_image, as Kaolin's cameras give them."""
    corners = view[faces][None]
    return -corners[..., 2], FOCAL * corners[..., :2] / corners[..., 2:]


@pytest.mark.parametrize("distribution", [None, "logistic"])
def test_pictures_are_those_of_the_pytorch3d_door(distribution: str | None) -> None:
    """Where neither boxlen nor knum cuts; and the gradients at the vertices."""
    grads, pictures = [], []
    for door in ("kaolin", "pytorch3d"):
        view, faces = scene()
        view.requires_grad_()
        if door == "kaolin":
            z, image = corners_of(view, faces)
            depth, alpha, index = dibr_rasterization(
                SIZE, SIZE, z, image, -z[..., None], torch.ones(z.shape[:2]), 1 / SIGMA, REACH, None,
                perspective_correct=True, distribution=distribution,
            )  # fmt: skip
            assert isinstance(depth, Tensor)
            depth = depth[..., 0]
        else:
            alpha, depth, index = through_pytorch3d(view, faces, distribution or "exponential_rev")
            depth = torch.where(index >= 0, depth, 0.0)
        pictures.append((alpha, depth, index))
        weights = torch.linspace(-1, 1, SIZE)[None, :, None] + torch.linspace(0, 1, SIZE)
        grads.append(torch.autograd.grad((alpha * weights).sum(), view)[0])
    (alpha, depth, index), (their_alpha, their_depth, their_index) = pictures
    assert torch.equal(index, their_index) and 0.2 < (index >= 0).float().mean() < 0.8
    torch.testing.assert_close(depth, their_depth, rtol=0, atol=1e-5)
    torch.testing.assert_close(alpha, their_alpha, rtol=0, atol=1e-5)
    assert ((alpha > 0.01) & (alpha < 0.99)).sum() > 100
    error = (grads[0] - grads[1]).norm() / grads[1].norm()
    assert error < 1e-3


def test_affine_depth_is_not_the_same() -> None:
    """What Kaolin's default gives is near, and not equal: its interpolation is on the screen."""
    z, image = corners_of(*scene())
    affine, exact = (
        rasterize(SIZE, SIZE, z, image, -z[..., None], perspective_correct=flag)[0] for flag in (False, True)
    )
    assert isinstance(affine, Tensor) and isinstance(exact, Tensor)
    assert 1e-5 < (affine - exact).abs().max() < 0.1
