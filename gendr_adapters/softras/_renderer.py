"""SoftRas' renderers: light, camera and rasteriser in one."""

from typing import Literal

import numpy as np
from torch import Tensor, nn

from .._soft_renderer.arguments import Numbers, Scalar
from .._soft_renderer.cameras import FORWARDS
from .._soft_renderer.lighting import WHITE
from .._soft_renderer.look_at import UPWARDS
from .._soft_renderer.meshes import Mesh
from .._soft_renderer.obj_loading import TEXTURE_TYPES
from .._soft_renderer.rasterizing import Background, Drawn, ImageSize
from ._cameras import Transform
from ._lighting import Lighting
from ._rasterizer import SoftRasterizer


class _MeshRenderer(nn.Module):
    def __init__(self, lighting: Lighting, transform: Transform, rasterizer: SoftRasterizer) -> None:
        super().__init__()
        self.lighting = lighting
        self.transform = transform
        self.rasterizer = rasterizer

    def set_texture_mode(self, mode: str) -> None:
        """Set the texture_type of the meshes that are rendered: 'surface', 'vertex' or 'uv'; else ValueError."""
        if mode not in TEXTURE_TYPES:
            raise ValueError(f"the texture mode must be 'surface', 'vertex' or 'uv', got {mode!r}")
        self.lighting.light_mode = mode
        self.rasterizer.texture_type = mode

    def _render(self, mesh: Mesh, mode: str | None, return_depth: bool) -> Drawn:
        self.set_texture_mode(mesh.texture_type)
        self.rasterizer.perspective = self.transform.is_perspective
        drawn: Drawn = self.rasterizer(self.transform(self.lighting(mesh)), mode, return_depth=return_depth)
        return drawn


class Renderer(_MeshRenderer):
    """A renderer with hard edges: each pixel shows the nearest face alone.

    SoftRas has this class, but it cannot be used there: SoftRas lacks the rasteriser that it calls. Ours is a
    `SoftRasterizer` with dist_func, aggr_func_rgb and aggr_func_alpha 'hard'. Textures get gradients; vertices get none
    that could move an edge. The arguments are those of `SoftRenderer`, as far as they are in the signature;
    anti_aliasing is True by default, and eps is ignored.

    Example:
        >>> from gendr_adapters import data, softras
        >>> mesh = softras.Mesh.from_obj(data.path("airplane.obj"))
        >>> renderer = softras.Renderer(image_size=32, anti_aliasing=False, camera_mode="look_at", eye=(0.0, 1.0, -2.0))
        >>> renderer(mesh)[:, 3].unique().tolist()  # alpha is 0 or 1
        [0.0, 1.0]
    """

    def __init__(
        self,
        image_size: ImageSize = 256,
        background_color: Background = (0, 0, 0),
        near: float = 1,
        far: float = 100,
        anti_aliasing: bool = True,
        fill_back: bool = True,
        eps: float = 1e-6,
        camera_mode: str = "projection",
        P: Tensor | np.ndarray | None = None,
        dist_coeffs: Numbers | None = None,
        orig_size: float | tuple[float, float] = 512,
        perspective: bool = True,
        viewing_angle: Scalar = 30,
        viewing_scale: Scalar = 1.0,
        eye: Numbers | None = None,
        camera_direction: Numbers = FORWARDS,
        light_mode: str = "surface",
        light_intensity_ambient: Scalar = 0.5,
        light_color_ambient: Numbers = WHITE,
        light_intensity_directionals: Scalar = 0.5,
        light_color_directionals: Numbers = WHITE,
        light_directions: Numbers = UPWARDS,
        *,
        gradient: Literal["reference", "exact"] = "reference",
        near_clip: float | None = None,
        up: Numbers | None = None,
    ) -> None:
        super().__init__(
            Lighting(
                light_mode,
                light_intensity_ambient,
                light_color_ambient,
                light_intensity_directionals,
                light_color_directionals,
                light_directions,
            ),
            Transform(
                camera_mode,
                P,
                dist_coeffs,
                orig_size,
                perspective,
                viewing_angle,
                viewing_scale,
                eye,
                camera_direction,
                up=up,
            ),
            SoftRasterizer(
                image_size,
                background_color,
                near,
                far,
                anti_aliasing,
                fill_back,
                eps,
                dist_func="hard",
                aggr_func_rgb="hard",
                aggr_func_alpha="hard",
                texture_type=light_mode,
                gradient=gradient,
                near_clip=near_clip,
            ),
        )

    def forward(self, mesh: Mesh, mode: str | None = None, *, return_depth: bool = False) -> Drawn:
        """The image of a mesh; arguments and results are those of `SoftRenderer.render_mesh`."""
        return self._render(mesh, mode, return_depth)


