"""The pictures of the viewer: a mesh seen by a camera, drawn as a View says, and the gradients of its vertices."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from .._headlight import headlight
from .._meshes import Mesh
from .._over import over
from .._rendering import gather_corners, render
from ..cameras import PinholeCamera
from ._view import View

BACKDROP = 1.0
# Number of arrows, at the vertices with the largest gradients, and length of the longest, a share of the shorter side.
ARROWS, LONGEST = 150, 0.08


class Pull(NamedTuple):
    """The gradient of the silhouette's area, which is the sum of alpha in pixels, to the vertices.

    in_world: (V, 3), pixels per world unit. on_screen: (V, 2), the gradient to the positions of the vertices in the
    picture, right and down, without unit. places: (V, 2), these positions, pixels."""

    in_world: Tensor
    on_screen: Tensor
    places: Tensor


def picture(mesh: Mesh, camera: PinholeCamera, view: View) -> np.ndarray:
    """Draw a picture, (H, W, 3) uint8. It is empty if the mesh is behind the camera."""
    height, width = camera.image_size
    seen = camera.project(mesh.vertices)
    if not bool((seen[..., 2] > 0).any()):
        return np.full((height, width, 3), round(255 * BACKDROP), np.uint8)
    if view.shown == "gradient":
        return _with_arrows(mesh, camera, view)
    settings = view.settings(camera.image_size, seen[..., 2])
    corners = gather_corners(seen, mesh.faces)
    if view.shown == "colour":
        light = headlight(mesh, camera)
        image, alpha, _, _ = render(corners, camera.image_size, mesh.features(), settings=settings, lighting=light)
        assert image is not None and alpha is not None
        return _to_uint8(over(image[0], alpha[0], [BACKDROP] * 3))
    outputs = ("alpha",) if view.shown == "alpha" else ("alpha", "depth")
    _, alpha, depth, _ = render(corners, camera.image_size, settings=settings, outputs=outputs)
    assert alpha is not None
    if depth is None:
        return _to_uint8(alpha.expand(3, -1, -1))
    nearness = (settings.far - depth) / (settings.far - settings.near)
    return _to_uint8(torch.where(depth > 0, nearness, 0.0).expand(3, -1, -1))


def pull_of(mesh: Mesh, camera: PinholeCamera, view: View) -> Pull:
    """The gradient of the silhouette's area. It is zero for a mesh behind the camera."""
    height, width = camera.image_size
    vertices = mesh.vertices.detach().requires_grad_()
    with torch.enable_grad():
        seen = camera.project(vertices)
        places = torch.stack(
            [(seen[0, :, 0] * min(height, width) + width) / 2, (height - seen[0, :, 1] * min(height, width)) / 2], 1
        ).detach()
        if not bool((seen[..., 2] > 0).any()):
            return Pull(torch.zeros_like(vertices), torch.zeros_like(places), places)
        settings = view.settings(camera.image_size, seen[..., 2].detach())
        alpha = render(gather_corners(seen, mesh.faces), camera.image_size, settings=settings, outputs=("alpha",)).alpha
        assert alpha is not None
        in_world, on_screen = torch.autograd.grad(alpha.sum(), [vertices, seen])
    # From NDC, y up, to pixels, down.
    to_pixels = torch.tensor([2.0, -2.0]) / min(height, width)
    return Pull(in_world, on_screen[0, :, :2] * to_pixels.to(on_screen), places)


def heat(values: Tensor, beside: Tensor | None = None) -> Tensor:
    """Colours (V, 3) in [0, 1] of numbers >= 0 (V,): from grey for 0 to red for the largest number, of these or of
    `beside`."""
    largest = (values if beside is None else beside).max().clamp(min=1e-30)
    share = (values / largest).clamp(max=1)[:, None]
    grey, red = values.new_tensor([0.75, 0.75, 0.75]), values.new_tensor([0.85, 0.1, 0.05])
    return grey + share.sqrt() * (red - grey)


def _with_arrows(mesh: Mesh, camera: PinholeCamera, view: View) -> np.ndarray:
    """Draw the silhouette, with arrows at the vertices of the largest gradients. They point where its area would
    grow."""
    silhouette = picture(mesh, camera, replace(view, shown="alpha"))
    canvas = Image.fromarray(silhouette // 2 + 32)
    pull = pull_of(mesh, camera, view)
    strength = pull.on_screen.norm(dim=1)
    strongest = strength.topk(min(ARROWS, len(strength))).indices
    scale = LONGEST * min(camera.image_size) / strength.max().clamp(min=1e-30)
    draw = ImageDraw.Draw(canvas)
    for (x, y), (dx, dy) in zip(
        pull.places[strongest].tolist(), (scale * pull.on_screen)[strongest].tolist(), strict=True
    ):
        _arrow(draw, x, y, dx, dy)
    return np.asarray(canvas)


def _arrow(draw: ImageDraw.ImageDraw, x: float, y: float, dx: float, dy: float) -> None:
    tip, colour = (x + dx, y + dy), (255, 120, 40)
    draw.line([(x, y), tip], fill=colour, width=1)
    for side in (-1, 1):
        draw.line([tip, (tip[0] - 0.3 * dx + side * 0.2 * dy, tip[1] - 0.3 * dy - side * 0.2 * dx)], fill=colour)


def _to_uint8(values: Tensor) -> np.ndarray:
    """(3, H, W) -> (H, W, 3)."""
    pixels: np.ndarray = (values.detach().clamp(0, 1).permute(1, 2, 0) * 255).round().to(torch.uint8).cpu().numpy()
    return pixels
