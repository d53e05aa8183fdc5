"""The Laplacian loss with its whole matrix and the flatten loss edge by edge, as SoftRas and GenDR define them."""

import torch


def laplacian_loss(x, faces):
    """(N,) of x (N, V, C). Every vertex must be in a face."""
    n_vertices = x.shape[1]
    matrix = torch.zeros(n_vertices, n_vertices, dtype=x.dtype)
    for face in faces.tolist():
        for i in face:
            for j in face:
                if i != j:
                    matrix[i, j] = -1
    degrees = -matrix.sum(1)
    return ((matrix + torch.diag(degrees)) / degrees[:, None] @ x).pow(2).sum((1, 2))


def flatten_loss(vertices, faces, eps=1e-6):
    """(N,) of vertices (N, V, 3)."""
    return sum((_bend(vertices, *edge, eps) for edge in edges_with_wings(faces)), torch.zeros(len(vertices)))


def edges_with_wings(faces):
    """(start, end, opposite, opposite) of the edges that are first or second in a face and have two faces."""
    faces = faces.tolist()
    edges = {tuple(sorted(edge)) for a, b, c in faces for edge in ((a, b), (b, c))}
    found = []
    for edge in sorted(edges):
        opposite = [v for face in faces if set(edge) <= set(face) for v in face if v not in edge]
        if len(opposite) == 2:
            found.append((*edge, *opposite))
    return found


def _bend(vertices, start, end, first, second, eps):
    axis = vertices[:, end] - vertices[:, start]
    across, lengths = [], []
    for opposite in (first, second):
        wing = vertices[:, opposite] - vertices[:, start]
        dot, axis2, wing2 = (axis * wing).sum(1), (axis * axis).sum(1), (wing * wing).sum(1)
        cosine = dot / ((axis2 + eps) ** 0.5 * (wing2 + eps) ** 0.5 + eps)
        across.append(wing - axis * (dot / (axis2 + eps))[:, None])
        lengths.append((wing2 + eps) ** 0.5 * (1 - cosine**2 + eps) ** 0.5)
    cosine = (across[0] * across[1]).sum(1) / (lengths[0] * lengths[1] + eps)
    return (cosine + 1) ** 2
