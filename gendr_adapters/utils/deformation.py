"""The shape that the papers optimise: a template mesh whose vertices move, each within its octant."""

import torch
from torch import Tensor, nn

from .._meshes import Mesh


class DeformableTemplate(nn.Module):
    """A template mesh inside the cube [-1, 1]^3 whose vertices move but never leave their octant.

    Each coordinate is the sign of the template's coordinate times sigmoid(logit(|template|) + displacement). Then the
    whole mesh is moved to tanh(centre), and shrunk on that side so that it stays inside the cube (Kato et al., "Neural
    3D Mesh Renderer", CVPR 2018)."""

    sign: Tensor
    logit: Tensor

    def __init__(self, template: Mesh, displacement: Tensor) -> None:
        """Start from the template at half its size.

        Args:
            template: V vertices inside the cube.
            displacement: (..., V, 3), where the optimisation starts, in logits; one shape for each of the leading
                dimensions.
        """
        super().__init__()
        start = template.vertices * 0.5
        self.faces = template.faces
        self.register_buffer("sign", start.sign(), persistent=False)
        self.register_buffer("logit", torch.logit(start.abs(), eps=1e-6), persistent=False)
        self.displacement = nn.Parameter(displacement)
        self.centre = nn.Parameter(displacement.new_zeros(*displacement.shape[:-2], 1, 3))

    def forward(self) -> Tensor:
        """Return the vertices (..., V, 3)."""
        vertices = torch.sigmoid(self.logit + self.displacement) * self.sign
        centre = torch.tanh(self.centre)
        return vertices.clamp(min=0) * (1 - centre) + vertices.clamp(max=0) * (1 + centre) + centre
