"""What SoftRas and GenDR do alike and our defaults do not: the conventions both doors take from
RenderSettings.softras().

Front faces clockwise on screen; alpha counts every face; features weighted in screen space; the background weighs
e^(2 eps / gamma), because their running softmax starts with both its maximum and its sum at eps
(compat_tests/goldens/README.md).
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .._inputs import check_real, check_same, image_shape, refuse_half
from .._rendering import render
from .._scales import door_scale
from ..settings import RenderSettings
from ..shading import TextureMaps
from .arguments import tensor_of
from .obj_loading import TEXTURE_TYPES
from .uv_textures import LitMaps, Textures, check_uv_textures, features_of

ImageSize: TypeAlias = int | tuple[int, int]
# One colour, one an image, or pictures.
Background: TypeAlias = Sequence[float] | Sequence[Sequence[float]] | np.ndarray | Tensor
# The picture (N, 4, H, W), or, where it is asked for, that and the depth (N, H, W). A union of the two would have every
# caller ask which.
Drawn: TypeAlias = Any


def render_rgba(
    face_vertices: Tensor,
    textures: Textures,
    image_size: ImageSize,
    background_color: Background,
    texture_type: str,
    double_sided: bool,
    background_eps: float,
    dist_scale: tuple[str, float | Tensor],
    gamma: tuple[str, float | Tensor],
    gradient: Literal["reference", "exact"],
    near_clip: float | None,
    perspective: bool,
    return_depth: bool,
    **settings: Any,
) -> Drawn:
    """Red, green, blue, alpha (N, 4, H, W) of batched face_vertices (N, F, 3, 3) or (N, F, 9) with textures
    (N, F, T, 3), or as Mesh has them with 'uv'; with return_depth also the depth (N, H, W). dist_scale and gamma come
    with the names that the door has for them."""
    height, width = image_shape(image_size)
    check_near_clip(near_clip, gradient)
    face_vertices = _checked_face_vertices(face_vertices)
    _check_texture(texture_type, textures, face_vertices)
    background = _background(background_color, len(face_vertices), height, width, face_vertices)
    picture = background.dim() == 4
    settings_ = RenderSettings.softras(
        cull="none" if double_sided else "back",
        background_eps=2 * background_eps,
        dist_scale=_scale(*dist_scale, face_vertices),
        gamma=_scale(*gamma, face_vertices),
        gradient=gradient,
        near_clip=near_clip,
        projection="perspective" if perspective else "orthographic",
        **settings,
    )
    # Behind a picture, a fourth channel that only the background has tells how much of it is seen.
    zeros = 1 if picture else 0
    features, lighting = features_of(textures, zeros) if texture_type == "uv" else (F.pad(textures, (0, zeros)), None)
    rendered = render(
        face_vertices,
        (height, width),
        features=features,
        lighting=lighting,
        settings=settings_,
        background=(0.0, 0.0, 0.0, 1.0) if picture else background,
        outputs=("image", "alpha", "depth") if return_depth and perspective else ("image", "alpha"),
    )
    assert rendered.image is not None and rendered.alpha is not None
    colours = rendered.image[:, :3] + rendered.image[:, 3:] * background if picture else rendered.image
    drawn = torch.cat((colours, rendered.alpha[:, None]), dim=1)
    if not return_depth:
        return drawn
    depth = _linear_depth(face_vertices, (height, width), settings_) if rendered.depth is None else rendered.depth
    return drawn, depth


def _linear_depth(face_vertices: Tensor, image_size: tuple[int, int], settings: RenderSettings) -> Tensor:
    """The depth (N, H, W) of what orthogonal cameras see, which is linear on a face, of the nearest faces. Which is the
    nearest they tell by the depth that a perspective camera would see, as the originals do in colour."""
    nearest = settings.replace(blend="hard", gradient="exact")
    z = face_vertices[..., 2:]
    depth = render(face_vertices, image_size, features=z, settings=nearest, outputs=("image",)).image
    assert depth is not None
    return depth[:, 0]


def antialiased(
    draw: Callable[[ImageSize, Background], Drawn],
    n_images: int,
    image_size: ImageSize,
    background_color: Background,
    anti_aliasing: bool,
) -> Drawn:
    """The picture `draw` makes of a size and a background; with anti_aliasing the means of 2 x 2 pixels of one twice as
    large, and the means of the depths of those among the four that see a face."""
    if not anti_aliasing:
        return draw(image_size, background_color)
    height, width = image_shape(image_size)
    if not isinstance(background_color, Tensor):  # `draw` knows the dtype and the device
        numbers = torch.empty(0, dtype=torch.float64, device="cpu")
        background_color = tensor_of("background_color", background_color, numbers)
    if _is_picture(background_color, n_images, height, width):
        background_color = background_color.repeat_interleave(2, -2).repeat_interleave(2, -1)
    fine = draw((2 * height, 2 * width), background_color)
    if isinstance(fine, Tensor):
        return F.avg_pool2d(fine, 2)
    image, depth = fine
    mean, seen = F.avg_pool2d(depth[:, None], 2)[:, 0], F.avg_pool2d((depth != 0).to(depth)[:, None], 2)[:, 0]
    return F.avg_pool2d(image, 2), torch.where(seen > 0, mean / seen.clamp(min=0.25), 0.0)


def _background(value: Background, n: int, height: int, width: int, like: Tensor) -> Tensor:
    """Colours (1, 3) or (N, 3), or pictures (1, 3, H, W) or (N, 3, H, W)."""
    background = tensor_of("background_color", value, like)
    _is_picture(background, n, height, width)
    return background[None] if background.dim() in (1, 3) else background


def _is_picture(background: Tensor, n: int, height: int, width: int) -> bool:
    """Whether it is one or several, and not colours. Raises ValueError where it is neither for n pictures of H x W."""
    shape = tuple(background.shape)
    if shape[-1:] == (3,) and (len(shape) == 1 or (len(shape) == 2 and shape[0] in (1, n))):
        return False
    if shape[-3:] == (3, height, width) and (len(shape) == 3 or (len(shape) == 4 and shape[0] in (1, n))):
        return True
    raise ValueError(
        f"background_color must be (3,) or ({n}, 3), or a picture (3, {height}, {width}) or "
        f"({n}, 3, {height}, {width}), got shape {shape}"
    )


def check_near_clip(near_clip: float | None, gradient: str) -> None:
    """Raises ValueError where both do not go together, in the doors' words."""
    if near_clip is not None and gradient != "exact":
        raise ValueError(
            f"near_clip={near_clip!r} does not go with gradient={gradient!r}, for SoftRas and GenDR cut no faces: pass "
            "gradient='exact'"
        )


