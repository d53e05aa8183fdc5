"""Test double of kaolin.metrics.render."""

from torch import Tensor


def mask_iou(lhs_mask: Tensor, rhs_mask: Tensor) -> Tensor:
    """(B, H, W), twice -> 1 - the mean intersection over union: a loss."""
    assert lhs_mask.shape == rhs_mask.shape and lhs_mask.dim() == 3
    both = lhs_mask * rhs_mask
    either = lhs_mask + rhs_mask - both
    return 1 - (both.sum((1, 2)) / (either.sum((1, 2)) + 1e-10)).mean()
