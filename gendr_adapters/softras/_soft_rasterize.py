"""SoftRas' soft_rasterize: its names and defaults for what our core computes."""

from numbers import Real
from typing import Literal

from torch import Tensor

from .._autocast import full_precision
from .._presets import softras_reach
from .._soft_renderer.rasterizing import Background, Drawn, ImageSize, choose, render_rgba
from .._soft_renderer.uv_textures import Textures

# aggr_func_alpha -> T-conorm
_ALPHA = {"prod": "probabilistic", "sum": "sum", "hard": "hard"}
_RGB = {"softmax": "softmax", "hard": "hard"}


@full_precision
def soft_rasterize(
    face_vertices: Tensor,
    textures: Textures,
    image_size: ImageSize = 256,
    background_color: Background = (0, 0, 0),
    near: float = 1,
    far: float = 100,
    fill_back: bool = True,
    eps: float = 1e-3,
    sigma_val: float | Tensor = 1e-5,
    dist_func: str = "euclidean",
    dist_eps: float = 1e-4,
    gamma_val: float | Tensor = 1e-4,
    aggr_func_rgb: str = "softmax",
    aggr_func_alpha: str = "prod",
    texture_type: str = "surface",
    *,
    gradient: Literal["reference", "exact"] = "reference",
    near_clip: float | None = None,
    perspective: bool = True,
    return_depth: bool = False,
) -> Drawn:
    """SoftRas' soft_rasterize, on any device: same arguments, same numbers.

    SoftRas has no pictures that are not square, no backgrounds of more than one colour, and not the last three
    arguments.

    Args:
        face_vertices: (N, F, 3, 3) or (N, F, 9), projected corners: x, y in [-1, 1] across the image, z camera depth.
        textures: (N, F, R * R, 3) with texture_type 'surface', (N, F, 3, 3) with 'vertex', TextureMaps with 'uv'.
        image_size: S or (H, W), pixels, which are square: of x and y, [-1, 1] spans the shorter side, in its middle.
        background_color: red, green, blue, (3,) or (N, 3); or pictures (3, H, W) or (N, 3, H, W). Tensors may have
            gradients. near, far: of colour; alpha counts every face.
        fill_back: whether back faces have colour. eps: weight of the background, e^(2 eps / gamma_val).
        sigma_val: NDC^2, sharpness of edges; it and gamma_val may be tensors (), (1,) or (N,) with gradients.
        dist_func: 'euclidean', 'barycentric' or 'hard'.
        dist_eps: coverage in (0, 0.5) below which a face outside a pixel is ignored.
        gamma_val: sharpness of the softmax over depth. aggr_func_rgb: 'softmax' or 'hard'.
        aggr_func_alpha: 'prod', 'sum' (mean over the faces of the mesh) or 'hard'.
        gradient: 'reference' for what SoftRas' backward computes, 'exact' for the derivative of the picture.
        near_clip: depth > 0 at which faces are cut; what is nearer is not seen. None: of faces that reach behind the
            camera, alpha counts what their corners enclose, as in SoftRas. With gradient 'exact' alone, and not with
            dist_func 'barycentric'.
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
    if not isinstance(dist_eps, Real) or not 0 < dist_eps < 0.5:
        raise ValueError(f"dist_eps must be in (0, 0.5), got {dist_eps}")
    if near_clip is not None and dist_func == "barycentric":
        raise ValueError(f"near_clip={near_clip!r} does not go with dist_func='barycentric', which has no distance")
    distance = choose(
        "dist_func", dist_func, {"hard": "euclidean", "barycentric": "barycentric", "euclidean": "euclidean"}
    )
    return render_rgba(
        face_vertices,
        textures,
        image_size,
        background_color,
        texture_type,
        double_sided=fill_back,
        background_eps=eps,
        near=near,
        far=far,
        distribution="hard" if dist_func == "hard" else "logistic",
        distance=distance,
        dist_scale=("sigma_val", sigma_val),
        reach_per_scale=softras_reach(dist_eps),
        gamma=("gamma_val", gamma_val),
        blend=choose("aggr_func_rgb", aggr_func_rgb, _RGB),
        t_conorm=choose("aggr_func_alpha", aggr_func_alpha, _ALPHA),
        gradient=gradient,
        near_clip=near_clip,
        perspective=perspective,
        return_depth=return_depth,
    )
