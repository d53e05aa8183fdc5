"""GenDR's rasteriser as a module."""

from typing import Literal

from torch import Tensor, nn

from .._soft_renderer.arguments import check_choices
from .._soft_renderer.meshes import Mesh
from .._soft_renderer.obj_loading import TEXTURE_TYPES
from .._soft_renderer.rasterizing import Background, Drawn, ImageSize, antialiased, check_near_clip
from .._soft_renderer.uv_textures import Textures
from ._render import render

_CHOICES = {
    "aggr_rgb_func": ("hard", "softmax"),
    "texture_type": TEXTURE_TYPES,
    "gradient": ("reference", "exact"),
}


class GenDR(nn.Module):
    """Renders meshes whose vertices a camera has projected. Every argument is an attribute of the same name.

    Args:
        image_size: S or (H, W), pixels.
        anti_aliasing: render at twice the size, and average 2 x 2 pixels.
        dist_scale: as for `functional.render`; None: it is set later, before the first image.
        double_side: as for `functional.render`; here False by default, as in GenDR.
        texture_type: 'surface', 'vertex' or 'uv', that of the meshes.

    All other arguments are those of `functional.render`, with the same defaults.

    Raises:
        TypeError, ValueError: names that are not allowed, and in the call what `functional.render` raises.

    Source: Petersen et al., "GenDR: A Generalized Differentiable Renderer", CVPR 2022.

    Example:
        >>> from gendr_adapters import data, gendr
        >>> mesh = gendr.Mesh.from_obj(data.path("airplane.obj"))
        >>> camera = gendr.LookAt(viewing_angle=15.0)
        >>> camera.set_eyes_from_angles(2.0, 30.0, 45.0)
        >>> renderer = gendr.GenDR(image_size=32, dist_func="gaussian", aggr_alpha_func="einstein")
        >>> renderer(camera(gendr.Lighting()(mesh))).shape  # red, green, blue, alpha
        torch.Size([1, 4, 32, 32])
    """

    def __init__(
        self,
        image_size: ImageSize = 256,
        background_color: Background = (0, 0, 0),
        anti_aliasing: bool = False,
        dist_func: str | int = "uniform",
        dist_scale: float | Tensor | None = 1e-2,
        dist_squared: bool = False,
        dist_shape: float | None = None,
        dist_shift: float | None = None,
        dist_eps: float = 1e4,
        aggr_alpha_func: str | int = "probabilistic",
        aggr_alpha_t_conorm_p: float | None = None,
        aggr_rgb_func: str = "softmax",
        aggr_rgb_eps: float = 1e-3,
        aggr_rgb_gamma: float | Tensor = 1e-3,
        near: float = 1,
        far: float = 100,
        double_side: bool = False,
        texture_type: str = "surface",
        *,
        gradient: Literal["reference", "exact"] = "reference",
        near_clip: float | None = None,
        perspective: bool = True,
    ) -> None:
        super().__init__()
        self.image_size = image_size
        self.background_color = background_color
        self.anti_aliasing = anti_aliasing
        self.dist_func = dist_func
        self.dist_scale = dist_scale
        self.dist_squared = dist_squared
        self.dist_shape = dist_shape
        self.dist_shift = dist_shift
        self.dist_eps = dist_eps
        self.aggr_alpha_func = aggr_alpha_func
        self.aggr_alpha_t_conorm_p = aggr_alpha_t_conorm_p
        self.aggr_rgb_func = aggr_rgb_func
        self.aggr_rgb_eps = aggr_rgb_eps
        self.aggr_rgb_gamma = aggr_rgb_gamma
        self.near = near
        self.far = far
        self.double_side = double_side
        self.texture_type = texture_type
        self.gradient = gradient
        self.near_clip = near_clip
        self.perspective = perspective
        check_choices(self, _CHOICES)
        check_near_clip(near_clip, gradient)

    def forward(self, mesh: Mesh, *, return_depth: bool = False) -> Drawn:
        """(N, 4, H, W): red, green, blue, alpha; with return_depth also the depth (N, H, W).

        Depth is that of `functional.render`; with anti_aliasing, the mean of those of the 2 x 2 pixels that see a face.
        """
        return self.forward_tensors(mesh.face_vertices, mesh.face_textures, return_depth=return_depth)

    def forward_tensors(self, face_vertices: Tensor, face_textures: Textures, *, return_depth: bool = False) -> Drawn:
        """`forward` for tensors: face_vertices (N, F, 3, 3), and face_textures as `functional.render` takes them."""
        if self.dist_scale is None:
            raise ValueError("dist_scale is None: set it before the first picture")
        dist_scale = self.dist_scale

        def draw(image_size: ImageSize, background_color: Background) -> Drawn:
            return render(
                face_vertices,
                face_textures,
                image_size,
                background_color,
                self.dist_func,
                dist_scale,
                self.dist_squared,
                self.dist_shape,
                self.dist_shift,
                self.dist_eps,
                self.aggr_alpha_func,
                self.aggr_alpha_t_conorm_p,
                self.aggr_rgb_func,
                self.aggr_rgb_eps,
                self.aggr_rgb_gamma,
                self.near,
                self.far,
                self.double_side,
                self.texture_type,
                gradient=self.gradient,
                near_clip=self.near_clip,
                perspective=self.perspective,
                return_depth=return_depth,
            )

        return antialiased(draw, len(face_vertices), self.image_size, self.background_color, self.anti_aliasing)
