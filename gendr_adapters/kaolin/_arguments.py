"""What callers of Kaolin's functions pass, checked."""

import math
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import torch
from torch import Tensor

from .._inputs import check_real, check_same, image_shape, kind
from .._numbers import plain
from .._warnings import warn_caller
from ..settings import check_number

BACKENDS = ("cuda", "nvdiffrast", "nvdiffrast_fwd")


def picture_size(height: Any, width: Any) -> tuple[int, int]:
    for name, side in (("height", height), ("width", width)):
        if not isinstance(plain(side), Integral) or isinstance(plain(side), bool):
            raise TypeError(f"{name} must be an int, a number of pixels, got {side!r}")
    return image_shape((plain(height), plain(width)))


def check_image(face_vertices_image: Tensor) -> tuple[int, int]:
    """The number of meshes and of faces of each."""
    check_real("face_vertices_image", face_vertices_image)
    shape = face_vertices_image.shape
    if len(shape) != 4 or shape[2:] != (3, 2):
        raise ValueError(f"face_vertices_image must be (B, F, 3, 2), got shape {tuple(shape)}")
    return shape[0], shape[1]


def check_depths(face_vertices_z: Tensor, face_vertices_image: Tensor) -> None:
    check_real("face_vertices_z", face_vertices_z)
    check_same("face_vertices_z", face_vertices_z, face_vertices_image, "face_vertices_image")
    if face_vertices_z.shape != face_vertices_image.shape[:3]:
        raise ValueError(
            f"face_vertices_z must be {tuple(face_vertices_image.shape[:3])} for face_vertices_image of shape "
            f"{tuple(face_vertices_image.shape)}, got shape {tuple(face_vertices_z.shape)}"
        )


def check_per_face(name: str, values: Tensor, face_vertices_image: Tensor) -> None:
    if not isinstance(values, Tensor):
        raise TypeError(f"{name} must be a tensor, got {kind(values)}")
    if values.device != face_vertices_image.device:
        raise TypeError(f"{name} is on {values.device}, face_vertices_image on {face_vertices_image.device}")
    if values.shape != face_vertices_image.shape[:2]:
        raise ValueError(
            f"{name} must be (B, F) = {tuple(face_vertices_image.shape[:2])}, got shape {tuple(values.shape)}"
        )


def joined_features(
    face_features: Tensor | Sequence[Tensor], face_vertices_image: Tensor
) -> tuple[Tensor, list[int] | None]:
    """The features as one tensor (B, F, 3, C), and how many channels each entry of a list has; None for no list."""
    listed = isinstance(face_features, (list, tuple))
    parts: list[Tensor] = list(face_features) if listed else [face_features]  # type: ignore[list-item]
    if not parts:
        raise ValueError("face_features must have at least one entry, got an empty list")
    leading = face_vertices_image.shape[:3]
    for i, part in enumerate(parts):
        name = f"face_features[{i}]" if listed else "face_features"
        check_real(name, part)
        check_same(name, part, face_vertices_image, "face_vertices_image")
        if part.dim() == 3 and leading[0] == 1:  # as Kaolin's own render_mesh passes them
            parts[i] = part = part[None]
        if part.dim() != 4 or part.shape[:3] != leading:
            expected = ", ".join(map(str, leading))
            raise ValueError(f"{name} must be ({expected}, C), got shape {tuple(part.shape)}")
    if not listed:
        return parts[0], None
    return torch.cat(parts, 3), [part.shape[3] for part in parts]


def check_backend(function: str, backend: object, multiplier: object, eps: object) -> None:
    """All three are our one core; what Kaolin warns of, we warn of."""
    if backend not in BACKENDS:
        raise ValueError(f"unknown backend {backend!r}; allowed: {', '.join(BACKENDS)} (here they are all the same)")
    for name, value, ignorant in (("multiplier", multiplier, BACKENDS[1:]), ("eps", eps, BACKENDS[1:2])):
        if value is None:
            continue
        check_number(name, plain(value))
        if backend in ignorant:
            warn_caller(f"{function}: {name} has no effect with backend {backend!r}")


def check_softness(sigmainv: object, boxlen: object, knum: object) -> tuple[float, float, int | None]:
    """The three as plain numbers."""
    sigmainv, boxlen, knum = plain(sigmainv), plain(boxlen), plain(knum)
    if not 1e-30 <= check_number("sigmainv", sigmainv) <= 1e30:
        raise ValueError(f"sigmainv must be > 0, from 1e-30 to 1e30, got {sigmainv}")
    if not 0 <= check_number("boxlen", boxlen) < math.inf:
        raise ValueError(f"boxlen must be a distance in NDC, >= 0, got {boxlen}")
    if knum is not None and (isinstance(knum, bool) or not isinstance(knum, Integral)):
        raise TypeError(f"knum must be an int, or None for all faces, got {knum!r}")
    if knum is not None and knum < 1:
        raise ValueError(f"knum must be >= 1, or None for all faces, got {knum}")
    return float(sigmainv), float(boxlen), None if knum is None else int(knum)  # type: ignore[arg-type]
