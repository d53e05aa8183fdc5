"""A sphere learns to be an airplane from 24 silhouettes (the shape optimisation of the GenDR paper)."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from gendr_adapters import Anneal, RenderSettings, data, gather_corners, render

from .._meshes import Mesh, load_mesh, save_mesh
from ..utils.cameras import OrbitCameras, orbit, project
from ..utils.deformation import DeformableTemplate
from ..utils.losses import FlattenLoss, LaplacianLoss, iou, iou_loss
from ..utils.pictures import save_gif
from ..utils.plots import save_curves
from ..utils.progress import fit_frame, frame_steps

HALF_FOV = 15.0
LAPLACIAN_WEIGHT = 0.03
FLATTEN_WEIGHT = 0.0003

HARD = RenderSettings.sharp(alpha_range="all")


@dataclass(frozen=True)
class FitOptions:
    """What the fit may be told. The softness of edges falls geometrically from soft_start to soft_end (pixels).

    Soft coverage reaches past the outline, so a fit ends up thinner than its target, by an amount that goes with the
    last softness: at 0.1 pixels the hard silhouettes lack 6 % of the area (IoU 0.90 to 0.92), at 0.055 less than 3 %.
    """

    steps: int = 1200
    image_size: int = 64
    learning_rate: float = 0.01
    soft_start: float = 0.55
    soft_end: float = 0.055
    n_frames: int = 60
    seed: int = 0

    def anneal(self) -> Anneal:
        """Return the schedule of dist_scale."""
        return Anneal(self.soft_start, self.soft_end, self.steps, self.image_size)


def silhouettes(vertices: Tensor, faces: Tensor, cameras: OrbitCameras, size: int, settings: RenderSettings) -> Tensor:
    """Render the alpha of a mesh from all cameras: (B, size, size)."""
    corners = gather_corners(project(vertices, cameras, HALF_FOV), faces)
    alpha = render(corners, size, settings=settings, outputs=("alpha",)).alpha
    assert alpha is not None
    return alpha


def training_cameras() -> OrbitCameras:
    """Pick 24 of the 120 cameras: every fifth, which visits all elevations and every azimuth once."""
    distance, elevation, azimuth = torch.from_numpy(np.load(data.path("cameras.npy"))).float()[::5].unbind(1)
    return orbit(distance, elevation, azimuth)


class Fit:
    """One run: call ``steps()`` to train, read the histories afterwards."""

    def __init__(self, options: FitOptions) -> None:
        """Load the meshes and render the targets."""
        self.options = options
        self.cameras = training_cameras()
        self.goal = load_mesh(data.path("airplane.obj"))
        with torch.no_grad():
            self.targets = silhouettes(self.goal.vertices, self.goal.faces, self.cameras, options.image_size, HARD)
        template = load_mesh(data.path("sphere_642.obj"), textures=False)
        noise = torch.randn(template.vertices.shape, generator=torch.Generator().manual_seed(options.seed))
        self.shape = DeformableTemplate(template, 1e-3 * noise)
        self.laplacian = LaplacianLoss(self.shape.sign, self.shape.faces, average=True)
        self.flatten = FlattenLoss(self.shape.faces, average=True)
        self.losses: list[float] = []

    def steps(self) -> Iterator[int]:
        """Train, yielding the number of each step once it is done."""
        optimizer = torch.optim.Adam(self.shape.parameters(), self.options.learning_rate, betas=(0.9, 0.99))
        anneal = self.options.anneal()
        soft = RenderSettings.silhouette(pixels=anneal.start, image_size=self.options.image_size)
        for step in range(self.options.steps):
            vertices = self.shape()
            settings = soft.replace(dist_scale=anneal(step))
            seen = silhouettes(vertices, self.shape.faces, self.cameras, self.options.image_size, settings)
            smoothness = LAPLACIAN_WEIGHT * self.laplacian(vertices[None]) + FLATTEN_WEIGHT * self.flatten(
                vertices[None]
            )
            loss = iou_loss(seen, self.targets) + smoothness
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            self.losses.append(loss.item())
            yield step

    def mesh(self) -> Mesh:
        """Return the mesh as learned so far."""
        return Mesh(self.shape().detach(), self.shape.faces)

    def hard_iou(self) -> float:
        """Mean over the views of the intersection over union of the hard silhouettes, as learned so far."""
        mesh = self.mesh()
        seen = silhouettes(mesh.vertices, mesh.faces, self.cameras, self.options.image_size, HARD)
        return iou(seen, self.targets).mean().item()


def fit_airplane(out: Path, options: FitOptions) -> float:
    """Run the fit; write airplane_fit.gif, airplane_loss.png and airplane_fit.obj to out; return the final hard IoU."""
    fit = Fit(options)
    shown = frame_steps(options.steps, options.n_frames)
    frames, iou_steps, ious = [], [], []
    anneal = options.anneal()
    progress = tqdm(fit.steps(), total=options.steps, desc="sphere to airplane", unit="step")
    for step in progress:
        if step in shown:
            iou_steps.append(step)
            ious.append(fit.hard_iou())
            frames.append(fit_frame(fit.mesh(), fit.goal))
            progress.set_postfix(
                loss=f"{fit.losses[-1]:.4f}", hard_iou=f"{ious[-1]:.3f}", soft=f"{anneal.pixels(step):.2g} px"
            )
    save_mesh(out / "airplane_fit.obj", fit.mesh())
    save_curves(out / "airplane_loss.png", fit.losses, iou_steps, ious)
    save_gif(out / "airplane_fit.gif", frames, frames_per_second=12)
    return fit.hard_iou()
