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
    """Our camera for cameras of PyTorch3D, in NDC or in screen space.

    PyTorch3D multiplies rows, X_view = X R + T, with x to the left and y up; so our rotation is diag(-1, -1, 1) R^T. In
    NDC, x_ndc = k_00 x / z + k_02 (left; orthographic: k_00 x + k_03), and in an image with the shorter side S the
    column is u = W / 2 - S / 2 x_ndc; rows alike. In screen space k holds focal lengths and principal point in our
    pixels. The row of k that maps z, with near and far planes, is not used: those are settings of the renderer.

    Args:
        cameras: FoVPerspectiveCameras, PerspectiveCameras, FoVOrthographicCameras or OrthographicCameras, N of them.
        image_size: (H, W), or the side of a square, pixels: that of RasterizationSettings. None: the cameras' own.
    Returns:
        PinholeCamera, or OrthographicCamera for the orthographic kinds, of N cameras, of the dtype of cameras.R.
        PyTorch3D computes the projection of its FoV cameras in float32.
    Raises:
        ImportError: PyTorch3D is not installed.
        TypeError: cameras are not PyTorch3D's.
        ValueError: cameras of another kind (fish-eye); K of another form than these cameras have, or with skew;
            image_size is missing, or is not the one that screen space cameras were made for.

    Example:
        >>> import torch
        >>> from pytorch3d.renderer import FoVPerspectiveCameras, look_at_view_transform
        >>> from gendr_adapters.cameras import from_pytorch3d
        >>> R, T = look_at_view_transform(dist=3.0, elev=20.0, azim=torch.tensor([0.0, 90.0]))
        >>> camera = from_pytorch3d(FoVPerspectiveCameras(R=R, T=T), image_size=(48, 64))
        >>> len(camera), camera.image_size
        (2, (48, 64))
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
    """PyTorch3D's PerspectiveCameras for a PinholeCamera, or its OrthographicCameras for our orthographic kinds.

    See `from_pytorch3d` for the equations. A camera in float32 gives PyTorch3D's own cameras. A camera in float64, as
    one made of NumPy's numbers, gives a subclass for points and meshes in float64; our rasteriser takes these,
    PyTorch3D's does not.

    Args:
        in_ndc: True: cameras in NDC, for RasterizationSettings with the camera's image_size. False: in screen space.
    Raises:
        ImportError: PyTorch3D is not installed. TypeError: camera is not one of gendr_adapters.cameras.

    Example:
        >>> from gendr_adapters import orbit
        >>> from gendr_adapters.cameras import to_pytorch3d
        >>> cameras = to_pytorch3d(orbit(3.0, azimuth=[0, 90], image_size=64))
        >>> type(cameras).__name__, cameras.R.shape
        ('PerspectiveCameras', torch.Size([2, 3, 3]))
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
