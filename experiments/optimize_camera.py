"""The camera of a silhouette is found by moving it, under any distribution and T-conorm (GenDR, section 5.2).

The published protocol: 200 poses of a teapot, 64 x 64 pixels, seen from a distance U(2.5, 4) at a viewing angle of 20
degrees. The search starts at a direction 15 to 35, 35 to 55 or 55 to 75 degrees off (in elevation and azimuth, after
the mesh was turned as it is seen), a distance U(2, 10) and a viewing angle U(10, 30), and optimises all four: 1000
steps of Adam (learning rate 0.3, betas 0.5, 0.99) on the IoU loss, while tau falls from 1e-1 to 1e-7, evenly in
logarithms. The numbers in the tables are the shares of the poses that end less than 5 degrees off.

25 poses of one start are a batch: larger ones save a few percent of the time. What a batch costs: on one core half a
minute with uniform, three to four minutes with logistic and logistic_squared, a quarter of an hour with heavy tails,
whose first steps let every face reach every pixel. One number of the tables is eight batches, the whole (26 x 9 x 3)
weeks of two cores. Choose: --distributions, --t-conorms, --poses. Finished batches are kept; see --resume. `make
evidence` computes the same batches, the most telling first.

--quick: 8 poses, 32 x 32 pixels, 4 x 3 cells, 120 steps with a learning rate of 0.6: Adam moves an angle by about 70
degrees at most in that, where the published 1000 steps of 0.3 give it 300.

    python experiments/optimize_camera.py --distributions logistic_squared uniform --t-conorms probabilistic
"""

import argparse
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from lab import grids
from lab.cells import Cells, Name
from lab.experiment import Results, Row, run
from lab.options import mesh_file, mesh_name
from lab.silhouettes import silhouettes
from lab.variants import HARD, Edge, TConorm, Variant, edge, t_conorm
from torch import Tensor
from tqdm import tqdm

import gendr_adapters.gendr as gendr
from gendr_adapters import data, load_mesh
from gendr_adapters.utils.command_line import non_negative_float, positive_int
from gendr_adapters.utils.losses import iou
from gendr_adapters.utils.pictures import save_gif
from gendr_adapters.utils.plots import Grid
from gendr_adapters.utils.progress import frame_steps, outline_difference

NAME = "optimize_camera"
BETAS = (0.5, 0.99)
VIEWING_ANGLE = 20.0
BATCH = 25  # poses
STARTS = ((15, 35), (35, 55), (55, 75))  # degrees off
SUCCESS = 5.0
QUICK_EDGES = (Edge("uniform"), Edge("gaussian"), Edge("logistic", squared=True), Edge("cauchy"))
QUICK_T_CONORMS = (TConorm("max"), TConorm("probabilistic"), TConorm("yager", 2.0))
QUARTILES = {"nearest quarter": 0.25, "median": 0.5, "farthest quarter": 0.75}
FRAMES = 13  # of the animation, at most
SHOWN = 128  # pixels of its pictures


@dataclass(frozen=True)
class Protocol:
    """Everything that a number of the tables depends on, but its distribution and T-conorm."""

    mesh: Path = data.path("teapot.obj")  # noqa: RUF009 (the same in every run)
    poses: int = 200
    image_size: int = 64
    steps: int = 1000
    learning_rate: float = 0.3
    first_tau: float = 1e-1
    last_tau: float = 1e-7
    seed: int = 0
    gradient: Literal["exact", "reference"] = "exact"

    def taus(self) -> list[float]:
        return np.geomspace(self.first_tau, self.last_tau, self.steps).tolist()


QUICK = Protocol(poses=8, image_size=32, steps=120, learning_rate=0.6)


