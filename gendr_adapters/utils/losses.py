"""Losses of the SoftRas paper (section 4), for silhouettes and for smooth meshes."""

from torch import Tensor

from .._soft_renderer.losses import FlattenLoss, LaplacianLoss

__all__ = ["FlattenLoss", "LaplacianLoss", "iou", "iou_loss"]


def iou(prediction: Tensor, target: Tensor) -> Tensor:
    """Soft intersection over union of each pair of silhouettes.

    Args:
        prediction, target: (..., H, W) coverages in [0, 1], of shapes that broadcast.
    Returns:
        (...) in [0, 1]; 0 where both are empty.
    """
    both = (prediction * target).sum((-2, -1))
    either = (prediction + target - prediction * target).sum((-2, -1))
    return both / (either + 1e-6)


def iou_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """One minus the mean of `iou` over all silhouettes: a scalar."""
    return 1 - iou(prediction, target).mean()
