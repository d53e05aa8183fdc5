"""`compute_vertex_normal`."""

import torch
from torch import Tensor

from .. import ops
from .._autocast import full_precision
from .._rendering import gather_corners
from ._arguments import face_indices, rows

# A cotangent-weighted sum that is shorter than this, in the unit of the mesh, says nothing about a direction.
_MIN_COTANGENT_SUM = 0.05


@full_precision
def compute_vertex_normal(vertices: Tensor, indices: Tensor, weighting_scheme: str = "max") -> Tensor:
    """Unit normals of a mesh's vertices, on the side from which the faces are counter-clockwise.

    Args:
        vertices: (n, 3) float32 or float64.
        indices: (m, 3) integers, each in [0, n).
        weighting_scheme: 'max': the faces' cross products e1 x e2 / (|e1|^2 |e2|^2), e1 and e2 the edges at the vertex
            (Max, "Weights for Computing Vertex Normals from Facet Normals", 1999); 'cotangent': the gradient of the
            area, sum_j (cot a_j + cot b_j) (v - v_j) (Desbrun et al., "Implicit Fairing", SIGGRAPH 1999), on the side
            of 'max', and 'max' where it is shorter than 0.05 in the unit of the mesh, as where the mesh is flat.
    Returns:
        (n, 3); (0, 0, 1) for vertices of no face or of faces without area. Its gradient repeats bit for bit.
    Raises:
        TypeError, ValueError: tensors that do not fit, indices out of range, an unknown scheme.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> vertices = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        >>> pyredner.compute_vertex_normal(vertices, torch.tensor([[0, 1, 2]]))[0].tolist()
        [0.0, 0.0, 1.0]
    """
    vertices = rows("vertices", vertices, 3)
    faces = face_indices("indices", indices, vertices.shape[0], vertices)
    if weighting_scheme not in ("max", "cotangent"):
        raise ValueError(f"unknown weighting_scheme {weighting_scheme!r}; allowed: 'max', 'cotangent'")
    face_vertices = gather_corners(vertices, faces)
    ahead, behind = face_vertices.roll(-1, 1) - face_vertices, face_vertices.roll(-2, 1) - face_vertices
    cross = torch.linalg.cross(ahead, behind)
    lengths = ahead.square().sum(2) * behind.square().sum(2)
    up = torch.zeros_like(vertices)
    up[:, 2] = 1
    largest = _unit_or(_sum_at_vertices(_divided(cross, lengths), faces, vertices), up, 0.0)
    if weighting_scheme == "max":
        return largest
    squared = cross.square().sum(2)
    has_area = squared > 0
    double_area = torch.where(has_area, squared, 1.0).sqrt()
    cotangent = torch.where(has_area, (ahead * behind).sum(2) / double_area, 0.0)
    across = face_vertices.roll(-2, 1) - face_vertices.roll(-1, 1)  # the edge across each corner
    pull = across * cotangent[:, :, None]
    summed = _sum_at_vertices(pull.roll(1, 1) - pull.roll(2, 1), faces, vertices)
    summed = torch.where((summed * largest).sum(1, keepdim=True) > 0, summed, -summed)
    return _unit_or(summed, largest, _MIN_COTANGENT_SUM)


def face_normals(face_vertices: Tensor) -> Tensor:
    """(F, 3) unit normals of face_vertices (F, 3, 3), on the side they are counter-clockwise from; 0 without area."""
    a, b, c = face_vertices.unbind(1)
    cross = torch.linalg.cross(b - a, c - a)
    return _unit_or(cross, torch.zeros_like(cross), 0.0)


def unit(vectors: Tensor) -> Tensor:
    """Vectors (..., 3) of length 1; 0 where they are 0."""
    return _unit_or(vectors, torch.zeros_like(vectors), 0.0)


def _sum_at_vertices(values: Tensor, faces: Tensor, vertices: Tensor) -> Tensor:
    return ops.apply("scatter_corners", values[None], faces, vertices.shape[0])[0]


def _divided(vectors: Tensor, divisors: Tensor) -> Tensor:
    """0 where the divisor is 0."""
    return torch.where((divisors > 0)[..., None], vectors / torch.where(divisors > 0, divisors, 1.0)[..., None], 0.0)


def _unit_or(vectors: Tensor, otherwise: Tensor, shortest: float) -> Tensor:
    """Vectors of length 1, `otherwise` where they are not longer than `shortest`; finite gradients everywhere."""
    squared = vectors.square().sum(-1, keepdim=True)
    long = squared > shortest**2
    return torch.where(long, vectors / torch.where(long, squared, 1.0).sqrt(), otherwise)
