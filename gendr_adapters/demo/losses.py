"""Losses for learning a shape from silhouettes (the ones of the SoftRas paper, section 4)."""

import torch
from torch import Tensor


def iou(prediction: Tensor, target: Tensor) -> Tensor:
    """Soft intersection over union of each silhouette: (B, H, W) in [0, 1] twice -> (B,)."""
    both = (prediction * target).sum((1, 2))
    either = (prediction + target - prediction * target).sum((1, 2))
    return both / (either + 1e-6)


def iou_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """One minus the mean soft intersection over union."""
    return 1 - iou(prediction, target).mean()


class LaplacianLoss:
    """Sum over the vertices of the squared offset from the mean of their neighbours (uniform Laplacian)."""

    def __init__(self, faces: Tensor, n_vertices: int) -> None:
        """Collect the neighbours. faces: (F, 3) int64; every vertex must belong to a face."""
        directed = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        edges = torch.cat([directed, directed.flip(1)]).unique(dim=0)
        self.start, self.end = edges.unbind(1)
        self.weight = 1 / torch.bincount(self.start, minlength=n_vertices)[:, None]

    def __call__(self, vertices: Tensor) -> Tensor:
        """(V, 3) -> scalar."""
        neighbours = torch.zeros_like(vertices).index_add(0, self.start, vertices[self.end])
        return (vertices - neighbours * self.weight).square().sum()


class FlattenLoss:
    """Sum over the inner edges of (cos(dihedral angle) + 1)^2: 0 where the two faces lie in one plane, unfolded."""

    def __init__(self, faces: Tensor) -> None:
        """Pair the faces at every edge. faces: (F, 3) int64; edges with one or more than two faces are left out."""
        corners = torch.cat([faces[:, [0, 1, 2]], faces[:, [1, 2, 0]], faces[:, [2, 0, 1]]])
        edges, edge_of, count = corners[:, :2].sort(1).values.unique(dim=0, return_inverse=True, return_counts=True)
        opposite = corners[:, 2][edge_of.argsort(stable=True)]
        first = count.cumsum(0) - count
        inner = count == 2
        self.edges = edges[inner]
        self.wings = torch.stack([opposite[first[inner]], opposite[first[inner] + 1]], 1)

    def __call__(self, vertices: Tensor) -> Tensor:
        """(V, 3) -> scalar."""
        origin, tip = vertices[self.edges].unbind(1)
        axis = tip - origin
        wings = vertices[self.wings] - origin[:, None]
        along = (wings * axis[:, None]).sum(-1, keepdim=True) / (axis.square().sum(-1)[:, None, None] + 1e-12)
        across = wings - along * axis[:, None]
        lengths = (across.square().sum(-1) + 1e-12).sqrt()
        cosine = (across[:, 0] * across[:, 1]).sum(-1) / lengths.prod(-1)
        return (cosine + 1).square().sum()
