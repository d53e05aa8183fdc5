"""What is timed: projected faces and settings, made from the package's own meshes."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.spheres import uv_sphere
from gendr_adapters import Mesh, RenderSettings, _native, gather_corners, load_mesh, render
from gendr_adapters.data import path
from gendr_adapters.distributions import DISTRIBUTIONS
from gendr_adapters.utils.cameras import orbit, project


class Scene(NamedTuple):
    """faces: (F, 3, 3) or (B, F, 3, 3). output: 'alpha' (a silhouette) or 'image' (corners' features, n_channels)."""

    name: str
    faces: Tensor
    image_size: int
    settings: RenderSettings
    output: str = "alpha"
    n_channels: int = 3

    def renderer(self) -> Callable[[], tuple[Tensor, Tensor]]:
        """A function that renders; returns the picture and the faces its gradient goes to."""
        faces = self.faces.clone().requires_grad_()
        features = None if self.output == "alpha" else torch.rand(*faces.shape[:-1], self.n_channels).to(faces)

        def run() -> tuple[Tensor, Tensor]:
            rendered = render(faces, self.image_size, features, settings=self.settings, outputs=(self.output,))
            picture = rendered.alpha if self.output == "alpha" else rendered.image
            assert picture is not None
            return picture, faces

        return run

    def count_pairs(self) -> int:
        """Pixels in reach of a face, over all faces. With tau so large that every D is 1/2, they are 2 sum(D)."""
        everywhere = RenderSettings(
            dist_scale=1e6, reach=_reach(self.settings), min_coverage=0.0, t_conorm="sum", alpha_range="all"
        )
        alpha = render(self.faces.double(), self.image_size, settings=everywhere, outputs=("alpha",)).alpha
        assert alpha is not None
        return round(float(alpha.sum()) * 2 * self.faces.shape[-3])


def silhouette_settings(tau: float) -> RenderSettings:
    """SoftRas' silhouette: logistic of the squared distance, cut off where D = 1e-4."""
    return RenderSettings(dist_scale=tau, reach=math.sqrt(9.21 * tau), min_coverage=0.0)


def spot_faces() -> Tensor:
    """spot's 5,856 faces from the front, filling most of the picture."""
    return _view(load_mesh(path("spot.obj"), textures=False), 1, 2.732, 30.0)[0]


def sphere_faces(n_faces: int) -> Tensor:
    """A sphere of about n_faces faces in the middle of the picture, covering the same area for any n_faces."""
    return _view(uv_sphere(max(3, round(math.sqrt(n_faces / 8))), 0.6), 1, 2.732, 30.0)[0]


def sphere_views(n_views: int) -> Tensor:
    """A sphere of 1,280 faces, filling most of the picture, from n_views sides."""
    return _view(load_mesh(path("sphere_642.obj"), textures=False), n_views, 2.732, 15.0)


def one_face() -> Tensor:
    """In the middle of the picture: (1, 3, 3)."""
    return torch.tensor([[[-0.5, -0.5, 2.0], [0.5, -0.5, 2.0], [0.0, 0.5, 2.0]]])


def standard_scenes() -> list[Scene]:
    """The scenes of the main table."""
    spot = spot_faces()
    soft = silhouette_settings(1e-4)
    gendr = RenderSettings(  # GenDR's defaults; its cut-off is so far away that coverage alone decides
        distribution="uniform", dist_scale=1e-2, dist_squared=False, reach=10.0, gamma=1e-3, alpha_range="all",
        perspective_correct=False, background_eps=2e-3,
    )  # fmt: skip
    large = torch.tensor([[[-2.0, -2.0, 2.0], [2.0, -2.0, 2.0], [0.0, 3.0, 2.0]]])
    return [
        Scene("spot 256^2, silhouette, tau 1e-4", spot, 256, soft),
        Scene("spot 256^2, silhouette, tau 1e-5", spot, 256, silhouette_settings(1e-5)),
        Scene("spot 256^2, softmax colour, tau 1e-4", spot, 256, soft, "image"),
        Scene("24 views x 64^2, sphere of 1,280 faces", sphere_views(24), 64, soft),
        Scene("spot 256^2, GenDR's defaults, colour", spot, 256, gendr, "image"),
        Scene("one face over all of 256^2", large, 256, soft),
        Scene("one face over all of 1024^2", large, 1024, soft),
    ]


def _view(mesh: Mesh, n_views: int, distance: float, half_fov: float) -> Tensor:
    azimuth = torch.arange(n_views) * 360.0 / n_views
    cameras = orbit(torch.full((n_views,), distance), torch.full((n_views,), 30.0), azimuth)
    return gather_corners(project(mesh.vertices, cameras, half_fov), mesh.faces)


def _reach(settings: RenderSettings) -> float:
    """NDC distance from which on pairs are dropped."""
    name, shape, shift = settings.distribution, settings.dist_shape, settings.dist_shift
    quantile = _native.library().gendr_quantile(list(DISTRIBUTIONS).index(name), shape, shift, settings.min_coverage)
    fade = max(-quantile, 0.0) * float(settings.dist_scale)
    fade = math.sqrt(fade) if settings.dist_squared else fade
    return min(fade, math.inf if settings.reach is None else settings.reach)
