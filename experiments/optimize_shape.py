"""A sphere learns a shape from 24 silhouettes, under any distribution and T-conorm (GenDR, section 5.1).

The published protocol: an airplane and two chairs, each in five sets of 24 views (elevations -60, -30, 0, 30 and 60
degrees) of 64 x 64 pixels; a sphere of 642 vertices, 100 steps of Adam (betas 0.5, 0.95) on the IoU loss + 0.03 times
the Laplacian + 0.0003 times the flatten loss. For each distribution and T-conorm the scale tau and the learning rate
are searched: learning rates logspace(-1.25, -1.75, 3) x tau logspace(-1, -7, 7), then 21 tau from a tenth to ten times
the best. The number in the table is the least IoU loss of the hard silhouettes over all steps and all runs of the
search, its mean over the 15 tasks.

What that costs: a step costs from 20 ms (small tau) to 0.5 s (logistic_squared at tau = 0.1) or 1.9 s (cauchy) of one
core, a number of the table from one to eight hours; the whole table (26 x 9) weeks of two cores. Choose:
--distributions, --t-conorms, --meshes, --elevations. Finished runs are kept; see --resume. `make evidence` computes the
same runs, the most telling first.

--gradient makes no difference to speak of: what GenDR's backward pass has of its own is in the colours, not in
silhouettes.

--quick: the airplane from 8 views at elevation 30 and 32 x 32 pixels, 40 steps, one learning rate, five tau and no
more of them around the best, 5 x 3 cells.

    python experiments/optimize_shape.py --distributions logistic_squared cauchy --t-conorms probabilistic yager:2
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from lab import grids
from lab.cells import Cells, Name
from lab.experiment import Results, Row, run
from lab.options import mesh_file, mesh_name
from lab.silhouettes import in_every_run, silhouettes
from lab.variants import HARD, Edge, TConorm, Variant, edge, t_conorm
from torch import Tensor
from tqdm import tqdm

import gendr_adapters.gendr as gendr
from gendr_adapters import Mesh, data, load_mesh, save_mesh
from gendr_adapters.utils.command_line import positive_int
from gendr_adapters.utils.deformation import DeformableTemplate
from gendr_adapters.utils.losses import iou
from gendr_adapters.utils.pictures import save_gif
from gendr_adapters.utils.progress import fit_frame

NAME = "optimize_shape"
VIEWING_ANGLE = 15.0
BETAS = (0.5, 0.95)
LAPLACIAN_WEIGHT = 0.03
FLATTEN_WEIGHT = 0.0003
ELEVATIONS = (-60, -30, 0, 30, 60)
# From here on a run costs more than all those of smaller tau, so it is not in a batch with them.
WIDE = 0.05
QUICK_EDGES = (Edge("uniform"), Edge("gaussian"), Edge("logistic"), Edge("logistic", squared=True), Edge("cauchy"))
QUICK_T_CONORMS = (TConorm("max"), TConorm("probabilistic"), TConorm("yager", 2.0))


def seven_digits(values: np.ndarray) -> tuple[float, ...]:
    """Numbers that a line of JSON has exactly and that a reader can compare."""
    return tuple(float(f"{value:.7g}") for value in values)


@dataclass(frozen=True)
class Protocol:
    """Everything that a number of the table depends on, but its distribution and T-conorm."""

    meshes: tuple[Path, ...] = tuple(data.path(name) for name in ("airplane.obj", "chair_1.obj", "chair_2.obj"))
    elevations: tuple[int, ...] = ELEVATIONS
    views: int = 24
    image_size: int = 64
    steps: int = 100
    learning_rates: tuple[float, ...] = seven_digits(np.logspace(-1.25, -1.75, 3))
    taus: tuple[float, ...] = seven_digits(np.logspace(-1, -7, 7))
    n_refined: int = 21
    gradient: Literal["exact", "reference"] = "exact"

    def batches(self) -> list[tuple[float, ...]]:
        """All tau, those that are computed together."""
        both = (tuple(tau for tau in self.taus if (tau >= WIDE) == wide) for wide in (False, True))
        return [taus for taus in both if taus]

    def refined(self, tau: float) -> tuple[float, ...]:
        """tau / 10 to 10 tau, evenly in logarithms."""
        return seven_digits(np.geomspace(tau / 10, tau * 10, self.n_refined)) if self.n_refined else ()

    def tasks(self) -> Iterator[tuple[Path, int]]:
        yield from ((mesh, elevation) for mesh in self.meshes for elevation in self.elevations)


QUICK = Protocol(
    meshes=(data.path("airplane.obj"),),
    elevations=(30,),
    views=8,
    image_size=32,
    steps=40,
    learning_rates=(10**-1.25,),
    taus=(1e-2, 3e-3, 1e-3, 3e-4, 1e-4),
    n_refined=0,
)


class Found(NamedTuple):
    """The best run of a search."""

    loss: float
    tau: float
    learning_rate: float


class Task:
    """A mesh to be found, from the views of one elevation."""

    def __init__(self, protocol: Protocol, mesh: Path, elevation: int, device: torch.device) -> None:
        self.protocol, self.mesh, self.elevation = protocol, mesh, elevation
        angles = torch.from_numpy(np.load(data.path("cameras.npy"))).float().to(device)
        angles = angles[angles[:, 1].round() == elevation]
        self.eyes = gendr.functional.get_points_from_angles(*angles[:: len(angles) // protocol.views].T)
        self.goal = load_mesh(mesh, textures=False).to(device)
        self.template = load_mesh(data.path("sphere_642.obj"), textures=False).to(device)
        self.laplacian = gendr.LaplacianLoss(self.template.vertices, self.template.faces).to(device)
        self.flatten = gendr.FlattenLoss(self.template.faces).to(device)
        goal = silhouettes(self.seen(self.goal.vertices[None]), self.goal.faces, protocol.image_size, HARD)
        self.silhouettes = goal[None]

    def seen(self, vertices: Tensor) -> Tensor:
        """Shapes (R, V, 3) in all N views: (R * N, V, 3)."""
        runs, n_views = len(vertices), len(self.eyes)
        everywhere = vertices[:, None].expand(-1, n_views, -1, -1).flatten(0, 1)
        return gendr.LookAt(viewing_angle=VIEWING_ANGLE, eye=in_every_run(self.eyes, runs)).transform(everywhere)

    def optimize(
        self, variant: Variant, taus: Sequence[float], learning_rate: float
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """A run for each tau, all at once. Yields, for each step, the vertices (R, V, 3) before it and the IoU losses
        (R,) of their hard silhouettes."""
        protocol, faces = self.protocol, self.template.faces
        displacement = self.template.vertices.new_zeros(len(taus), *self.template.vertices.shape)
        shapes = DeformableTemplate(self.template, displacement)
        scales = displacement.new_tensor(taus).repeat_interleave(len(self.eyes))
        settings = variant.settings(scales, protocol.gradient)
        optimizer = torch.optim.Adam(shapes.parameters(), learning_rate, betas=BETAS)
        for _ in range(protocol.steps):
            vertices = shapes()
            projected = self.seen(vertices)
            seen = silhouettes(projected, faces, protocol.image_size, settings)
            with torch.no_grad():
                hard = self.iou_losses(silhouettes(projected, faces, protocol.image_size, HARD))
            smooth = LAPLACIAN_WEIGHT * self.laplacian(vertices) + FLATTEN_WEIGHT * self.flatten(vertices)
            loss = (self.iou_losses(seen) + smooth).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield vertices.detach(), hard

    def iou_losses(self, seen: Tensor) -> Tensor:
        """(R * N, S, S) -> (R,), means over the views."""
        by_run = seen.unflatten(0, (-1, len(self.eyes)))
        return (1 - iou(by_run, self.silhouettes)).mean(1)

    def search(self, variant: Variant, cells: Cells, progress: tqdm) -> Found:
        """The least loss over learning rates and tau, and then around the best tau."""
        protocol = self.protocol
        coarse = min(
            self.best_of(variant, taus, rate, cells, progress)
            for rate in protocol.learning_rates
            for taus in protocol.batches()
        )
        refined = protocol.refined(coarse.tau)
        return min(coarse, self.best_of(variant, refined, coarse.learning_rate, cells, progress)) if refined else coarse

    def best_of(
        self, variant: Variant, taus: Sequence[float], learning_rate: float, cells: Cells, progress: tqdm
    ) -> Found:
        cell = cell_of(self.protocol, self.mesh, self.elevation, variant, taus, learning_rate)
        return best(cell, cells.get(cell, lambda: self.losses(variant, taus, learning_rate, progress)))

    def losses(
        self, variant: Variant, taus: Sequence[float], learning_rate: float, progress: tqdm
    ) -> dict[str, list[float | None]]:
        """The least loss of each run, None where it never was a number."""
        least = torch.full((len(taus),), float("inf"), device=self.eyes.device)
        for _, losses in self.optimize(variant, taus, learning_rate):
            least = torch.fmin(least, losses)
            progress.update()
        return {"losses": [round(loss, 6) if loss < float("inf") else None for loss in least.tolist()]}


def cell_of(
    protocol: Protocol, mesh: Path, elevation: int, variant: Variant, taus: Sequence[float], learning_rate: float
) -> dict[str, Any]:
    """The name of the runs of all tau."""
    return {
        "mesh": mesh_name(mesh),
        "elevation": elevation,
        "distribution": str(variant.edge),
        "t_conorm": str(variant.t_conorm),
        "learning_rate": learning_rate,
        "taus": list(taus),
        "views": protocol.views,
        "image_size": protocol.image_size,
        "steps": protocol.steps,
        "gradient": protocol.gradient,
    }


def best(cell: Name, result: Name) -> Found:
    """Of the runs of a cell."""
    losses = [float("inf") if loss is None else loss for loss in result["losses"]]
    return min(Found(loss, tau, cell["learning_rate"]) for loss, tau in zip(losses, cell["taus"], strict=True))


def compute(cell: Name) -> dict[str, Any]:
    """What a cell of this name has, on the CPU."""
    protocol = Protocol(
        views=cell["views"], image_size=cell["image_size"], steps=cell["steps"], gradient=cell["gradient"]
    )
    variant = Variant(edge(cell["distribution"]), t_conorm(cell["t_conorm"]))
    task = _task(protocol, mesh_file(cell["mesh"]), cell["elevation"])
    return task.losses(variant, cell["taus"], cell["learning_rate"], tqdm(disable=True))


@cache
def _task(protocol: Protocol, mesh: Path, elevation: int) -> Task:
    return Task(protocol, mesh, elevation, torch.device("cpu"))


def experiment(options: argparse.Namespace) -> Results:
    protocol = _protocol(options)
    variants = grids.variants(options, (QUICK_EDGES, QUICK_T_CONORMS))
    cells = grids.opened(options)
    tasks = [Task(protocol, mesh, elevation, options.device) for mesh, elevation in protocol.tasks()]
    searches = len(protocol.learning_rates) * len(protocol.batches()) + (protocol.n_refined > 0)
    found: dict[Variant, list[Found]] = {}
    with tqdm(total=len(variants) * len(tasks) * searches * protocol.steps, desc=NAME, unit="step") as progress:
        for variant in variants:
            progress.set_postfix_str(str(variant))
            found[variant] = [task.search(variant, cells, progress) for task in tasks]
            progress.n = len(found) * len(tasks) * searches * protocol.steps
    losses = {variant: sum(f.loss for f in of_tasks) / len(tasks) for variant, of_tasks in found.items()}
    leader = min(losses, key=losses.__getitem__)
    table = grids.table(losses)
    searched: list[Row] = [
        {
            "distribution": str(variant.edge),
            "T-conorm": str(variant.t_conorm),
            "mesh": mesh.stem,
            "elevation": elevation,
            "IoU loss": of_task.loss,
            "tau": of_task.tau,
            "learning rate": of_task.learning_rate,
        }
        for variant in ([leader] if len(tasks) > 1 else variants)
        for (mesh, elevation), of_task in zip(protocol.tasks(), found[variant], strict=True)
    ]
    pictures = [options.out / "iou_loss.png"]
    grids.write_heat_maps(pictures[0], {"IoU loss of the hard silhouettes": table}, best="low")
    for task, of_task, mesh in _first_of_each_mesh(protocol, tasks, found[leader]):
        pictures += draw(task, leader, of_task, options.out / mesh.stem)
    return Results(
        headline={
            "best": str(leader),
            "IoU loss": losses[leader],
            "worst IoU loss": max(losses.values()),
            "runs": sum(
                len(protocol.taus) * len(protocol.learning_rates) + protocol.n_refined for _ in variants for _ in tasks
            ),
        },
        tables={
            "Least IoU loss of the hard silhouettes, by distribution and T-conorm": table,
            "Where the search ended" + (" with the best of them" if len(tasks) > 1 else ""): searched,
        },
        pictures=pictures,
        shown={pictures[0]: "Least IoU loss of the hard silhouettes, by distribution and T-conorm."},
    )


def draw(task: Task, variant: Variant, found: Found, path: Path) -> list[Path]:
    """The best run once more: path.gif, and the mesh at its least loss as path.obj."""
    frames, least, best = [], float("inf"), task.template
    every = max(1, task.protocol.steps // 25)
    run_again = task.optimize(variant, [found.tau], found.learning_rate)
    for step, (vertices, losses) in enumerate(tqdm(run_again, total=task.protocol.steps, desc=path.stem, unit="step")):
        mesh = Mesh(vertices[0].cpu(), task.template.faces.cpu())
        if losses.item() < least:
            least, best = losses.item(), mesh
        if step % every == 0:
            frames.append(fit_frame(mesh, task.goal.to("cpu")))
    frames += [fit_frame(best, task.goal.to("cpu"))] * 8
    pictures = [path.with_suffix(".gif"), path.with_suffix(".obj")]
    save_gif(pictures[0], frames, frames_per_second=8)
    save_mesh(pictures[1], best)
    return pictures


def _first_of_each_mesh(
    protocol: Protocol, tasks: list[Task], found: list[Found]
) -> Iterator[tuple[Task, Found, Path]]:
    seen = set()
    for (mesh, _), task, of_task in zip(protocol.tasks(), tasks, found, strict=True):
        if mesh not in seen:
            seen.add(mesh)
            yield task, of_task, mesh


def _protocol(options: argparse.Namespace) -> Protocol:
    given = {
        "meshes": options.meshes and tuple(options.meshes),
        "elevations": options.elevations and tuple(options.elevations),
        "image_size": options.image_size,
        "steps": options.steps,
        "gradient": options.gradient,
    }
    return replace(QUICK if options.quick else Protocol(), **{name: value for name, value in given.items() if value})


def add_options(parser: argparse.ArgumentParser) -> None:
    grids.add_options(parser)
    parser.add_argument(
        "--meshes", type=mesh_file, nargs="+", metavar="OBJ", help="meshes to find (default: see above)"
    )
    parser.add_argument(
        "--elevations", type=int, nargs="+", choices=ELEVATIONS, help="elevations of the views, degrees (default: all)"
    )
    parser.add_argument(
        "--image-size", type=positive_int, help="side of the pictures, pixels (default: 64; --quick: 32)"
    )
    parser.add_argument("--steps", type=positive_int, help="steps of every run (default: 100; --quick: 40)")


if __name__ == "__main__":
    run(NAME, __doc__, experiment, add_options)
