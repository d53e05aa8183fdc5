"""What the viewer's sliders say, and the settings they stand for."""

from dataclasses import dataclass

from torch import Tensor

from .._pixels import pixel_side, scale_of_pixels
from ..settings import RenderSettings
from ..t_conorms import T_CONORMS

SHOWN = ("colour", "alpha", "depth", "gradient")
# The renderer's depth range is a little wider than the mesh.
_MARGIN = 0.05


@dataclass(frozen=True)
class View:
    """What a picture of the viewer shows.

    softness: width of the edges in pixels, sqrt(dist_scale) min(H, W) / 2. gamma: of the softmax over depth, in units
    of the mesh's own depth. reach: pixels; None: as far as a face's coverage counts. t_conorm_p: of the families that
    have a parameter. shown: one of SHOWN; 'gradient': arrows of -dL/dv on the alpha, and |dL/dv| on the mesh.
    """

    softness: float = 1.0
    gamma: float = 1e-2
    distribution: str = "logistic"
    t_conorm: str = "probabilistic"
    t_conorm_p: float = 2.0
    reach: float | None = None
    shown: str = "colour"

    def settings(self, image_size: tuple[int, int], depth: Tensor) -> RenderSettings:
        """For a picture of faces at these depths, of which some are above 0."""
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
