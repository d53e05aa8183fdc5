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
    """GenDR's render on any device: the same arguments give the same numbers.

    Unlike GenDR, dist_shape, dist_shift and aggr_alpha_t_conorm_p may be None where the number is not needed, the gamma
    distributions use the exact incomplete gamma function, and the order of the faces does not matter. Images that are
    not square, backgrounds of more than one colour, texture_type 'uv', gradient 'exact', near_clip, perspective and
    return_depth are not in GenDR.

    Args:
        face_vertices: (N, F, 3, 3) or (N, F, 9), projected corners: x right and y up, [-1, 1] across the shorter side
            of the image; z is the depth, > 0 in front of the camera. float32 or float64.
        textures: (N, F, R * R, 3) with texture_type 'surface', (N, F, 3, 3) with 'vertex', TextureMaps with 'uv'.
        image_size: S or (H, W), pixels, 1 to 32768.
        background_color: red, green, blue, (3,) or (N, 3); or images (3, H, W) or (N, 3, H, W). Tensors may have
            gradients.
        dist_func: name or number of the distribution, see gendr_adapters.distributions.
        dist_scale: tau > 0, softness of the edges, in NDC^2 if dist_squared, else in NDC. A number, or a tensor (),
            (1,) or (N,), which may have a gradient.
        dist_squared: whether the distribution is of the squared distance.
        dist_shape, dist_shift: parameters that some distributions have.
        dist_eps: >= 1; a face is ignored at pixels farther from it than sqrt(dist_eps * dist_scale) NDC.
        aggr_alpha_func: name or number of the T-conorm, see gendr_adapters.t_conorms.
        aggr_alpha_t_conorm_p: the parameter that some T-conorms have.
        aggr_rgb_func: 'softmax' or 1; or 'hard' or 0, for the nearest face alone.
        aggr_rgb_eps: the background weighs e^(2 aggr_rgb_eps / aggr_rgb_gamma) in the softmax.
        aggr_rgb_gamma: temperature of the softmax over depth, in units of far - near, > 0; a smaller one hides more of
            what is behind. A number, or a tensor like dist_scale.
        near, far: depths between which a face has colour; alpha takes faces of every depth.
        double_side: whether faces seen from behind have colour.
        texture_type: 'surface', 'vertex' or 'uv'.
        gradient: 'reference': what GenDR's backward computes; 'exact': the derivative of the image.
        near_clip: depth > 0 at which faces are cut; what is nearer is not seen. It needs gradient 'exact'. None: faces
            are not cut, and a face with a corner behind the camera covers in alpha the triangle of its projected
            corners, as in GenDR.
        perspective: whether face_vertices come from a perspective camera, with x and y divided by depth. Only near_clip
            and return_depth use it.
        return_depth: also return the depth.
    Returns:
        (N, 4, H, W): red, green, blue, alpha; row 0 is the top. With return_depth also (N, H, W), the depth, in the
        unit of z, of the nearest face at the pixel's centre, among faces that have colour; 0 where there is none. It is
        not blended, and has gradients to the corners of that face.
    Raises:
        ValueError, TypeError: an argument out of range or of the wrong shape or type.

    Source: Petersen et al., "GenDR: A Generalized Differentiable Renderer", CVPR 2022.

    Example:
        >>> import torch
        >>> from gendr_adapters.gendr import functional
        >>> triangle = torch.tensor([[[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]]]], requires_grad=True)
        >>> red = torch.tensor([1.0, 0.0, 0.0]).expand(1, 1, 1, 3)  # one texel a face
        >>> image = functional.render(triangle, red, image_size=32, dist_func="logistic", dist_scale=0.03)
        >>> image[:, 3].sum().backward()  # a larger triangle covers more pixels
        >>> image.shape, bool(triangle.grad[0, 0, 2, 1] > 0)
        (torch.Size([1, 4, 32, 32]), True)
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
