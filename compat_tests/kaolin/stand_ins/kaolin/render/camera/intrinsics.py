"""Test doubles of kaolin.render.camera.PinholeIntrinsics and OrthographicIntrinsics."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, TypeVar

import torch
from torch import Tensor

Self = TypeVar("Self", bound="Intrinsics")


class CameraFOV(IntEnum):
    HORIZONTAL = 0
    VERTICAL = 1


class Intrinsics:
    """What both have. params (C, number of names): one row a camera."""

    lens_type: str
    names: tuple[str, ...]

    def __init__(self, width: int, height: int, params: Tensor, near: float = 1e-2, far: float = 1e2) -> None:
        self.width, self.height, self.near, self.far = width, height, near, far
        self.params = params

    @classmethod
    def made_of(
        cls: type[Self], width: int, height: int, near: float, far: float, how: dict[str, Any], *values: Any
    ) -> Self:
        """values: a number for all cameras or a tensor (C,); how: num_cameras, dtype, device."""
        rows = [torch.as_tensor(x, dtype=how["dtype"], device=how["device"]).reshape(-1) for x in values]
        count = max([how["num_cameras"], *(len(x) for x in rows)])
        return cls(width, height, torch.stack([x.expand(count) for x in rows], 1), near, far)

    @classmethod
    def cat(cls: type[Self], several: Sequence[Self]) -> Self:
        return several[0]._with(torch.cat([x.params for x in several]))

    def _with(self: Self, params: Tensor) -> Self:
        return type(self)(self.width, self.height, params, self.near, self.far)

    def __getattr__(self, name: str) -> Tensor:
        """(C,)."""
        if name not in type(self).names:
            raise AttributeError(name)
        return self.params[:, self.names.index(name)]

    def __len__(self) -> int:
        return len(self.params)

    def __getitem__(self: Self, i: Any) -> Self:
        return self._with(self.params[i].reshape(-1, len(self.names)))

    def to(self: Self, *where: Any) -> Self:
        return self._with(self.params.to(*where))

    @property
    def dtype(self) -> torch.dtype:
        return self.params.dtype

    @property
    def device(self) -> torch.device:
        return self.params.device

    def projection_matrix(self) -> Tensor:
        raise NotImplementedError

    def clip(self, vectors: Tensor) -> Tensor:
        """(V, 3) or (C, V, 3) in the camera's space -> (C, V, 4)."""
        return torch.cat([vectors, torch.ones_like(vectors[..., :1])], -1) @ self.projection_matrix().mT

    def transform(self, vectors: Tensor) -> Tensor:
        """To NDC (C, V, 3): x and y in [-1, 1] within the picture, z from -1 at near to 1 at far."""
        clip = self.clip(vectors)
        return clip[..., :3] / clip[..., 3:]


class PinholeIntrinsics(Intrinsics):
    """x0, y0: the principal point from the picture's middle, pixels, right and up; focal_x, focal_y in pixels."""

    lens_type = "pinhole"
    names = ("x0", "y0", "focal_x", "focal_y")

    @classmethod
    def from_fov(
        cls,
        width: int,
        height: int,
        fov: Any,
        fov_direction: CameraFOV = CameraFOV.VERTICAL,
        x0: Any = 0.0,
        y0: Any = 0.0,
        near: float = 1e-2,
        far: float = 1e2,
        num_cameras: int = 1,
        device: Any = None,
        dtype: Any = torch.float32,
    ) -> "PinholeIntrinsics":
        """fov in radians."""
        side = height if fov_direction == CameraFOV.VERTICAL else width
        focal = side / 2 / torch.tan(torch.as_tensor(fov, dtype=dtype, device=device) / 2)
        how = {"num_cameras": num_cameras, "dtype": dtype, "device": device}
        return cls.made_of(width, height, near, far, how, x0, y0, focal, focal)

    @classmethod
    def from_focal(
        cls,
        width: int,
        height: int,
        focal_x: Any,
        focal_y: Any = None,
        x0: Any = 0.0,
        y0: Any = 0.0,
        near: float = 1e-2,
        far: float = 1e2,
        num_cameras: int = 1,
        device: Any = None,
        dtype: Any = torch.float32,
    ) -> "PinholeIntrinsics":
        how = {"num_cameras": num_cameras, "dtype": dtype, "device": device}
        return cls.made_of(width, height, near, far, how, x0, y0, focal_x, focal_x if focal_y is None else focal_y)

    def tan_half_fov(self, camera_fov_direction: CameraFOV = CameraFOV.VERTICAL) -> Tensor:
        if camera_fov_direction == CameraFOV.VERTICAL:
            return self.height / 2 / self.focal_y
        return self.width / 2 / self.focal_x

    def project(self, vectors: Tensor) -> Tensor:
        return self.clip(vectors)

    def projection_matrix(self) -> Tensor:
        out = self.params.new_zeros(len(self), 4, 4)
        out[:, 0, 0], out[:, 1, 1] = 2 * self.focal_x / self.width, 2 * self.focal_y / self.height
        out[:, 0, 2], out[:, 1, 2] = -2 * self.x0 / self.width, -2 * self.y0 / self.height
        out[:, 2, 2] = -(self.far + self.near) / (self.far - self.near)
        out[:, 2, 3] = -2 * self.far * self.near / (self.far - self.near)
        out[:, 3, 2] = -1
        return out


class OrthographicIntrinsics(Intrinsics):
    """fov_distance: half the picture's height in the world."""

    lens_type = "ortho"
    names = ("fov_distance",)

    @classmethod
    def from_frustum(
        cls,
        width: int,
        height: int,
        fov_distance: Any = 1.0,
        near: float = 1e-2,
        far: float = 1e2,
        num_cameras: int = 1,
        device: Any = None,
        dtype: Any = torch.float32,
    ) -> "OrthographicIntrinsics":
        how = {"num_cameras": num_cameras, "dtype": dtype, "device": device}
        return cls.made_of(width, height, near, far, how, fov_distance)

    def projection_matrix(self) -> Tensor:
        out = self.params.new_zeros(len(self), 4, 4)
        out[:, 0, 0] = self.height / self.width / self.fov_distance
        out[:, 1, 1] = 1 / self.fov_distance
        out[:, 2, 2] = -2 / (self.far - self.near)
        out[:, 2, 3] = -(self.far + self.near) / (self.far - self.near)
        out[:, 3, 3] = 1
        return out
