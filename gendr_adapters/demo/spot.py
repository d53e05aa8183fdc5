"""The textured cow, turning; and what sigma and gamma do to her."""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from gendr_adapters import Rendered, RenderSettings, data, gather_corners, render
from gendr_adapters._soft_renderer.surface_textures import texel_weights

from .._meshes import load_mesh, vertex_normals
from ..utils.cameras import orbit, project
from ..utils.pictures import over, save_gif, to_uint8
from ..utils.plots import save_grid
from ..utils.shading import lambert
from ..utils.textures import bake_texels

HALF_FOV = 15.0
DISTANCE = 4.5
ELEVATION = 15.0
BACKDROP = (1.0, 1.0, 1.0)
TEXELS = 5
SIGMAS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2)
GAMMAS = (1e-3, 1e-2, 1e-1, 1.0)

# Near and far hug the cow, so that z runs over [0, 1] on her and gamma is a fraction of her depth.
SETTINGS = RenderSettings(near=DISTANCE - 1.3, far=DISTANCE + 1.3)


class Spot:
    """Spot's geometry with her texture baked into texels, ready to be lit and rendered."""

    def __init__(self) -> None:
        """Read the files and sample the texture."""
        mesh = load_mesh(data.path("spot.obj"))
        assert mesh.uvs is not None and mesh.texture is not None
        # Turn about the middle of her bounding box.
        middle = (mesh.vertices.amin(0) + mesh.vertices.amax(0)) / 2
        self.mesh = mesh._replace(vertices=mesh.vertices - middle)
        self.albedo = bake_texels(mesh.uvs, mesh.texture, TEXELS)
        normals = vertex_normals(self.mesh.vertices, mesh.faces)
        self.normals = texel_weights(TEXELS) @ gather_corners(normals, mesh.faces)

    def render(self, azimuth: float, size: int, settings: RenderSettings) -> Rendered:
        """Render her seen from an azimuth in degrees, lit from over the viewer's shoulder, at size x size pixels."""
        camera = orbit(torch.tensor([DISTANCE]), torch.tensor([ELEVATION]), torch.tensor([azimuth]))
        corners = gather_corners(project(self.mesh.vertices, camera, HALF_FOV), self.mesh.faces)
        texels = self.albedo * lambert(self.normals, camera)
        return render(corners, size, texels[None], settings=settings, background=BACKDROP)

    def picture(self, azimuth: float, size: int, settings: RenderSettings) -> Tensor:
        """Render her over the backdrop, anti-aliased: (3, size, size)."""
        # Texels are looked up without filtering; render at twice the size and average.
        return F.avg_pool2d(over(self.render(azimuth, 2 * size, settings), BACKDROP)[0], 2)


def write_turntable(path: Path, spot: Spot, n_frames: int, size: int) -> None:
    """Write one turn as a GIF of n_frames pictures of size x size pixels."""
    settings = RenderSettings.sharp(near=SETTINGS.near, far=SETTINGS.far, cull="back")
    azimuths = tqdm([360 * i / n_frames for i in range(n_frames)], desc="spot turning", unit="frame")
    save_gif(path, [to_uint8(spot.picture(azimuth, size, settings)) for azimuth in azimuths], n_frames / 4)


def write_blur_sweep(path: Path, spot: Spot, size: int) -> None:
    """Write a grid of renderings: edge blur sigma (dist_scale) grows to the right, depth blur gamma downwards."""
    progress = tqdm(total=len(SIGMAS) * len(GAMMAS), desc="blur sweep", unit="picture")
    rows: list[list[np.ndarray]] = []
    for gamma in GAMMAS:
        rows.append([])
        for sigma in SIGMAS:
            settings = SETTINGS.replace(dist_scale=sigma, gamma=gamma)
            rows[-1].append(to_uint8(over(spot.render(315.0, size, settings), BACKDROP)[0]))
            progress.update()
    progress.close()
    save_grid(path, rows, [f"gamma = {gamma:g}" for gamma in GAMMAS], [f"sigma = {sigma:g}" for sigma in SIGMAS])
