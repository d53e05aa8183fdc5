"""What PyTorch3D's objects bring along, in full precision inside torch.autocast."""

import copy
from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from pytorch3d.renderer.utils import TensorProperties
from pytorch3d.structures import Meshes
from torch import Tensor

from .._autocast import full_precision, widened
from .._untraced import untraced

# Attributes of rasterisers and shaders that a call's keyword arguments stand in for.
_OWN = ("cameras", "lights", "materials", "blend_params")


def geometry(method: Callable[..., Any]) -> Callable[..., Any]:
    """For methods of rasterisers and shaders, and functions of meshes: autocast has no say, and what it made half is
    float32 again, in meshes, cameras, lights, materials and blend_params, too. torch.compile runs them as they are: it
    cannot compile the copy of a TensorProperties, and graphs break at every access to PyTorch3D's Meshes."""
    precise = full_precision(method)

    @wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
            own = {name: getattr(args[0], name, None) for name in _OWN if name not in kwargs} if args else {}
            own = {name: value for name, value in own.items() if _widen(value) is not value}
            args, kwargs = tuple(map(_widen, args)), {name: _widen(x) for name, x in (own | kwargs).items()}
        return precise(*args, **kwargs)

    return untraced(wrapper)


def _widen(value: Any) -> Any:
    """The same object where there is nothing to widen."""
    if isinstance(value, Meshes):
        verts = value.verts_padded()
        wide = widened(verts)
        return value if wide is verts else value.update_padded(wide)
    if isinstance(value, TensorProperties):
        fields = {name: x for name, x in vars(value).items() if isinstance(x, Tensor) and widened(x) is not x}
        value = copy.copy(value) if fields else value
        for name, x in fields.items():
            setattr(value, name, widened(x))
        return value
    if isinstance(value, tuple) and not any(isinstance(x, Tensor) for x in value):
        return value
    return widened(value)
