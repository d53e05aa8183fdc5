"""From projected meshes or shaded fragments to images, with the blending of GenDRBlendParams."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from .._known import as_list
from .._pieces import Piece
from .._projected_meshes import ProjectedMeshes
from .._rendering import Rendered
from ..fragments import Fragments
from ._blend_params import GenDRBlendParams, blend_settings
from ._core_shading import Shown, with_channel
from ._fragments import bounds_of

Range = tuple[float, float]


def depth_ranges(cameras: Any, n_images: int, kwargs: dict[str, Any]) -> list[Range]:
    """(znear, zfar) of each image: from the call, else from the cameras, else PyTorch3D's 1 and 100.

    Raises ValueError for others than one number or one an image, and where they require a gradient, which they do not
    get here.
    """

    def numbers(name: str, default: float) -> list[float]:
        value = kwargs.get(name, getattr(cameras, name, default))
        if isinstance(value, Tensor) and value.requires_grad:
            raise ValueError(f"there is no gradient to {name} here: pass {name}.detach()")
        try:
            values = as_list(torch.as_tensor(value, dtype=torch.float64, device="cpu").flatten())
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{name} must be a number, or one for each image, got {value!r}") from error
        if len(values) not in (1, n_images):
            raise ValueError(f"{name} must be one number, or one for each of {n_images} images, got {len(values)}")
        return values * n_images if len(values) == 1 else values

    return list(zip(numbers("znear", 1.0), numbers("zfar", 100.0), strict=True))


def silhouette(meshes: ProjectedMeshes, params: GenDRBlendParams) -> Tensor:
    """(N, H, W), alpha alone."""
    alpha = replace(meshes, settings=blend_settings(meshes, params)).render(outputs=("alpha",)).alpha
    assert alpha is not None
    return alpha


def nearest_shown(meshes: ProjectedMeshes, shown: Shown, params: GenDRBlendParams) -> Tensor:
    """(N, H, W, C + 1): what is shown of the nearest face that holds a pixel, over the background, and alpha, 1 or 0.

    PyTorch3D's hard_rgb_blend, for a blur_radius of 0: no face beside the pixel is in its reach."""
    assert meshes.settings.reach == 0
    settings = replace(meshes.settings, blend="hard", distribution="hard")
    nearest = replace(meshes, face_vertices=meshes.face_vertices.to(shown.dtype), settings=settings)
    rendered = nearest.render(shown.features, outputs=("image", "face_index"), lighting=shown.lighting)
    assert rendered.image is not None and rendered.face_index is not None
    covered = (rendered.face_index >= 0)[..., None]
    background = background_of(params, shown.n_channels, shown.dtype, meshes)
    background = background if background.dim() == 4 else background[:, None, None]
    image = torch.where(covered, rendered.image.permute(0, 2, 3, 1), background)
    return torch.cat([image, covered.to(image.dtype)], 3)


def blend_shown(meshes: ProjectedMeshes, shown: Shown, params: GenDRBlendParams, ranges: list[Range]) -> Tensor:
    """(N, H, W, C + 1): what is shown of the faces, blended, and alpha, in one pass over them."""
    if len(set(ranges)) > 1:
        bounds = as_list(meshes.face_offsets)
        return torch.cat(
            [
                blend_shown(_image(meshes, i, bounds), shown.of_image(i, bounds), own, [ranges[i]])
                for i, own in enumerate(_split(params, meshes))
            ]
        )
    settings = blend_settings(meshes, params, *_first(ranges))
    blended = replace(meshes, face_vertices=meshes.face_vertices.to(shown.dtype), settings=settings)

    def blend(with_ones: bool, background: Tensor | None) -> Rendered:
        features, lighting = shown.with_ones() if with_ones else shown
        return blended.render(features, background, lighting=lighting)

    return _over_background(blend, background_of(params, shown.n_channels, shown.dtype, meshes))


