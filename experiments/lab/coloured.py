"""Coloured meshes in front of one camera, seen soft or hard; how much two pictures differ."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from gendr_adapters import RenderSettings, gather_corners, render
from gendr_adapters.softras.functional import perspective

Gradient = Literal["exact", "reference"]

SIDES = (  # a cube's colours
    (0.95, 0.15, 0.15),
    (0.15, 0.75, 0.2),
    (0.2, 0.3, 0.95),
    (0.95, 0.85, 0.15),
    (0.85, 0.25, 0.85),
    (0.15, 0.85, 0.9),
)


class Coloured(NamedTuple):
    """Vertices (V, 3), faces (F, 3) int64, counter-clockwise from outside, and the colours of their corners (F, 3,
    3)."""

    vertices: Tensor
    faces: Tensor
    colours: Tensor

    def to(self, device: torch.device) -> "Coloured":
        return Coloured(*(part.to(device) for part in self))


def cube(kind: str) -> Coloured:
    """A cube with edges of length 2; kind: 'sides' or 'corners'."""
    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)
    faces, colours = [], []
    for axis in range(3):
        for side in (0, 1):
            # In the order of cartesian_prod the second and third differ in what comes last; counter-clockwise, from
            # outside, are those of the far side of the axes x and z and of the near side of y.
            a, b, c, d = (corners[:, axis] == 2 * side - 1).nonzero()[:, 0].tolist()
            loop = (a, c, d, b) if (side == 1) != (axis == 1) else (a, b, d, c)
            for face in ((loop[0], loop[1], loop[2]), (loop[0], loop[2], loop[3])):
                faces.append(face)
                one = torch.tensor(SIDES[2 * axis + side]).expand(3, 3)
                colours.append(one if kind == "sides" else (corners[list(face)] + 1) / 2)
    return Coloured(corners, torch.tensor(faces), torch.stack(colours))


@dataclass(frozen=True)
class View:
    """A camera on the positive z axis that looks at the origin, where things have about the radius given; world and
    picture have x to the right and y up. half_fov: degrees from the middle of the square picture to its border."""

    distance: float = 5.0
    half_fov: float = 22.0
    radius: float = 1.8
    size: int = 64

    def project(self, vertices: Tensor) -> Tensor:
        """World (B, V, 3) to x, y in [-1, 1] and the depth."""
        x, y, z = vertices.unbind(-1)
        return perspective(torch.stack([x, y, self.distance - z], -1), self.half_fov)

    def settings(self, **others: Any) -> RenderSettings:
        """gamma is a share of the depth that things may have."""
        return RenderSettings(**self.depths(), **others)

    def depths(self) -> dict[str, Any]:
        """near and far of RenderSettings."""
        return {"near": self.distance - self.radius, "far": self.distance + self.radius}


def soft(view: View, sigma: float | Tensor, gamma: float | Tensor, gradient: Gradient = "exact") -> RenderSettings:
    """Edges blurred by sigma (NDC^2), depth by gamma: every face in reach has a gradient, the hidden ones, too."""
    return view.settings(dist_scale=sigma, gamma=gamma, gradient=gradient)


def hard(view: View) -> RenderSettings:
    """What a camera sees: a pixel has the interpolated colour of the nearest face and that face alone has a
    gradient."""
    return RenderSettings.sharp(**view.depths())


def hard_inside(view: View, sigma: float | Tensor) -> RenderSettings:
    """Colours as in `hard`, and silhouettes blurred by sigma: the outline has a gradient, what is hidden has none to
    colours."""
    return view.settings(dist_scale=sigma, blend="hard")


def draw(view: View, vertices: Tensor, faces: Tensor, colours: Tensor, settings: RenderSettings) -> Tensor:
    """Vertices (B, V, 3) over black: (B, 4, S, S), red, green, blue and alpha. colours: (F, K, 3) or (B, F, K, 3)."""
    corners = gather_corners(view.project(vertices), faces)
    rendered = render(corners, view.size, colours.expand(len(corners), *colours.shape[-3:]), settings=settings)
    assert rendered.image is not None and rendered.alpha is not None
    alpha = rendered.alpha[:, None]
    return torch.cat([rendered.image * alpha, alpha], 1)


def over_white(images: Tensor) -> Tensor:
    """Pictures (..., 4, H, W) over black, as `draw` makes them, to (..., 3, H, W) in [0, 1] over white."""
    return (images[..., :3, :, :] + 1 - images[..., 3:, :, :]).clamp(0, 1)


def differences(seen: Tensor, wanted: Tensor, levels: int = 1) -> Tensor:
    """The mean square over the pixels and channels of each picture: (B, C, H, W) twice -> (B,). With more levels added
    to it that of the pictures of half, a quarter of the size, and so on: these feel what is far from where it should
    be."""
    total = (seen - wanted).square().mean((1, 2, 3))
    for _ in range(levels - 1):
        seen, wanted = F.avg_pool2d(seen, 2), F.avg_pool2d(wanted, 2)
        total = total + (seen - wanted).square().mean((1, 2, 3))
    return total