def _scale(name: str, scale: float | Tensor, face_vertices: Tensor) -> float | Tensor:
    refuse_half(name, scale)
    return door_scale(name, scale, len(face_vertices), face_vertices)


def _checked_face_vertices(face_vertices: Tensor) -> Tensor:
    """(N, F, 3, 3), from that or (N, F, 9)."""
    check_real("face_vertices", face_vertices)
    shape = tuple(face_vertices.shape)
    if len(shape) not in (3, 4) or shape[2:] not in ((9,), (3, 3)):
        raise ValueError(f"face_vertices must be (N, F, 3, 3) or (N, F, 9), got shape {shape}")
    return face_vertices.reshape(*shape[:2], 3, 3)


def _check_texture(texture_type: str, textures: Textures, face_vertices: Tensor) -> None:
    if texture_type not in TEXTURE_TYPES:
        raise ValueError(f"texture_type must be 'surface', 'vertex' or 'uv', got {texture_type!r}")
    if texture_type == "uv":
        check_uv_textures(textures, *face_vertices.shape[:2])
        return
    if isinstance(textures, (TextureMaps, LitMaps)):
        raise TypeError(f"{texture_type!r} textures must be a tensor, got texture maps, which are of texture_type 'uv'")
    check_real("textures", textures)
    check_same("textures", textures, face_vertices)
    if textures.dim() != 4 or textures.shape[-1] != 3:
        raise ValueError(f"textures must be (N, F, T, 3), got shape {tuple(textures.shape)}")
    if textures.shape[2] != 3 if texture_type == "vertex" else textures.shape[2] == 3:
        raise ValueError(
            f"{texture_type!r} textures must have {'3 colours' if texture_type == 'vertex' else 'R*R texels'} a face, "
            f"got {textures.shape[2]} (shape {tuple(textures.shape)})"
        )
    if textures.shape[:2] != face_vertices.shape[:2]:
        n, f = face_vertices.shape[:2]
        raise ValueError(f"textures must be of {n} x {f} faces, as face_vertices, got shape {tuple(textures.shape)}")


def choose(name: str, value: object, allowed: dict[str, str]) -> str:
    """Our name for one of an original's options. Raises ValueError for others."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
    return allowed[value]
