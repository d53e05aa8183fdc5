"""`Anneal`: a schedule that makes edges sharper from step to step."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral, Real

from ._pixels import scale_of_pixels

__all__ = ["Anneal"]


@dataclass(frozen=True)
class Anneal:
    """A schedule for dist_scale: soft edges in the first steps of a fit, sharp edges in the last steps.

        anneal = Anneal(start=2.0, end=0.1, steps=200, image_size=64)
        for step in range(200):
            settings = base.replace(dist_scale=anneal(step))

    Soft edges give gradients far from the outline; sharp edges are accurate. The softness changes by the same factor in
    each step. anneal(step) can also be used as sigma of PyTorch3D's BlendParams and as sigma_val of SoftRas.

    start, end: softness at the first and at the last step, in pixels, > 0. With the distribution 'logistic', a face
        covers a pixel at this distance from its edge by 0.73 inside and 0.27 outside. end may be larger than start.
    steps: number of steps, at least 1. A single step has the softness start.
    image_size: side of a square image, or (H, W), in pixels. The shorter side spans [-1, 1] in NDC.
    dist_squared: the value of RenderSettings.dist_squared. dist_scale is (2 pixels / min(H, W))^2 with True, and
        2 pixels / min(H, W) with False.

    Raises TypeError or ValueError that says what was given and what is allowed.

    Example:
        >>> from gendr_adapters import Anneal
        >>> anneal = Anneal(start=2.0, end=0.1, steps=200, image_size=64)
        >>> bool(anneal(0) > anneal(100) > anneal(199))
        True
    """

    start: float
    end: float
    steps: int
    image_size: int | Sequence[int]
    dist_squared: bool = True

    def __post_init__(self) -> None:
        """Check the fields."""
        for name in ("start", "end"):
            scale_of_pixels(name, getattr(self, name), self.image_size)
        if isinstance(self.steps, bool) or not isinstance(self.steps, Integral):
            raise TypeError(f"steps must be an int, got {self.steps!r}")
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if not isinstance(self.dist_squared, bool):
            raise TypeError(f"dist_squared must be True or False, got {self.dist_squared!r}")

    def __call__(self, step: int) -> float:
        """Return dist_scale at a step, counted from 0. After the last step it stays the same.

        Under torch.compile pass it as a tensor, torch.tensor([anneal(step)]): each new float compiles anew.

        Raises TypeError or ValueError for a step that is not a number >= 0.
        """
        return scale_of_pixels("pixels", self.pixels(step), self.image_size, self.dist_squared)

    def pixels(self, step: int) -> float:
        """Return the softness at a step, in pixels. Arguments and errors are those of the call."""
        if isinstance(step, bool) or not isinstance(step, Real):
            raise TypeError(f"step must be a number, got {type(step).__name__}")
        if not 0 <= step < math.inf:
            raise ValueError(f"step must be >= 0 and finite, got {step}")
        share = min(1.0, step / max(self.steps - 1, 1))
        return float(self.start) * (self.end / self.start) ** share
