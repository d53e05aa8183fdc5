"""Test double of kaolin.render.camera.Camera."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .extrinsics import CameraExtrinsics
from .intrinsics import CameraFOV, Intrinsics, OrthographicIntrinsics, PinholeIntrinsics


class Camera:
    """C cameras of one picture size. What it has not got itself is looked up in its two parts."""

    def __init__(self, extrinsics: CameraExtrinsics, intrinsics: Intrinsics) -> None:
        self.extrinsics, self.intrinsics = extrinsics, intrinsics

    @classmethod
    def from_args(cls, **given: Any) -> "Camera":
        """view_matrix, or eye, at and up; fov (radians), focal_x, or fov_distance for an orthographic camera."""
        shared = {name: given[name] for name in ("dtype", "device") if name in given}
        pose = {name: given.pop(name) for name in ("view_matrix", "eye", "at", "up") if name in given}
        make_pose = CameraExtrinsics.from_view_matrix if "view_matrix" in pose else CameraExtrinsics.from_lookat
        extrinsics = make_pose(**pose, **shared)
        given.setdefault("num_cameras", len(extrinsics))
        if "fov_distance" in given:
            return cls(extrinsics, OrthographicIntrinsics.from_frustum(**given))
        make_lens = PinholeIntrinsics.from_fov if "fov" in given else PinholeIntrinsics.from_focal
        return cls(extrinsics, make_lens(**given))

    @classmethod
    def cat(cls, cameras: Sequence["Camera"]) -> "Camera":
        lenses = [c.intrinsics for c in cameras]
        return cls(CameraExtrinsics.cat([c.extrinsics for c in cameras]), type(lenses[0]).cat(lenses))

    def __getattr__(self, name: str) -> Any:
        if name in ("extrinsics", "intrinsics"):  # not set yet, as in copy.copy
            raise AttributeError(name)
        for part in (self.extrinsics, self.intrinsics):
            if hasattr(part, name):
                return getattr(part, name)
        raise AttributeError(name)

    def __len__(self) -> int:
        return len(self.extrinsics)

    def __getitem__(self, i: Any) -> "Camera":
        return Camera(self.extrinsics[i], self.intrinsics[i])

    def to(self, *where: Any) -> "Camera":
        return Camera(self.extrinsics.to(*where), self.intrinsics.to(*where))

    def transform(self, vectors: Tensor) -> Tensor:
        """From the world to NDC. One camera keeps the vectors' shape."""
        seen = self.intrinsics.transform(self.extrinsics.transform(vectors))
        return seen.reshape(vectors.shape) if len(self) == 1 else seen

    def generate_rays(self) -> tuple[Tensor, Tensor]:
        """Of one camera, for the pixels' centres, row by row: origins and unit directions (H W, 3) in the world."""
        assert len(self) == 1
        width, height, where = self.width, self.height, {"dtype": self.dtype, "device": self.device}
        y, x = torch.meshgrid(torch.arange(height, **where) + 0.5, torch.arange(width, **where) + 0.5, indexing="ij")
        right, up = (x - width / 2).flatten(), (height / 2 - y).flatten()
        flat = torch.zeros_like(right)
        if isinstance(self.intrinsics, PinholeIntrinsics):
            origins = torch.stack([flat, flat, flat], 1)
            rays = torch.stack([(right - self.x0) / self.focal_x, (up - self.y0) / self.focal_y, flat - 1], 1)
        else:
            scale = self.fov_distance / (height / 2)
            origins, rays = torch.stack([right * scale, up * scale, flat], 1), torch.stack([flat, flat, flat - 1], 1)
        to_world = self.R[0]
        rays = rays @ to_world
        return (origins - self.t[0, :, 0]) @ to_world, rays / rays.norm(dim=1, keepdim=True)


__all__ = ["Camera", "CameraFOV"]
