"""Small scenes for the tests of the Kaolin door, as its callers have them: image coordinates, z < 0 in front."""

from typing import NamedTuple

import torch
from support.scenes import sphere
from torch import Tensor

SIZE = (20, 27)


class Scene(NamedTuple):
    """z (B, F, 3), image (B, F, 3, 2), features (B, F, 3, C)."""

    z: Tensor
    image: Tensor
    features: Tensor

    def to(self, device: str, dtype: torch.dtype) -> "Scene":
        return Scene(*(x.detach().to(device, dtype).requires_grad_() for x in self))


def soup(seed: int = 0, meshes: int = 2, faces: int = 8, channels: int = 3, size: float = 0.5) -> Scene:
    """Overlapping triangles of both orientations, some partly outside the picture, in float64."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)

    image = uniform(-0.9, 0.9, meshes, faces, 1, 2) + uniform(-size, size, meshes, faces, 3, 2)
    return Scene(uniform(-5, -1, meshes, faces, 3), image, uniform(0, 1, meshes, faces, 3, channels))


def flipped(scene: Scene) -> Scene:
    """The same triangles, the other way round."""
    return Scene(*(x.flip(2) for x in scene))


def ball(meshes: int = 2) -> tuple[Scene, Tensor]:
    """A bumpy sphere of 720 faces, smaller in each mesh, seen in perspective; and z of its normals on the screen."""
    vertices, faces = sphere()
    scale = torch.linspace(1.0, 0.7, meshes, dtype=torch.float64)[:, None, None]
    corners = (vertices * torch.tensor([0.9, 0.9, 1.0], dtype=torch.float64))[faces]
    image = corners[..., :2][None] * scale[..., None] + 0.0123
    z = -corners[..., 2].expand(meshes, -1, -1)
    u, v = image[:, :, 1] - image[:, :, 0], image[:, :, 2] - image[:, :, 0]
    normals_z = u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
    return Scene(z.contiguous(), image.contiguous(), image.sin().repeat(1, 1, 1, 2)), normals_z


def weights_like(x: Tensor, seed: int = 5) -> Tensor:
    """Each number its own weight in a loss."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x.device, x.dtype)
