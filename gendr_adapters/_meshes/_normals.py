"""Vertex normals of a mesh, or of a batch of shapes of one mesh."""

from torch import Tensor

from .._autocast import full_precision
from .._inputs import as_index, check_real
from .._soft_renderer import normals


@full_precision
def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Compute unit normals of vertices: the mean of the normals of the adjacent faces, weighted by their areas.

    A normal points to the side from which its faces are counter-clockwise. For smooth shading pass
    `gather_corners(vertex_normals(vertices, faces), faces)` as the normals of `Lighting`.

    Args:
        vertices: (V, 3), or (B, V, 3) for B shapes of one mesh; float32 or float64.
        faces: (F, 3) int64, vertex indices.
    Returns:
        A tensor like vertices. It is 0 for a vertex that is in no face, or only in faces without area. It has gradients
        to vertices, the same bits in every run.
    Raises:
        TypeError: wrong dtypes or devices.
        ValueError: wrong shapes, or an index out of range. (On CUDA the index is no error, and that normal is NaN.)

    >>> import torch
    >>> from gendr_adapters import vertex_normals
    >>> vertex_normals(torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]), torch.tensor([[0, 1, 2]]))[0].tolist()
    [0.0, 0.0, 1.0]
    """
    check_real("vertices", vertices)
    if vertices.dim() not in (2, 3) or vertices.shape[-1] != 3:
        raise ValueError(f"vertices must be (V, 3) or (B, V, 3), got shape {tuple(vertices.shape)}")
    faces = as_index("faces", faces)
    if faces.dim() != 2 or faces.shape[1] != 3:
        raise ValueError(f"faces must be (F, 3), got shape {tuple(faces.shape)}")
    batch = vertices if vertices.dim() == 3 else vertices[None]
    found = normals.vertex_normals(batch, faces.expand(batch.shape[0], -1, -1))
    return found if vertices.dim() == 3 else found[0]
