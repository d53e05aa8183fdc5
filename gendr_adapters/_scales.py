"""Tensors as dist_scale and gamma."""

import torch
from torch import Tensor

from ._known import is_known
from .settings import SCALE_MAX, SCALE_MIN, accept_arrays, check_scale, refuse_scale


def _check_tensor(name: str, value: Tensor) -> None:
    if value.layout != torch.strided:
        raise TypeError(f"{name} must be dense (torch.strided), got {value.layout}")
    if value.dim() != 1 or value.numel() < 1 or not value.dtype.is_floating_point:
        raise ValueError(
            f"{name} must be a number or a floating-point tensor of shape (1,) or (B,), "
            f"got shape {tuple(value.shape)}, {value.dtype}"
        )
    if is_known(value):
        check_values(name, value)


def check_values(name: str, value: Tensor | None) -> None:
    """Raise ValueError unless all entries are in range. On a GPU this waits for the values."""
    if value is not None and not bool(((value >= SCALE_MIN) & (value <= SCALE_MAX)).all()):
        refuse_scale(name, value.tolist())


def scale_tensor(name: str, value: float | Tensor, n_images: int, like: Tensor) -> Tensor | None:
    """The scale as a tensor argument of the ops. None for a number, which is passed with the other numbers of the
    settings."""
    if not isinstance(value, Tensor):
        return None
    _check_images(name, value, n_images, like)
    return value.to(like.dtype)


def door_scale(name: str, value: float | Tensor, n_images: int, face_vertices: Tensor) -> float | Tensor:
    """The scale of a door in the form that RenderSettings takes: tensors () become (1,). Errors call it by the door's
    `name`."""
    if isinstance(value, Tensor) and value.dim() == 0:
        value = value[None]
    check_scale(name, value)
    if isinstance(value, Tensor):
        _check_images(name, value, n_images, face_vertices)
    return value


def _check_images(name: str, value: Tensor, n_images: int, like: Tensor) -> None:
    if value.shape[0] not in (1, n_images):
        raise ValueError(f"{name} must have 1 entry or one for each image ({n_images}), got {value.shape[0]}")
    if value.device != like.device:
        raise TypeError(f"{name} is on {value.device}, face_vertices on {like.device}: they must share a device")


def _describe_tensor(value: Tensor) -> str:
    """A short description, made without waiting for a GPU."""
    number = f", value {value.detach().item():.6g}" if value.numel() == 1 and is_known(value) else ""
    return f"<tensor of shape {tuple(value.shape)}, {value.dtype}{number}>"


accept_arrays(Tensor, _check_tensor, _describe_tensor)