class SoftRenderer(_MeshRenderer):
    """A renderer with soft edges: it applies `Lighting`, `Transform` and `SoftRasterizer`, in this order.

    These three are its attributes lighting, transform and rasterizer.

    Args:
        image_size, background_color, near, far, anti_aliasing, fill_back, eps, sigma_val, dist_func, dist_eps,
            gamma_val, aggr_func_rgb, aggr_func_alpha, texture_type, gradient, near_clip: of `SoftRasterizer`;
            fill_back is True by default here, as in SoftRas.
        camera_mode, P, dist_coeffs, orig_size, perspective, viewing_angle, viewing_scale, eye, camera_direction, up: of
            `Transform`. The default camera_mode, 'projection', needs P.
        light_mode, light_intensity_ambient, light_color_ambient, light_intensity_directionals,
            light_color_directionals, light_directions: of `Lighting`, where their names do not begin with light_.

    Raises:
        TypeError, ValueError: as these three.

    Source: Liu et al., "Soft Rasterizer", ICCV 2019.

    Example:
        >>> from gendr_adapters import data, softras
        >>> mesh = softras.Mesh.from_obj(data.path("airplane.obj"))
        >>> renderer = softras.SoftRenderer(image_size=32, sigma_val=1e-4, camera_mode="look_at")
        >>> renderer.transform.set_eyes_from_angles(2.0, 30.0, 45.0)
        >>> image = renderer.render_mesh(mesh)  # red, green, blue, alpha
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
        fill_back: bool = True,
        eps: float = 1e-3,
        sigma_val: float | Tensor = 1e-5,
        dist_func: str = "euclidean",
        dist_eps: float = 1e-4,
        gamma_val: float | Tensor = 1e-4,
        aggr_func_rgb: str = "softmax",
        aggr_func_alpha: str = "prod",
        texture_type: str = "surface",
        camera_mode: str = "projection",
        P: Tensor | np.ndarray | None = None,
        dist_coeffs: Numbers | None = None,
        orig_size: float | tuple[float, float] = 512,
        perspective: bool = True,
        viewing_angle: Scalar = 30,
        viewing_scale: Scalar = 1.0,
        eye: Numbers | None = None,
        camera_direction: Numbers = FORWARDS,
        light_mode: str = "surface",
        light_intensity_ambient: Scalar = 0.5,
        light_color_ambient: Numbers = WHITE,
        light_intensity_directionals: Scalar = 0.5,
        light_color_directionals: Numbers = WHITE,
        light_directions: Numbers = UPWARDS,
        *,
        gradient: Literal["reference", "exact"] = "reference",
        near_clip: float | None = None,
        up: Numbers | None = None,
    ) -> None:
        super().__init__(
            Lighting(
                light_mode,
                light_intensity_ambient,
                light_color_ambient,
                light_intensity_directionals,
                light_color_directionals,
                light_directions,
            ),
            Transform(
                camera_mode,
                P,
                dist_coeffs,
                orig_size,
                perspective,
                viewing_angle,
                viewing_scale,
                eye,
                camera_direction,
                up=up,
            ),
            SoftRasterizer(
                image_size,
                background_color,
                near,
                far,
                anti_aliasing,
                fill_back,
                eps,
                sigma_val,
                dist_func,
                dist_eps,
                gamma_val,
                aggr_func_rgb,
                aggr_func_alpha,
                texture_type,
                gradient=gradient,
                near_clip=near_clip,
            ),
        )

    def set_sigma(self, sigma: float | Tensor) -> None:
        """Set sigma_val of the rasteriser, NDC^2; a tensor (), (1,) or (N,) may have a gradient."""
        self.rasterizer.sigma_val = sigma

    def set_gamma(self, gamma: float | Tensor) -> None:
        """Set gamma_val of the rasteriser; a tensor (), (1,) or (N,) may have a gradient."""
        self.rasterizer.gamma_val = gamma

    def render_mesh(self, mesh: Mesh, mode: str | None = None, *, return_depth: bool = False) -> Drawn:
        """The image of a mesh, (N, 4, H, W): red, green, blue, alpha; with return_depth also the depth (N, H, W).

        Depth is in world units; see `SoftRasterizer`. One mesh and N eyes give N images. As in SoftRas, the mesh itself
        is lit and transformed: call `mesh.reset_()` before you render it again. mode is ignored.
        """
        return self._render(mesh, mode, return_depth)

    def forward(
        self,
        vertices: Tensor,
        faces: Tensor,
        textures: Tensor | None = None,
        mode: str | None = None,
        texture_type: str = "surface",
        *,
        return_depth: bool = False,
    ) -> Drawn:
        """`render_mesh` of `Mesh(vertices, faces, textures, texture_type=texture_type)`."""
        mesh = Mesh(vertices, faces, textures=textures, texture_type=texture_type)
        return self.render_mesh(mesh, mode, return_depth=return_depth)
