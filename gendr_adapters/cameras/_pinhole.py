"""PinholeCamera: the description that every other perspective camera is converted to and from."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .._autocast import full_precision
from .._camera_plane import off_camera_plane
from ._camera import Camera, from_middle, settle


@dataclass(frozen=True, kw_only=True, eq=False)
class PinholeCamera(Camera):
    """N pinhole cameras that share an image size.

    A world point X has the camera coordinates (x right, y down, z ahead) = rotation X + translation, and is seen at
    u = focal_x x / z + c_x to the right, v = focal_y y / z + c_y down, in pixels from the image's top left corner:
    pixel i covers [i, i + 1) and has its centre at i + 0.5. (Hartley & Zisserman, "Multiple View Geometry", 6.1.)

    rotation: (N, 3, 3), world to camera. It is used as it is, orthogonal or not, so that it can be optimised.
    translation: (N, 3), world units.
    focal: (N, 2), (focal_x, focal_y) in pixels, not 0. One that is negative mirrors the image, as SoftRas' camera does.
    principal_point: (N, 2), (c_x, c_y) in pixels.
    image_size: (H, W) in pixels, or the side of a square; 1 to 32768.

    All tensors have one dtype, float32 or float64, and one device. A tensor of length 1 serves all N cameras. Inside
    torch.autocast the camera's tensors and its results are float32, not half precision.

    Raises:
        TypeError: a field is not a tensor, or the fields have different dtypes or devices.
        ValueError: a field has another shape, or a different number of cameras.

    Example:
        >>> import torch
        >>> from gendr_adapters.cameras import PinholeCamera
        >>> camera = PinholeCamera(
        ...     rotation=torch.eye(3)[None],
        ...     translation=torch.zeros(1, 3),
        ...     focal=torch.tensor([[64.0, 64.0]]),
        ...     principal_point=torch.tensor([[32.0, 32.0]]),
        ...     image_size=64,
        ... )
        >>> camera.project(torch.tensor([[0.5, 0.25, 2.0]]))  # x and y in NDC, depth
        tensor([[[ 0.5000, -0.2500,  2.0000]]])
    """

    rotation: Tensor
    translation: Tensor
    focal: Tensor
    principal_point: Tensor
    image_size: tuple[int, int]

    def __post_init__(self) -> None:
        settle(self, {"rotation": (3, 3), "translation": (3,), "focal": (2,), "principal_point": (2,)})

    @full_precision
    def project(self, points: Tensor) -> Tensor:
        """World points as `gendr_adapters.render` takes them: x right and y up in NDC, z the view depth in world units.

        NDC has its origin in the middle of the image, and the shorter side S = min(H, W) spans [-1, 1], so
        x = (2 u - W) / S and y = (H - 2 v) / S: the centre of pixel c, u = c + 0.5, is at x = (2 c + 1 - W) / S, as
        in render where half_extent is None.

        Arguments and errors are those of `view`.

        Returns:
            (N, V, 3), or (B, V, 3) where N is 1. Points behind the camera have z < 0. A point in the camera's plane is
            moved a little behind it, and a point very near that plane a little away from it, so that x and y stay
            within 2^20 (float64: 2^30) of the principal point. render leaves out faces with a corner behind the camera,
            or cuts them at near_clip.
        """
        x, y, z = self.view(points).unbind(-1)
        half_side = min(self.image_size) / 2
        focal_x, focal_y = (self.focal / half_side)[:, :, None].unbind(1)
        centre_x, centre_y = (from_middle(self.principal_point, self.image_size) / half_side)[:, :, None].unbind(1)
        x, y = focal_x * x, -focal_y * y
        z = off_camera_plane(x, y, z)
        return torch.stack([x / z + centre_x, y / z - centre_y, z], -1)


def check_pinhole(camera: object) -> PinholeCamera:
    """Raise TypeError for anything but a PinholeCamera."""
    if not isinstance(camera, PinholeCamera):
        raise TypeError(f"camera must be a gendr_adapters.cameras.PinholeCamera, got {type(camera).__name__}")
    return camera
