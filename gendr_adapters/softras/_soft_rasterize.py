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
    """SoftRas' soft_rasterize on any device: the same arguments give the same numbers.

    Images that are not square, backgrounds of more than one colour, texture_type 'uv', gradient 'exact', near_clip,
    perspective and return_depth are not in SoftRas.

    Args:
        face_vertices: (N, F, 3, 3) or (N, F, 9), projected corners: x right and y up, [-1, 1] across the shorter side
            of the image; z is the depth, > 0 in front of the camera. float32 or float64.
        textures: (N, F, R * R, 3) with texture_type 'surface', (N, F, 3, 3) with 'vertex', TextureMaps with 'uv'.
        image_size: S or (H, W), pixels, 1 to 32768.
        background_color: red, green, blue, (3,) or (N, 3); or images (3, H, W) or (N, 3, H, W). Tensors may have
            gradients.
        near, far: depths between which a face has colour; alpha takes faces of every depth.
        fill_back: whether faces seen from behind have colour.
        eps: the background weighs e^(2 eps / gamma_val) in the softmax.
        sigma_val: softness of the edges, NDC^2, > 0; larger is softer. A number, or a tensor (), (1,) or (N,), which
            may have a gradient.
        dist_func: 'euclidean', 'barycentric' or 'hard': how far a pixel is from a face.
        dist_eps: in (0, 0.5): a face outside a pixel is ignored there if its coverage is below this.
        gamma_val: temperature of the softmax over depth, in units of far - near, > 0; a smaller one hides more of what
            is behind. A number, or a tensor like sigma_val.
        aggr_func_rgb: 'softmax', or 'hard' for the nearest face alone.
        aggr_func_alpha: 'prod', 'sum' (mean over the faces of the mesh) or 'hard'.
        texture_type: 'surface', 'vertex' or 'uv'.
        gradient: 'reference': what SoftRas' backward computes; 'exact': the derivative of the image.
        near_clip: depth > 0 at which faces are cut; what is nearer is not seen. It needs gradient 'exact', and a
            dist_func other than 'barycentric'. None: faces are not cut, and a face with a corner behind the camera
            covers in alpha the triangle of its projected corners, as in SoftRas.
        perspective: whether face_vertices come from a perspective camera, with x and y divided by depth. Only near_clip
            and return_depth use it.
        return_depth: also return the depth.
    Returns:
        (N, 4, H, W): red, green, blue, alpha; row 0 is the top. With return_depth also (N, H, W), the depth, in the
        unit of z, of the nearest face at the pixel's centre, among faces that have colour; 0 where there is none. It is
        not blended, and has gradients to the corners of that face.
    Raises:
        ValueError, TypeError: an argument out of range or of the wrong shape or type.

    Source: Liu et al., "Soft Rasterizer", ICCV 2019.

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import functional as srf
        >>> triangle = torch.tensor([[[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]]]], requires_grad=True)
        >>> red = torch.tensor([1.0, 0.0, 0.0]).expand(1, 1, 1, 3)  # one texel a face
        >>> image = srf.soft_rasterize(triangle, red, image_size=32, sigma_val=1e-3)
        >>> image[:, 3].sum().backward()  # a larger triangle covers more pixels
        >>> image.shape, bool(triangle.grad[0, 0, 2, 1] > 0)
        (torch.Size([1, 4, 32, 32]), True)
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
