"""What SoftRas and GenDR do alike and our defaults do not: the conventions both doors set.

Square images; front faces clockwise on screen; alpha counts every face; features weighted in screen space; the
background weighs e^(2 eps / gamma), because their running softmax starts with both its maximum and its sum at eps (S1
in compat_tests/goldens/README.md).
"""

from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..render import render
from ..settings import RenderSettings, check_scale


def render_rgba(
    face_vertices: Tensor,
    textures: Tensor,
    image_size: int,
    background_color: Sequence[float] | Tensor,
    texture_type: str,
    double_sided: bool,
    background_eps: float,
    dist_scale: float | Tensor,
    gamma: float | Tensor,
    **settings: Any,
) -> Tensor:
    """(N, 4, S, S): red, green, blue, alpha of batched faces (N, F, 3, 3) or (N, F, 9) with textures (N, F, T, 3)."""
    _check_size(image_size)
    faces = _faces(face_vertices)
    _check_texture(texture_type, textures)
    rendered = render(
        faces,
        image_size,
        features=textures,
        settings=RenderSettings(
            front="clockwise",
            alpha_range="all",
            perspective_correct=False,
            cull="none" if double_sided else "back",
            background_eps=2 * background_eps,
            dist_scale=dist_scale,
            gamma=gamma,
            **settings,
        ),
        background=background_color.to(faces) if isinstance(background_color, Tensor) else background_color,
    )
    assert rendered.image is not None and rendered.alpha is not None
    return torch.cat((rendered.image, rendered.alpha[:, None]), dim=1)


def antialiased(draw: Callable[[int], Tensor], image_size: int, anti_aliasing: bool) -> Tensor:
    """The picture `draw` makes of a size; with anti_aliasing the means of 2 x 2 pixels of one twice as large."""
    _check_size(image_size)
    return F.avg_pool2d(draw(2 * image_size), kernel_size=2, stride=2) if anti_aliasing else draw(image_size)


def checked_scale(name: str, scale: float | Tensor) -> float | Tensor:
    """A scale as RenderSettings takes it, of tensors () one entry. Errors call it by the door's name."""
    if isinstance(scale, Tensor) and scale.dim() == 0:
        scale = scale.reshape(1)
    check_scale(name, scale)
    return scale


def _check_size(image_size: object) -> None:
    if not isinstance(image_size, Integral) or isinstance(image_size, bool):
        raise TypeError(f"image_size must be an int, the side of a square image, got {image_size!r}")


def _faces(face_vertices: Tensor) -> Tensor:
    if not isinstance(face_vertices, Tensor):
        raise TypeError(f"face_vertices must be a tensor, got {type(face_vertices).__name__}")
    shape = tuple(face_vertices.shape)
    if len(shape) not in (3, 4) or shape[2:] not in ((9,), (3, 3)):
        raise ValueError(f"face_vertices must be (N, F, 3, 3) or (N, F, 9), got shape {shape}")
    return face_vertices.reshape(*shape[:2], 3, 3)


def _check_texture(texture_type: str, textures: Tensor) -> None:
    if not isinstance(textures, Tensor):
        raise TypeError(f"textures must be a tensor, got {type(textures).__name__}")
    if texture_type not in ("surface", "vertex"):
        raise ValueError(f"texture_type must be 'surface' or 'vertex', got {texture_type!r}")
    if textures.dim() != 4 or textures.shape[-1] != 3:
        raise ValueError(f"textures must be (N, F, T, 3), got shape {tuple(textures.shape)}")
    if textures.shape[2] != 3 if texture_type == "vertex" else textures.shape[2] == 3:
        raise ValueError(
            f"{texture_type!r} textures must have {'3 colours' if texture_type == 'vertex' else 'R*R texels'} a face, "
            f"got {textures.shape[2]} (shape {tuple(textures.shape)})"
        )


def choose(name: str, value: object, allowed: dict[str, str]) -> str:
    """Our name for one of an original's options. Raises ValueError for others."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return allowed[value]
