"""PyTorch3D's cameras. Read with PyTorch3D 0.7: renderer/cameras.py."""

from typing import Any

import torch
from torch import Tensor

from .._autocast import full_precision
from .._inputs import image_shape
from .._known import as_list
from ._camera import flip_axes, from_middle
from ._kinds import AnyCamera, pinhole_or_orthographic
from ._orthographic import OrthographicCamera
from ._pinhole import PinholeCamera

_TO_OPENCV = (-1, -1, 1)  # PyTorch3D's camera has x to the left and y up


@full_precision
def from_pytorch3d(cameras: Any, image_size: int | tuple[int, int] | None = None) -> PinholeCamera | OrthographicCamera:
    """What FoVPerspectiveCameras, PerspectiveCameras or their orthographic siblings see, in NDC or in screen space.

    PyTorch3D multiplies rows, X_view = X R + T, with x to the left and y up; so our rotation is diag(-1, -1, 1) R^T. In
    NDC, x_ndc = k_00 x / z + k_02 (left; orthographic: k_00 x + k_03), and of an image with the shorter side S the
    column is u = W / 2 - S / 2 x_ndc; rows alike. In screen space k holds focal lengths and principal point in our
    pixels. What k makes of z has no meaning here: near and far planes are the renderer's.

    Args:
        cameras: N cameras.
        image_size: (H, W), or the side of a square, pixels: that of RasterizationSettings. None: the cameras' own.
    Returns:
        A PinholeCamera of N cameras, or an OrthographicCamera (of FoVOrthographicCameras and OrthographicCameras), of
        the dtype of cameras.R; PyTorch3D makes a FoV's projection in float32.
    Raises:
        ImportError: there is no PyTorch3D.
        TypeError: not cameras of PyTorch3D.
        ValueError: another kind of camera (fish-eye); K of another form than these cameras', or with skew; no
            image_size, or one that screen space cameras are not made for.
    """
    renderer = _pytorch3d()
    if not isinstance(cameras, renderer.cameras.CamerasBase):
        raise TypeError(f"cameras must be cameras of PyTorch3D, got {type(cameras).__name__}")
    perspective = isinstance(cameras, (renderer.FoVPerspectiveCameras, renderer.PerspectiveCameras))
    if not perspective and not isinstance(cameras, (renderer.FoVOrthographicCameras, renderer.OrthographicCameras)):
        raise ValueError(
            f"{type(cameras).__name__} are not supported; supported: FoVPerspectiveCameras, PerspectiveCameras, "
            "FoVOrthographicCameras, OrthographicCameras"
        )
    own_size = _own_image_size(cameras)
    size = own_size if image_size is None else image_shape(image_size)
    if size is None:
        raise ValueError(
            "image_size is needed, (H, W) as in RasterizationSettings: these cameras have none of their own"
        )
    if own_size not in (None, size) and not cameras.in_ndc():
        raise ValueError(f"image_size is {size}, but these cameras are in the screen space of {own_size}")
    rotation, translation = flip_axes(cameras.R.mT, cameras.T, _TO_OPENCV)
    K = cameras.get_projection_transform().get_matrix().mT.to(rotation.dtype)
    (_check_perspective if perspective else _check_orthographic)(K)
    scale, principal_point = torch.stack([K[:, 0, 0], K[:, 1, 1]], 1), K[:, :2, 2 if perspective else 3]
    if cameras.in_ndc():
        half_side = min(size) / 2
        x, y = (-half_side * principal_point).unbind(1)
        scale, principal_point = half_side * scale, torch.stack([x + size[1] / 2, y + size[0] / 2], 1)
    if perspective:
        return PinholeCamera(
            rotation=rotation, translation=translation, focal=scale, principal_point=principal_point, image_size=size
        )
    return OrthographicCamera(
        rotation=rotation, translation=translation, scale=scale, principal_point=principal_point, image_size=size
    )


@full_precision
def to_pytorch3d(camera: AnyCamera, *, in_ndc: bool = True) -> Any:
    """PerspectiveCameras that see what a PinholeCamera sees, or OrthographicCameras for the orthographic kinds.

    In NDC or in screen space; see `from_pytorch3d`. in_ndc=True suits RasterizationSettings with the camera's
    image_size. A camera in float32 gives PyTorch3D's own cameras; one in float64, as of NumPy's numbers, a subclass for
    points and meshes in float64, which our rasteriser takes and PyTorch3D's does not.

    Raises:
        ImportError: there is no PyTorch3D. TypeError: none of our cameras.
    """
    camera = pinhole_or_orthographic(camera)
    rotation, translation = flip_axes(camera.rotation, camera.translation, _TO_OPENCV)
    scale, principal_point = camera.focal if isinstance(camera, PinholeCamera) else camera.scale, camera.principal_point
    if in_ndc:
        half_side = min(camera.image_size) / 2
        scale, principal_point = scale / half_side, -from_middle(principal_point, camera.image_size) / half_side
    made = _pytorch3d()
    name = "PerspectiveCameras" if isinstance(camera, PinholeCamera) else "OrthographicCameras"
    if rotation.dtype == torch.float64:
        from . import _pytorch3d_double as made

        name = f"Double{name}"
    return getattr(made, name)(
        R=rotation.mT,
        T=translation,
        focal_length=scale,
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


def _check_perspective(K: Tensor) -> None:
    for k in as_list(K.detach()):
        _check_skew(k)
        if k[1][0] != 0 or k[0][3] != 0 or k[1][3] != 0 or k[3] != [0, 0, 1, 0]:
            raise ValueError(f"K must be [[f_x, 0, c_x, 0], [0, f_y, c_y, 0], ..., [0, 0, 1, 0]], got {k}")


def _check_orthographic(K: Tensor) -> None:
    for k in as_list(K.detach()):
        _check_skew(k)
        if k[1][0] != 0 or k[0][2] != 0 or k[1][2] != 0 or k[3] != [0, 0, 0, 1]:
            raise ValueError(f"K must be [[s_x, 0, 0, c_x], [0, s_y, 0, c_y], ..., [0, 0, 0, 1]], got {k}")


def _check_skew(k: list[list[float]]) -> None:
    if k[0][1] != 0:
        raise ValueError(f"K must have no skew, K[0, 1] = 0, got {k[0][1]:g}; only cameras without are supported")
