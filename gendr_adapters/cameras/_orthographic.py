"""OrthographicCamera: the description that every other orthographic camera is converted to and from."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .._autocast import full_precision
from .._known import as_list, has_numbers
from ._camera import Camera, from_middle, middle, settle


@dataclass(frozen=True, kw_only=True, eq=False)
class OrthographicCamera(Camera):
    """N orthographic cameras that share an image size: an object's size on screen does not depend on its depth.

    A world point X has the camera coordinates (x right, y down, z ahead) = rotation X + translation, and is seen at
    u = scale_x x + c_x to the right, v = scale_y y + c_y down, in pixels from the image's top left corner: pixel i
    covers [i, i + 1) and has its centre at i + 0.5. (Hartley & Zisserman, "Multiple View Geometry", 6.3.)

    rotation: (N, 3, 3), world to camera. It is used as it is, orthogonal or not, so that it can be optimised.
    translation: (N, 3), world units.
    scale: (N, 2), (scale_x, scale_y) in pixels per world unit, not 0. A negative scale mirrors the image.
    principal_point: (N, 2), (c_x, c_y) in pixels.
    image_size: (H, W) in pixels, or the side of a square; 1 to 32768.

    Nothing is divided by depth, so `render` needs settings that do not do so either:

        RenderSettings(perspective_correct=False, clip="nonnegative", near=-10, far=10)

    near and far may then be negative, 0 or positive, as z may. To cut faces with near_clip (a depth > 0), set
    projection="orthographic" too.

    Dtypes, devices, N and errors are those of `PinholeCamera`.

    Example:
        >>> import torch
        >>> from gendr_adapters.cameras import OrthographicCamera
        >>> camera = OrthographicCamera(
        ...     rotation=torch.eye(3)[None],
        ...     translation=torch.zeros(1, 3),
        ...     scale=torch.tensor([[16.0, 16.0]]),
        ...     principal_point=torch.tensor([[32.0, 32.0]]),
        ...     image_size=64,
        ... )
        >>> camera.project(torch.tensor([[0.5, 0.25, 2.0], [0.5, 0.25, 9.0]]))  # x and y do not depend on depth
        tensor([[[ 0.2500, -0.1250,  2.0000],
                 [ 0.2500, -0.1250,  9.0000]]])
    """

    rotation: Tensor
    translation: Tensor
    scale: Tensor
    principal_point: Tensor
    image_size: tuple[int, int]

    def __post_init__(self) -> None:
        settle(self, {"rotation": (3, 3), "translation": (3,), "scale": (2,), "principal_point": (2,)})

    @full_precision
    def project(self, points: Tensor) -> Tensor:
        """World points as `gendr_adapters.render` takes them: x right and y up in NDC, z the view depth in world units.

        NDC is that of `PinholeCamera.project`. Arguments and errors are those of `view`.

        Returns:
            (N, V, 3), or (B, V, 3) where N is 1. z may have any sign.
        """
        x, y, z = self.view(points).unbind(-1)
        half_side = min(self.image_size) / 2
        scale_x, scale_y = (self.scale / half_side)[:, :, None].unbind(1)
        centre_x, centre_y = (from_middle(self.principal_point, self.image_size) / half_side)[:, :, None].unbind(1)
        return torch.stack([scale_x * x + centre_x, -scale_y * y - centre_y, z], -1)

    def _centred(self) -> "OrthographicCamera":
        """What sees the same with its principal point in the middle of the image: the camera is moved to the side."""
        shift = from_middle(self.principal_point, self.image_size) / self.scale
        return OrthographicCamera(
            rotation=self.rotation,
            translation=torch.cat([self.translation[:, :2] + shift, self.translation[:, 2:]], 1),
            scale=self.scale,
            principal_point=middle(self.image_size, self.scale),
            image_size=self.image_size,
        )

    def _one_scale(self, ecosystem: str) -> Tensor:
        """The size (N,) of scale_x and scale_y. Raises ValueError where they differ by more than rounding."""
        size = self.scale.abs()
        apart = (size[:, 0] - size[:, 1]).abs() > 1e-5 * size[:, 1]
        if has_numbers(apart) and bool(apart.any()):
            raise ValueError(
                f"{ecosystem} has one scale for x and y, this camera has {as_list(self.scale.detach())} pixels per unit"
            )
        return size[:, 1]