class Task:
    """Poses to be found. A pose is (distance, elevation, azimuth, viewing angle), angles in degrees, of a camera that
    looks at the origin; those that are optimised are of the mesh as it was turned for the true one, whose elevation and
    azimuth are therefore 0. Poses of all starts are in one batch, start by start."""

    def __init__(self, protocol: Protocol, device: torch.device) -> None:
        self.protocol = protocol
        mesh = load_mesh(protocol.mesh, textures=False)
        self.faces = mesh.faces.to(device)
        generator = torch.Generator().manual_seed(protocol.seed)
        truth = true_poses(protocol.poses, generator)
        self.start = torch.cat([first_poses(protocol.poses, start, generator) for start in STARTS]).to(device)
        eyes = gendr.functional.get_points_from_angles(*truth[:, :3].T)
        vertices = mesh.vertices.expand(protocol.poses, -1, -1)
        turned = gendr.functional.look_at(vertices, eyes, only_rotate=True)
        self.turned = turned.repeat(len(STARTS), 1, 1).to(device)
        straight = truth * truth.new_tensor([1, 0, 0, 1])
        self.truth = straight.repeat(len(STARTS), 1).to(device)
        self.silhouettes = silhouettes(self.seen(self.truth), self.faces, protocol.image_size, HARD)

    def part(self, start: int, poses: range) -> "Task":
        """Some of the poses of one start."""
        chosen = slice(start * self.protocol.poses + poses.start, start * self.protocol.poses + poses.stop)
        made = copy(self)
        made.start, made.turned, made.truth, made.silhouettes = (
            values[chosen] for values in (self.start, self.turned, self.truth, self.silhouettes)
        )
        return made

    def seen(self, poses: Tensor) -> Tensor:
        """The turned meshes as cameras (B, 4) see them: (B, V, 3)."""
        return seen_by(poses, self.turned)

    def optimize(self, variant: Variant) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields, for each step, the silhouettes (B, S, S) before it and the poses (B, 4) after it."""
        protocol = self.protocol
        poses = torch.nn.Parameter(self.start.clone())
        optimizer = torch.optim.Adam([poses], protocol.learning_rate, betas=BETAS)
        for tau in protocol.taus():
            settings = variant.settings(tau, protocol.gradient)
            seen = silhouettes(self.seen(poses), self.faces, protocol.image_size, settings)
            loss = (1 - iou(seen, self.silhouettes)).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            yield seen.detach(), poses.detach()


def seen_by(poses: Tensor, vertices: Tensor) -> Tensor:
    """Vertices (B, V, 3) as cameras (B, 4) see them."""
    eyes = gendr.functional.get_points_from_angles(*poses[:, :3].T)
    return gendr.LookAt(viewing_angle=poses[:, 3], eye=eyes).transform(vertices)


class Outcome(NamedTuple):
    """One number for each start: the share of poses that were found, and the median of how far off they ended."""

    success: list[float]
    degrees_off: list[float]


def true_poses(n: int, generator: torch.Generator) -> Tensor:
    """(N, 4): U(2.5, 4) away, elevation and azimuth of 60 degrees' standard deviation."""
    distance = 2.5 + 1.5 * torch.rand(n, generator=generator)
    angles = 60 * torch.randn(2, n, generator=generator)
    return torch.stack([distance, *angles, torch.full((n,), VIEWING_ANGLE)], 1)


def first_poses(n: int, degrees: tuple[float, float], generator: torch.Generator) -> Tensor:
    """(N, 4): that number of degrees off in any direction, U(2, 10) away, with a viewing angle of U(10, 30)."""
    distance = 2 + 8 * torch.rand(n, generator=generator)
    direction = torch.nn.functional.normalize(torch.randn(2, n, generator=generator), dim=0)
    off = degrees[0] + (degrees[1] - degrees[0]) * torch.rand(n, generator=generator)
    viewing_angle = 10 + 20 * torch.rand(n, generator=generator)
    return torch.stack([distance, *(direction * off), viewing_angle], 1)


def degrees_off(poses: Tensor) -> Tensor:
    """(B, 4) -> (B,): the elevation and azimuth of a pose are those of its error. A pose that is no longer finite is
    infinitely far off."""
    return poses[:, 1:3].norm(dim=1).nan_to_num(nan=float("inf"))


def batches(poses: int) -> list[range]:
    """Which of the poses of a start are computed together."""
    return [range(first, min(first + BATCH, poses)) for first in range(0, poses, BATCH)]


