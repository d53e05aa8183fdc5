"""Where cameras stand that are described by an eye, the point it looks at and what is up."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .._inputs import check_real
from .._known import has_numbers
from .._soft_renderer.look_at import view_axes
from ._camera import check_like

Vector = Tensor | Sequence[float] | Sequence[Sequence[float]]


def look_at_axes(eye: Vector, at: Vector, up: Vector) -> tuple[Tensor, Tensor]:
    """The eyes (N, 3), and the cameras' axes (right, down, ahead) as rows of (N, 3, 3).

    eye, at, up: (3,) or (N, 3); at and up of the dtype and device of eye. Numbers become such tensors; for eye, float32
    on the CPU. Raises TypeError or ValueError for an invalid pose, and where there is no view.
    """
    eyes = vectors("eye", eye, None)
    targets, ups = vectors("at", at, eyes), vectors("up", up, eyes)
    counts = {"eye": len(eyes), "at": len(targets), "up": len(ups)}
    if len(set(counts.values()) - {1}) > 1:
        raise ValueError(f"eye, at and up must be of N cameras or of 1, got {counts}")
    left, up_axis, ahead = view_axes(targets - eyes, ups).unbind(1)
    if has_numbers(left) and not bool((torch.stack([left, ahead]).detach().norm(dim=-1) > 0.5).all()):
        raise ValueError("eye and at must be apart, and up must not be 0: there is no view")
    return eyes, torch.stack([-left, -up_axis, ahead], 1)


def half_angles(name: str, value: float | Tensor, like: Tensor) -> Tensor:
    """Angles in degrees from the view direction to the image's border, (N,) or (1,). Raises ValueError outside
    (0, 90)."""
    angles = numbers(name, value, like)
    degrees = angles.detach()
    if has_numbers(degrees) and not bool(((degrees > 0) & (degrees < 90)).all()):
        raise ValueError(f"{name} must be between 0 and 90 degrees, got {degrees.tolist()}")
    return angles


def vectors(name: str, value: Vector, like: Tensor | None) -> Tensor:
    """(N, 3), as `look_at_axes` takes them."""
    if not isinstance(value, Tensor):
        dtype, device = (torch.float32, "cpu") if like is None else (like.dtype, like.device)
        try:
            value = torch.tensor(value, dtype=dtype, device=device)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must be a tensor or three numbers, got {value!r}") from error
    check_real(name, value)
    if like is not None:
        check_like(name, value, "eye", like)
    if value.dim() not in (1, 2) or value.shape[-1] != 3:
        raise ValueError(f"{name} must be (3,) or (N, 3), got shape {tuple(value.shape)}")
    return value if value.dim() == 2 else value[None]


def numbers(name: str, value: float | Tensor, like: Tensor) -> Tensor:
    """A number as (1,), a tensor () or (N,) as (1,) or (N,), of the dtype and device of the eye."""
    if not isinstance(value, Tensor):
        try:
            value = like.new_full((1,), float(value))
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must be a number or a tensor, got {value!r}") from error
    check_like(name, value, "eye", like)
    if value.dim() > 1:
        raise ValueError(f"{name} must be a number or (N,), got shape {tuple(value.shape)}")
    return value.reshape(-1)
