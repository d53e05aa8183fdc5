"""Shade every fragment: PyTorch3D's textures and lights on concatenated fragments."""

from collections.abc import Callable
from typing import Any

import torch
from pytorch3d.renderer import TexturesAtlas, TexturesUV
from pytorch3d.renderer.mesh.rasterizer import Fragments as PyTorch3DFragments
from torch import Tensor

from .._inputs import HALF_DTYPES
from .._pieces import Piece
from ..fragments import Fragments
from ._fragments import bounds_of, just_inside, lay_out
from ._lighting import Lighting

# Images whose fragments are shaded together may be filled up by this much, as a share of the fragments there are.
_MAX_PADDING = 0.25
# The least weight of a corner where a texel is chosen, in units of rounding: 1e-4 in float32.
_INSIDE = 1024

# From fragments (n, 1, M, 1) of some images, and what lights those, to what they show, (n, 1, M, 1, C).
ShadeFragments = Callable[[PyTorch3DFragments, list[int], Lighting], Tensor]


def shade_fragments(
    found: Fragments,
    piece: Piece,
    n_images: int,
    shade: ShadeFragments,
    lighting: Lighting,
    textures: Any,
) -> Tensor:
    """(M, C): what each of the fragments of a piece shows.

    Images with about as many fragments are shaded together, as (n, 1, M, 1), padded to the largest; those without any
    are not shaded. Where lights are not PyTorch3D's, but only behave like them, all are shaded together; so they are
    where textures are maps of several sizes, which PyTorch3D makes one of in a batch, and does not in a part of it.
    """
    bounds = _bounds_in(found, piece, n_images)
    counts = [end - start for start, end in zip(bounds[:-1], bounds[1:], strict=True)]
    together = not any(counts) or not lighting.can_pick or _resizes_maps(textures)
    colours: dict[int, Tensor] = {}
    for images in [list(range(n_images))] if together else groups(counts):
        of_these = lighting
        if len(images) < n_images:
            of_these = lighting.pick(torch.tensor(images, device=found.face.device))
        shaded = shade(lay_out(found, images, bounds), images, of_these)
        colours |= {i: shaded[k, 0, : counts[i], 0] for k, i in enumerate(images)}
    return torch.cat([colours[i] for i in sorted(colours)]) if len(colours) > 1 else colours.popitem()[1]


def _bounds_in(found: Fragments, piece: Piece, n_images: int) -> list[int]:
    """As `bounds_of`, of all images, of which those that are not in the piece have no fragments."""
    n = found.face.shape[0]
    there = bounds_of(found, piece.images.stop - piece.images.start) if piece.whole else [0, n]
    return [0] * piece.images.start + there + [n] * (n_images - piece.images.stop)


def _resizes_maps(textures: Any) -> bool:
    return isinstance(textures, TexturesUV) and len({x.shape for x in textures.maps_list()}) > 1


def groups(counts: list[int]) -> list[list[int]]:
    """The images that have fragments in groups, each ascending, such that filling all of a group up to its largest adds
    no more than a quarter."""
    result: list[list[int]] = []
    most = together = 0
    for i in sorted((i for i, count in enumerate(counts) if count), key=lambda i: -counts[i]):
        fits = result and most * (len(result[-1]) + 1) <= (1 + _MAX_PADDING) * (together + counts[i])
        if fits:
            result[-1].append(i)
            together += counts[i]
        else:
            result.append([i])
            most = together = counts[i]
    return [sorted(group) for group in result]


def interpolate(fragments: PyTorch3DFragments, at_corners: Tensor) -> Tensor:
    """(n, 1, M, 1, D): values (F, 3, D) of the faces' corners at the fragments.

    PyTorch3D's interpolate_face_attributes, quicker on a CPU; what fills up images is not zeroed.
    """
    values = at_corners.index_select(0, fragments.pix_to_face.flatten().clamp(min=0))
    weights = fragments.bary_coords
    return (weights.reshape(-1, 1, 3) @ values).view(*weights.shape[:-1], at_corners.shape[-1])


def sample_textures(meshes: Any, fragments: PyTorch3DFragments, images: list[int]) -> Tensor:
    """(n, 1, M, 1, C): the meshes' textures, of any kind PyTorch3D has, at the fragments of some images.

    A texel that is not interpolated is one that the face shows: no last bit of a weight decides, and none is outside.
    """
    weights = fragments.bary_coords
    if isinstance(meshes.textures, TexturesAtlas):
        clipped = weights.detach().clamp(min=0)  # texels are numbered: there is no gradient to the weights
        weights = just_inside(clipped / clipped.sum(-1, keepdim=True).clamp(min=1e-5))
    elif getattr(meshes.textures, "sampling_mode", None) == "nearest":
        weights = _off_the_outline(weights)
    face = fragments.pix_to_face
    if len(images) < len(meshes):
        # The textures of these meshes alone, whose faces are numbered anew.
        counts, first = meshes.num_faces_per_mesh()[images], meshes.mesh_to_faces_packed_first_idx()[images]
        moved_by = (torch.cumsum(counts, 0) - counts - first)[:, None, None, None]
        face, meshes = torch.where(face < 0, -1, face + moved_by), meshes[images]
    with _one_type(meshes.textures, weights):
        return meshes.sample_textures(PyTorch3DFragments(face, fragments.zbuf, weights, fragments.dists))


def _one_type(textures: Any, weights: Tensor) -> torch.autocast:
    """For grid_sample, whose map and coordinates must be of one type: autocast hands it a map of half precision, such
    as a network makes, in float32. Off for all others."""
    half = isinstance(textures, TexturesUV) and textures.maps_padded().dtype in HALF_DTYPES
    return torch.autocast(weights.device.type, torch.bfloat16, enabled=half)


def _off_the_outline(weights: Tensor) -> Tensor:
    """Weights (..., 3) of about 0 made a little larger: clipped ones are of points on the face's outline, where texels
    often end, and a point just inside has the texel that the face shows there."""
    least = _INSIDE * torch.finfo(weights.dtype).eps
    inside = torch.where(weights.abs() < least, least, weights)
    return inside / inside.sum(-1, keepdim=True)