def cell_of(protocol: Protocol, variant: Variant, start: int, poses: range) -> dict[str, Any]:
    """The name of a batch. of: how many poses are drawn, of which these are some."""
    return {
        "mesh": mesh_name(protocol.mesh),
        "distribution": str(variant.edge),
        "t_conorm": str(variant.t_conorm),
        "start": list(STARTS[start]),
        "poses": [poses.start, poses.stop],
        "of": protocol.poses,
        "seed": protocol.seed,
        "taus": [protocol.first_tau, protocol.last_tau],
        "learning_rate": protocol.learning_rate,
        "image_size": protocol.image_size,
        "steps": protocol.steps,
        "gradient": protocol.gradient,
    }


def ends(task: Task, variant: Variant, progress: tqdm) -> dict[str, list[float | None]]:
    """How far off all poses end, None where that is no number."""
    for _, last in task.optimize(variant):
        poses = last
        progress.update()
    off = degrees_off(poses).tolist()
    return {"degrees_off": [float(f"{degrees:.4g}") if degrees < float("inf") else None for degrees in off]}


def degrees_of(result: Name) -> list[float]:
    return [float("inf") if degrees is None else degrees for degrees in result["degrees_off"]]


def compute(name: Name) -> dict[str, Any]:
    """What a cell of this name has, on the CPU."""
    protocol = Protocol(
        mesh=mesh_file(name["mesh"]),
        poses=name["of"],
        image_size=name["image_size"],
        steps=name["steps"],
        learning_rate=name["learning_rate"],
        first_tau=name["taus"][0],
        last_tau=name["taus"][1],
        seed=name["seed"],
        gradient=name["gradient"],
    )
    variant = Variant(edge(name["distribution"]), t_conorm(name["t_conorm"]))
    start = STARTS.index((name["start"][0], name["start"][1]))
    return ends(_task(protocol).part(start, range(*name["poses"])), variant, tqdm(disable=True))


@cache
def _task(protocol: Protocol) -> Task:
    return Task(protocol, torch.device("cpu"))


def outcome(task: Task, variant: Variant, cells: Cells, progress: tqdm) -> Outcome:
    protocol, by_start = task.protocol, []
    for start in range(len(STARTS)):
        off: list[float] = []
        for poses in batches(protocol.poses):
            part = task.part(start, poses)
            of_batch = cells.get(cell_of(protocol, variant, start, poses), partial(ends, part, variant, progress))
            off += degrees_of(of_batch)
        by_start.append(torch.tensor(off))
    return Outcome(
        [(off < SUCCESS).double().mean().item() for off in by_start], [off.median().item() for off in by_start]
    )


def experiment(options: argparse.Namespace) -> Results:
    protocol = _protocol(options)
    variants = grids.variants(options, (QUICK_EDGES, QUICK_T_CONORMS))
    cells = grids.opened(options)
    task = Task(protocol, options.device)
    outcomes: dict[Variant, Outcome] = {}
    steps = len(STARTS) * len(batches(protocol.poses)) * protocol.steps
    with tqdm(total=len(variants) * steps, desc=NAME, unit="step") as progress:
        for variant in variants:
            progress.set_postfix_str(str(variant))
            outcomes[variant] = outcome(task, variant, cells, progress)
            progress.n = len(outcomes) * steps
    overall = {variant: sum(o.success) / len(STARTS) for variant, o in outcomes.items()}
    best = max(overall, key=overall.__getitem__)
    names = [f"{low} to {high} degrees off" for low, high in STARTS]
    tables = {name: grids.table({v: o.success[i] for v, o in outcomes.items()}) for i, name in enumerate(names)}
    off: list[Row] = [
        {
            "distribution": str(variant.edge),
            "T-conorm": str(variant.t_conorm),
            **dict(zip(names, of_variant.degrees_off, strict=True)),
        }
        for variant, of_variant in outcomes.items()
    ]
    pictures = [options.out / "success.png", options.out / "poses.gif", options.out / "poses.png"]
    grids.write_heat_maps(pictures[0], tables, best="high")
    draw(pictures[1], pictures[2], task, best)
    return Results(
        headline={
            "best": str(best),
            **{f"success from {name}": rate for name, rate in zip(names, outcomes[best].success, strict=True)},
            "its mean": overall[best],
            "worst mean": min(overall.values()),
        },
        tables={
            **{f"Share of poses found, from {name}": rows for name, rows in tables.items()},
            "Degrees off in the end, medians, by where they started": off,
        },
        pictures=pictures,
        shown={
            pictures[0]: "Share of the poses that end less than 5 degrees off.",
            pictures[1]: f"The search with {best}: of each start the poses at the quartiles of how far off they end. "
            "Grey is right, blue is too much, red is missing.",
        },
    )


