"""Pictures of a mesh from around it, for `gendr-adapters render`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .. import (
    Mesh,
    Rendered,
    RenderSettings,
    TextureMaps,
    gather_corners,
    headlight,
    orbit,
    render,
    suggest,
    vertex_normals,
)
from .._meshes import ball_around
from .._over import over
from .._pixels import scale_of_pixels
from ..cameras import PinholeCamera

# Without softness each pixel is the mean of n x n samples, which smooths edges as other renderers do.
_SUPERSAMPLES = 2
# Room around the mesh's bounding sphere, where the distance is chosen to fit.
_ROOM = 1.05


@dataclass(frozen=True)
class Shot:
    """A mesh, and from where it is seen: everything but the azimuth.

    image_size: (H, W). field_of_view, elevation: degrees. distance: from the middle of the mesh's bounding box, world
    units; None: so that all of it is seen. softness: pixels; None: sharp. show: 'colour', 'alpha',
    'depth' or 'normals'.
    """

    mesh: Mesh
    image_size: tuple[int, int]
    field_of_view: float
    distance: float | None
    elevation: float
    softness: float | None
    show: str

    @torch.no_grad()
    def picture(self, azimuth: float) -> tuple[Tensor, Tensor]:
        """(C, H, W), not premultiplied, and alpha (H, W).

        Raises ValueError for a mesh without faces, or of which nothing is in front of the camera."""
        scale = 1 if self.softness is not None else _SUPERSAMPLES
        height, width = self.image_size
        camera = self._camera(azimuth, (height * scale, width * scale))
        corners = gather_corners(camera.project(self.mesh.vertices), self.mesh.faces)
        settings = self._settings(corners, camera.image_size)
        outputs = ("image", "alpha", "depth") if self.show == "depth" else ("image", "alpha")
        lighting = headlight(self.mesh, camera) if self.show == "colour" else None
        drawn = render(
            corners, camera.image_size, self._features(camera), settings=settings, outputs=outputs, lighting=lighting
        )
        image, alpha = self._shown(drawn, settings)
        if scale == 1:
            return image, alpha
        # The mean of what is premultiplied, so that the background of a pixel's parts does not count.
        mean = F.avg_pool2d(torch.cat([image * alpha, alpha[None]])[None], scale)[0]
        return mean[:-1] / mean[-1:].clamp(min=1e-6), mean[-1]

    def over(self, azimuth: float, background: Sequence[float]) -> Tensor:
        """(C, H, W) in [0, 1], laid over a colour by alpha."""
        image, alpha = self.picture(azimuth)
        return over(image, alpha, background)

    def _camera(self, azimuth: float, size: tuple[int, int]) -> PinholeCamera:
        if not len(self.mesh.faces):
            raise ValueError("the mesh has no faces: there is nothing to show")
        middle, radius = ball_around(self.mesh.vertices)
        fits = _ROOM * radius.item() / math.sin(math.radians(self.field_of_view / 2))
        distance = self.mesh.vertices.new_tensor(fits if self.distance is None else self.distance)
        return orbit(distance, self.elevation, azimuth, at=middle, field_of_view=self.field_of_view, image_size=size)

    def _settings(self, corners: Tensor, size: tuple[int, int]) -> RenderSettings:
        suggested = suggest(corners, size)
        if self.softness is None:
            return RenderSettings.sharp(near=suggested.near, far=suggested.far)
        return suggested.replace(dist_scale=scale_of_pixels("softness", self.softness, size))

    def _features(self, camera: PinholeCamera) -> Tensor | TextureMaps:
        if self.show != "normals":
            return self.mesh.features()
        normals = self.mesh.normals
        if normals is None:
            normals = gather_corners(vertex_normals(self.mesh.vertices, self.mesh.faces), self.mesh.faces)
        # To the right, up and towards the camera are red, green and blue.
        turned = normals @ camera.rotation[0].mT * normals.new_tensor([1.0, -1.0, -1.0])
        return ((F.normalize(turned, dim=-1) + 1) / 2)[None]

    def _shown(self, drawn: Rendered, settings: RenderSettings) -> tuple[Tensor, Tensor]:
        assert drawn.image is not None and drawn.alpha is not None
        alpha = drawn.alpha[0]
        if self.show == "alpha":
            return alpha.expand(3, -1, -1), torch.ones_like(alpha)
        if self.show == "depth":
            assert drawn.depth is not None
            depth = drawn.depth[0]
            nearness = (settings.far - depth) / (settings.far - settings.near)
            return nearness.clamp(0, 1).expand(3, -1, -1), (depth > 0).to(depth)
        return drawn.image[0].clamp(0, 1), alpha