def blend_shaded(
    found: Fragments,
    meshes: ProjectedMeshes,
    piece: Piece,
    colours: Tensor,
    params: GenDRBlendParams,
    ranges: list[Range],
) -> Tensor:
    """(n, C + 1): the colours (M, C) of a piece's fragments, blended, and alpha. ranges: of all images."""
    own = ranges[piece.images]
    if len(set(own)) > 1:
        bounds, n = bounds_of(found, len(own)), meshes.n_pixels
        parts = []
        for k, (begin, end) in enumerate(zip(bounds[:-1], bounds[1:], strict=True)):
            image = Piece(piece.first + k * n, piece.first + (k + 1) * n, meshes.image_size)
            of_it = (values[begin:end] for values in found[1:])
            its_own = Fragments(found.offsets[k * n : (k + 1) * n + 1] - begin, *of_it)
            parts.append(blend_shaded(its_own, meshes, image, colours[begin:end], params, ranges))
        return torch.cat(parts)
    dtype = image_dtype(colours, meshes)
    blended = replace(meshes, settings=blend_settings(meshes, params, *_first(own)))
    found, colours = Fragments(*found[:3], *(numbers.to(dtype) for numbers in found[3:])), colours.to(dtype)

    def blend(with_ones: bool, background: Tensor | None) -> Rendered:
        return blended.blend_fragments(found, with_channel(colours, 1.0) if with_ones else colours, piece, background)

    background = background_of(params, colours.shape[-1], dtype, meshes)
    if background.dim() == 4:
        background = piece.rows(background)
        if not piece.whole:
            background = background.flatten(1, 2)[:, piece.in_image].unflatten(1, piece.image_size)
    return _over_background(blend, background).flatten(0, 2)


def image_dtype(colours: Tensor, meshes: ProjectedMeshes) -> torch.dtype:
    """float64 if the colours or the vertices are, as in PyTorch3D; else float32."""
    return torch.promote_types(colours.dtype, meshes.face_vertices.dtype)


def _over_background(blend: Callable[[bool, Tensor | None], Rendered], background: Tensor) -> Tensor:
    """(N, H, W, C + 1), blended over a colour or a picture.

    blend: given whether a channel of ones is to come behind the others, and a colour to be blended over, or 0."""
    if background.dim() == 2:
        rendered = blend(False, background)
        assert rendered.image is not None and rendered.alpha is not None
        return torch.cat([rendered.image.permute(0, 2, 3, 1), rendered.alpha[..., None]], 3)
    # A channel of ones over 0 is the faces' share in the softmax; the picture has the rest.
    rendered = blend(True, None)
    assert rendered.image is not None and rendered.alpha is not None
    *colours, share = rendered.image.unbind(1)
    image = torch.stack(colours, 3) + (1 - share)[..., None] * background
    return torch.cat([image, rendered.alpha[..., None]], 3)


def background_of(params: GenDRBlendParams, channels: int, dtype: torch.dtype, meshes: ProjectedMeshes) -> Tensor:
    """(1 or N, C), or a picture (1 or N, H, W, C)."""
    colour = torch.as_tensor(params.background_color, dtype=dtype, device=meshes.face_vertices.device)
    n, size = len(meshes), meshes.image_size
    for shape in ((1, channels), (n, channels), (1, 1, 1, channels), (n, 1, 1, channels), (n, *size, channels)):
        if colour.dim() <= len(shape) and _fits(colour.shape, shape):
            full = colour.expand(shape)
            return full if len(shape) == 2 else full[:, 0, 0] if shape[1:3] == (1, 1) else full
    raise ValueError(
        f"background_color must be {channels} numbers, as the colours have, ({n}, {channels}), one row an image, or a "
        f"picture ({n}, {size[0]}, {size[1]}, {channels}), got shape {tuple(colour.shape)}"
    )


def _fits(shape: torch.Size, into: tuple[int, ...]) -> bool:
    aligned = zip(reversed(shape), reversed(into), strict=False)
    return all(a in (1, b) for a, b in aligned)


def _first(ranges: list[Range]) -> Range:
    return ranges[0] if ranges else (1.0, 100.0)


# The images of a batch one by one, where their cameras' znear or zfar differ.


def _image(meshes: ProjectedMeshes, i: int, bounds: list[int]) -> ProjectedMeshes:
    first, last = bounds[i], bounds[i + 1]
    offsets = meshes.face_offsets.new_tensor([0, last - first])
    return replace(meshes, face_vertices=meshes.face_vertices[first:last], face_offsets=offsets)


def _split(params: GenDRBlendParams, meshes: ProjectedMeshes) -> list[GenDRBlendParams]:
    """Those of each image."""
    n = len(meshes)

    def own(value: Any, i: int) -> Any:
        return value[i : i + 1] if isinstance(value, Tensor) and value.dim() > 0 and value.shape[0] == n else value

    colour = torch.as_tensor(params.background_color, device=meshes.face_vertices.device)
    by_image = colour.dim() in (2, 4) and colour.shape[0] == n
    return [
        params._replace(
            sigma=own(params.sigma, i),
            gamma=own(params.gamma, i),
            background_color=colour[i : i + 1] if by_image else params.background_color,
        )
        for i in range(n)
    ]
