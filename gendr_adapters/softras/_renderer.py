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
        """Be ready for meshes of texture_type 'surface', 'vertex' or 'uv'."""
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
    """A renderer with hard edges, of which the nearest face alone is seen.

    SoftRas has this class, but it fails for want of a rasteriser, which is in none of its files. Ours is
    `SoftRasterizer` with dist_func, aggr_func_rgb and aggr_func_alpha 'hard'. Textures have gradients, vertices none
    of use. Arguments: those of `SoftRenderer`; eps has no effect.
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
        """(N, 4, H, W) of a mesh, whose textures are lit and whose vertices are moved in place, with return_depth also
        the depth (N, H, W), all as by `SoftRenderer`.

        `mode` changes nothing."""
        return self._render(mesh, mode, return_depth)


class SoftRenderer(_MeshRenderer):
    """`Lighting`, `Transform` and `SoftRasterizer`, in this order, as attributes lighting, transform and rasterizer.

    Args:
        image_size, ..., texture_type, gradient, near_clip: of `SoftRasterizer`, with another default of fill_back, as
            in SoftRas.
        camera_mode, ..., camera_direction, and up: of `Transform`. The default mode, 'projection', needs P.
        light_mode, ..., light_directions: of `Lighting`.
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
        """sigma_val of the rasteriser: NDC^2; a tensor (), (1,) or (N,) may have a gradient."""
        self.rasterizer.sigma_val = sigma

    def set_gamma(self, gamma: float | Tensor) -> None:
        """gamma_val of the rasteriser; a tensor (), (1,) or (N,) may have a gradient."""
        self.rasterizer.gamma_val = gamma

    def render_mesh(self, mesh: Mesh, mode: str | None = None, *, return_depth: bool = False) -> Drawn:
        """(N, 4, H, W): red, green, blue, alpha; with return_depth also the depth (N, H, W), world units, see
        `SoftRasterizer`. Of one mesh and N eyes, N pictures.

        As in SoftRas the mesh's own textures are lit and its own vertices moved: `mesh.reset_()` before it is rendered
        again. `mode` changes nothing.
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
