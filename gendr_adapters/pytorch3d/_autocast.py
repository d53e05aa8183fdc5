"""What PyTorch3D's objects bring along, in full precision inside torch.autocast."""

import copy
from collections.abc import Callable
from functools import wraps
from typing import Any

from pytorch3d.renderer.utils import TensorProperties
from pytorch3d.structures import Meshes
from torch import Tensor

from .._autocast import autocasting, full_precision_by, widened
from .._untraced import untraced

# Attributes of rasterisers and shaders that a call's keyword arguments stand in for.
_OWN = ("cameras", "lights", "materials", "blend_params")


def geometry(method: Callable[..., Any]) -> Callable[..., Any]:
    """For methods of rasterisers and shaders, and functions of meshes: autocast is ignored, and what it made half is
    float32 again, in meshes, cameras, lights, materials and blend_params, too. torch.compile runs them as they are: it
    cannot compile the copy of a TensorProperties, and graphs break at every access to PyTorch3D's Meshes."""
    precise = full_precision_by(_wide, method)

    @wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if args and autocasting():
            own = {name: getattr(args[0], name, None) for name in _OWN if name not in kwargs}
            kwargs |= {name: _wide(value) for name, value in own.items() if _wide(value) is not value}
        return precise(*args, **kwargs)

    return untraced(wrapper)


def _wide(value: Any) -> Any:
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
