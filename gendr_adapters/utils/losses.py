"""How well silhouettes agree (the loss of the SoftRas paper, section 4)."""

from torch import Tensor


def iou(prediction: Tensor, target: Tensor) -> Tensor:
    """Soft intersection over union of each silhouette: (B, H, W) in [0, 1] twice -> (B,)."""
    both = (prediction * target).sum((1, 2))
    either = (prediction + target - prediction * target).sum((1, 2))
    return both / (either + 1e-6)


def iou_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """One minus the mean soft intersection over union."""
    return 1 - iou(prediction, target).mean()
