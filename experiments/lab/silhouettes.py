"""Silhouettes of one topology in many places."""

from torch import Tensor

from gendr_adapters import RenderSettings, gather_corners, render


def silhouettes(projected: Tensor, faces: Tensor, image_size: int, settings: RenderSettings) -> Tensor:
    """(B, S, S) of vertices (B, V, 3), x, y in NDC and z the depth, with faces (F, 3) int64.

    The alpha of `GenDR`, without the time that its colours would take."""
    alpha = render(gather_corners(projected, faces), image_size, settings=settings, outputs=("alpha",)).alpha
    assert alpha is not None
    return alpha


def in_every_run(values: Tensor, runs: int) -> Tensor:
    """(N, ...) once more for every run: (runs * N, ...)."""
    return values.expand(runs, *values.shape).flatten(0, 1)
