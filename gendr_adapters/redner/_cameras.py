"""Camera: where a scene is seen from, and how it is projected."""

import math
from collections.abc import Sequence
from enum import Enum
from typing import Any

import torch
from torch import Tensor

from .._autocast import full_precision
from .._inputs import check_real, image_shape
from .._known import as_list, has_numbers
from .._products import times
from ._arguments import FullPrecision, number, vector
from ._matrices import gen_look_at_matrix


class camera_type(Enum):
    """Kinds of cameras. Perspective cameras can be rendered and converted, orthographic ones only converted."""

    perspective = 0
    orthographic = 1
    fisheye = 2
    panorama = 3


class Camera(FullPrecision):
    """A camera whose axes are x to the right, y up, z ahead.

    Args:
        position, look_at, up: tensors (3,), world units; up need not be orthogonal to the view direction.
        fov: tensor (1,), the horizontal field of view, degrees. Pixels are square.
        clip_near: depth > 0; what is nearer is not seen.
        resolution: (height, width), pixels.
        viewport: (top, left, bottom, right), pixels, the last two exclusive: only this part of the image is rendered;
            it is clipped to the image. None: all of the image.
        cam_to_world: (4, 4), instead of position, look_at and up; its columns are the axes and the position.
        intrinsic_mat: (3, 3) with last row 0, 0, 1, instead of fov. It maps camera coordinates to (p, q, z); a
            point is seen at p / z in [-1, 1] to the right and q / z in [-1, 1] height / width up.
        camera_type: camera_type.perspective; or camera_type.orthographic, which sees a point at p and q instead, needs
            intrinsic_mat, and can only be converted, by gendr_adapters.cameras.from_redner.
        distortion_params, fisheye: only None and False are supported.

    Tensors are float32 or float64 and may require gradients. The arguments are attributes that may be set anew.

    Raises:
        TypeError, ValueError: arguments that do not fit. NotImplementedError: other kinds of cameras, distortion.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> eye, up = torch.tensor([0.0, 0.0, 4.0]), torch.tensor([0.0, 1.0, 0.0])
        >>> fov = torch.tensor([45.0])
        >>> camera = pyredner.Camera(position=eye, look_at=torch.zeros(3), up=up, fov=fov, resolution=(24, 32))
        >>> camera.eye(), camera.world_to_cam.shape
        (tensor([0., 0., 4.]), torch.Size([4, 4]))
    """

    def __init__(
        self,
        position: Tensor | None = None,
        look_at: Tensor | None = None,
        up: Tensor | None = None,
        fov: Tensor | None = None,
        clip_near: float = 1e-4,
        resolution: tuple[int, int] = (256, 256),
        viewport: Sequence[int] | None = None,
        cam_to_world: Tensor | None = None,
        intrinsic_mat: Tensor | None = None,
        distortion_params: Tensor | None = None,
        camera_type: camera_type = camera_type.perspective,
        fisheye: bool = False,
    ) -> None:
        if fisheye or camera_type not in (_PERSPECTIVE, _ORTHOGRAPHIC):
            raise NotImplementedError(
                "only perspective and orthographic cameras are supported, no fish-eye and no panorama cameras"
            )
        if distortion_params is not None:
            raise NotImplementedError("distortion_params are not supported: undistort the picture instead")
        if cam_to_world is None and (position is None or look_at is None or up is None):
            raise ValueError("a camera needs position, look_at and up, or cam_to_world")
        if intrinsic_mat is None and camera_type is _ORTHOGRAPHIC:
            raise ValueError("an orthographic camera needs intrinsic_mat, as fov does not define its scale")
        if intrinsic_mat is None and fov is None:
            raise ValueError("a camera needs fov or intrinsic_mat")
        for name, value in (("position", position), ("look_at", look_at), ("up", up)):
            if value is not None:
                vector(name, value, 3)
        self.position, self.look_at, self.up = position, look_at, up
        self.cam_to_world = None if cam_to_world is None else _matrix("cam_to_world", cam_to_world, 4)
        self.clip_near = number("clip_near", clip_near, positive=True)
        self.resolution = image_shape(resolution)
        self.viewport = viewport
        self.camera_type = camera_type
        # Not by the properties: torch.compile of torch 2.5 to 2.7 does not see what their setters set.
        self._fov = None if fov is None else vector("fov", fov, 1)
        self._intrinsic_mat = None if intrinsic_mat is None else _matrix("intrinsic_mat", intrinsic_mat, 3)

    @property
    def fov(self) -> Tensor | None:
        """The horizontal field of view, (1,), degrees. Setting it replaces intrinsic_mat."""
        return self._fov

    @fov.setter
    def fov(self, value: Tensor) -> None:
        self._fov = vector("fov", value, 1)
        self._intrinsic_mat = None

    @property
    def intrinsic_mat(self) -> Tensor:
        """(3, 3): what was given, or the matrix of fov."""
        if self._intrinsic_mat is not None:
            return self._intrinsic_mat
        assert self._fov is not None
        scale = 1 / torch.tan(self._fov * (math.pi / 360))
        return torch.diag(torch.cat([scale, scale, torch.ones_like(scale)]))

    @intrinsic_mat.setter
    def intrinsic_mat(self, value: Tensor | None) -> None:
        if value is None and self._fov is None:
            raise ValueError("intrinsic_mat = None needs a fov")
        self._intrinsic_mat = None if value is None else _matrix("intrinsic_mat", value, 3)

    @property
    @full_precision
    def world_to_cam(self) -> Tensor:
        """(4, 4), from world coordinates to the camera's."""
        matrix = self._to_world()
        # In float64, on which autocast has no effect, also in backward; see _products.
        return torch.linalg.inv(matrix.double()).to(matrix)

    def _to_world(self) -> Tensor:
        if self.cam_to_world is not None:
            return self.cam_to_world
        assert self.position is not None and self.look_at is not None and self.up is not None
        return gen_look_at_matrix(self.position, self.look_at, self.up)

    def eye(self) -> Tensor:
        """(3,), the camera's position, world units."""
        return self._to_world()[:3, 3]

    def frame(self) -> tuple[int, int, int, int]:
        """(top, left, height, width) of the part that is rendered, pixels."""
        height, width = image_shape(self.resolution)
        if self.viewport is None:
            return 0, 0, height, width
        if len(self.viewport) != 4:
            raise ValueError(f"viewport must be (top, left, bottom, right), got {self.viewport!r}")
        top, left, bottom, right = (int(x) for x in self.viewport)
        top, left, bottom, right = max(top, 0), max(left, 0), min(bottom, height), min(right, width)
        if top >= bottom or left >= right:
            raise ValueError(f"viewport {tuple(self.viewport)} holds no pixel of a picture of {height} x {width}")
        return top, left, bottom - top, right - left

    @full_precision
    def homogeneous_pixels(self, points: Tensor) -> Tensor:
        """World points (V, 3) as HomogeneousMesh.vertices has them, of the points' dtype and device."""
        if self.camera_type is not _PERSPECTIVE:
            raise NotImplementedError(
                "only perspective cameras are rendered here; of an orthographic one gendr_adapters.cameras.from_redner "
                "makes a camera for gendr_adapters.render"
            )
        to_camera, intrinsics = self.world_to_cam.to(points), self.intrinsic_mat.to(points)
        if has_numbers(intrinsics) and as_list(intrinsics[2].detach()) != [0, 0, 1]:
            raise ValueError(f"the last row of intrinsic_mat must be 0, 0, 1, got {intrinsics[2].tolist()}")
        p, q, z = times(times(points, to_camera[:3, :3]) + to_camera[:3, 3], intrinsics).unbind(1)
        height, width = self.resolution
        top, left, _, _ = self.frame()
        return torch.stack([(p + z) * (width / 2) - z * left, z * (height / 2) - q * (width / 2) - z * top, z], 1)


_PERSPECTIVE, _ORTHOGRAPHIC = camera_type.perspective, camera_type.orthographic


@full_precision
def _matrix(name: str, value: Any, size: int) -> Tensor:
    check_real(name, value)
    if value.shape != (size, size):
        raise ValueError(f"{name} must be a tensor of shape ({size}, {size}), got shape {tuple(value.shape)}")
    return value
