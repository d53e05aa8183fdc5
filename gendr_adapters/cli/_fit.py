"""A mesh out of silhouettes: its vertices move until it has them, and stay smooth."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .. import Anneal, Mesh, RenderSettings, data, gather_corners, load_mesh, render
from .._meshes import ball_around
from .._products import times
from ..cameras import PinholeCamera
from ..utils.losses import FlattenLoss, LaplacianLoss, iou, iou_loss
from ._silhouettes import Views

# Smoother, and thin parts stay behind; less, and the mesh folds into itself.
LAPLACIAN_WEIGHT = 0.01
FLATTEN_WEIGHT = 0.0001
# Views seen in one step.
BATCH = 8
# Edges in pixels, at the first step and at the last (`FitOptions` of the demo says why so narrow).
SOFT_START, SOFT_END = 2.0, 0.06
HARD = RenderSettings.sharp(alpha_range="all")
# The least eigenvalue of the mean of 1 - d d^T, d the directions of the views: about 3 degrees between them.
_LEAST_PARALLAX = 1e-3


@dataclass(frozen=True)
class FitOptions:
    """steps: of Adam. learning_rate: as a share of the mesh's radius. seed: of the order in which views are seen."""

    steps: int
    learning_rate: float
    seed: int


class Fit:
    """One run: call ``steps()`` to train, and ``mesh()`` and ``hard_iou()`` for what is learned so far.

    views, start: on one device. Without a start it is a sphere where the silhouettes are. Raises ValueError where
    there is no telling where that is, and for a start that is in none of the silhouettes.
    """

    def __init__(self, views: Views, start: Mesh | None, options: FitOptions) -> None:
        self.views, self.options = views, options
        self.start = _sphere(views) if start is None else start._replace(normals=None)
        if not len(self.start.faces):
            raise ValueError("the mesh has no faces: there is nothing to fit")
        self.middle, self.radius = ball_around(self.start.vertices)
        # In units of the radius, so that rates and weights fit meshes of any size.
        self.shape = (self.start.vertices - self.middle) / self.radius
        self.offsets = torch.zeros_like(self.shape, requires_grad=True)
        self.laplacian = LaplacianLoss(self.shape, self.start.faces, average=True)
        self.flatten = FlattenLoss(self.start.faces, average=True)
        if float(self.hard_iou().max()) == 0:
            raise ValueError("the mesh is in none of the silhouettes; it must be in the world of the cameras")

    def steps(self) -> Iterator[int]:
        """Train, yielding the number of each step once it is done. Raises ValueError where that diverges."""
        optimizer = torch.optim.Adam([self.offsets], self.options.learning_rate, betas=(0.9, 0.99))
        # Without it the last steps, whose edges are the narrowest, undo a part of what is learned.
        slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.options.steps)
        size = self.views.cameras.image_size
        anneal = Anneal(SOFT_START, SOFT_END, self.options.steps, size)
        soft = RenderSettings.silhouette(pixels=SOFT_START, image_size=size)
        for step, numbers in zip(range(self.options.steps), self._batches(), strict=False):
            shape = self.shape + self.offsets
            seen = self._silhouettes(shape, numbers, soft.replace(dist_scale=anneal(step)))
            smoothness = LAPLACIAN_WEIGHT * self.laplacian(shape[None]) + FLATTEN_WEIGHT * self.flatten(shape[None])
            loss = iou_loss(seen, self.views.silhouettes[numbers]) + smoothness
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            slower.step()
            yield step
        if not bool(self.offsets.isfinite().all()):
            raise ValueError("the fit diverged; try a smaller learning rate")

    def mesh(self) -> Mesh:
        """The mesh as learned so far, with the colours or texture of the start."""
        return self.start._replace(vertices=self._in_world((self.shape + self.offsets).detach()))

    @torch.no_grad()
    def hard_iou(self) -> Tensor:
        """Intersection over union of the hard silhouettes, as learned so far: (N,)."""
        shape = self.shape + self.offsets
        hits = [
            iou(self._silhouettes(shape, [i], HARD), (self.views.silhouettes[[i]] > 0.5).to(shape))
            for i in range(len(self.views.names))
        ]
        return torch.cat(hits)

    def _silhouettes(self, shape: Tensor, numbers: list[int], settings: RenderSettings) -> Tensor:
        camera = self.views.cameras_of(numbers)
        corners = gather_corners(camera.project(self._in_world(shape)), self.start.faces)
        alpha = render(corners, camera.image_size, settings=settings, outputs=("alpha",)).alpha
        assert alpha is not None
        return alpha

    def _in_world(self, shape: Tensor) -> Tensor:
        return self.middle + self.radius * shape

    def _batches(self) -> Iterator[list[int]]:
        """Numbers of views, without end; all views are seen once before one is seen twice."""
        generator = torch.Generator().manual_seed(self.options.seed)
        count, waiting = len(self.views.names), list[int]()
        size = min(BATCH, count)
        while True:
            if len(waiting) < size:
                waiting += torch.randperm(count, generator=generator).tolist()
            yield waiting[:size]
            waiting = waiting[size:]


def _sphere(views: Views) -> Mesh:
    """A sphere in the middle of what is seen, whose silhouettes have the areas that are seen, in the mean."""
    cameras = views.cameras
    eyes, ahead = -times(cameras.translation[:, None], cameras.rotation.mT)[:, 0], _directions(cameras, views)
    # The point that is closest to the rays through the middles of the silhouettes.
    across = torch.eye(3).to(ahead) - ahead[:, :, None] * ahead[:, None]
    least = torch.linalg.eigvalsh(across.mean(0))[0]
    if least < _LEAST_PARALLAX:
        raise ValueError(
            "all cameras look in nearly the same direction, which does not tell where the thing is; give views from "
            "several sides, or a mesh to start from"
        )
    middle = torch.linalg.solve(across.sum(0), (across @ eyes[:, :, None]).sum(0))[:, 0]
    depths = cameras.view(middle[None])[:, 0, 2]
    if bool((depths <= 0).any()):
        name = views.names[int(depths.argmin())]
        raise ValueError(f"what the pictures show is behind the camera of {name}; are its axes those of OpenGL?")
    radii = (views.silhouettes.sum((1, 2)) / math.pi).sqrt() * depths / cameras.focal.prod(1).abs().sqrt()
    ball = load_mesh(data.path("sphere_1352.obj"), textures=False).to(middle.device)
    vertices = ball.vertices / ball.vertices.norm(dim=1, keepdim=True)
    return Mesh(middle + radii.mean() * vertices, ball.faces)


def _directions(cameras: PinholeCamera, views: Views) -> Tensor:
    """Unit vectors (N, 3) in the world, from the cameras to the middles of the silhouettes."""
    n, height, width = views.silhouettes.shape
    weights = views.silhouettes / views.silhouettes.sum((1, 2), keepdim=True)
    columns, rows = (torch.arange(side).to(weights) + 0.5 for side in (width, height))
    middles = torch.stack([(weights.sum(1) * columns).sum(1), (weights.sum(2) * rows).sum(1)], 1)
    in_camera = torch.cat([(middles - cameras.principal_point) / cameras.focal, weights.new_ones(n, 1)], 1)
    in_world = times(in_camera[:, None], cameras.rotation.mT)[:, 0]
    return in_world / in_world.norm(dim=1, keepdim=True)
