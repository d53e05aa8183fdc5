"""PyTorch3D's cameras. Read with PyTorch3D 0.7: renderer/cameras.py."""

from typing import Any

import torch
from torch import Tensor

from .._autocast import full_precision
from .._inputs import image_shape
from .._known import as_list
from ._pinhole import PinholeCamera, _check_camera, _flip_axes

_TO_OPENCV = (-1, -1, 1)  # PyTorch3D's camera has x to the left and y up


@full_precision
def from_pytorch3d(cameras: Any, image_size: int | tuple[int, int] | None = None) -> PinholeCamera:
    """What a FoVPerspectiveCameras or PerspectiveCameras sees, in NDC or in screen space.

    PyTorch3D multiplies rows, X_view = X R + T, with x to the left and y up; so our rotation is diag(-1, -1, 1) R^T. In
    NDC, x_ndc = k_00 x / z + k_02 (left), and of an image with the shorter side S the column is
    u = W / 2 - S / 2 x_ndc; rows alike. In screen space k holds focal lengths and principal point in our pixels.

    Args:
        cameras: N cameras.
        image_size: (H, W), or the side of a square, pixels: that of RasterizationSettings. None: the cameras' own.
    Returns:
        PinholeCamera of N cameras, of the dtype of cameras.R; PyTorch3D makes a FoV's projection in float32.
    Raises:
        ImportError: there is no PyTorch3D.
        TypeError: not cameras of PyTorch3D.
        ValueError: another kind of camera (orthographic, fish-eye); K that is no pinhole's, or has skew; no image_size,
            or one that screen space cameras are not made for.
    """
    renderer = _pytorch3d()
    if not isinstance(cameras, renderer.cameras.CamerasBase):
        raise TypeError(f"cameras must be cameras of PyTorch3D, got {type(cameras).__name__}")
    if not isinstance(cameras, (renderer.FoVPerspectiveCameras, renderer.PerspectiveCameras)):
        raise ValueError(
            f"{type(cameras).__name__} are not pinhole cameras; supported: FoVPerspectiveCameras, PerspectiveCameras"
        )
    own_size = _own_image_size(cameras)
    size = own_size if image_size is None else image_shape(image_size)
    if size is None:
        raise ValueError(
            "image_size is needed, (H, W) as in RasterizationSettings: these cameras have none of their own"
        )
    if own_size not in (None, size) and not cameras.in_ndc():
        raise ValueError(f"image_size is {size}, but these cameras are in the screen space of {own_size}")
    rotation, translation = _flip_axes(cameras.R.mT, cameras.T, _TO_OPENCV)
    K = cameras.get_projection_transform().get_matrix().mT.to(rotation.dtype)
    _check_form(K)
    focal, principal_point = torch.stack([K[:, 0, 0], K[:, 1, 1]], 1), K[:, :2, 2]
    if cameras.in_ndc():
        half_side = min(size) / 2
        x, y = (-half_side * principal_point).unbind(1)
        focal, principal_point = half_side * focal, torch.stack([x + size[1] / 2, y + size[0] / 2], 1)
    return PinholeCamera(
        rotation=rotation, translation=translation, focal=focal, principal_point=principal_point, image_size=size
    )


@full_precision
def to_pytorch3d(camera: PinholeCamera, *, in_ndc: bool = True) -> Any:
    """PerspectiveCameras that see what `camera` sees, in NDC or in screen space; see `from_pytorch3d`.

    in_ndc=True suits RasterizationSettings with the camera's image_size. A camera in float32 gives PyTorch3D's own
    PerspectiveCameras; one in float64, as of NumPy's numbers, a subclass for points and meshes in float64, which our
    rasteriser takes and PyTorch3D's does not.

    Raises:
        ImportError: there is no PyTorch3D. TypeError: not a PinholeCamera.
    """
    camera = _check_camera(camera)
    rotation, translation = _flip_axes(camera.rotation, camera.translation, _TO_OPENCV)
    focal, principal_point = camera.focal, camera.principal_point
    if in_ndc:
        half_side = min(camera.image_size) / 2
        focal, principal_point = focal / half_side, -camera._from_middle() / half_side
    renderer = _pytorch3d()
    kind = renderer.PerspectiveCameras
    if rotation.dtype == torch.float64:
        from ._pytorch3d_double import DoublePerspectiveCameras as kind
    return kind(
        R=rotation.mT,
        T=translation,
        focal_length=focal,
        principal_point=principal_point,
        in_ndc=in_ndc,
        image_size=(camera.image_size,),
        device=rotation.device,
    )


def _pytorch3d() -> Any:
    try:
        import pytorch3d.renderer
    except ImportError as error:
        raise ImportError(
            f"PyTorch3D is needed for its cameras ({error}); see github.com/facebookresearch/pytorch3d, INSTALL.md"
        ) from error
    return pytorch3d.renderer


def _own_image_size(cameras: Any) -> tuple[int, int] | None:
    sizes = cameras.get_image_size()
    if sizes is None:
        return None
    rows = {(int(height), int(width)) for height, width in torch.as_tensor(sizes, device="cpu").reshape(-1, 2).tolist()}
    if len(rows) > 1:
        raise ValueError(f"cameras must share one image_size, got {sorted(rows)}; convert them one by one (cameras[i])")
    return rows.pop()


def _check_form(K: Tensor) -> None:
    for k in as_list(K.detach()):
        if k[0][1] != 0:
            raise ValueError(f"K must have no skew, K[0, 1] = 0, got {k[0][1]:g}; only cameras without are supported")
        if k[1][0] != 0 or k[0][3] != 0 or k[1][3] != 0 or k[3] != [0, 0, 1, 0]:
            raise ValueError(f"K must be [[f_x, 0, c_x, 0], [0, f_y, c_y, 0], ..., [0, 0, 1, 0]], got {k}")
