"""`over`: a picture over a colour, by alpha."""

from collections.abc import Sequence

from torch import Tensor


def over(image: Tensor, alpha: Tensor, colour: Tensor | Sequence[float]) -> Tensor:
    """image (..., C, H, W), not premultiplied, over a colour (C,) by alpha (..., H, W): in [0, 1], where image and
    colour are clipped to that."""
    behind = (colour if isinstance(colour, Tensor) else image.new_tensor(colour))[:, None, None]
    share = alpha[..., None, :, :]
    return (image.clamp(0, 1) * share + behind * (1 - share)).clamp(0, 1)
