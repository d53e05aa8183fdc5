"""The soft depth of PyTorch3D's SoftDepthShader, over every face at the pixel."""

import torch
from torch import Tensor

from .._projected_meshes import ProjectedMeshes
from ..distributions import cdf
from ..fragments import Fragments
from ._blend_params import GenDRBlendParams, blend_settings
from ._fragments import nearest_first


def soft_depth(found: Fragments, meshes: ProjectedMeshes, params: GenDRBlendParams, zfar: list[float]) -> Tensor:
    """(N, H, W, 1). With the coverages D of a pixel's faces, nearest first, and their sums c_k = D_1 + ... + D_k,

    depth = sum_k (min(c_k, 1) - min(c_{k-1}, 1)) z_k + (1 - min(c_K, 1)) zfar.
    """
    height, width = meshes.image_size
    order = nearest_first(found)
    pixel, z = found.pixel[order], found.depth[order]
    coverage = _coverage(found.distance2, found.pixel // (height * width), meshes, params)[order]
    # One running sum through all pixels; in double precision, because it gets long.
    running = torch.cat([coverage.new_zeros(1, dtype=torch.float64), coverage.double().cumsum(0)])
    before = running[found.offsets[pixel]]
    hidden = (running[1:] - before).clamp(max=1)
    share = hidden - (running[:-1] - before).clamp(max=1)
    far = z.new_tensor(zfar).double().repeat_interleave(height * width)
    depth = far.index_add(0, pixel, share * (z.double() - far[pixel]))
    return depth.to(z.dtype).view(len(meshes), height, width, 1)


def _coverage(distance2: Tensor, image: Tensor, meshes: ProjectedMeshes, params: GenDRBlendParams) -> Tensor:
    settings = blend_settings(meshes, params)
    tau = settings.dist_scale
    if isinstance(tau, Tensor):
        tau = tau.to(distance2.dtype)
        tau = tau[image] if tau.shape[0] > 1 else tau
    signed = distance2
    if not settings.dist_squared:
        # The root's slope at an edge is infinite.
        signed = distance2.sign() * distance2.abs().clamp(min=torch.finfo(distance2.dtype).tiny).sqrt()
    return cdf(settings.distribution, signed / tau, settings.dist_shape, settings.dist_shift)
