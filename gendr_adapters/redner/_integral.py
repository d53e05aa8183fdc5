"""Pictures as integrals over the pixels: samples for the value, and edges for what samples do not see."""

import torch
from torch import Tensor

from ._boundary import ShadePoints, boundary_term
from ._core_shading import DrawSamples
from ._homogeneous_mesh import HomogeneousMesh
from ._samples import render_samples, stratified_offsets


def integrate(
    mesh: HomogeneousMesh,
    positions: Tensor,
    features: Tensor,
    shade: ShadePoints,
    draw: DrawSamples | None = None,
    *,
    n_samples: int,
    edge_density: float,
    seed: int,
    edge_seed: int | None = None,
    jitter: bool = True,
) -> tuple[Tensor, Tensor]:
    """What is seen at n_samples positions a pixel.

    Returns:
        (H, W, D), the mean, with the gradient of the pixels' integral; and the faces seen, (S, H, W) int64, -1 where
        there is none.

    Args:
        mesh, positions, features, shade: see `boundary_term`; shade is given the samples as (S H, W, C), too.
        draw: what `shade` makes of the samples, in another way. None: samples of features, shaded.
        n_samples, jitter: see `stratified_offsets`. edge_density: see `boundary_term`; 0: without it.
        seed, edge_seed: of the samples and of the points on edges; None: the same.
    """
    offsets = stratified_offsets(n_samples, torch.Generator().manual_seed(seed), jitter)
    offsets = offsets.to(features.device)
    if draw is None:
        seen, face = render_samples(mesh, features, offsets)
        samples = shade(seen.flatten(0, 1), face.flatten(0, 1)).unflatten(0, (n_samples, -1))
    else:
        samples, face = draw(offsets)
    shown = samples.mean(0)
    if edge_density > 0 and torch.is_grad_enabled() and mesh.vertices.requires_grad:
        generator = torch.Generator().manual_seed(seed if edge_seed is None else edge_seed)
        edges = boundary_term(mesh, positions, features, shade, edge_density, generator)
        if edges is not None:
            shown = shown + edges
    return shown, face


def fresh_seed() -> int:
    """A seed of torch's global generator: another one each time, the same ones after the same torch.manual_seed."""
    return int(torch.randint(2**31, ()))
