"""PyTorch3D's losses beside rendered ones, and gradients that repeat bit for bit."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from door_scenes import GAMMA, SIGMA, cameras_of, lighting_of, renderer_of, two_meshes, weighted
from pytorch3d.loss import mesh_edge_loss, mesh_laplacian_smoothing, mesh_normal_consistency
from pytorch3d.renderer import TexturesVertex
from pytorch3d.structures import Meshes
from pytorch3d.utils import ico_sphere
from real_pytorch3d import has_compiled_ops
from torch import Tensor

from gendr_adapters.pytorch3d import (
    GenDRBlendParams,
    GenDRDepthShader,
    GenDRFlatShader,
    GenDRGouraudShader,
    GenDRHardFlatShader,
    GenDRHardGouraudShader,
    GenDRHardPhongShader,
    GenDRNormalShader,
    GenDRPhongShader,
    GenDRSilhouetteShader,
)

COLOURLESS = (GenDRSilhouetteShader, GenDRNormalShader)
HARD = (GenDRHardPhongShader, GenDRHardFlatShader, GenDRHardGouraudShader)
FUSED = (*COLOURLESS, GenDRGouraudShader, GenDRPhongShader, GenDRFlatShader, *HARD)
PARAMS = GenDRBlendParams(SIGMA, GAMMA)


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.filterwarnings("ignore:torch.sparse.SparseTensor:UserWarning")
def test_one_backward_for_all_losses() -> None:
    """The tutorials' sum: its gradient is the sum of the gradients, and a few steps of it bring the loss down."""
    sphere, cameras = ico_sphere(1), cameras_of("fov", dtype=torch.float32)
    scene = lighting_of(cameras, torch.float32, blend_params=PARAMS)
    colour, outline = (renderer_of(shader(**scene), cameras) for shader in (GenDRPhongShader, GenDRSilhouetteShader))
    with torch.no_grad():
        target, _ = two_meshes(dtype=torch.float32)
        target = target[0].extend(2)
        pictures, outlines = colour(target)[..., :3], outline(target)[..., 3]
    offsets = torch.zeros_like(sphere.verts_packed(), requires_grad=True)
    colours = torch.full_like(sphere.verts_packed(), 0.5)[None].requires_grad_()

    def losses() -> list[Tensor]:
        mesh = Meshes([sphere.verts_packed() + offsets], sphere.faces_list(), TexturesVertex(colours))
        views = mesh.extend(2)
        found = [
            (colour(views)[..., :3] - pictures).square().mean(),
            (outline(views)[..., 3] - outlines).square().mean(),
        ]
        found += [0.1 * mesh_edge_loss(mesh), 0.1 * mesh_laplacian_smoothing(mesh, "uniform")]
        return [*found, 0.01 * mesh_normal_consistency(mesh)] if has_compiled_ops() else found

    leaves = [offsets, colours]
    together = torch.autograd.grad(torch.stack(losses()).sum(), leaves)
    found = losses()
    for i, leaf in enumerate(leaves):
        alone = [torch.autograd.grad(loss, leaf, retain_graph=True, allow_unused=True)[0] for loss in found]
        torch.testing.assert_close(together[i], sum(x for x in alone if x is not None), rtol=1e-4, atol=1e-6)
        assert sum(x is not None and bool(x.any()) for x in alone) >= (4 if leaf is offsets else 1)

    before, optimizer = float(torch.stack(losses()).sum().detach()), torch.optim.Adam(leaves, 0.02)
    for _ in range(8):
        optimizer.zero_grad()
        torch.stack(losses()).sum().backward()
        optimizer.step()
    assert float(torch.stack(losses()).sum().detach()) < 0.8 * before


@pytest.mark.parametrize("shader", FUSED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_bits_repeat(shader: Any, dtype: torch.dtype, threads: None) -> None:
    """Pictures and gradients of the fused shaders, at vertices and colours, over runs and numbers of threads."""
    results = []
    for count in (1, 2, 3, 1, 2):
        torch.set_num_threads(count)
        sphere = ico_sphere(3)  # larger than torch's own threshold for going parallel
        verts = sphere.verts_packed().to(dtype).requires_grad_()
        colours = torch.rand(1, *verts.shape, generator=torch.Generator().manual_seed(1)).to(dtype).requires_grad_()
        meshes = Meshes([verts], sphere.faces_list(), TexturesVertex(colours)).extend(2)
        cameras = cameras_of("fov" if dtype == torch.float32 else "perspective", dtype=dtype)
        ours = shader(**lighting_of(cameras, dtype, blend_params=PARAMS))
        settings = {"blur_radius": 0.0} if shader in HARD else {}
        image = renderer_of(ours, cameras, image_size=48, **settings)(meshes)
        leaves = [verts] if shader in COLOURLESS else [verts, colours]
        results.append([image, *torch.autograd.grad(weighted(image), leaves)])
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(result, results[0], strict=True))
    assert all(x.any() for x in results[0])


def test_pictures_of_depth_repeat(threads: None) -> None:
    """But for the last digits. Nothing is said of gradients: they go through torch's indexing."""
    pictures = []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        meshes, _ = two_meshes()
        cameras = cameras_of()
        pictures.append(renderer_of(GenDRDepthShader(cameras=cameras), cameras, image_size=32)(meshes))
    for picture in pictures[1:]:
        torch.testing.assert_close(picture, pictures[0], rtol=0, atol=1e-12)
