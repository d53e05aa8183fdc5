"""What rounding may do to PyTorch3D's golden fragments, and to their gradients: shared by the tests that compare."""

from collections.abc import Callable

import numpy as np
import torch
from golden_fragments import FragmentsCase
from pytorch3d.structures import Meshes
from torch import Tensor

# In these cases more than one slot in a thousand has another face; test_rasterizer_parity.py shows that every one is
# a tie in depth, as of two coplanar faces, or of two that are clipped to the edge they share.
MANY_TIES = ("005", "013", "019", "025", "033", "037", "039", "045", "057", "059")


def leaf_meshes(case: FragmentsCase, moved: int = 0) -> tuple[Meshes, list[Tensor]]:
    """The meshes of a case, and their vertices, which gradients go to; moved: seed for moving these by 1e-6."""
    generator = torch.Generator().manual_seed(moved)
    verts = [torch.from_numpy(v) for v in case.meshes.verts]
    verts = [v + (1e-6 if moved else 0.0) * torch.randn(v.shape, generator=generator) for v in verts]
    verts = [v.requires_grad_() for v in verts]
    return Meshes(verts, [torch.from_numpy(f) for f in case.meshes.faces]), verts


def rounding(bary: Tensor) -> Tensor:
    """(...,) relative error of what is interpolated with these weights (..., 3).

    Not clipped, weights and depth grow without bound towards the horizon of a face's plane, and so do their rounding
    errors: the relative error of Q (core/interpolation.h), a sum of terms of either sign, is that of sum |weights|.
    """
    return 8 * torch.finfo(torch.float32).eps * bary.abs().sum(-1)


def is_smooth(case: FragmentsCase, gradient_of: Callable[[FragmentsCase, int], Tensor]) -> bool:
    """Does the gradient say something? Not where a pixel is on a kink, so that vertices moved by 1e-6 have another; nor
    where PyTorch3D's is 1e5 and more, the rounding errors of denominators near 0.

    gradient_of(case, moved): ours, of the case with its vertices moved."""
    largest = np.abs(np.concatenate(case.grad_verts)).max()
    if largest > 1e5:
        return False
    gradient = gradient_of(case, 0)
    return all((gradient_of(case, seed) - gradient).abs().max() <= 5e-3 * largest for seed in (1, 2, 3))


def perspective_of(case: FragmentsCase) -> bool:
    given = case.settings["perspective_correct"]
    return case.camera != "ortho" if given is None else given


def clips(case: FragmentsCase) -> bool:
    given = case.settings["clip_barycentric_coords"]
    return case.settings["blur_radius"] > 0 if given is None else given


def exact_depth(case: FragmentsCase, pixel: Tensor, face: Tensor) -> Tensor:
    """(P,) float64: depth of packed faces (P,) at pixels (P,), row * W + column, as PyTorch3D defines it."""
    height, width = case.settings["image_size"]
    row, column = pixel // width, pixel % width
    x = max(1, width / height) * (width - 1 - 2 * column) / width
    y = max(1, height / width) * (height - 1 - 2 * row) / height
    first_verts = np.cumsum([0, *map(len, case.meshes.verts)])
    faces = np.concatenate([f + v for f, v in zip(case.meshes.faces, first_verts, strict=False)])
    corners = torch.from_numpy(case.verts_ndc.astype(np.float64)[faces])[face]
    (x0, y0, z0), (x1, y1, z1), (x2, y2, z2) = (corners[:, k].unbind(1) for k in range(3))
    bary = torch.stack(
        [
            (x - x1) * (y2 - y1) - (y - y1) * (x2 - x1),
            (x - x2) * (y0 - y2) - (y - y2) * (x0 - x2),
            (x - x0) * (y1 - y0) - (y - y0) * (x1 - x0),
        ],
        1,
    )
    if clips(case):  # weights of the sign of the area, whichever that is
        bary = (bary * bary.sum(1, keepdim=True).sign()).clamp(min=0)
    z = torch.stack([z0, z1, z2], 1)
    if perspective_of(case):
        return bary.sum(1) / (bary / z).sum(1)
    return (bary * z).sum(1) / bary.sum(1)
