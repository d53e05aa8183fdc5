"""View: the values of the viewer's sliders, and the settings that they stand for."""

from dataclasses import dataclass

from torch import Tensor

from .._pixels import pixel_side, scale_of_pixels
from ..settings import RenderSettings
from ..t_conorms import T_CONORMS

SHOWN = ("colour", "alpha", "depth", "gradient")
# Margin of near and far around the mesh, a share of its depth.
_MARGIN = 0.05


@dataclass(frozen=True)
class View:
    """What a picture of the viewer shows.

    softness: width of the edges in pixels, sqrt(dist_scale) min(H, W) / 2. gamma: of the softmax over depth, relative
    to the depth range of the mesh. reach: pixels; None: as far as a face's coverage counts. t_conorm_p: parameter of
    the T-conorms that have one. shown: one of SHOWN; 'gradient' shows the gradient of alpha's sum: arrows on the
    picture, and its length as a colour on the mesh."""

    softness: float = 1.0
    gamma: float = 1e-2
    distribution: str = "logistic"
    t_conorm: str = "probabilistic"
    t_conorm_p: float = 2.0
    reach: float | None = None
    shown: str = "colour"

    def settings(self, image_size: tuple[int, int], depth: Tensor) -> RenderSettings:
        """The settings for a picture of faces at these depths, of which at least one is > 0."""
        ahead = depth[depth > 0]
        nearest, farthest = float(ahead.min()), float(ahead.max())
        margin = _MARGIN * (farthest - nearest) + 1e-3 * farthest
        return RenderSettings(
            distribution=self.distribution,
            dist_shape=1.0,
            dist_scale=scale_of_pixels("softness", self.softness, image_size),
            gamma=self.gamma,
            t_conorm=self.t_conorm,
            t_conorm_p=-self.t_conorm_p if T_CONORMS[self.t_conorm] == "p < 0" else self.t_conorm_p,
            reach=None if self.reach is None else self.reach * pixel_side(image_size),
            near=max(nearest - margin, nearest / 2),
            far=farthest + margin,
        )
