"""The look-at cameras of SoftRas and GenDR. Source: soft_renderer/functional/{look_at,perspective,orthogonal}.py."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .._autocast import full_precision
from .._inputs import image_shape
from .._products import times
from ._camera import from_middle, middle
from ._kinds import AnyCamera, check_orthographic
from ._orthographic import OrthographicCamera
from ._pinhole import PinholeCamera, check_pinhole
from ._poses import half_angles, look_at_axes, numbers

_ORTHOGONAL = 1e-3  # how far rotation times its transpose may be from the identity


class SoftRasLookAt(NamedTuple):
    """What `to_softras_look_at` returns.

    eye, at, up: (N, 3), world units.
    viewing_angle: (N,), degrees from the view direction to the image's border.
    """

    eye: Tensor
    at: Tensor
    up: Tensor
    viewing_angle: Tensor


class SoftRasOrthogonal(NamedTuple):
    """What `to_softras_orthogonal` returns.

    eye, at, up: (N, 3), world units.
    viewing_scale: (N,), the factor of x and y.
    """

    eye: Tensor
    at: Tensor
    up: Tensor
    viewing_scale: Tensor


@full_precision
def from_softras_look_at(
    eye: Tensor | Sequence[float],
    at: Tensor | Sequence[float] = (0.0, 0.0, 0.0),
    up: Tensor | Sequence[float] = (0.0, 1.0, 0.0),
    viewing_angle: float | Tensor = 30.0,
    image_size: int | tuple[int, int] = 256,
) -> PinholeCamera:
    """The camera for which `project` is perspective(look_at(points, eye, at, up), viewing_angle) of SoftRas.

    look_at takes the axes z = at - eye, x = up x z, y = z x x, each normalised; perspective divides by z tan(angle).
    With z ahead and y up, that x points to the *left*: SoftRas shows the mirror image of a right-handed world. Here
    the rows of rotation are -x (right), -y (down), z, a rotation without mirroring, and focal_x is negative:
    -S / (2 tan(angle)) pixels for the shorter side S; focal_y is S / (2 tan(angle)). For SoftRas' mode 'look' pass
    at = eye + direction. Where up points along the view, a coordinate axis is used instead, as by the door to SoftRas
    (docs/softras.md).

    Args:
        eye, at, up: (3,) or (N, 3); at and up of the dtype and device of eye. Numbers become such tensors; for eye,
            float32 on the CPU.
        viewing_angle: half the field of view over the shorter side, degrees in (0, 90), a float or (N,).
        image_size: (H, W), or the side of a square, as SoftRas' always is; pixels.
    Raises:
        TypeError: neither tensors nor numbers, or of different dtypes or devices.
        ValueError: shapes that do not fit; an angle out of range; eye and at that coincide, or an up of 0.

    Example:
        >>> import torch
        >>> from gendr_adapters.cameras import from_softras_look_at
        >>> from gendr_adapters.softras import functional as srf
        >>> eye, points = torch.tensor([0.0, 1.0, -3.0]), torch.tensor([[[0.5, 0.25, 0.0]]])
        >>> camera = from_softras_look_at(eye, viewing_angle=30.0, image_size=64)
        >>> torch.allclose(camera.project(points), srf.perspective(srf.look_at(points, eye), 30.0), atol=1e-5)
        True
    """
    eyes, rotation = look_at_axes(eye, at, up)
    size = image_shape(image_size)
    focal = min(size) / 2 / torch.tan(torch.deg2rad(half_angles("viewing_angle", viewing_angle, eyes)))
    return PinholeCamera(
        rotation=rotation,
        translation=-times(eyes[:, None], rotation)[:, 0],
        focal=torch.stack([-focal, focal], 1),
        principal_point=middle(size, eyes),
        image_size=size,
    )


@full_precision
def to_softras_look_at(camera: PinholeCamera) -> SoftRasLookAt:
    """eye, at (one unit ahead of it), up and viewing_angle of a camera; see `from_softras_look_at` for the equations.

    Raises:
        TypeError: camera is not a PinholeCamera.
        ValueError: SoftRas has no such camera: the principal point is not the middle, the focal lengths differ,
            rotation is not orthogonal, or the camera does not mirror the image.

    Example:
        >>> import torch
        >>> from gendr_adapters.cameras import from_softras_look_at, to_softras_look_at
        >>> camera = from_softras_look_at((0.0, 1.0, -3.0), viewing_angle=30.0, image_size=64)
        >>> eye, at, up, viewing_angle = to_softras_look_at(camera)
        >>> torch.allclose(eye, torch.tensor([[0.0, 1.0, -3.0]]), atol=1e-5), round(float(viewing_angle), 2)
        (True, 30.0)
    """
    camera = check_pinhole(camera)
    off_middle = from_middle(camera.principal_point, camera.image_size).detach()
    if not bool((off_middle.abs() <= 1e-5 * max(camera.image_size)).all()):
        raise ValueError(
            f"SoftRas' principal point is the image's middle, this camera's is off by {off_middle.tolist()} pixels"
        )
    focal = camera.focal.detach()
    if not bool(((focal[:, 0].abs() - focal[:, 1].abs()).abs() <= 1e-5 * focal[:, 1].abs()).all()):
        raise ValueError(f"SoftRas has one focal length for x and y, this camera has {focal.tolist()} pixels")
    f_y = camera.focal[:, 1]
    angle = torch.rad2deg(torch.atan(min(camera.image_size) / 2 / f_y.abs()))
    return SoftRasLookAt(*_eye_at_up(camera, camera.focal), angle)


@full_precision
def from_softras_orthogonal(
    eye: Tensor | Sequence[float],
    at: Tensor | Sequence[float] = (0.0, 0.0, 0.0),
    up: Tensor | Sequence[float] = (0.0, 1.0, 0.0),
    viewing_scale: float | Tensor = 1.0,
    image_size: int | tuple[int, int] = 256,
) -> OrthographicCamera:
    """The camera for which `project` is orthogonal(look_at(points, eye, at, up), viewing_scale) of SoftRas.

    These are the cameras of SoftRas and of GenDR with perspective=False. The axes are those of `from_softras_look_at`,
    so scale_x is negative: -S / 2 viewing_scale pixels per unit for the shorter side S; scale_y is S / 2 viewing_scale.

    Args:
        eye, at, up, image_size: see `from_softras_look_at`.
        viewing_scale: the factor of x and y, finite and not 0, a float or (N,).
    Raises:
        TypeError, ValueError: as `from_softras_look_at`; a viewing_scale out of range.

    Example:
        >>> import torch
        >>> from gendr_adapters.cameras import from_softras_orthogonal
        >>> from gendr_adapters.softras import functional as srf
        >>> eye, points = torch.tensor([0.0, 1.0, -3.0]), torch.tensor([[[0.5, 0.25, 0.0]]])
        >>> camera = from_softras_orthogonal(eye, viewing_scale=0.5, image_size=64)
        >>> torch.allclose(camera.project(points), srf.orthogonal(srf.look_at(points, eye), 0.5), atol=1e-5)
        True
    """
    eyes, rotation = look_at_axes(eye, at, up)
    size = image_shape(image_size)
    scale = min(size) / 2 * _scales(viewing_scale, eyes)
    return OrthographicCamera(
        rotation=rotation,
        translation=-times(eyes[:, None], rotation)[:, 0],
        scale=torch.stack([-scale, scale], 1),
        principal_point=middle(size, eyes),
        image_size=size,
    )


@full_precision
def to_softras_orthogonal(camera: AnyCamera) -> SoftRasOrthogonal:
    """eye, at (one unit ahead of it), up and viewing_scale of an orthographic or weak-perspective camera.

    See `from_softras_orthogonal` for the equations. If the principal point is not the middle of the image, the eye is
    moved to the side instead.

    Raises:
        TypeError: camera is not an OrthographicCamera or WeakPerspectiveCamera.
        ValueError: SoftRas has no such camera: the scales differ, rotation is not orthogonal, or the camera does not
            mirror the image.

    Example:
        >>> import torch
        >>> from gendr_adapters.cameras import from_softras_orthogonal, to_softras_orthogonal
        >>> camera = from_softras_orthogonal((0.0, 1.0, -3.0), viewing_scale=0.5, image_size=64)
        >>> eye, at, up, viewing_scale = to_softras_orthogonal(camera)
        >>> torch.allclose(eye, torch.tensor([[0.0, 1.0, -3.0]]), atol=1e-5), round(float(viewing_scale), 4)
        (True, 0.5)
    """
    centred = check_orthographic(camera)._centred()
    size = centred._one_scale("SoftRas")
    return SoftRasOrthogonal(*_eye_at_up(centred, centred.scale), size / (min(centred.image_size) / 2))


def _eye_at_up(camera: PinholeCamera | OrthographicCamera, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """SoftRas' x axis is the sign of scale_x times ours, its y axis minus that of scale_y times ours; the three are
    right-handed."""
    rotation, axes = camera.rotation.detach(), camera.rotation
    identity = torch.eye(3, dtype=rotation.dtype, device=rotation.device)
    if not bool(((rotation @ rotation.mT - identity).abs() < _ORTHOGONAL).all()):
        raise ValueError("SoftRas' look-at is a rotation, and this camera's rotation is not orthogonal")
    if not bool((torch.linalg.det(rotation) * scale.detach().sign().prod(1) < 0).all()):
        raise ValueError(
            "SoftRas' look-at shows the mirror image of a right-handed world, this camera does not: mirror the world "
            "(negate one coordinate of mesh and camera), or render camera.project(points), which needs no look-at"
        )
    eye = -times(camera.translation[:, None], axes.mT)[:, 0]
    return eye, eye + axes[:, 2], -axes[:, 1] * scale[:, 1].sign()[:, None]


def _scales(viewing_scale: float | Tensor, like: Tensor) -> Tensor:
    """(N,) or (1,)."""
    scales = numbers("viewing_scale", viewing_scale, like)
    if not bool((torch.isfinite(scales.detach()) & (scales.detach() != 0)).all()):
        raise ValueError(f"viewing_scale must be finite and not 0, got {scales.detach().tolist()}")
    return scales
