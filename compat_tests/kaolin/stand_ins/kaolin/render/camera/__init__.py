"""Test double of kaolin.render.camera."""

from .camera import Camera
from .extrinsics import CameraExtrinsics
from .intrinsics import CameraFOV, OrthographicIntrinsics, PinholeIntrinsics

__all__ = ["Camera", "CameraExtrinsics", "CameraFOV", "OrthographicIntrinsics", "PinholeIntrinsics"]
