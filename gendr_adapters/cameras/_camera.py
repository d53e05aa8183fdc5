"""What all cameras have in common: their tensors are checked in one way, and points are seen from where they stand."""

from collections.abc import Mapping

import torch
from torch import Tensor

from .._autocast import full_precision, widened
from .._inputs import check_real, image_shape
from .._products import times


class Camera:
    """N cameras that share an image size: what `PinholeCamera` and its siblings have in common."""

    rotation: Tensor
    translation: Tensor
    image_size: tuple[int, int]

    def __len__(self) -> int:
        return self.rotation.shape[0]

    @full_precision
    def view(self, points: Tensor) -> Tensor:
        """World points in camera coordinates: x right, y down, z ahead, in world units.

        Args:
            points: (V, 3): all cameras see them; or (B, V, 3): camera i sees set i. B = N unless one of them is 1.
        Returns:
            (N, V, 3), or (B, V, 3) where N is 1.
        Raises:
            TypeError: points is not a tensor, or its dtype or device is not the camera's. ValueError: another shape.
        """
        check_points(points, self.rotation, len(self))
        return times(points, self.rotation) + self.translation[:, None]


def settle(camera: object, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Check the tensors of a frozen camera, each of N rows of its shape or of one, and give all of them N rows."""
    object.__setattr__(camera, "image_size", image_shape(getattr(camera, "image_size")))  # noqa: B009 (of any camera)
    first = next(iter(shapes))
    for name, shape in shapes.items():
        value = widened(getattr(camera, name))
        object.__setattr__(camera, name, value)
        check_real(name, value)
        check_like(name, value, first, getattr(camera, first))
        if value.shape[1:] != shape or value.dim() != 1 + len(shape):
            wanted = ", ".join(["N", *map(str, shape)]) if shape else "N,"
            raise ValueError(f"{name} must be ({wanted}), got shape {tuple(value.shape)}")
    counts = {name: getattr(camera, name).shape[0] for name in shapes}
    several = set(counts.values()) - {1}
    if len(several) > 1:
        raise ValueError(f"all tensors must be of N cameras or of 1, got {counts}")
    for name, shape in shapes.items():
        object.__setattr__(camera, name, getattr(camera, name).expand(max(several, default=1), *shape))


def check_points(points: Tensor, like: Tensor, n_cameras: int) -> None:
    """Raise TypeError or ValueError unless n_cameras whose tensors are like `like` can see these points."""
    check_real("points", points)
    check_like("points", points, "the camera", like)
    if points.dim() not in (2, 3) or points.shape[-1] != 3:
        raise ValueError(f"points must be (V, 3) or (B, V, 3), got shape {tuple(points.shape)}")
    if points.dim() == 3 and 1 not in (n_cameras, points.shape[0]) and n_cameras != points.shape[0]:
        raise ValueError(
            f"points must be one set for all or one for each of the {n_cameras} cameras, "
            f"got shape {tuple(points.shape)}"
        )


def check_like(name: str, value: Tensor, like_name: str, like: Tensor) -> None:
    """Raise TypeError unless both have one dtype and one device."""
    if value.dtype != like.dtype:
        raise TypeError(f"{name} is {value.dtype}, {like_name} is {like.dtype}: they must be the same")
    if value.device != like.device:
        raise TypeError(f"{name} is on {value.device}, {like_name} on {like.device}: they must share a device")


def from_middle(principal_point: Tensor, image_size: tuple[int, int]) -> Tensor:
    """The principal point (N, 2) from the middle of the image: right, down, pixels."""
    height, width = image_size
    c_x, c_y = principal_point.unbind(1)
    return torch.stack([c_x - width / 2, c_y - height / 2], 1)


def middle(image_size: tuple[int, int], like: Tensor) -> Tensor:
    """The principal point (1, 2) of a camera whose axis goes through the middle of the image."""
    height, width = image_size
    return torch.stack([like.new_full((1,), width / 2), like.new_full((1,), height / 2)], 1)


def flip_axes(rotation: Tensor, translation: Tensor, signs: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
    """The same pose for camera axes that point the other way where a sign is -1."""
    flips = torch.stack([rotation.new_full((), sign) for sign in signs])
    return rotation * flips[:, None], translation * flips
