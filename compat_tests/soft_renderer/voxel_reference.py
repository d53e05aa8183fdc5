"""Which voxels a mesh occupies, as SoftRas' and GenDR's four passes find it, one voxel after the other."""

import math

import numpy as np


def occupied(faces, size):
    """(S, S, S) of 0 and 1 for faces (F, 3, 3) in voxels."""
    surface = np.zeros((size, size, size), bool)
    for face in faces:
        for corner in face:
            _mark(surface, [math.floor(c) for c in corner])
        for axis in range(3):
            _pierce(surface, face, axis)
    return 1 - _outside(surface)


def _pierce(surface, face, axis):
    """Mark the voxels around the grid lines along an axis that meet the face, where they do."""
    size = len(surface)
    # In this order of axes and terms the originals compute, which decides where a line meets a border or a corner.
    j, k = ((2, 1), (0, 2), (0, 1))[axis]
    first, second = face[1] - face[0], face[2] - face[0]
    area = first[k] * second[j] - second[k] * first[j]
    if area == 0:
        return
    for p in range(size):
        for q in range(size):
            to_j, to_k = p - face[0][j], q - face[0][k]
            w1 = (second[j] * to_k - second[k] * to_j) / area
            w2 = (first[k] * to_j - first[j] * to_k) / area
            if w1 < 0 or w2 < 0 or w1 + w2 > 1:
                continue
            cell = [0, 0, 0]
            cell[axis] = math.floor(w1 * first[axis] + w2 * second[axis] + face[0][axis])
            for cell[j] in (p, p - 1):
                for cell[k] in (q, q - 1):
                    _mark(surface, cell)


def _mark(surface, cell):
    if all(0 <= c < len(surface) for c in cell):
        surface[tuple(cell)] = True


def _outside(surface):
    """Voxels that are not surface and can be reached from the border."""
    size = len(surface)
    todo = [cell for cell in np.ndindex(surface.shape) if {0, size - 1} & set(cell) and not surface[cell]]
    outside = np.zeros(surface.shape, bool)
    for cell in todo:
        outside[cell] = True
    while todo:
        cell = todo.pop()
        for axis in range(3):
            for step in (-1, 1):
                beside = (*cell[:axis], cell[axis] + step, *cell[axis + 1 :])
                if 0 <= beside[axis] < size and not surface[beside] and not outside[beside]:
                    outside[beside] = True
                    todo.append(beside)
    return outside
