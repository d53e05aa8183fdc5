"""What training makes small (Liu et al., "Soft Rasterizer", ICCV 2019, section 5)."""

import torch
from torch import Tensor, nn

import gendr_adapters.softras as sr
from gendr_adapters.utils.losses import iou_loss

from .data import Pair
from .networks import Model, Reconstruction, opaque
from .settings import Settings
from .views import IMAGE_SIZE, VIEWING_ANGLE


class Objective(nn.Module):
    """Two pictures of each thing give two meshes, and both must look right in both views.

    iou: 1 - IoU of the silhouettes, of all four pairs. colour: mean absolute difference where the thing fills the
    pixel. laplacian, flatten: the smoothness of the meshes. All of them means over the batch; total is their weighted
    sum.
    """

    def __init__(self, settings: Settings, model: Model) -> None:
        super().__init__()
        self.settings = settings
        self.faces = model.decoder.faces
        self.renderer = sr.SoftRenderer(
            IMAGE_SIZE,
            aggr_func_rgb="softmax" if settings.colour else "hard",
            camera_mode="look_at",
            viewing_angle=VIEWING_ANGLE,
            dist_eps=1e-10,
            light_intensity_ambient=1.0,
            light_intensity_directionals=0.0,
            gradient=settings.gradient,
        )
        self.laplacian = sr.LaplacianLoss(model.decoder.vertices_base, self.faces)
        self.flatten = sr.FlattenLoss(self.faces)

    def forward(self, made: Reconstruction, pair: Pair, sigma: float) -> dict[str, Tensor]:
        """made: of [images_a, images_b] (2B). Returns scalars by name."""
        vertices, colours = made
        eyes = torch.cat([pair.eyes_a, pair.eyes_a, pair.eyes_b, pair.eyes_b])
        targets = torch.cat([pair.images_a, pair.images_a, pair.images_b, pair.images_b])
        twice = torch.cat([vertices, vertices])
        self.renderer.set_sigma(sigma)
        self.renderer.transform.set_eyes(eyes)
        textures = None if colours is None else torch.cat([colours, colours])
        texture_type = "surface" if colours is None else "vertex"
        faces = self.faces.expand(len(twice), -1, -1)
        images = self.renderer(twice, faces, textures, texture_type=texture_type)
        losses = {
            "iou": iou_loss(images[:, 3], targets[:, 3]),
            "laplacian": self.laplacian(vertices).mean(),
            "flatten": self.flatten(vertices).mean(),
        }
        if colours is not None:
            losses["colour"] = colour_difference(images, targets, opaque(targets)).mean()
        weights = self.settings.weights()
        return {"total": sum((weights[name] * loss for name, loss in losses.items()), torch.zeros(())), **losses}


def colour_difference(images: Tensor, targets: Tensor, where: Tensor) -> Tensor:
    """Mean absolute difference of pictures (N, 4, H, W) in the pixels that `where` (N, 1, H, W) weighs: (N,)."""
    apart = ((images[:, :3] - targets[:, :3]).abs() * where).mean(1).sum((1, 2))
    return apart / where.sum((1, 2, 3)).clamp(min=1)
