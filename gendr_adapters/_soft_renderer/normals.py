"""Corners and normals of batched meshes, with gradients that repeat bit for bit."""

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import ops
from .._autocast import full_precision
from .._inputs import check_real, kind
from .._known import as_list, is_known
from .._rendering import gather_corners

# Lengths below this are not divided by: faces without area and vertices without faces have normals of (nearly) 0.
_SHORTEST = 1e-6


@full_precision
def face_vertices(vertices: Tensor, faces: Tensor) -> Tensor:
    """The values of vertices at the corners of each face.

    Args:
        vertices: (N, V, 3) positions, or other values such as colours, float32 or float64.
        faces: (N, F, 3) of any integer type, each in [0, V).
    Returns:
        (N, F, 3, 3): mesh, face, corner, coordinate. Its gradient repeats bit for bit.
    Raises:
        TypeError: wrong types or devices. ValueError: wrong shapes, or an index out of range (on CUDA, the values of
            that corner are NaN instead).

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import functional as srf
        >>> vertices = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]]])
        >>> srf.face_vertices(vertices, torch.tensor([[[0, 1, 2], [1, 3, 2]]])).shape
        torch.Size([1, 2, 3, 3])
    """
    _check(vertices, faces)
    n_meshes, n_faces = faces.shape[:2]
    gathered = gather_corners(vertices.flatten(0, 1), _packed(faces, vertices.shape[1]))
    return gathered.view(n_meshes, n_faces, 3, 3)


def surface_normals(face_vertices: Tensor) -> Tensor:
    """Unit normals of face_vertices (..., 3, 3): (..., 3), towards where the corners go counter-clockwise."""
    return F.normalize(_area_vectors(face_vertices), dim=-1, eps=_SHORTEST)


@full_precision
def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals of the vertices: the mean of the normals of the faces at each vertex, weighted by their areas.

    Arguments and errors are those of `face_vertices`.

    Returns:
        (N, V, 3), on the side from which the faces are counter-clockwise; 0 where a vertex is in no face.

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import functional as srf
        >>> vertices = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> srf.vertex_normals(vertices, torch.tensor([[[0, 1, 2]]]))[0, 0].tolist()
        [0.0, 0.0, 1.0]
    """
    around = _area_vectors(face_vertices(vertices, faces))
    n_meshes, n_vertices = vertices.shape[:2]
    summed = ops.apply(
        "scatter_corners",
        around[:, :, None].expand(-1, -1, 3, -1).reshape(1, -1, 3, 3),
        _packed(faces, n_vertices),
        n_meshes * n_vertices,
    )
    return F.normalize(summed.view(n_meshes, n_vertices, 3), dim=-1, eps=_SHORTEST)


def _area_vectors(face_vertices: Tensor) -> Tensor:
    """Normals (..., 3) as long as twice the faces' areas."""
    a, b, c = face_vertices.unbind(-2)
    return torch.linalg.cross(b - a, c - a)


def _packed(faces: Tensor, n_vertices: int) -> Tensor:
    """(N, F, 3) -> (N * F, 3) int64, counting the vertices of all meshes on."""
    faces = faces.long()
    first = torch.arange(faces.shape[0], device=faces.device)[:, None, None] * n_vertices
    outside = (faces < 0) | (faces >= n_vertices)
    if is_known(outside) and bool(outside.any()):
        mesh, face, corner = as_list(outside.nonzero()[0])
        raise ValueError(
            f"faces must be in [0, {n_vertices}), the mesh's vertices, got {int(faces[mesh, face, corner])} "
            f"in face {face} of mesh {mesh}"
        )
    # The operator refuses -1, on CUDA it becomes NaN; unmarked, an index too large would be a vertex of the next mesh.
    return torch.where(outside, -1, faces + first).flatten(0, 1)


def _check(vertices: Tensor, faces: Tensor) -> None:
    check_real("vertices", vertices)
    if not isinstance(faces, Tensor) or faces.dtype.is_floating_point or faces.dtype in (torch.bool, torch.complex64):
        raise TypeError(f"faces must be a tensor of integers, got {kind(faces)}")
    if vertices.dim() != 3 or vertices.shape[2] != 3:
        raise ValueError(f"vertices must be (N, V, 3), got shape {tuple(vertices.shape)}")
    if faces.dim() != 3 or faces.shape[2] != 3 or faces.shape[0] != vertices.shape[0]:
        raise ValueError(f"faces must be ({vertices.shape[0]}, F, 3), got shape {tuple(faces.shape)}")
    if vertices.device != faces.device:
        raise TypeError(f"vertices and faces must share a device, got {vertices.device} and {faces.device}")
