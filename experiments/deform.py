"""A sphere is deformed to an airplane by 120 silhouettes (SoftRas, section 5.2.1; its examples/demo_deform.py).

The published protocol: a sphere of 1,352 vertices, an airplane's silhouettes of 64 x 64 pixels from 120 cameras (five
elevations, 24 azimuths), sigma 1e-4, 2,000 steps of Adam (learning rate 0.01, betas 0.5, 0.99) on the IoU loss + 0.03
times the Laplacian + 0.0003 times the flatten loss. Every step sees all views. That is about four minutes on one core.

--quick: the first 250 steps of it.

    python experiments/deform.py --sigma 1e-5
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lab.array_files import failing_as, finite_float32, read_npy_or_npz
from lab.cells import Name
from lab.coloured import Gradient
from lab.experiment import Results, Row, run
from lab.options import mesh_file
from lab.silhouettes import silhouettes
from lab.variants import HARD
from torch import Tensor
from tqdm import tqdm

import gendr_adapters.softras as sr
from gendr_adapters import Mesh, RenderSettings, data, load_mesh, save_mesh
from gendr_adapters.utils.command_line import non_negative_float, positive_float, positive_int
from gendr_adapters.utils.deformation import DeformableTemplate
from gendr_adapters.utils.losses import iou
from gendr_adapters.utils.pictures import save_gif, to_uint8
from gendr_adapters.utils.plots import Grid, save_curves
from gendr_adapters.utils.progress import CLAY, frame_steps, outline_difference

NAME = "deform"
BETAS = (0.5, 0.99)
LAPLACIAN_WEIGHT = 0.03
FLATTEN_WEIGHT = 0.0003
VIEWING_ANGLE = 15.0
STEPS, QUICK_STEPS = 2000, 250
SHOWN = (60, 67, 98)  # views in the GIF: two from the horizon's height, one from above
N_FRAMES = 41
FRAME = 192  # pixels of each of its pictures


class Step(NamedTuple):
    """A step of `Deformation.steps`: the shape before it, and its loss."""

    loss: float
    vertices: Tensor


class Deformation:
    """The template, the views, and what the shape is told to become."""

    def __init__(self, wanted: Tensor, cameras: Tensor, template: Mesh, sigma: float, gradient: Gradient) -> None:
        """wanted: silhouettes (N, S, S) in [0, 1]; cameras (N, 3): distance, elevation and azimuth in degrees."""
        self.wanted = wanted
        self.template = template
        self.eyes = sr.functional.get_points_from_angles(*cameras.T)
        self.laplacian = sr.LaplacianLoss(template.vertices, template.faces).to(wanted.device)
        self.flatten = sr.FlattenLoss(template.faces).to(wanted.device)
        self.settings = RenderSettings.softras(dist_scale=sigma, gradient=gradient)

    def seen(self, vertices: Tensor) -> Tensor:
        """A shape (V, 3) in all views: (N, V, 3)."""
        camera = sr.LookAt(viewing_angle=VIEWING_ANGLE, eye=self.eyes)
        return camera(vertices.expand(len(self.eyes), -1, -1))

    def silhouettes(self, vertices: Tensor, settings: RenderSettings) -> Tensor:
        return silhouettes(self.seen(vertices), self.template.faces, self.wanted.shape[-1], settings)

    def steps(self, n: int, learning_rate: float) -> Iterator[Step]:
        shape = DeformableTemplate(self.template, torch.zeros_like(self.template.vertices))
        optimizer = torch.optim.Adam(shape.parameters(), learning_rate, betas=BETAS)
        for _ in range(n):
            vertices = shape()
            smooth = LAPLACIAN_WEIGHT * self.laplacian(vertices[None]) + FLATTEN_WEIGHT * self.flatten(vertices[None])
            losses = 1 - iou(self.silhouettes(vertices, self.settings), self.wanted)
            loss = losses.mean() + smooth.sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield Step(loss.item(), vertices.detach())

    def hard_iou(self, vertices: Tensor) -> float:
        """The mean over the views."""
        return iou(self.silhouettes(vertices, HARD), self.wanted).mean().item()


def cell_of(
    sigma: float = 1e-4, learning_rate: float = 0.01, steps: int = STEPS, gradient: Gradient = "exact"
) -> dict[str, Any]:
    """The name of a fit of the published silhouettes."""
    return {"sigma": sigma, "learning_rate": learning_rate, "steps": steps, "gradient": gradient}


# The airplane itself: how much of the silhouettes' IoU can be had at all, as they are not hard.
AIRPLANE_CELL = {"shape": "airplane.obj"}


def compute(cell: Name) -> dict[str, Any]:
    """What a cell of this name has, on the CPU."""
    views = read_views(data.path("airplane_silhouettes.npz"), data.path("cameras.npy"))
    if cell == AIRPLANE_CELL:
        airplane = load_mesh(data.path("airplane.obj"), textures=False)
        hard_iou = Deformation(*views, airplane, 1e-4, "exact").hard_iou(airplane.vertices)
        return {"hard_iou": round(hard_iou, 6), "iou_with_themselves": round(iou(views[0], views[0]).mean().item(), 6)}
    template = load_mesh(data.path("sphere_1352.obj"), textures=False)
    deformation = Deformation(*views, template, cell["sigma"], cell["gradient"])
    looked_at = frame_steps(cell["steps"], N_FRAMES)
    curve = [
        {"step": i, "loss": round(step.loss, 6), "hard_iou": round(deformation.hard_iou(step.vertices), 6)}
        for i, step in enumerate(deformation.steps(cell["steps"], cell["learning_rate"]))
        if i in looked_at
    ]
    return {name: [point[name] for point in curve] for name in ("step", "loss", "hard_iou")}


def experiment(options: argparse.Namespace) -> Results:
    wanted, cameras = read_views(options.silhouettes, options.cameras)
    template = load_mesh(options.template, textures=False).to(options.device)
    deformation = Deformation(
        wanted.to(options.device), cameras.to(options.device), template, options.sigma, options.gradient
    )
    n = options.steps or (QUICK_STEPS if options.quick else STEPS)
    shown = [view for view in SHOWN if view < len(wanted)] or [0]
    looked_at = frame_steps(n, N_FRAMES)
    frames: list[np.ndarray] = []
    shapes: dict[int, Tensor] = {}
    losses: list[float] = []
    ious: dict[int, float] = {}
    progress = tqdm(deformation.steps(n, options.learning_rate), total=n, desc=NAME, unit="step")
    for i, step in enumerate(progress):
        losses.append(step.loss)
        if i in looked_at:
            ious[i] = deformation.hard_iou(step.vertices)
            frames.append(frame(deformation, step.vertices, shown))
            shapes[i] = step.vertices
            progress.set_postfix(loss=f"{step.loss:.4f}", hard_iou=f"{ious[i]:.3f}")
    pictures = [options.out / name for name in ("deform.gif", "deform_loss.png", "deformed.obj", "shapes.png")]
    save_gif(pictures[0], frames + frames[-1:] * 10, frames_per_second=10)
    save_curves(pictures[1], losses, list(ious), list(ious.values()))
    save_mesh(pictures[2], Mesh(step.vertices.cpu(), template.faces.cpu()))
    several = [*list(ious)[:-1:8], n - 1]
    first_middle_last = sorted({several[0], several[len(several) // 2 - 1], several[-1]})
    save_shapes(pictures[3], deformation, shown, [(i, losses[i], ious[i], shapes[i]) for i in first_middle_last])
    rows: list[Row] = [{"step": i, "loss": losses[i], "hard IoU": ious[i]} for i in several]
    return Results(
        headline={"hard IoU": ious[n - 1], "hard IoU of the sphere": ious[0], "views": len(wanted), "steps": n},
        tables={"Loss, and mean IoU of the hard silhouettes over all views": rows},
        pictures=pictures,
        shown={
            pictures[
                3
            ]: "The shape from three of the views, and its silhouette there: grey is right, blue is too much, "
            "red is missing."
        },
    )


def save_shapes(
    path: Path, deformation: Deformation, views: list[int], steps: list[tuple[int, float, float, Tensor]]
) -> None:
    """A row for each step (number, loss, hard IoU, vertices), with the pictures of `frame`."""
    columns = [f"view {view}:\n{what}" for what in ("shape", "silhouette") for view in views]
    labels = [f"step {number}\nloss {loss:.3f}\nIoU {hard:.3f}" for number, loss, hard, _ in steps]
    grid = Grid(labels, columns, inches=1.25)
    rows = []
    for _, _, _, vertices in steps:
        both = frame(deformation, vertices, views)
        rows.append([part for half in np.split(both, 2) for part in np.split(half, len(views), axis=1)])
    grid.show(rows)
    grid.save(path)


def frame(deformation: Deformation, vertices: Tensor, views: list[int]) -> np.ndarray:
    """(2 * FRAME, len(views) * FRAME, 3) uint8: above the shape, below what its silhouettes lack or have too much."""
    hard = deformation.silhouettes(vertices, HARD)
    columns = []
    for view in views:
        outlines = outline_difference(hard[view].cpu(), deformation.wanted[view].cpu())
        rows = np.arange(FRAME) * outlines.shape[0] // FRAME
        columns.append(np.concatenate([clay(deformation, vertices, view), outlines[rows][:, rows]]))
    return np.concatenate(columns, 1)


def clay(deformation: Deformation, vertices: Tensor, view: int) -> np.ndarray:
    """The shape, lit, from the camera of a view, mirrored as SoftRas' cameras see it: (FRAME, FRAME, 3) uint8."""
    colours = vertices.new_tensor(CLAY).expand(1, len(vertices), 3)
    mesh = sr.Mesh(vertices[None], deformation.template.faces[None], colours, texture_type="vertex")
    renderer = sr.SoftRenderer(
        FRAME,
        background_color=(1, 1, 1),
        anti_aliasing=True,
        camera_mode="look_at",
        viewing_angle=VIEWING_ANGLE,
        eye=deformation.eyes[view],
        light_directions=(0.3, 0.9, 0.3),
        texture_type="vertex",
        sigma_val=1e-6,
    )
    return to_uint8(renderer.render_mesh(mesh)[0, :3].clamp(0, 1).cpu())


