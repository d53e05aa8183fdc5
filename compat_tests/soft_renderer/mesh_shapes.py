"""Random meshes for tests, float64."""

import torch


def icosahedron(generator, noise=0.2):
    """A closed mesh: (12, 3) vertices around 0, about 1 away, displaced; (20, 3) faces, counter-clockwise outside."""
    g = (1 + 5**0.5) / 2
    vertices = torch.tensor(
        [[a * s, b * t, c] if k == 0 else [c, a * s, b * t] if k == 1 else [b * t, c, a * s]
         for k in range(3) for s in (-1, 1) for t in (-1, 1) for a, b, c in [(1, g, 0)]],
        dtype=torch.float64,
    )  # fmt: skip
    distance = torch.cdist(vertices, vertices)
    near = (distance - 2).abs() < 1e-6
    faces = [
        (i, j, k) if torch.linalg.det(vertices[[i, j, k]]) > 0 else (i, k, j)
        for i in range(12)
        for j in range(i + 1, 12)
        for k in range(j + 1, 12)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    noise = noise * torch.randn(12, 3, generator=generator, dtype=torch.float64)
    return vertices / (1 + g * g) ** 0.5 + noise, torch.tensor(faces)


def soup(generator, n_vertices, n_faces, n_meshes=1):
    """(N, V, 3) vertices and (N, F, 3) faces of three different vertices each; every vertex is in a face if F >= V."""
    vertices = torch.randn(n_meshes, n_vertices, 3, generator=generator, dtype=torch.float64)
    faces = torch.stack([torch.randperm(n_vertices, generator=generator)[:3] for _ in range(n_meshes * n_faces)]).view(
        n_meshes, n_faces, 3
    )
    return vertices, faces
