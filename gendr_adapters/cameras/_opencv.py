"""OpenCV's cameras: K, R, t in pixels."""

from typing import NamedTuple

import torch
from torch import Tensor

from .._autocast import full_precision
from .._inputs import check_real, image_shape
from .._known import as_list
from ._pinhole import PinholeCamera, check_pinhole

_PIXEL_CENTRES = """\
  pixel_centre=0    a K of cv2's calibration
  pixel_centre=0.5  COLMAP, PyTorch3D, a K made from a field of view"""


class OpenCVCamera(NamedTuple):
    """What `to_opencv` returns.

    K: (N, 3, 3), the intrinsic matrix, pixels.
    R: (N, 3, 3), world to camera.
    t: (N, 3), world units.
    """

    K: Tensor
    R: Tensor
    t: Tensor


@full_precision
def from_opencv(
    K: Tensor, R: Tensor, t: Tensor, image_size: int | tuple[int, int], *, pixel_centre: float | None = None
) -> PinholeCamera:
    """A PinholeCamera from K, R and t: it sees the world point X at (u, v, 1) ~ K (R X + t).

    K = [[f_x, 0, c_x], [0, f_y, c_y], [0, 0, 1]]. K does not say where its pixel coordinates begin, so pixel_centre
    must:

        pixel_centre=0     u = 0 is the first pixel's centre, the border is at -0.5 (as in OpenCV's own functions, so
                           for a K of cv2.calibrateCamera: (W - 1) / 2 is the middle)
        pixel_centre=0.5   u = 0 is the image's left border, the first pixel's centre is at 0.5 (as in redner, COLMAP,
                           PyTorch3D, and wherever K is made from a field of view: c_x = W / 2 is the middle)

    Our principal point is c_x + 0.5 - pixel_centre, and c_y alike. Lens distortion is not supported: undistort the
    image (cv2.undistort) and pass the K it then has.

    Args:
        K, R: (3, 3) or (N, 3, 3), float32 or float64.
        t: (3,), (N, 3) or, as OpenCV has it, (3, 1) or (N, 3, 1), of K's dtype and device. There may be N of some of
            the three, and 1 of the others.
        image_size: (H, W), or the side of a square, pixels.
        pixel_centre: the coordinate of the first pixel's centre, 0 or 0.5; there is no default.
    Raises:
        TypeError: pixel_centre is missing; K, R or t is not a tensor (torch.from_numpy makes one), or they have
            different dtypes or devices.
        ValueError: shapes that do not fit; K with skew or of another form, or with a focal length of 0.

    Example:
        >>> import torch
        >>> from gendr_adapters.cameras import from_opencv
        >>> K = torch.tensor([[50.0, 0.0, 31.5], [0.0, 50.0, 23.5], [0.0, 0.0, 1.0]])  # as of cv2.calibrateCamera
        >>> camera = from_opencv(K, torch.eye(3), torch.zeros(3), image_size=(48, 64), pixel_centre=0)
        >>> camera.principal_point  # the middle of the image, from its corner
        tensor([[32., 24.]])
    """
    shift = _half_pixel(pixel_centre)
    for name, value in (("K", K), ("R", R), ("t", t)):
        check_real(name, value)
    for name, value in (("K", K), ("R", R)):
        if value.dim() not in (2, 3) or value.shape[-2:] != (3, 3):
            raise ValueError(f"{name} must be (3, 3) or (N, 3, 3), got shape {tuple(value.shape)}")
    vectors = t[..., 0] if t.dim() in (2, 3) and t.shape[-2:] == (3, 1) else t
    if vectors.dim() not in (1, 2) or vectors.shape[-1] != 3:
        raise ValueError(f"t must be (3,), (N, 3), (3, 1) or (N, 3, 1), got shape {tuple(t.shape)}")
    K = K if K.dim() == 3 else K[None]
    _check_form(K)
    return PinholeCamera(
        rotation=R if R.dim() == 3 else R[None],
        translation=vectors if vectors.dim() == 2 else vectors[None],
        focal=torch.stack([K[:, 0, 0], K[:, 1, 1]], 1),
        principal_point=K[:, :2, 2] + shift,
        image_size=image_shape(image_size),
    )


@full_precision
def to_opencv(camera: PinholeCamera, *, pixel_centre: float | None = None) -> OpenCVCamera:
    """K (N, 3, 3), R (N, 3, 3) and t (N, 3) of a PinholeCamera.

    Of a camera that mirrors the image, as SoftRas' does, R is a rotation all the same, and f_x is negative.

    Args:
        pixel_centre: 0 if K is for OpenCV's own functions, 0.5 for the programs that `from_opencv` lists; there is no
            default.
    Raises:
        TypeError: camera is not a PinholeCamera, or pixel_centre is missing. ValueError: pixel_centre is neither 0 nor
            0.5.

    Example:
        >>> from gendr_adapters import orbit
        >>> from gendr_adapters.cameras import to_opencv
        >>> K, R, t = to_opencv(orbit(3.0, azimuth=[0, 90], image_size=64), pixel_centre=0)
        >>> K.shape, R.shape, t.shape
        (torch.Size([2, 3, 3]), torch.Size([2, 3, 3]), torch.Size([2, 3]))
        >>> K[0, :2, 2].tolist()  # the middle of the image, from the first pixel's centre
        [31.5, 31.5]
    """
    camera = check_pinhole(camera)
    f_x, f_y = camera.focal.unbind(1)
    c_x, c_y = (camera.principal_point - _half_pixel(pixel_centre)).unbind(1)
    zero, one = torch.zeros_like(f_x), torch.ones_like(f_x)
    K = torch.stack([f_x, zero, c_x, zero, f_y, c_y, zero, zero, one], 1).unflatten(1, (3, 3))
    return OpenCVCamera(K, camera.rotation, camera.translation)


def _half_pixel(pixel_centre: float | None) -> float:
    """What a coordinate of ours, with pixel centres at i + 0.5, has more."""
    if pixel_centre is None:
        raise TypeError(f"pixel_centre is needed, the coordinate of the first pixel's centre in K:\n{_PIXEL_CENTRES}")
    if pixel_centre not in (0, 0.5):
        raise ValueError(f"pixel_centre must be 0 or 0.5, got {pixel_centre!r}:\n{_PIXEL_CENTRES}")
    return 0.5 - pixel_centre


def _check_form(K: Tensor) -> None:
    for k in as_list(K.detach()):
        if k[0][1] != 0:
            raise ValueError(f"K must have no skew, K[0, 1] = 0, got {k[0][1]:g}; only cameras without are supported")
        if k[1][0] != 0 or k[2] != [0, 0, 1]:
            raise ValueError(f"K must be [[f_x, 0, c_x], [0, f_y, c_y], [0, 0, 1]], got {k}")
        if k[0][0] == 0 or k[1][1] == 0:
            raise ValueError(f"K must have focal lengths that are not 0, got f_x = {k[0][0]:g}, f_y = {k[1][1]:g}")
