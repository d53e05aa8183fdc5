"""Test double of kaolin.render.camera.CameraExtrinsics."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize


class CameraExtrinsics:
    """From the world to the camera, x R^T + t: x right, y up, looking down -z."""

    def __init__(self, matrix: Tensor) -> None:
        self._matrix = matrix

    @classmethod
    def from_view_matrix(
        cls, view_matrix: Tensor, dtype: Any = torch.float32, device: Any = None, requires_grad: bool = False
    ) -> "CameraExtrinsics":
        """float32 unless told, and without a gradient unless told."""
        matrix = view_matrix.to(dtype=dtype, device=device).reshape(-1, 4, 4)
        return cls(matrix if requires_grad else matrix.detach())

    @classmethod
    def from_lookat(
        cls, eye: Any, at: Any, up: Any, dtype: Any = torch.float32, device: Any = None
    ) -> "CameraExtrinsics":
        eye, at, up = (torch.as_tensor(x, dtype=dtype, device=device).reshape(-1, 3) for x in (eye, at, up))
        ahead = normalize(at - eye, dim=1)
        right = normalize(torch.linalg.cross(ahead, up.expand_as(ahead)), dim=1)
        rotation = torch.stack([right, torch.linalg.cross(right, ahead), -ahead], 1)
        matrix = torch.eye(4, dtype=dtype, device=rotation.device).repeat(len(rotation), 1, 1)
        matrix[:, :3, :3], matrix[:, :3, 3:] = rotation, -rotation @ eye[..., None]
        return cls(matrix.detach())

    @classmethod
    def cat(cls, several: Sequence["CameraExtrinsics"]) -> "CameraExtrinsics":
        return cls(torch.cat([x._matrix for x in several]))

    def view_matrix(self) -> Tensor:
        return self._matrix

    @property
    def R(self) -> Tensor:
        return self._matrix[:, :3, :3]

    @property
    def t(self) -> Tensor:
        return self._matrix[:, :3, 3:]

    @property
    def dtype(self) -> torch.dtype:
        return self._matrix.dtype

    @property
    def device(self) -> torch.device:
        return self._matrix.device

    def cam_pos(self) -> Tensor:
        """(C, 3, 1)."""
        return -self.R.mT @ self.t

    def cam_forward(self) -> Tensor:
        """(C, 3, 1): the camera's z axis, which points backwards."""
        return self.R[:, 2, :, None]

    def transform(self, vectors: Tensor) -> Tensor:
        """(V, 3) or (C, V, 3) -> (C, V, 3)."""
        assert vectors.dtype == self.dtype and vectors.device == self.device
        return vectors @ self.R.mT + self.t.mT

    def __len__(self) -> int:
        return len(self._matrix)

    def __getitem__(self, i: Any) -> "CameraExtrinsics":
        return CameraExtrinsics(self._matrix[i].reshape(-1, 4, 4))

    def to(self, *where: Any) -> "CameraExtrinsics":
        return CameraExtrinsics(self._matrix.to(*where))
