"""The look-at camera of SoftRas and GenDR. Source: soft_renderer/functional/{look_at,perspective}.py."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .._autocast import full_precision
from .._inputs import check_real, image_shape
from .._products import times
from .._soft_renderer.look_at import view_axes
from ._pinhole import PinholeCamera, _check_camera, _check_like

_ORTHOGONAL = 1e-3  # how far rotation times its transpose may be from the identity


class SoftRasLookAt(NamedTuple):
    """eye, at, up: (N, 3), world units. viewing_angle: (N,), degrees from the view direction to the image's border."""

    eye: Tensor
    at: Tensor
    up: Tensor
    viewing_angle: Tensor


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
    From z ahead and y up that x points to the *left*: SoftRas shows the mirror picture of a right-handed world. Here
    the rotation's rows are -x (right), -y (down), z, a proper one, and focal_x is negative: -S / (2 tan(angle)) pixels
    for the shorter side S; focal_y is the positive one. For SoftRas' mode 'look' pass at = eye + direction. Where up
    points along the view, another takes its place, as in our door to SoftRas (docs/softras.md).

    Args:
        eye, at, up: (3,) or (N, 3); at and up of the dtype and device of eye. Numbers become such tensors; for eye,
            float32 on the CPU.
        viewing_angle: half the field of view over the shorter side, degrees in (0, 90), a float or (N,).
        image_size: (H, W), or the side of a square, as SoftRas' always is; pixels.
    Raises:
        TypeError: neither tensors nor numbers, or of different dtypes or devices.
        ValueError: shapes that do not fit; an angle out of range; eye and at that coincide, or an up of 0.
    """
    eyes = _vectors("eye", eye, None)
    targets, ups = _vectors("at", at, eyes), _vectors("up", up, eyes)
    counts = {"eye": len(eyes), "at": len(targets), "up": len(ups)}
    if len(set(counts.values()) - {1}) > 1:
        raise ValueError(f"eye, at and up must be of N cameras or of 1, got {counts}")
    height, width = image_shape(image_size)
    focal = min(height, width) / 2 / torch.tan(torch.deg2rad(_angles(viewing_angle, eyes)))
    left, up_axis, ahead = view_axes(targets - eyes, ups).unbind(1)
    if not bool((torch.stack([left, ahead]).detach().norm(dim=-1) > 0.5).all()):
        raise ValueError("eye and at must be apart, and up must not be 0: there is no view")
    rotation = torch.stack([-left, -up_axis, ahead], 1)
    return PinholeCamera(
        rotation=rotation,
        translation=-times(eyes[:, None], rotation)[:, 0],
        focal=torch.stack([-focal, focal], 1),
        principal_point=torch.stack([eyes.new_full((1,), width / 2), eyes.new_full((1,), height / 2)], 1),
        image_size=(height, width),
    )


@full_precision
def to_softras_look_at(camera: PinholeCamera) -> SoftRasLookAt:
    """eye, at (one unit ahead), up and viewing_angle of a camera; see `from_softras_look_at`.

    Raises:
        TypeError: not a PinholeCamera.
        ValueError: SoftRas has no such camera: the principal point is not in the middle, the focal lengths differ, the
            rotation is none, or the image is not the mirror picture.
    """
    camera = _check_camera(camera)
    _check_representable(camera)
    _f_x, f_y = camera.focal.unbind(1)
    axes = camera.rotation
    eye = -times(camera.translation[:, None], axes.mT)[:, 0]
    up = -axes[:, 1] * f_y.sign()[:, None]
    angle = torch.rad2deg(torch.atan(min(camera.image_size) / 2 / f_y.abs()))
    return SoftRasLookAt(eye, eye + axes[:, 2], up, angle)


def _check_representable(camera: PinholeCamera) -> None:
    """SoftRas' x axis is f_x's sign times ours, its y axis minus f_y's sign times ours; the three are right-handed."""
    rotation, focal, off_middle = camera.rotation.detach(), camera.focal.detach(), camera._from_middle().detach()
    identity = torch.eye(3, dtype=rotation.dtype, device=rotation.device)
    if not bool(((rotation @ rotation.mT - identity).abs() < _ORTHOGONAL).all()):
        raise ValueError("SoftRas' look-at is a rotation, and this camera's rotation is not orthogonal")
    tolerance = 1e-5 * max(camera.image_size)
    if not bool((off_middle.abs() <= tolerance).all()):
        raise ValueError(
            f"SoftRas' principal point is the image's middle, this camera's is off by {off_middle.tolist()} pixels"
        )
    if not bool(((focal[:, 0].abs() - focal[:, 1].abs()).abs() <= 1e-5 * focal[:, 1].abs()).all()):
        raise ValueError(f"SoftRas has one focal length for x and y, this camera has {focal.tolist()} pixels")
    if not bool((torch.linalg.det(rotation) * focal.sign().prod(1) < 0).all()):
        raise ValueError(
            "SoftRas' look-at shows the mirror picture of a right-handed world, this camera does not: mirror the world "
            "(negate one coordinate of mesh and camera), or render camera.project(points), which needs no look-at"
        )


def _vectors(name: str, value: Tensor | Sequence[float], like: Tensor | None) -> Tensor:
    if not isinstance(value, Tensor):
        dtype, device = (torch.float32, None) if like is None else (like.dtype, like.device)
        try:
            value = torch.tensor(value, dtype=dtype, device=device)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must be a tensor or three numbers, got {value!r}") from error
    check_real(name, value)
    if like is not None:
        _check_like(name, value, "eye", like)
    if value.dim() not in (1, 2) or value.shape[-1] != 3:
        raise ValueError(f"{name} must be (3,) or (N, 3), got shape {tuple(value.shape)}")
    return value if value.dim() == 2 else value[None]


def _angles(viewing_angle: float | Tensor, like: Tensor) -> Tensor:
    """(N,) or (1,), degrees."""
    if not isinstance(viewing_angle, Tensor):
        try:
            viewing_angle = like.new_full((1,), float(viewing_angle))
        except (TypeError, ValueError) as error:
            raise TypeError(f"viewing_angle must be a number or a tensor, got {viewing_angle!r}") from error
    _check_like("viewing_angle", viewing_angle, "eye", like)
    if viewing_angle.dim() > 1:
        raise ValueError(f"viewing_angle must be a number or (N,), got shape {tuple(viewing_angle.shape)}")
    degrees = viewing_angle.detach()
    if not bool(((degrees > 0) & (degrees < 90) & torch.isfinite(degrees)).all()):
        raise ValueError(f"viewing_angle must be between 0 and 90 degrees, got {degrees.tolist()}")
    return viewing_angle.reshape(-1)
