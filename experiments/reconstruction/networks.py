"""SoftRas' encoder and decoder (Liu et al., "Soft Rasterizer", ICCV 2019), and a decoder for colours.

Modules, parameters and buffers have the names and, at width 64, the shapes of SoftRas' `examples/recon`, so that its
checkpoints fit. The decoder for colours is not in its code: as its paper describes, colours are a palette taken from
the picture, of which every vertex has a mixture.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .processes import SharedBatchNorm
from .views import IMAGE_SIZE

PUBLISHED_WIDTH = 64


class Reconstruction(NamedTuple):
    """B meshes in [-0.5, 0.5]: vertices (B, V, 3) and their colours (B, V, 3) in [0, 1], or None."""

    vertices: Tensor
    colours: Tensor | None


class Encoder(nn.Module):
    """Pictures (B, 4, 64, 64) in [0, 1] to codes (B, 8 * width)."""

    def __init__(self, width: int = PUBLISHED_WIDTH) -> None:
        super().__init__()
        channels = [4, width, 2 * width, 4 * width]
        hidden = 16 * width
        for i in range(3):
            self.add_module(f"conv{i + 1}", nn.Conv2d(channels[i], channels[i + 1], 5, stride=2, padding=2))
        for i in range(3):
            self.add_module(f"bn{i + 1}", SharedBatchNorm(channels[i + 1]))
        self.fc1 = nn.Linear(channels[3] * (IMAGE_SIZE // 8) ** 2, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, 8 * width)

    def forward(self, images: Tensor) -> Tensor:
        x = images
        for i in (1, 2, 3):
            x = F.relu(self.get_submodule(f"bn{i}")(self.get_submodule(f"conv{i}")(x)))
        x = x.flatten(1)
        for layer in (self.fc1, self.fc2, self.fc3):
            x = F.relu(layer(x))
        return x


class Decoder(nn.Module):
    """Codes (B, 8 * width) to vertices (B, V, 3) in [-0.5, 0.5].

    Vertices of a template (V, 3) in (-2, 2) are moved in logits of their distance from the coordinate planes, and never
    cross one; then all are pushed towards a centre.
    """

    vertices_base: Tensor
    faces: Tensor

    def __init__(self, vertices: Tensor, faces: Tensor, width: int = PUBLISHED_WIDTH) -> None:
        super().__init__()
        self.register_buffer("vertices_base", vertices)
        self.register_buffer("faces", faces)
        self.centroid_scale = 0.1
        self.obj_scale = 0.5
        self.fc1 = nn.Linear(8 * width, 16 * width)
        self.fc2 = nn.Linear(16 * width, 32 * width)
        self.fc_centroid = nn.Linear(32 * width, 3)
        self.fc_bias = nn.Linear(32 * width, 3 * len(vertices))

    def forward(self, codes: Tensor) -> Tensor:
        x = F.relu(self.fc2(F.relu(self.fc1(codes))))
        centroid = torch.tanh(self.fc_centroid(x) * self.centroid_scale)[:, None]
        bias = self.fc_bias(x).view(len(x), -1, 3)
        base = self.vertices_base * self.obj_scale
        # On a coordinate plane the logit is -inf, and the vertex stays there.
        moved = torch.sigmoid(torch.logit(base.abs()) + bias) * base.sign()
        stretched = F.relu(moved) * (1 - centroid) - F.relu(-moved) * (1 + centroid)
        return 0.5 * (stretched + centroid)


class ColourDecoder(nn.Module):
    """Codes (B, 8 * width) and the pictures they are of to colours (B, V, 3) of the vertices."""

    PALETTE = 16
    CELLS = 16  # along the side of a picture: colours are means over cells

    def __init__(self, n_vertices: int, width: int = PUBLISHED_WIDTH) -> None:
        super().__init__()
        self.fc1 = nn.Linear(8 * width, 16 * width)
        self.fc_sample = nn.Linear(16 * width, self.PALETTE * self.CELLS**2)
        self.fc_select = nn.Linear(16 * width, n_vertices * self.PALETTE)

    def forward(self, codes: Tensor, images: Tensor) -> Tensor:
        x = F.relu(self.fc1(codes))
        inside = opaque(images)
        cells, share = (
            F.avg_pool2d(part, IMAGE_SIZE // self.CELLS).flatten(2).mT for part in (images[:, :3] * inside, inside)
        )
        # Cells that the thing does not reach have no colour to give.
        logits = self.fc_sample(x).unflatten(1, (self.PALETTE, -1)) + (share.mT + 1e-6).log()
        palette = torch.softmax(logits, 2) @ (cells / (share + 1e-6))
        return torch.softmax(self.fc_select(x).unflatten(1, (-1, self.PALETTE)), 2) @ palette


class Model(nn.Module):
    """Pictures to meshes. template: vertices (V, 3) in (-2, 2) and faces (F, 3)."""

    def __init__(self, template: tuple[Tensor, Tensor], width: int, coloured: bool) -> None:
        super().__init__()
        vertices, faces = template
        self.encoder = Encoder(width)
        self.decoder = Decoder(vertices, faces, width)
        self.colours = ColourDecoder(len(vertices), width) if coloured else None

    def forward(self, images: Tensor) -> Reconstruction:
        codes = self.encoder(images)
        return Reconstruction(self.decoder(codes), None if self.colours is None else self.colours(codes, images))


def opaque(images: Tensor) -> Tensor:
    """1 where a picture (B, 4, H, W) shows nothing but the thing, else 0: (B, 1, H, W).

    There, and only there, colours do not depend on how a data set mixes them with its background.
    """
    return (images[:, 3:] > 0.99).to(images)
