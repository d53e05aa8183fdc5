"""Normals of one mesh's vertices, or of a batch of its shapes."""

from torch import Tensor

from .._autocast import full_precision
from .._inputs import as_index, check_real
from .._soft_renderer import normals


@full_precision
def vertex_normals(vertices: Tensor, faces: Tensor) -> Tensor:
    """Unit normals of vertices: the mean of the normals of the faces around each, weighted by their areas.

    They point to the side from which the faces are counter-clockwise. `gather_corners(vertex_normals(vertices, faces),
    faces)` is what `Lighting` takes for smooth shading.

    Args:
        vertices: (V, 3), or (B, V, 3) for B shapes of one mesh; float32 or float64. faces: (F, 3) int64.
    Returns:
        As vertices; 0 where a vertex is in no face, or in faces without area alone. With gradients to vertices, the
        same bits each time.
    Raises:
        TypeError: wrong dtypes or devices. ValueError: wrong shapes, or an index out of range (on CUDA: NaN there).

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
