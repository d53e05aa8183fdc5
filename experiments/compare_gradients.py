"""The exact gradient against the reference's, on tasks with colours: which comes further?

The backward passes of SoftRas and GenDR hold the barycentric weights of a pixel for constants: they know how a colour
changes with a face's coverage and its corners' depths, but not that it moves when the face does. Both gradients are of
the same pictures. Each task is run with both, from the same starts, at several learning rates and for several seeds:

    cube pose        the rotation of a cube, each corner of one colour, 15 to 90 degrees off, from one picture
    spot pose        the same of spot, in the colours of her texture
    sliding colours  a sphere in stripes and patches, whose vertices were moved within its surface, so that its outline
                     says little: where all vertices are, from four pictures
    shape of spot    a sphere becomes spot and learns her colours, from pictures all around, with IoU, colour, Laplacian
                     and flatten losses

What is left at the end is the result; less is better. Each gradient has the learning rate with which it does best from
other starts, as many, which are in no table. Of each seed's difference there is a mean and its standard error.

A quick run has 4 seeds, in pictures of 32 x 32 and 80 steps; the full one 16 seeds, 64 x 64 and 300 steps, about 60
times the work. `make evidence` computes the full one.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from lab.cells import Name
from lab.coloured import Coloured, Gradient, View, cube, differences, draw, hard, over_white, soft
from lab.experiment import Results, Row, run
from lab.options import add_rates, add_sizes, given
from lab.rotations import angles_between, random_rotations, random_turns, rotations
from lab.runs import Runs, falling, mean_and_error, median_index
from torch import Tensor
from tqdm import tqdm

from gendr_adapters import RenderSettings, data, load_mesh
from gendr_adapters.utils.losses import FlattenLoss, LaplacianLoss, iou
from gendr_adapters.utils.pictures import to_uint8
from gendr_adapters.utils.plots import Grid
from gendr_adapters.utils.textures import bake_texels

GRADIENTS: tuple[Gradient, ...] = ("exact", "reference")
SIGMA = (1e-2, 1e-4)
GAMMA = (1e-1, 1e-2)
TEXELS = 3
SHOWN = 128  # pixels
MEDIAN_RUNS = "The seed whose difference between the gradients is the median"
TUNING_SEED = 1_000_000  # added to the seed: the starts from which learning rates are chosen
OFF = (15.0, 90.0)  # degrees
SLIDE = 0.35  # radians, the largest shift of the colours
SHAPE_VIEWS = 24  # of the last task
LAPLACIAN_WEIGHT, FLATTEN_WEIGHT = 0.03, 0.0003  # SoftRas' and GenDR's


class Scale(NamedTuple):
    """How large a comparison is."""

    seeds: int
    size: int
    steps: int
    shape_views: int
    device: torch.device


class Outcome(NamedTuple):
    """What is wrong with each run, `runs` of them a seed: at the end, left (rates, seeds, runs), and at the start,
    start (seeds, runs). pictures(rate, seed, run): the goal, the start and the end of a run, (3, 4, SHOWN, SHOWN)."""

    left: Tensor
    start: Tensor
    pictures: Callable[[int, int, int], Tensor]


Task = Callable[[Gradient, Sequence[float], Scale, int, tqdm], Outcome]


def soft_at(view: View, step: int, steps: int, gradient: Gradient) -> RenderSettings:
    """With the blur of a step."""
    share = step / max(steps - 1, 1)
    return soft(view, falling(*SIGMA, share), falling(*GAMMA, share), gradient)


def pose_task(shape: Callable[[], Coloured], poses: int) -> Task:
    """Degrees left, the mean over the poses of each seed."""

    def task(gradient: Gradient, rates: Sequence[float], scale: Scale, seed: int, progress: tqdm) -> Outcome:
        mesh, view = shape().to(scale.device), View(size=scale.size)
        generator = torch.Generator().manual_seed(seed)
        n = scale.seeds * poses
        goals = random_rotations(n, generator).to(scale.device)
        starts = random_turns(n, OFF, generator).to(scale.device) @ goals
        wanted = draw(view, mesh.vertices @ goals.mT, *mesh[1:], hard(view))
        runs = Runs([torch.zeros(n, 3, device=scale.device)], rates)
        first, last = runs.of_all(starts), runs.of_all(wanted)
        for step in range(scale.steps):
            turned = rotations(runs.values()[0]) @ first
            settings = soft_at(view, step, scale.steps, gradient)
            runs.step(differences(draw(view, mesh.vertices @ turned.mT, *mesh[1:], settings), last))
            progress.update()
        ends = rotations(runs.values()[0].detach()) @ first
        left = runs.by_rate(angles_between(ends, runs.of_all(goals)))
        start = angles_between(starts, goals)
        by_rate, large = runs.by_rate(ends), replace(view, size=SHOWN)

        def pictures(rate: int, seed: int, run: int) -> Tensor:
            k = seed * poses + run
            turns = torch.stack([goals[k], starts[k], by_rate[rate, k]])
            return draw(large, mesh.vertices @ turns.mT, *mesh[1:], hard(large))

        return Outcome(left.unflatten(1, (scale.seeds, poses)), start.unflatten(0, (scale.seeds, poses)), pictures)

    return task


def sliding_task(gradient: Gradient, rates: Sequence[float], scale: Scale, seed: int, progress: tqdm) -> Outcome:
    """The mean distance of vertices from where they should be, radii of the sphere."""
    view = View(size=scale.size, half_fov=13.0, radius=1.2)
    sphere = load_mesh(data.path("sphere_642.obj"), textures=False)
    still = F.normalize(sphere.vertices, dim=1).to(scale.device)
    faces = sphere.faces.to(scale.device)
    colours = patches(still)[faces]
    turns = turned_views(4).to(scale.device)
    generator = torch.Generator().manual_seed(seed)
    goals = torch.stack([slid(still, generator) for _ in range(scale.seeds)])
    wanted = draw(view, (goals[:, None] @ turns.mT).flatten(0, 1), faces, colours, hard(view))
    laplacian = LaplacianLoss(still.cpu(), faces.cpu()).to(scale.device)
    runs = Runs([torch.zeros_like(goals)], rates)
    last = runs.of_all(wanted.unflatten(0, (scale.seeds, len(turns)))).flatten(0, 1)
    for step in range(scale.steps):
        shift = runs.values()[0]
        views = ((still + shift)[:, None] @ turns.mT).flatten(0, 1)
        seen = draw(view, views, faces, colours, soft_at(view, step, scale.steps, gradient))
        losses = differences(seen, last).unflatten(0, (len(shift), len(turns))).mean(1)
        runs.step(losses + LAPLACIAN_WEIGHT * laplacian(shift))
        progress.update()
    ends = still + runs.values()[0].detach()
    left = runs.by_rate((ends - runs.of_all(goals)).norm(dim=2).mean(1))
    start = (still - goals).norm(dim=2).mean(1)
    by_rate, large = runs.by_rate(ends), replace(view, size=SHOWN)

    def pictures(rate: int, seed: int, run: int) -> Tensor:
        shapes = torch.stack([goals[seed], still, by_rate[rate, seed]])
        return draw(large, shapes @ turns[0].mT, faces, colours, hard(large))

    return Outcome(left[..., None], start[:, None], pictures)


def shape_task(gradient: Gradient, rates: Sequence[float], scale: Scale, seed: int, progress: tqdm) -> Outcome:
    """One minus the IoU of hard silhouettes plus the mean absolute difference of colours within them, in views that
    were not trained on."""
    view = View(size=scale.size, half_fov=15.0, radius=1.3)
    goal = spot().to(scale.device)
    ball = load_mesh(data.path("sphere_642.obj"), textures=False)
    still, faces = F.normalize(ball.vertices, dim=1).to(scale.device) * 0.6, ball.faces.to(scale.device)
    views = turned_views(scale.shape_views).to(scale.device)
    unseen = random_rotations(8, torch.Generator().manual_seed(1)).to(scale.device)
    wanted, unseen_wanted = (draw(view, goal.vertices @ turns.mT, *goal[1:], hard(view)) for turns in (views, unseen))
    laplacian = LaplacianLoss(still.cpu(), faces.cpu()).to(scale.device)
    flatten = FlattenLoss(faces.cpu()).to(scale.device)
    generator = torch.Generator().manual_seed(seed)
    noise = 0.03 * torch.randn(scale.seeds, *still.shape, generator=generator).to(scale.device)
    order = torch.randint(len(views), (scale.steps, 4), generator=generator)
    runs = Runs([noise, torch.zeros_like(noise)], rates)

    def seen(values: Sequence[Tensor], turns: Tensor, view: View, settings: RenderSettings) -> Tensor:
        """(runs, views, 4, S, S)."""
        shift, paint = values
        points = ((still + shift)[:, None] @ turns.mT).flatten(0, 1)
        corners = torch.sigmoid(paint)[:, faces][:, None].expand(-1, len(turns), -1, -1, -1).flatten(0, 1)
        return draw(view, points, faces, corners, settings).unflatten(0, (len(shift), len(turns)))

    def wrong() -> Tensor:
        with torch.no_grad():
            pictures = seen(runs.values(), unseen, view, hard(view))
        overlap = iou(pictures[:, :, 3].flatten(0, 1), unseen_wanted[:, 3].repeat(len(pictures), 1, 1))
        both = pictures[:, :, 3] * unseen_wanted[:, 3]
        apart = ((pictures - unseen_wanted)[:, :, :3].abs().mean(2) * both).sum((1, 2, 3)) / both.sum((1, 2, 3)).clamp(
            min=1
        )
        return 1 - overlap.unflatten(0, pictures.shape[:2]).mean(1) + apart

    begun, start = [value.detach().clone() for value in runs.values()], wrong()
    for step in range(scale.steps):
        chosen = order[step]
        pictures = seen(runs.values(), views[chosen], view, soft_at(view, step, scale.steps, gradient))
        silhouettes = iou(pictures[:, :, 3].flatten(0, 1), wanted[chosen, 3].repeat(len(pictures), 1, 1))
        losses = 1 - silhouettes.unflatten(0, pictures.shape[:2]).mean(1)
        losses = losses + (pictures - wanted[chosen]).square().mean((1, 2, 3, 4))
        shape = still + runs.values()[0]
        runs.step(losses + LAPLACIAN_WEIGHT * laplacian(shape) + FLATTEN_WEIGHT * flatten(shape))
        progress.update()
    large = replace(view, size=SHOWN)
    ended = [value.detach() for value in runs.values()]

    def pictures_of(rate: int, seed: int, run: int) -> Tensor:
        k = rate * scale.seeds + seed
        both = [torch.stack([first[k], last[k]]) for first, last in zip(begun, ended, strict=True)]
        wanted_one = draw(large, goal.vertices @ unseen[:1].mT, *goal[1:], hard(large))
        return torch.cat([wanted_one, seen(both, unseen[:1], large, hard(large))[:, 0]])

    return Outcome(runs.by_rate(wrong())[..., None], runs.by_rate(start)[0, :, None], pictures_of)


def spot() -> Coloured:
    """Of radius 1.1, about, with texels of her texture."""
    mesh = load_mesh(data.path("spot.obj"))
    assert mesh.uvs is not None and mesh.texture is not None
    middle = (mesh.vertices.amin(0) + mesh.vertices.amax(0)) / 2
    return Coloured((mesh.vertices - middle), mesh.faces, bake_texels(mesh.uvs, mesh.texture, TEXELS))


def larger_spot() -> Coloured:
    shape = spot()
    return shape._replace(vertices=1.6 * shape.vertices)


def patches(directions: Tensor) -> Tensor:
    """Smooth colours (V, 3) of directions, different everywhere."""
    x, y, z = directions.unbind(1)
    waves = torch.stack([torch.sin(6 * x + 2 * z), torch.sin(6 * y - 2 * x), torch.sin(6 * z + 2 * y)], 1)
    return 0.5 + 0.4 * waves


def slid(directions: Tensor, generator: torch.Generator) -> Tensor:
    """Directions (V, 3), moved smoothly and sideways, up to SLIDE."""
    waves = (torch.randn(3, 3, generator=generator) * 1.5).to(directions)
    phase = (torch.rand(3, generator=generator) * 2 * torch.pi).to(directions)
    sideways = torch.linalg.cross(directions, torch.sin(directions @ waves + phase))
    return F.normalize(directions + SLIDE * sideways, dim=1)


def turned_views(n: int) -> Tensor:
    """(n, 3, 3): the world as cameras all around see it, evenly, on a golden spiral from 50 degrees below to 50
    above."""
    i = torch.arange(n)
    up, around = torch.asin(0.77 * (2 * (i + 0.5) / n - 1)), torch.deg2rad((i * 137.508) % 360)
    zero = torch.zeros_like(up)
    tilt = rotations(torch.stack([up, zero, zero], 1))
    return tilt @ rotations(torch.stack([zero, around, zero], 1))


TASKS: dict[str, tuple[str, Task, tuple[float, ...]]] = {
    "cube pose": ("degrees", pose_task(lambda: cube("corners"), 8), (0.03, 0.1, 0.3)),
    "spot pose": ("degrees", pose_task(larger_spot, 4), (0.03, 0.1)),
    "sliding colours": ("radii", sliding_task, (0.01, 0.03, 0.1)),
    "shape of spot": ("1 - IoU + colour", shape_task, (0.02, 0.06)),
}


def cell_of(
    task: str, gradient: Gradient, rate: float, seed: int, n: int = 16, steps: int = 300, size: int = 64
) -> dict[str, Any]:
    """The name of n runs at one learning rate. n is called seeds by the program, of which one seed gives all."""
    return {
        "task": task,
        "gradient": gradient,
        "learning_rate": rate,
        "seed": seed,
        "seeds": n,
        "steps": steps,
        "image_size": size,
    }


def compute(cell: Name) -> dict[str, Any]:
    """What a cell of this name has, on the CPU: what is left of each seed, its mean over poses."""
    scale = Scale(cell["seeds"], cell["image_size"], cell["steps"], SHAPE_VIEWS, torch.device("cpu"))
    _, task, _ = TASKS[cell["task"]]
    outcome = task(cell["gradient"], [cell["learning_rate"]], scale, cell["seed"], tqdm(disable=True))
    return {"left": [float(f"{left:.4g}") for left in outcome.left[0].mean(1).tolist()]}


def main(options: argparse.Namespace) -> Results:
    size, steps = given(options.image_size, options.quick, 32, 64), given(options.steps, options.quick, 80, 300)
    seeds = given(options.seeds, options.quick, 4, 16)
    scale = Scale(seeds, size, steps, SHAPE_VIEWS, options.device)
    rows: list[Row] = []
    best_rows: list[Row] = []
    headline: Row = {}
    median_rows: list[Row] = []
    lines: list[list[np.ndarray]] = []
    labels: list[str] = []
    captions: list[list[str]] = []
    progress = tqdm(total=2 * len(options.tasks) * len(GRADIENTS) * steps, desc="two gradients", unit="step")
    for name in options.tasks:
        unit, task, rates = TASKS[name]
        rates = options.learning_rates or rates
        outcomes, chosen = {}, {}
        for gradient in GRADIENTS:
            progress.set_postfix_str(f"{name}: {gradient}")
            tuned = task(gradient, rates, scale, options.seed + TUNING_SEED, progress).left
            chosen[gradient] = rates[int(tuned.mean((1, 2)).argmin())]
            outcomes[gradient] = task(gradient, [chosen[gradient]], scale, options.seed, progress)
            for rate, left in zip(rates, tuned.mean(2), strict=True):
                mean, error = mean_and_error(left)
                row = {"task": name, "gradient": gradient, "learning rate": rate, "left": mean}
                rows.append(row | {"its standard error": error, "unit": unit})
        ends = {gradient: outcome.left[0].mean(1) for gradient, outcome in outcomes.items()}
        apart, error = mean_and_error(ends["exact"] - ends["reference"])
        best_rows.append(
            {
                "task": name,
                "unit": unit,
                "start": outcomes["exact"].start.mean().item(),
                "exact": ends["exact"].mean().item(),
                "exact's learning rate": chosen["exact"],
                "reference": ends["reference"].mean().item(),
                "reference's learning rate": chosen["reference"],
                "exact - reference": apart,
                "its standard error": error,
                "seeds that exact wins": int((ends["exact"] < ends["reference"]).sum()),
                "of": seeds,
            }
        )
        headline |= {f"{name}, {gradient}": ends[gradient].mean().item() for gradient in GRADIENTS}
        pictures, numbers = _median_run(outcomes)
        lines.append(pictures)
        labels.append(f"{name}\n{unit}")
        captions.append(["", *(f"{number:.3g}" for number in numbers)])
        median_rows.append({"task": name, "unit": unit, **dict(zip(("start", *GRADIENTS), numbers, strict=True))})
    progress.close()
    path: Path = options.out / "ends.png"
    grid = Grid(labels, ["goal", "start", *(f"{gradient} gradient" for gradient in GRADIENTS)], MEDIAN_RUNS, inches=1.4)
    grid.show(lines, captions)
    grid.save(path)
    tables = {
        f"What is left after {steps} steps, {size} x {size} pixels": best_rows,
        f"{MEDIAN_RUNS}, in the picture": median_rows,
        "What is left from other starts, on which the learning rates were chosen": rows,
    }
    return Results(headline, tables, [path], {path: f"{MEDIAN_RUNS}, of its poses a typical one, and what is left."})


def _median_run(outcomes: dict[Gradient, Outcome]) -> tuple[list[np.ndarray], list[float]]:
    """Pictures of the seed whose difference between the two gradients is the median: goal, start, an end for each
    gradient; and what is wrong at the start and at the ends. Of several runs of a seed it is that whose difference is
    nearest to their mean: many poses are found with both gradients or with none, so the median of all says little."""
    ends = {gradient: outcomes[gradient].left[0] for gradient in GRADIENTS}
    apart = ends["exact"] - ends["reference"]
    seed = median_index(apart.mean(1))
    run = int((apart[seed] - apart[seed].mean()).abs().argmin())
    of_exact, of_reference = (outcomes[gradient].pictures(0, seed, run) for gradient in GRADIENTS)
    pictures = [to_uint8(over_white(picture).cpu()) for picture in (*of_exact, of_reference[2])]
    left = [ends[gradient][seed, run].item() for gradient in GRADIENTS]
    return pictures, [outcomes["exact"].start[seed, run].item(), *left]


def add_options(parser: argparse.ArgumentParser) -> None:
    add_sizes(parser, seeds="number of seeds", steps="steps of each fit", image_size="side of the pictures, pixels")
    add_rates(parser, None)
    parser.add_argument(
        "--tasks", nargs="+", choices=tuple(TASKS), default=list(TASKS), help="tasks to run (default: all)"
    )


if __name__ == "__main__":
    run("compare_gradients", __doc__, main, add_options)