def draw(moving: Path, still: Path, task: Task, variant: Variant) -> None:
    """The run once more, as a GIF and as a picture of its end: a row for each start, in columns the poses at the
    quartiles of how far off they end. Outlines are hard, so that they can be compared."""
    protocol = task.protocol
    looked_at = frame_steps(protocol.steps, FRAMES)
    run_again = tqdm(task.optimize(variant), total=protocol.steps, desc=moving.stem, unit="step")
    path = {0: task.start} | {step + 1: poses.clone() for step, (_, poses) in enumerate(run_again) if step in looked_at}
    order = degrees_off(path[protocol.steps]).unflatten(0, (len(STARTS), -1)).argsort(1)
    shown = order[:, [int((protocol.poses - 1) * share) for share in QUARTILES.values()]]
    shown = (shown + protocol.poses * torch.arange(len(STARTS), device=shown.device)[:, None]).flatten()
    turned, wanted = task.turned[shown], silhouettes(task.seen(task.truth)[shown], task.faces, SHOWN, HARD)
    grid = Grid(
        [f"{low} to {high}\ndegrees off" for low, high in STARTS],
        list(QUARTILES),
        f"{variant}\nhard outlines after {protocol.steps} of {protocol.steps} steps",
        inches=1.4,
    )
    frames = []
    for step, poses in path.items():
        hard = silhouettes(seen_by(poses[shown], turned), task.faces, SHOWN, HARD)
        pictures = [outline_difference(*pair) for pair in zip(hard.cpu(), wanted.cpu(), strict=True)]
        captions = [f"{degrees:.3g} degrees off" for degrees in degrees_off(poses[shown]).tolist()]
        grid.rename(f"{variant}\nhard outlines after {step} of {protocol.steps} steps")
        rows = [slice(i, i + len(QUARTILES)) for i in range(0, len(pictures), len(QUARTILES))]
        grid.show([pictures[row] for row in rows], [captions[row] for row in rows])
        frames.append(grid.pixels())
    grid.save(still)
    save_gif(moving, [*frames, *frames[-1:] * 8], frames_per_second=4)


def _protocol(options: argparse.Namespace) -> Protocol:
    given = {name: getattr(options, name) for name in ("mesh", "poses", "image_size", "steps", "learning_rate")}
    chosen = {name: value for name, value in given.items() if value is not None}
    protocol = QUICK if options.quick else Protocol()
    return replace(protocol, seed=options.seed, gradient=options.gradient, **chosen)


def add_options(parser: argparse.ArgumentParser) -> None:
    grids.add_options(parser)
    parser.add_argument("--mesh", type=mesh_file, metavar="OBJ", help="mesh that the camera sees (default: teapot.obj)")
    parser.add_argument(
        "--poses", type=positive_int, help="number of poses for each of the three starts (default: 200; --quick: 8)"
    )
    parser.add_argument(
        "--image-size", type=positive_int, help="side of the pictures, pixels (default: 64; --quick: 32)"
    )
    parser.add_argument("--steps", type=positive_int, help="steps of each run (default: 1000; --quick: 120)")
    parser.add_argument(
        "--learning-rate", type=non_negative_float, help="learning rate of Adam (default: 0.3; --quick: 0.6)"
    )


if __name__ == "__main__":
    run(NAME, __doc__, experiment, add_options)
