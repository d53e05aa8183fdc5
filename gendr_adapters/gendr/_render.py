"""GenDR's render: its names and defaults for what our core computes."""

from numbers import Real
from typing import Literal

from torch import Tensor

from .._autocast import full_precision
from .._soft_renderer.rasterizing import Background, Drawn, ImageSize, choose, render_rgba
from .._soft_renderer.uv_textures import Textures
from ..distributions import DISTRIBUTIONS
from ..t_conorms import T_CONORMS

_RGB = {"hard": "hard", "softmax": "softmax"}  # in GenDR's order, which numbers them
# GenDR skips a face where its coverage is this or less.
_MIN_COVERAGE = 1e-6


@full_precision
def render(
    face_vertices: Tensor,
    textures: Textures,
    image_size: ImageSize = 256,
    background_color: Background = (0, 0, 0),
    dist_func: str | int = "uniform",
    dist_scale: float | Tensor = 1e-2,
    dist_squared: bool = False,
    dist_shape: float | None = None,
    dist_shift: float | None = None,
    dist_eps: float = 1e4,
    aggr_alpha_func: str | int = "probabilistic",
    aggr_alpha_t_conorm_p: float | None = None,
    aggr_rgb_func: str | int = "softmax",
    aggr_rgb_eps: float = 1e-3,
    aggr_rgb_gamma: float | Tensor = 1e-3,
    near: float = 1,
    far: float = 100,
    double_side: bool = True,
    texture_type: str = "surface",
    *,
    gradient: Literal["reference", "exact"] = "reference",
    near_clip: float | None = None,
    perspective: bool = True,
    return_depth: bool = False,
) -> Drawn:
    """GenDR's render, on any device: same arguments, same numbers.

    Unlike the original, None for dist_shape, dist_shift and aggr_alpha_t_conorm_p works where the number is not needed,
    the gamma distributions use the exact incomplete gamma function, and faces are not ordered. GenDR has no
    pictures that are not square, no backgrounds of more than one colour, and not the last three arguments.

    Args:
        face_vertices: (N, F, 3, 3) or (N, F, 9), projected corners: x, y in [-1, 1] across the image, z camera depth.
        textures: (N, F, R * R, 3) with texture_type 'surface', (N, F, 3, 3) with 'vertex', TextureMaps with 'uv'.
        image_size: S or (H, W), pixels, which are square: of x and y, [-1, 1] spans the shorter side, in its middle.
        background_color: red, green, blue, (3,) or (N, 3); or pictures (3, H, W) or (N, 3, H, W). Tensors may have
            gradients.
        dist_func: name or number of the distribution; dist_scale: tau > 0, in NDC^2 if dist_squared, else in NDC; it
            and aggr_rgb_gamma may be tensors (), (1,) or (N,) with gradients.
        dist_shape, dist_shift: parameters of some distributions. dist_eps: >= 1; faces further from a pixel than
            sqrt(dist_eps * dist_scale) NDC are ignored.
        aggr_alpha_func: name or number of the T-conorm, aggr_alpha_t_conorm_p: its parameter.
        aggr_rgb_func: 'softmax' or 'hard', or 1 or 0. aggr_rgb_eps, aggr_rgb_gamma: the background weighs
            e^(2 eps / gamma).
        near, far: of colour; alpha counts every face. double_side: whether back faces have colour.
        gradient: 'reference' for what GenDR's backward computes, 'exact' for the derivative of the picture.
        near_clip: depth > 0 at which faces are cut; what is nearer is not seen. None: of faces that reach behind the
            camera, alpha counts what their corners enclose, as in GenDR. With gradient 'exact' alone.
        perspective: whether x and y are divided by depth, as those of a perspective camera; only near_clip and
            return_depth ask.
        return_depth: return the depth, too.
    Returns:
        (N, 4, H, W): red, green, blue, alpha. With return_depth also (N, H, W), the depth of the nearest face at the
        pixel's centre, in the unit of z, of faces that have colour; 0 where there is none. It is hard, whatever the
        picture, and has gradients to the corners of that face.
    Raises:
        ValueError, TypeError: an argument out of range or of the wrong shape or type.
    """
    if not isinstance(dist_eps, Real) or not dist_eps >= 1:
        raise ValueError(f"dist_eps must be a number >= 1, got {dist_eps!r}")
    return render_rgba(
        face_vertices,
        textures,
        image_size,
        background_color,
        texture_type,
        double_sided=double_side,
        background_eps=aggr_rgb_eps,
        near=near,
        far=far,
        distribution=_by_number("dist_func", dist_func, list(DISTRIBUTIONS)),
        dist_scale=("dist_scale", dist_scale),
        dist_squared=dist_squared,
        dist_shape=0.0 if dist_shape is None else dist_shape,
        dist_shift=0.0 if dist_shift is None else dist_shift,
        reach_per_scale=dist_eps,
        min_coverage=_MIN_COVERAGE,
        gamma=("aggr_rgb_gamma", aggr_rgb_gamma),
        blend=choose("aggr_rgb_func", _by_number("aggr_rgb_func", aggr_rgb_func, list(_RGB)), _RGB),
        t_conorm=_by_number("aggr_alpha_func", aggr_alpha_func, [name for name in T_CONORMS if name != "sum"]),
        t_conorm_p=aggr_alpha_t_conorm_p,
        gradient=gradient,
        near_clip=near_clip,
        perspective=perspective,
        return_depth=return_depth,
    )


def _by_number(name: str, value: str | int, names: list[str]) -> str:
    """A name; GenDR takes numbers too, in our order."""
    if isinstance(value, int):
        if not 0 <= value < len(names):
            raise ValueError(f"{name} must be a name or a number from 0 to {len(names) - 1}, got {value}")
        return names[value]
    if value == "sum":
        raise ValueError(f"{name} must be one of {', '.join(names)}, got 'sum', which is SoftRas'")
    return value
