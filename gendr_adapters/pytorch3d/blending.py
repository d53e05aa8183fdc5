"""From projected meshes or shaded fragments to images, with the blending of GenDRBlendParams."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..blend import blend_fragments
from ..fragments import Fragments
from ..render import render
from .blend_params import GenDRBlendParams, blend_settings
from .fragments import GenDRFragments
from .projected_meshes import ProjectedMeshes

Range = tuple[float, float]


def depth_ranges(cameras: Any, n_images: int, kwargs: dict[str, Any]) -> list[Range]:
    """(znear, zfar) of each image: from the call, else from the cameras, else PyTorch3D's 1 and 100."""

    def numbers(name: str, default: float) -> list[float]:
        value = kwargs.get(name, getattr(cameras, name, default))
        values = value.detach().flatten().tolist() if isinstance(value, Tensor) else [float(value)]
        if len(values) not in (1, n_images):
            raise ValueError(f"{name} must be one number, or one for each of {n_images} images, got {len(values)}")
        return values * n_images if len(values) == 1 else values

    return list(zip(numbers("znear", 1.0), numbers("zfar", 100.0), strict=True))


def silhouette(meshes: ProjectedMeshes, params: GenDRBlendParams) -> Tensor:
    """(N, H, W), alpha alone."""
    settings = blend_settings(meshes.settings, params, len(meshes))
    alpha = render(
        meshes.corners, meshes.image_size, face_offsets=meshes.face_offsets, settings=settings, outputs=("alpha",)
    ).alpha
    assert alpha is not None
    return alpha


def blend_corners(meshes: ProjectedMeshes, features: Tensor, params: GenDRBlendParams, ranges: list[Range]) -> Tensor:
    """(N, H, W, C + 1): features (F, 3, C) of the faces' corners, interpolated and blended, and alpha."""
    if len(set(ranges)) > 1:
        bounds = meshes.face_offsets.tolist()
        return torch.cat(
            [
                blend_corners(_image(meshes, i, bounds), features[bounds[i] : bounds[i + 1]], row, [ranges[i]])
                for i, row in enumerate(_rows(params, len(meshes)))
            ]
        )
    rendered = render(
        meshes.corners,
        meshes.image_size,
        features,
        face_offsets=meshes.face_offsets,
        settings=blend_settings(meshes.settings, params, len(meshes), *_first(ranges)),
        background=_background(params, features),
    )
    return _channels_last(rendered)


def blend_shaded(fragments: GenDRFragments, colours: Tensor, params: GenDRBlendParams, ranges: list[Range]) -> Tensor:
    """(N, H, W, C + 1): the colours (M, C) of fragments.found, blended, and alpha."""
    return _blend_shaded(fragments.found, fragments.meshes, colours, params, ranges)


def _blend_shaded(
    found: Fragments, meshes: ProjectedMeshes, colours: Tensor, params: GenDRBlendParams, ranges: list[Range]
) -> Tensor:
    if len(set(ranges)) > 1:
        bounds, size = meshes.face_offsets.tolist(), meshes.image_size
        firsts = found.offsets[:: size[0] * size[1]].tolist()
        return torch.cat(
            [
                _blend_shaded(
                    _fragments_of(found, i, size[0] * size[1], firsts, bounds[i]),
                    _image(meshes, i, bounds),
                    colours[firsts[i] : firsts[i + 1]],
                    row,
                    [ranges[i]],
                )
                for i, row in enumerate(_rows(params, len(meshes)))
            ]
        )
    rendered = blend_fragments(
        found,
        colours,
        meshes.image_size,
        blend_settings(meshes.settings, params, len(meshes), *_first(ranges)),
        background=_background(params, colours),
        face_offsets=meshes.face_offsets,
    )
    return _channels_last(rendered)


def _channels_last(rendered: Any) -> Tensor:
    return torch.cat([rendered.image.permute(0, 2, 3, 1), rendered.alpha[..., None]], 3)


def _background(params: GenDRBlendParams, like: Tensor) -> Tensor:
    colour = torch.as_tensor(params.background_color, dtype=like.dtype, device=like.device)
    n = like.shape[-1]
    if colour.shape[-1:] != (n,):
        raise ValueError(f"background_color must have {n} entries, as the colours have, got {tuple(colour.shape)}")
    return colour


def _first(ranges: list[Range]) -> Range:
    return ranges[0] if ranges else (1.0, 100.0)


# The images of a batch one by one, where their cameras' znear or zfar differ.


def _image(meshes: ProjectedMeshes, i: int, bounds: list[int]) -> ProjectedMeshes:
    first, last = bounds[i], bounds[i + 1]
    offsets = meshes.face_offsets.new_tensor([0, last - first])
    return replace(meshes, corners=meshes.corners[first:last], face_offsets=offsets)


def _fragments_of(found: Fragments, i: int, n_pixels: int, firsts: list[int], first_face: int) -> Fragments:
    here = slice(firsts[i], firsts[i + 1])
    offsets = found.offsets[i * n_pixels : (i + 1) * n_pixels + 1] - firsts[i]
    pixel, face, *numbers = (values[here] for values in found[1:])
    return Fragments(offsets, pixel - i * n_pixels, face - first_face, *numbers)


def _rows(params: GenDRBlendParams, n_images: int) -> list[GenDRBlendParams]:
    def row(value: Any, i: int) -> Any:
        several = isinstance(value, Tensor) and value.dim() == 1 and value.shape[0] > 1
        return value[i : i + 1] if several else value

    return [params._replace(sigma=row(params.sigma, i), gamma=row(params.gamma, i)) for i in range(n_images)]
