"""Voxels of closed meshes: the surface, and what it encloses."""

from collections.abc import Iterator
from numbers import Integral

import torch
from torch import Tensor

from .._autocast import full_precision
from .._inputs import check_real
from .._known import as_list

# Pairs of faces and grid points tested in one go: this limits memory, some 100 bytes a pair.
_PAIRS = 1 << 20


@full_precision
def voxelization(faces: Tensor, size: int, normalize: bool = False) -> Tensor:
    """Which voxels a mesh fills: those that its surface touches, and those that it encloses.

    Voxel i covers [i, i + 1) along an axis. A voxel belongs to the surface if

    - a face crosses one of its twelve edges, taken without the end that is higher along the edge; edges that are on
      the grid's upper faces (at S on another axis) do not count, nor do faces seen edge-on along the edge, and a face's
      border counts as face; or
    - a corner of a face is in it.

    Of the other voxels, those at the border of the grid are outside, and so is every voxel that shares a side with one
    that is outside. All others are inside.

    Args:
        faces: (N, F, 3, 3), float32 or float64, the corners of the faces, as of `face_vertices`. What is outside the
            grid is cut off; of a face with a corner that is not finite, only the finite corners are marked.
        size: S, voxels along an axis, at least 1.
        normalize: False: the grid spans [0, 1] on each axis; True: it spans [0, size].
    Returns:
        (N, S, S, S) int32 of 0 and 1, axes in the order x, y, z, on the device of faces; without a gradient.
    Raises:
        TypeError, ValueError: wrong types, shapes or sizes.

    Example:
        >>> from gendr_adapters import data
        >>> from gendr_adapters.softras import Mesh, functional as srf
        >>> mesh = Mesh.from_obj(data.path("sphere_642.obj"), normalization=True)
        >>> voxels = srf.voxelization(0.4 * mesh.face_vertices + 0.5, 16)
        >>> voxels.shape, int(voxels[0, 8, 8, 8]), int(voxels[0, 0, 0, 0])  # the middle is inside, the corner outside
        (torch.Size([1, 16, 16, 16]), 1, 0)
    """
    check_real("faces", faces)
    if faces.dim() != 4 or faces.shape[2:] != (3, 3):
        raise ValueError(f"faces must be (N, F, 3, 3), got shape {tuple(faces.shape)}")
    if not isinstance(size, Integral) or isinstance(size, bool) or size < 1:
        raise ValueError(f"size must be an int from 1, got {size!r}")
    face_vertices = faces.detach() if normalize else faces.detach() * size
    surface = torch.zeros((len(faces), size, size, size), dtype=torch.bool, device=faces.device)
    _mark_corners(surface, face_vertices)
    for axis in range(3):
        _mark_pierced(surface.transpose(axis + 1, 3), face_vertices[..., _swapped(axis)])
    return (~_outside(surface)).int()


def _swapped(axis: int) -> list[int]:
    """The order of coordinates with axis and the last one exchanged."""
    order = [0, 1, 2]
    order[axis], order[2] = 2, axis
    return order


def _mark_corners(surface: Tensor, face_vertices: Tensor) -> None:
    cells = face_vertices.flatten(1, 2).floor()
    mesh = torch.arange(len(cells), device=cells.device)[:, None].expand(cells.shape[:2])
    _mark(surface, mesh, cells)


def _mark_pierced(surface: Tensor, face_vertices: Tensor) -> None:
    """Mark the voxels where grid lines along the last axis meet faces."""
    size = surface.shape[1]
    for mesh, face, point in _pairs(face_vertices, size):
        corner = face[:, 0]
        (x1, y1, z1), (x2, y2, z2) = ((face[:, k] - corner).unbind(-1) for k in (1, 2))
        x, y = (point - corner[:, :2]).unbind(-1)
        # w1, w2: the weights of corners 1 and 2 where the line passes.
        area = y1 * x2 - y2 * x1
        w1 = (x2 * y - y2 * x) / area
        w2 = (y1 * x - x1 * y) / area
        hit = (area != 0) & (w1 >= 0) & (w2 >= 0) & (w1 + w2 <= 1)
        height = (w1 * z1 + w2 * z2 + corner[:, 2]).floor()
        cells = torch.cat((point, height[:, None]), -1)[hit]
        for before in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)):
            _mark(surface, mesh[hit], cells - cells.new_tensor(before))


def _mark(surface: Tensor, mesh: Tensor, cells: Tensor) -> None:
    """Mark cells (..., 3), whole floating-point numbers, of meshes (...); those outside the grid are left out."""
    inside = ((cells >= 0) & (cells < surface.shape[1])).all(-1)
    a, b, c = cells[inside].long().unbind(-1)
    surface[mesh[inside], a, b, c] = True


def _pairs(face_vertices: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Faces and the points of the grid in their bounding boxes on the first two axes, as (mesh, corners, point)."""
    flat = face_vertices.flatten(0, 1)
    low = flat[..., :2].amin(1).ceil().clamp(min=0)
    high = flat[..., :2].amax(1).floor().clamp(max=size - 1)
    extent = (high - low + 1).nan_to_num(nan=0).clamp(min=0).long()
    counts = extent.prod(-1)
    for chunk in _chunks(counts):
        face = chunk.repeat_interleave(counts[chunk])
        number = torch.arange(len(face), device=face.device)
        number = number - (counts[chunk].cumsum(0) - counts[chunk]).repeat_interleave(counts[chunk])
        width = extent[face, 1]
        point = torch.stack((number // width, number % width), -1) + low[face]
        yield face // face_vertices.shape[1], flat[face], point


def _chunks(counts: Tensor) -> Iterator[Tensor]:
    """The faces with any pairs, in groups of about _PAIRS pairs."""
    faces = counts.nonzero()[:, 0]
    group = counts[faces].cumsum(0) // _PAIRS
    for size in as_list(group.unique_consecutive(return_counts=True)[1]):
        yield faces[:size]
        faces = faces[size:]


def _outside(surface: Tensor) -> Tensor:
    """Voxels that are not surface and reach the border of the grid through others next to them."""
    free = ~surface
    outside = free.clone()
    outside[:, 1:-1, 1:-1, 1:-1] = False
    count = -1
    while count != (count := int(outside.sum())):
        for axis in (1, 2, 3):
            _spread(outside.unbind(axis), free.unbind(axis))
    return outside


def _spread(outside: tuple[Tensor, ...], free: tuple[Tensor, ...]) -> None:
    """Let what is outside go straight on through what is free, up and down the layers, in place."""
    layers = list(zip(outside, free, strict=True))
    for way in (layers, layers[::-1]):
        for (previous, _), (layer, layer_free) in zip(way, way[1:], strict=False):
            layer |= previous & layer_free
