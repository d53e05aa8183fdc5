"""Cameras of each ecosystem for the camera tests, made without our code, and where they see points."""

import importlib
import math
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import pytest
import torch
from support.kaolin_modules import stand_in_modules
from torch import Tensor

from gendr_adapters.cameras import (
    PinholeCamera,
    from_kaolin,
    from_opencv,
    from_pytorch3d,
    from_softras_look_at,
)

SIZES = [(24, 24), (17, 32), (31, 18), (9, 9), (6, 13)]
FIELDS = ("rotation", "translation", "focal", "principal_point")


def random_numbers(seed: int, *shape: int) -> Tensor:
    """In [-1, 1], float64."""
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1


def some_K_R_t(size: tuple[int, int], n: int = 2, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Cameras of two focal lengths, their principal point off the middle, turned about every axis."""
    height, width = size
    skew = torch.linalg.cross(random_numbers(seed, n, 1, 3).expand(n, 3, 3), torch.eye(3).double().expand(n, 3, 3))
    K = torch.zeros(n, 3, 3, dtype=torch.float64)
    K[:, 0, 0] = min(size) * (1.1 + 0.2 * random_numbers(seed + 1, n))
    K[:, 1, 1] = min(size) * (0.8 + 0.2 * random_numbers(seed + 2, n))
    K[:, 0, 2] = width * (0.6 + 0.05 * random_numbers(seed + 3, n))
    K[:, 1, 2] = height * (0.42 + 0.05 * random_numbers(seed + 4, n))
    K[:, 2, 2] = 1
    return K, torch.matrix_exp(2 * skew), random_numbers(seed + 5, n, 3)


def some_camera(size: tuple[int, int], n: int = 2, dtype: torch.dtype = torch.float64) -> PinholeCamera:
    K, R, t = (x.to(dtype) for x in some_K_R_t(size, n))
    return from_opencv(K, R, t, size, pixel_centre=0.5)


def softras_camera(size: tuple[int, int], dtype: torch.dtype = torch.float64) -> PinholeCamera:
    eye = torch.tensor([[0.4, 1.0, -2.5], [-2.0, 0.3, 1.7]], dtype=dtype)
    return from_softras_look_at(
        eye, (0.1, 0.0, 0.2), viewing_angle=torch.tensor([28.0, 35.0]).to(dtype), image_size=size
    )


def in_front(camera: PinholeCamera, count: int = 7, seed: int = 3) -> Tensor:
    """World points (N, V, 3) in or near the picture, at depths of 2 to 4."""
    (height, width), (f_x, f_y), (c_x, c_y) = camera.image_size, camera.focal.mT, camera.principal_point.mT
    r = random_numbers(seed, len(camera), count, 3).to(camera.rotation)
    z = 3 + r[..., 2]
    x = z * ((r[..., 0] + 1) * width / 2 - c_x[:, None]) / f_x[:, None]
    y = z * ((r[..., 1] + 1) * height / 2 - c_y[:, None]) / f_y[:, None]
    return (torch.stack([x, y, z], -1) - camera.translation[:, None]) @ torch.linalg.inv(camera.rotation).mT


def border_pixels(projected: Tensor, size: tuple[int, int]) -> Tensor:
    """u, v in pixels, pixel i covering [i, i + 1), from render's NDC, by its rule for the centres of columns and rows:
    column c at x = (2c + 1 - W) / W, row r at y = (H - 1 - 2r) / H, times the half-extent W / S or H / S."""
    (height, width), shorter = size, min(size)
    column = (projected[..., 0] * shorter + width - 1) / 2
    row = (height - 1 - projected[..., 1] * shorter) / 2
    return torch.stack([column, row], -1) + 0.5


def assert_same(a: PinholeCamera, b: PinholeCamera, tolerance: float = 1e-12) -> None:
    assert a.image_size == b.image_size
    for name in FIELDS:
        scale = max(1.0, float(getattr(a, name).abs().max()))
        torch.testing.assert_close(getattr(a, name), getattr(b, name), rtol=0, atol=tolerance * scale)


def real_pytorch3d() -> ModuleType:
    try:
        return importlib.import_module("pytorch3d.renderer")
    except ImportError as error:
        if os.environ.get("GENDR_REQUIRE_PYTORCH3D") == "1":
            pytest.fail(f"GENDR_REQUIRE_PYTORCH3D=1, but there is no PyTorch3D: {error}", pytrace=False)
        pytest.skip(f"no PyTorch3D: {error} (compat_tests/pytorch3d/install.py installs its Python layer)")


def install_kaolin(which: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    if which == "real":
        return pytest.importorskip("kaolin.render.camera", reason="no Kaolin: its own cameras are not tested")
    for name, module in stand_in_modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return sys.modules["kaolin.render.camera"]


def kaolin_camera(module: Any, size: tuple[int, int], n: int = 2) -> Any:
    """Made as Kaolin's users make them: nothing of ours in it."""
    _, rotation, translation = some_K_R_t(size, n, seed=20)
    view = torch.eye(4, dtype=torch.float64).repeat(n, 1, 1)
    view[:, :3, :3], view[:, :3, 3] = rotation, translation
    params = torch.tensor([[1.3, -0.8, 1.2, 0.9], [-1.1, 0.6, 0.8, 1.4]], dtype=torch.float64)[:n]
    params = params * torch.tensor([1, 1, min(size), min(size)], dtype=torch.float64)
    return module.Camera(
        extrinsics=module.CameraExtrinsics.from_view_matrix(view, dtype=torch.float64),
        intrinsics=module.PinholeIntrinsics(size[1], size[0], params),
    )


PYTORCH3D_KINDS = ["fov", "fov_radians", "fov_K", "ndc", "ndc_K", "screen", "screen_K"]


def pytorch3d_cameras(module: Any, kind: str, size: tuple[int, int], n: int = 2) -> Any:
    """Made as PyTorch3D's users make them: nothing of ours in it. float32."""
    _, R, T = (x.float() for x in some_K_R_t(size, n, seed=40))
    pose, (height, width) = {"R": R, "T": T}, size
    focal = torch.tensor([[1.9, 2.3], [2.6, 1.7]])[:n]
    centre = torch.tensor([[0.11, -0.07], [-0.09, 0.13]])[:n]
    K = torch.zeros(n, 4, 4)
    K[:, [0, 1], [0, 1]], K[:, :2, 2], K[:, 2, 3], K[:, 3, 2] = focal, centre, 1.0, 1.0
    pixels = {"in_ndc": False, "image_size": ((height, width),)}
    focal_px, centre_px = focal * min(size) / 2, torch.tensor([[0.57 * width, 0.44 * height]]) + centre
    K_px = K.clone()
    K_px[:, [0, 1], [0, 1]], K_px[:, :2, 2] = focal_px, centre_px
    return {
        "fov": lambda: module.FoVPerspectiveCameras(fov=50.0, aspect_ratio=1.2, **pose),
        "fov_radians": lambda: module.FoVPerspectiveCameras(fov=torch.tensor([0.8, 1.0])[:n], degrees=False, **pose),
        "fov_K": lambda: module.FoVPerspectiveCameras(K=K, **pose),
        "ndc": lambda: module.PerspectiveCameras(focal, centre, **pose),
        "ndc_K": lambda: module.PerspectiveCameras(K=K, **pose),
        "screen": lambda: module.PerspectiveCameras(focal_px, centre_px, **pose, **pixels),
        "screen_K": lambda: module.PerspectiveCameras(K=K_px, **pose, **pixels),
    }[kind]()


def softras_projection(points: Tensor, eye: Tensor, at: Tensor, up: Tensor, angle: Tensor) -> Tensor:
    """look_at, then perspective, of SoftRas, for (N, V, 3) points and (N, 3) vectors, component by component."""
    z_axis = (at - eye) / (at - eye).norm(dim=-1, keepdim=True)
    x_axis = torch.linalg.cross(up, z_axis)
    x_axis = x_axis / x_axis.norm(dim=-1, keepdim=True)
    y_axis = torch.linalg.cross(z_axis, x_axis)
    y_axis = y_axis / y_axis.norm(dim=-1, keepdim=True)
    x, y, z = (((points - eye[:, None]) * axis[:, None]).sum(-1) for axis in (x_axis, y_axis, z_axis))
    width = torch.tan(angle / 180 * math.pi)[:, None]
    return torch.stack([x / z / width, y / z / width, z], -1)


class Side(NamedTuple):
    """A camera as we have converted it, and where its own ecosystem sees world points (N, V, 3): pixels (N, V, 2) from
    the image's top left corner, pixel i covering [i, i + 1)."""

    camera: Any  # a PinholeCamera
    pixels: Callable[[Tensor], Tensor]


def opencv_pixels(K: Tensor, R: Tensor, t: Tensor) -> Callable[[Tensor], Tensor]:
    def pixels(points: Tensor) -> Tensor:
        seen = torch.einsum("nij,nvj->nvi", K, torch.einsum("nij,nvj->nvi", R, points) + t[:, None])
        return seen[..., :2] / seen[..., 2:]

    return pixels


def opencv_side(size: tuple[int, int], pixel_centre: float, **_: Any) -> Side:
    K, R, t = some_K_R_t(size)
    of_opencv = opencv_pixels(K, R, t)
    # The centre of pixel i is at i + pixel_centre in K's coordinates.
    return Side(from_opencv(K, R, t, size, pixel_centre=pixel_centre), lambda p: of_opencv(p) - pixel_centre + 0.5)


def pytorch3d_side(size: tuple[int, int], kind: str, **_: Any) -> Side:
    cameras = pytorch3d_cameras(real_pytorch3d(), kind, size)
    return Side(
        from_pytorch3d(cameras, size), lambda p: cameras.transform_points_screen(p, image_size=(size,))[..., :2]
    )


def kaolin_side(size: tuple[int, int], which: str, monkeypatch: pytest.MonkeyPatch) -> Side:
    camera = kaolin_camera(install_kaolin(which, monkeypatch), size)

    def pixels(points: Tensor) -> Tensor:
        x, y, _ = camera.transform(points).unbind(-1)  # each side of the picture spans [-1, 1]
        return torch.stack([(x + 1) / 2 * size[1], (1 - y) / 2 * size[0]], -1)

    return Side(from_kaolin(camera), pixels)


def softras_side(size: tuple[int, int], **_: Any) -> Side:
    """SoftRas' pictures are square; in others its NDC is that of the shorter side."""
    eye, at = torch.tensor([[0.4, 1.0, -2.5], [-2.0, 0.3, 1.7]]).double(), torch.tensor([[0.1, 0.0, 0.2]]).double()
    up, angle = torch.tensor([[0.1, 1.0, 0.0]]).double(), torch.tensor([28.0, 35.0]).double()

    def pixels(points: Tensor) -> Tensor:
        ndc = softras_projection(points, eye, at.expand(2, 3), up.expand(2, 3), angle)
        middle = torch.tensor([size[1] / 2, size[0] / 2], dtype=torch.float64)
        return middle + ndc[..., :2] * torch.tensor([1.0, -1.0]).double() * min(size) / 2

    return Side(from_softras_look_at(eye, at, up, angle, size), pixels)


SIDES: dict[str, Callable[..., Side]] = {
    "opencv_half": lambda size, **k: opencv_side(size, 0.5),
    "opencv_integer": lambda size, **k: opencv_side(size, 0.0),
    **{f"pytorch3d_{kind}": lambda size, kind=kind, **k: pytorch3d_side(size, kind) for kind in PYTORCH3D_KINDS},
    "kaolin_stand_in": lambda size, monkeypatch: kaolin_side(size, "stand_in", monkeypatch),
    "kaolin_real": lambda size, monkeypatch: kaolin_side(size, "real", monkeypatch),
    "softras": softras_side,
}
