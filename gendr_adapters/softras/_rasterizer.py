"""SoftRas' rasteriser as a module."""

from typing import Literal

from torch import Tensor, nn

from .._soft_renderer.arguments import check_choices
from .._soft_renderer.meshes import Mesh
from .._soft_renderer.obj_loading import TEXTURE_TYPES
from .._soft_renderer.rasterizing import Background, Drawn, ImageSize, antialiased, check_near_clip
from ._soft_rasterize import soft_rasterize

_CHOICES = {
    "dist_func": ("hard", "euclidean", "barycentric"),
    "aggr_func_rgb": ("hard", "softmax"),
    "aggr_func_alpha": ("hard", "prod", "sum"),
    "texture_type": TEXTURE_TYPES,
    "gradient": ("reference", "exact"),
}


class SoftRasterizer(nn.Module):
    """Renders meshes whose vertices a `Transform` has projected. Every argument is an attribute of the same name.

    Args:
        image_size: S or (H, W), pixels.
        anti_aliasing: render at twice the size, and average 2 x 2 pixels.
        fill_back: as for `functional.soft_rasterize`; here False by default, as in SoftRas.
        texture_type: 'surface', 'vertex' or 'uv', that of the meshes.

    All other arguments are those of `functional.soft_rasterize`, with the same defaults.

    Raises:
        TypeError, ValueError: names that are not allowed, and in the call what `functional.soft_rasterize` raises.

    Example:
        >>> from gendr_adapters import data, softras
        >>> mesh = softras.Mesh.from_obj(data.path("airplane.obj"))
        >>> projected = softras.Transform("look_at", eye=(0.0, 1.0, -2.0))(mesh)
        >>> image = softras.SoftRasterizer(image_size=32, sigma_val=1e-4)(projected)  # red, green, blue, alpha
        >>> image.shape
        torch.Size([1, 4, 32, 32])
    """

    def __init__(
        self,
        image_size: ImageSize = 256,
        background_color: Background = (0, 0, 0),
        near: float = 1,
        far: float = 100,
        anti_aliasing: bool = False,
        fill_back: bool = False,
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
    ) -> None:
        super().__init__()
        self.image_size = image_size
        self.background_color = background_color
        self.near = near
        self.far = far
        self.anti_aliasing = anti_aliasing
        self.eps = eps
        self.fill_back = fill_back
        self.sigma_val = sigma_val
        self.dist_func = dist_func
        self.dist_eps = dist_eps
        self.gamma_val = gamma_val
        self.aggr_func_rgb = aggr_func_rgb
        self.aggr_func_alpha = aggr_func_alpha
        self.texture_type = texture_type
        self.gradient = gradient
        self.near_clip = near_clip
        self.perspective = perspective
        check_choices(self, _CHOICES)
        check_near_clip(near_clip, gradient)

    def forward(self, mesh: Mesh, mode: str | None = None, *, return_depth: bool = False) -> Drawn:
        """(N, 4, H, W): red, green, blue, alpha; with return_depth also the depth (N, H, W).

        Depth is that of `functional.soft_rasterize`; with anti_aliasing, the mean of those of the 2 x 2 pixels that see
        a face. mode is ignored, as in SoftRas.
        """

        def draw(image_size: ImageSize, background_color: Background) -> Drawn:
            return soft_rasterize(
                mesh.face_vertices,
                mesh.face_textures,
                image_size,
                background_color,
                self.near,
                self.far,
                self.fill_back,
                self.eps,
                self.sigma_val,
                self.dist_func,
                self.dist_eps,
                self.gamma_val,
                self.aggr_func_rgb,
                self.aggr_func_alpha,
                self.texture_type,
                gradient=self.gradient,
                near_clip=self.near_clip,
                perspective=self.perspective,
                return_depth=return_depth,
            )

        return antialiased(draw, mesh.batch_size, self.image_size, self.background_color, self.anti_aliasing)