def read_views(silhouettes: Path, cameras: Path) -> tuple[Tensor, Tensor]:
    """(N, S, S) in [0, 1] and (N, 3). Raises ValueError that names the file."""
    pictures, angles = _array(silhouettes, "silhouettes"), _array(cameras, "cameras")
    if pictures.ndim != 3 or pictures.shape[1] != pictures.shape[2] or pictures.dtype != np.uint8 or not pictures.size:
        raise ValueError(f"{silhouettes}: silhouettes must be (N, S, S) uint8, got {pictures.shape} {pictures.dtype}")
    if angles.shape != (len(pictures), 3):
        raise ValueError(f"{cameras}: there must be cameras ({len(pictures)}, 3), got shape {angles.shape}")
    angles = finite_float32(f"{cameras}: cameras", angles)
    return torch.from_numpy(pictures).float() / 255, torch.from_numpy(angles)


def _array(path: Path, name: str) -> np.ndarray:
    """The array in an .npy file, or the one of this name in an .npz file."""
    with failing_as(f"{path}: no {name} to be read"):
        return read_npy_or_npz(path, name)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--steps", type=positive_int, help=f"steps of the fit (default: {STEPS}; --quick: {QUICK_STEPS})"
    )
    parser.add_argument(
        "--sigma", type=positive_float, default=1e-4, help="softness, NDC squared (default: %(default)s)"
    )
    parser.add_argument(
        "--learning-rate", type=non_negative_float, default=0.01, help="learning rate of Adam (default: %(default)s)"
    )
    parser.add_argument(
        "--gradient", choices=("exact", "reference"), default="exact", help="gradient of the renderer (default: exact)"
    )
    parser.add_argument(
        "--template",
        type=mesh_file,
        default=data.path("sphere_1352.obj"),
        metavar="OBJ",
        help="mesh to deform (default: a sphere of 1,352 vertices)",
    )
    parser.add_argument(
        "--silhouettes",
        type=Path,
        default=data.path("airplane_silhouettes.npz"),
        help="silhouettes to fit: .npy, or .npz with 'silhouettes', (N, S, S) uint8 (default: SoftRas' airplane)",
    )
    parser.add_argument(
        "--cameras",
        type=Path,
        default=data.path("cameras.npy"),
        help="cameras of the silhouettes: .npy, (N, 3) distance, elevation, azimuth in degrees (default: SoftRas' 120)",
    )


if __name__ == "__main__":
    run(NAME, __doc__, experiment, add_options)
