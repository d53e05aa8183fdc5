"""Shade every fragment: PyTorch3D's textures and lights on fragments one behind the other."""

from collections.abc import Callable
from typing import Any

import torch
from pytorch3d.renderer.mesh.rasterizer import Fragments
from torch import Tensor

from .fragments import GenDRFragments, counts_of, lay_out
from .lighting import gathered

# Images whose fragments are shaded together may be filled up by this much, as a share of the fragments there are.
_MAX_PADDING = 0.25

# From fragments (n, 1, M, 1) of some images, and lights, cameras and materials of those images, to (n, 1, M, 1, C).
Shade = Callable[[Fragments, list[int], Any, Any, Any], Tensor]


def shade_fragments(fragments: GenDRFragments, shade: Shade, lights: Any, cameras: Any, materials: Any) -> Tensor:
    """(M, C): what each of fragments.found shows.

    Images with about as many fragments are shaded together, as (n, 1, M, 1), padded to the largest; those without any
    are not shaded.
    """
    size, n_images = fragments.meshes.image_size, len(fragments.meshes)
    counts = counts_of(fragments.found, n_images)
    colours: dict[int, Tensor] = {}
    for images in groups(counts):
        scene = lights, cameras, materials
        if len(images) < n_images:
            index = torch.tensor(images, device=fragments.found.face.device)
            scene = tuple(gathered(x, index) for x in scene)  # type: ignore[assignment]
        shaded = shade(lay_out(fragments.found, images, size), images, *scene)
        colours |= {i: shaded[k, 0, : counts[i], 0] for k, i in enumerate(images)}
    if not colours:
        return fragments.found.weights.new_empty((0, 3))
    return torch.cat([colours[i] for i in sorted(colours)]) if len(colours) > 1 else colours.popitem()[1]


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


def sample_textures(meshes: Any, fragments: Fragments, images: list[int]) -> Tensor:
    """(n, 1, M, 1, C): the meshes' textures, of any kind PyTorch3D has, at the fragments of some images."""
    if len(images) == len(meshes):
        return meshes.sample_textures(fragments)  # type: ignore[no-any-return]
    # The textures of these meshes alone, whose faces are numbered anew.
    counts, first = meshes.num_faces_per_mesh()[images], meshes.mesh_to_faces_packed_first_idx()[images]
    moved_by = (torch.cumsum(counts, 0) - counts - first)[:, None, None, None]
    face = torch.where(fragments.pix_to_face < 0, -1, fragments.pix_to_face + moved_by)
    moved = Fragments(face, fragments.zbuf, fragments.bary_coords, fragments.dists)
    return meshes[images].sample_textures(moved)  # type: ignore[no-any-return]
