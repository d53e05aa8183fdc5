"""PinholeCamera: the description that every other camera is converted to and from."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .._autocast import full_precision, widened
from .._camera_plane import off_camera_plane
from .._inputs import check_real, image_shape
from .._products import times


@dataclass(frozen=True, kw_only=True, eq=False)
class PinholeCamera:
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
    torch.autocast what a camera is made of and what it sees is float32, whatever autocast says.

    Raises:
        TypeError: something is not a tensor, or has a dtype or device that does not fit.
        ValueError: shapes that do not fit.
    """

    rotation: Tensor
    translation: Tensor
    focal: Tensor
    principal_point: Tensor
    image_size: tuple[int, int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "image_size", image_shape(self.image_size))
        shapes = {"rotation": (3, 3), "translation": (3,), "focal": (2,), "principal_point": (2,)}
        for name, shape in shapes.items():
            value = widened(getattr(self, name))
            object.__setattr__(self, name, value)
            check_real(name, value)
            _check_like(name, value, "rotation", self.rotation)
            if value.shape[1:] != shape or value.dim() != 1 + len(shape):
                raise ValueError(f"{name} must be (N, {', '.join(map(str, shape))}), got shape {tuple(value.shape)}")
        counts = {name: getattr(self, name).shape[0] for name in shapes}
        several = set(counts.values()) - {1}
        if len(several) > 1:
            raise ValueError(f"all tensors must be of N cameras or of 1, got {counts}")
        for name, shape in shapes.items():
            object.__setattr__(self, name, getattr(self, name).expand(max(several, default=1), *shape))

    def __len__(self) -> int:
        return self.rotation.shape[0]

    @full_precision
    def view(self, points: Tensor) -> Tensor:
        """Camera coordinates (x right, y down, z ahead), world units, of world points.

        Args:
            points: (V, 3), seen by all cameras, or (B, V, 3), a set for each; B = N unless one of them is 1.
        Returns:
            (N, V, 3), or (B, V, 3) where N is 1.
        Raises:
            TypeError: not a tensor, or of another dtype or device than the camera. ValueError: another shape.
        """
        check_real("points", points)
        _check_like("points", points, "the camera", self.rotation)
        if points.dim() not in (2, 3) or points.shape[-1] != 3:
            raise ValueError(f"points must be (V, 3) or (B, V, 3), got shape {tuple(points.shape)}")
        if points.dim() == 3 and 1 not in (len(self), points.shape[0]) and len(self) != points.shape[0]:
            raise ValueError(
                f"points must be one set for all or one for each of the {len(self)} cameras, "
                f"got shape {tuple(points.shape)}"
            )
        return times(points, self.rotation) + self.translation[:, None]

    @full_precision
    def project(self, points: Tensor) -> Tensor:
        """What `gendr_adapters.render` takes: x right and y up in NDC, z the view depth in world units.

        NDC has its origin in the middle of the image, and the shorter side S = min(H, W) spans [-1, 1], so
        x = (2 u - W) / S and y = (H - 2 v) / S: the centre of pixel c, u = c + 0.5, is at x = (2 c + 1 - W) / S, as
        render has it where half_extent is None.

        Args and errors: see `view`.
        Returns:
            (N, V, 3), or (B, V, 3) where N is 1. Points behind the camera have z < 0. One in its plane is taken to be a
            little behind it, and one next to it a little further off, so that x and y are within 2^20 of the principal
            point (float64: 2^30): render leaves out faces with a corner behind, or cuts them at near_clip.
        """
        x, y, z = self.view(points).unbind(-1)
        half_side = min(self.image_size) / 2
        focal_x, focal_y = (self.focal / half_side)[:, :, None].unbind(1)
        centre_x, centre_y = (self._from_middle() / half_side)[:, :, None].unbind(1)
        x, y = focal_x * x, -focal_y * y
        z = off_camera_plane(x, y, z)
        return torch.stack([x / z + centre_x, y / z - centre_y, z], -1)

    def _from_middle(self) -> Tensor:
        """The principal point (N, 2) from the middle of the image: right, down, pixels."""
        height, width = self.image_size
        c_x, c_y = self.principal_point.unbind(1)
        return torch.stack([c_x - width / 2, c_y - height / 2], 1)


def _check_like(name: str, value: Tensor, like_name: str, like: Tensor) -> None:
    if value.dtype != like.dtype:
        raise TypeError(f"{name} is {value.dtype}, {like_name} is {like.dtype}: they must be the same")
    if value.device != like.device:
        raise TypeError(f"{name} is on {value.device}, {like_name} on {like.device}: they must share a device")


def _flip_axes(rotation: Tensor, translation: Tensor, signs: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """The same pose for camera axes that point the other way where a sign is -1."""
    flips = torch.stack([rotation.new_full((), sign) for sign in signs])
    return rotation * flips[:, None], translation * flips


def _check_camera(camera: object) -> PinholeCamera:
    if not isinstance(camera, PinholeCamera):
        raise TypeError(f"camera must be a gendr_adapters.cameras.PinholeCamera, got {type(camera).__name__}")
    return camera
