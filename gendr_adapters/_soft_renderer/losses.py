"""Smoothness of meshes (Liu et al., "Soft Rasterizer", ICCV 2019, section 4), without anything of size V x V."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from .._autocast import full_precision
from .._inputs import check_real
from .fixed_order import gather_rows, sum_rows


class _MeshLoss(nn.Module):
    """A loss whose buffers follow from the faces and are not saved; those that the originals save are passed over, so
    that their checkpoints load."""

    originals_buffers: ClassVar[tuple[str, ...]]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        for name in self.originals_buffers:
            state_dict.pop(prefix + name, None)
        super()._load_from_state_dict(state_dict, prefix, *others)


class LaplacianLoss(_MeshLoss):
    """The sum over the vertices of the squared distance between a vertex and the mean of its neighbours.

    Source: Liu et al., "Soft Rasterizer", ICCV 2019, section 4.

    Example:
        >>> from gendr_adapters import data
        >>> from gendr_adapters.softras import LaplacianLoss, Mesh
        >>> mesh = Mesh.from_obj(data.path("sphere_642.obj"))
        >>> smoothness = LaplacianLoss(mesh.vertices[0], mesh.faces[0])
        >>> smoothness(mesh.vertices).shape
        torch.Size([1])
    """

    originals_buffers = ("laplacian",)
    starts: Tensor
    ends: Tensor
    degrees: Tensor

    def __init__(self, vertex: Tensor, faces: Tensor, average: bool = False) -> None:
        """Collect the neighbours.

        Args:
            vertex: (V, 3); only its length V is used.
            faces: (F, 3) integers in [0, V). A vertex that is in no face adds nothing to the loss; a vertex that is
                twice in a face is not its own neighbour.
            average: return the mean over the batch, not one value a mesh.
        Raises:
            TypeError: faces is not a tensor of integers. ValueError: shapes that do not fit, or an index out of range.
        """
        super().__init__()
        faces = _checked(faces)
        self.nv, self.nf, self.average = len(vertex), len(faces), average
        if faces.numel() and not 0 <= int(faces.min()) <= int(faces.max()) < self.nv:
            raise ValueError(f"faces must be in [0, {self.nv}), got {int(faces.min())} to {int(faces.max())}")
        directed = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
        directed = directed[directed[:, 0] != directed[:, 1]]
        edges = torch.cat([directed, directed.flip(1)]).unique(dim=0)
        self.register_buffer("starts", edges[:, 0].contiguous(), persistent=False)
        self.register_buffer("ends", edges[:, 1].contiguous(), persistent=False)
        self.register_buffer("degrees", edges[:, 0].bincount(minlength=self.nv), persistent=False)

    @full_precision
    def forward(self, x: Tensor) -> Tensor:
        """The loss of x (N, V, C), float32 or float64: positions, or other values at the vertices.

        Returns (N,), or a scalar if average. Raises TypeError or ValueError for another dtype or shape.
        """
        check_real("x", x)
        if x.dim() != 3 or x.shape[1] != self.nv:
            raise ValueError(f"x must be (N, {self.nv}, C), got shape {tuple(x.shape)}")
        neighbours = sum_rows(gather_rows(x, self.ends), self.starts, self.nv)
        n = self.degrees.to(x.dtype)[:, None]
        apart = torch.where(n > 0, x - neighbours / n.clamp(min=1), 0)
        return _reduced(apart.square().sum((1, 2)), self.average)


class FlattenLoss(_MeshLoss):
    """The sum over the edges of (cos(angle) + 1)^2; the angle is that between the two faces of the edge, 180 degrees if
    they lie in one plane, so that a flat mesh has the loss 0.

    Source: Liu et al., "Soft Rasterizer", ICCV 2019, section 4.

    Example:
        >>> import torch
        >>> from gendr_adapters.softras import FlattenLoss
        >>> flatness = FlattenLoss(torch.tensor([[0, 1, 2], [1, 0, 3]]))  # two faces at the edge from vertex 0 to 1
        >>> flat = torch.tensor([[[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [1.0, -1.0, 0.0]]])
        >>> folded = flat + torch.tensor([0.0, 0.0, 1.0]) * torch.tensor([0.0, 0.0, 0.0, 1.0])[:, None]
        >>> bool(flatness(flat) < 1e-4), bool(flatness(folded) > 1e-2)
        (True, True)
    """

    originals_buffers = ("v0s", "v1s", "v2s", "v3s")
    corners: Tensor

    def __init__(self, faces: Tensor, average: bool = False) -> None:
        """Pair the faces at every edge.

        Args:
            faces: (F, 3) integers. Edges of one face alone, and edges of more than two, are left out; so is, as in
                SoftRas, an edge that goes from the third corner to the first in both of its faces.
            average: return the mean over the batch, not one value a mesh.
        Raises:
            TypeError: faces is not a tensor of integers. ValueError: another shape.
        """
        super().__init__()
        faces = _checked(faces)
        self.nf, self.average = len(faces), average
        self.register_buffer("corners", _edges_with_wings(faces).T.flatten(), persistent=False)

    @full_precision
    def forward(self, vertices: Tensor, eps: float = 1e-6) -> Tensor:
        """The loss of vertices (N, V, 3), float32 or float64. eps, > 0, keeps divisors from 0.

        Returns (N,), or a scalar if average. Raises TypeError or ValueError for another dtype or shape.
        """
        check_real("vertices", vertices)
        if vertices.dim() != 3 or vertices.shape[2] != 3:
            raise ValueError(f"vertices must be (N, V, 3), got shape {tuple(vertices.shape)}")
        start, end, *wings = gather_rows(vertices, self.corners).chunk(4, dim=1)
        (across1, length1), (across2, length2) = (_across(end - start, wing - start, eps) for wing in wings)
        cosine = (across1 * across2).sum(-1) / (length1 * length2 + eps)
        return _reduced((cosine + 1).square().sum(1), self.average)


def _edges_with_wings(faces: Tensor) -> Tensor:
    """(E, 4): the vertices of an edge and the two opposite it, of all edges that the loss has."""
    turned = torch.cat([faces, faces[:, [1, 2, 0]], faces[:, [2, 0, 1]]])
    edges, edge_of, counts = turned[:, :2].sort(1).values.unique(dim=0, return_inverse=True, return_counts=True)
    counted = torch.zeros_like(counts, dtype=torch.bool)
    counted[edge_of[: 2 * len(faces)]] = True
    opposite = turned[edge_of.argsort(stable=True), 2]
    chosen = counted & (counts == 2)
    first = (counts.cumsum(0) - counts)[chosen]
    return torch.cat([edges[chosen], torch.stack([opposite[first], opposite[first + 1]], 1)], 1)


def _across(axis: Tensor, wing: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The part of wings (..., 3) that is at right angles to the axis, and its length, as the originals have them."""
    axis2, along = axis.square().sum(-1), (axis * wing).sum(-1)
    wing_length = (wing.square().sum(-1) + eps).sqrt()
    cosine = along / ((axis2 + eps).sqrt() * wing_length + eps)
    sine = (1 - cosine.square() + eps).sqrt()
    return wing - axis * (along / (axis2 + eps))[..., None], wing_length * sine


def _checked(faces: Tensor) -> Tensor:
    if not isinstance(faces, Tensor) or faces.dtype.is_floating_point:
        raise TypeError(f"faces must be a tensor of integers, got {getattr(faces, 'dtype', type(faces).__name__)}")
    if faces.dim() != 2 or faces.shape[1] != 3:
        raise ValueError(f"faces must be (F, 3), got shape {tuple(faces.shape)}")
    return faces.detach().long()


def _reduced(losses: Tensor, average: bool) -> Tensor:
    return losses.mean() if average else losses
