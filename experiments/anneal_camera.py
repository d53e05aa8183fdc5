"""How soft should edges be while a camera is found? Schedules of tau on the same starts: what each reaches and costs.

The camera looks at a teapot from 3 units away. Each start is 25 degrees off, in a random direction of elevation and
azimuth. Adam (learning rate 0.3, betas 0.5, 0.99) moves both angles for 200 steps on the IoU loss of a silhouette of
64 x 64 pixels. A schedule is the softness of edges at the first and at the last step, in pixels; `Anneal` falls from
one to the other by the same factor in each step. All schedules have the same goals and starts.

What a step costs is counted, not timed: the pairs of a pixel and a face within reach of it, as `find_fragments` lists
them. On any machine the time grows with their number.

Full: 8 starts; about five minutes on two cores, nearly all of it for the widest schedule. --quick: 4 starts, 32 x 32
pixels, 100 steps, the schedules without the widest.

    python experiments/anneal_camera.py
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import torch
from lab.experiment import Results, Row, run
from lab.options import add_sizes, given, mesh_file
from lab.silhouettes import silhouettes
from lab.variants import HARD
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

import gendr_adapters.gendr as gendr
from gendr_adapters import Anneal, RenderSettings, data, find_fragments, gather_corners, load_mesh
from gendr_adapters.utils.command_line import positive_float
from gendr_adapters.utils.losses import iou
from gendr_adapters.utils.progress import frame_steps

NAME = "anneal_camera"
DISTANCE, VIEWING_ANGLE, OFF = 3.0, 20.0, 25.0
BETAS = (0.5, 0.99)
# Softness at the first and at the last step, pixels.
FIRST, WIDEST = (1.0, 0.03), (10.0, 0.03)
SCHEDULES = (FIRST, (3.0, 0.03), WIDEST, (1.0, 1.0), (0.3, 0.3), (0.1, 0.1), (0.03, 0.03))
COUNTED = 11  # steps at which pairs are counted


class Task:
    """Cameras to be found, (B, 2): elevation and azimuth in degrees."""

    def __init__(self, mesh: Path, n: int, image_size: int, seed: int, device: torch.device) -> None:
        self.image_size = image_size
        self.mesh = load_mesh(mesh, textures=False).to(device)
        generator = torch.Generator().manual_seed(seed)
        # Not near the poles, where azimuth says little.
        goals = torch.rand(n, 2, generator=generator) * torch.tensor([60.0, 360.0]) - torch.tensor([20.0, 0.0])
        away = torch.nn.functional.normalize(torch.randn(n, 2, generator=generator), dim=1)
        self.goals, self.starts = goals.to(device), (goals + OFF * away).to(device)
        self.wanted = silhouettes(self.seen(self.goals), self.mesh.faces, image_size, HARD)

    def seen(self, cameras: Tensor) -> Tensor:
        """The mesh as the cameras see it: (B, V, 3)."""
        eyes = gendr.functional.get_points_from_angles(torch.full_like(cameras[:, 0], DISTANCE), *cameras.T)
        vertices = self.mesh.vertices.expand(len(cameras), -1, -1)
        return gendr.LookAt(viewing_angle=VIEWING_ANGLE, eye=eyes).transform(vertices)

    def degrees_off(self, cameras: Tensor) -> Tensor:
        return (cameras - self.goals).norm(dim=1)

    def pairs(self, cameras: Tensor, settings: RenderSettings) -> float:
        """Pairs of a pixel and a face in reach, a picture's mean. One picture at a time: there may be millions."""
        corners = gather_corners(self.seen(cameras), self.mesh.faces)
        found = [len(find_fragments(one[None], self.image_size, settings=settings).face) for one in corners]
        return sum(found) / len(found)


class Fitted(NamedTuple):
    """degrees: (steps + 1, B), how far off before the first step and after each. pairs: a picture's, mean of steps."""

    degrees: Tensor
    pairs: float


def fit(task: Task, schedule: tuple[float, float], steps: int, learning_rate: float, progress: tqdm) -> Fitted:
    anneal = Anneal(*schedule, steps=steps, image_size=task.image_size)
    base = RenderSettings.silhouette(image_size=task.image_size)
    cameras = torch.nn.Parameter(task.starts.clone())
    optimizer = torch.optim.Adam([cameras], learning_rate, betas=BETAS)
    counted, counts = frame_steps(steps, COUNTED), []
    degrees = [task.degrees_off(task.starts)]
    for step in range(steps):
        settings = base.replace(dist_scale=anneal(step))
        if step in counted:
            with torch.no_grad():
                counts.append(task.pairs(cameras, settings))
        seen = silhouettes(task.seen(cameras), task.mesh.faces, task.image_size, settings)
        loss = (1 - iou(seen, task.wanted)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        degrees.append(task.degrees_off(cameras.detach()))
        progress.update()
    return Fitted(torch.stack(degrees).cpu(), sum(counts) / len(counts))


def experiment(options: argparse.Namespace) -> Results:
    n, steps = given(options.starts, options.quick, 4, 8), given(options.steps, options.quick, 100, 200)
    task = Task(options.mesh, n, given(options.image_size, options.quick, 32, 64), options.seed, options.device)
    schedules = [one for one in SCHEDULES if not (options.quick and one == WIDEST)]
    fits = {}
    with tqdm(total=len(schedules) * steps, desc=NAME, unit="step") as progress:
        for schedule in schedules:
            progress.set_postfix_str(name_of(schedule))
            fits[schedule] = fit(task, schedule, steps, options.learning_rate, progress)
    rows = [_row(schedule, fits, task.image_size) for schedule in schedules]
    picture = options.out / "anneal_camera.png"
    draw(picture, fits)
    title = f"Degrees off in the end, of {n} starts {OFF:g} degrees off, {steps} steps, {task.image_size} x "
    return Results(
        headline={
            "median degrees off from 1 to 0.03 pixels": rows[0]["median"],
            "always 1 pixel": rows[schedules.index((1.0, 1.0))]["median"],
            "always 0.03 pixels": rows[-1]["median"],
        },
        tables={f"{title}{task.image_size} pixels": rows},
        pictures=[picture],
        shown={picture: "How far off the camera is at each step, the median of the starts, by softness of edges."},
    )


def name_of(schedule: tuple[float, float]) -> str:
    first, last = schedule
    return f"always {first:g}" if first == last else f"{first:g} to {last:g}"


def _row(schedule: tuple[float, float], fits: dict[tuple[float, float], Fitted], image_size: int) -> Row:
    first, last = (Anneal(*schedule, steps=2, image_size=image_size)(step) for step in (0, 1))
    ends, ends_of_first = fits[schedule].degrees[-1], fits[FIRST].degrees[-1]
    return {
        "softness, pixels": name_of(schedule),
        "tau": _power(first) if first == last else f"{_power(first)} to {_power(last)}",
        "median": ends.quantile(0.5).item(),
        "least": ends.min().item(),
        "most": ends.max().item(),
        f"nearer than {name_of(FIRST)}": ""
        if schedule == FIRST
        else f"{int((ends < ends_of_first).sum())} of {len(ends)}",
        "pairs a step": round(fits[schedule].pairs),
        f"times those of {name_of(FIRST)}": fits[schedule].pairs / fits[FIRST].pairs,
    }


def _power(value: float) -> str:
    """0.001 as 1e-3."""
    return f"{value:.0e}".replace("e-0", "e-")


def draw(path: Path, fits: dict[tuple[float, float], Fitted]) -> None:
    """Degrees off along the steps, the median of the starts, a curve for each schedule."""
    figure = Figure(figsize=(7.5, 4), layout="constrained")
    axis = figure.subplots()
    for schedule, fitted in fits.items():
        median = fitted.degrees.quantile(0.5, dim=1)
        label = f"{name_of(schedule)} pixels: {median[-1].item():.2g}°"
        axis.plot(median, label=label, linestyle="--" if schedule[0] == schedule[1] else "-")
    axis.set(xlabel="step", ylabel="degrees off, median of the starts", yscale="log")
    axis.set_title("Softness of edges, and how far off the camera ends", fontsize="medium")
    axis.legend(loc="lower left", fontsize="small")
    figure.savefig(path, dpi=110)


def add_options(parser: argparse.ArgumentParser) -> None:
    add_sizes(
        parser,
        starts="number of starts (default: 8; --quick: 4)",
        steps="steps of each fit (default: 200; --quick: 100)",
        image_size="side of the silhouettes, pixels (default: 64; --quick: 32)",
    )
    parser.add_argument(
        "--learning-rate", type=positive_float, default=0.3, help="learning rate of Adam (default: %(default)s)"
    )
    parser.add_argument(
        "--mesh",
        type=mesh_file,
        default=data.path("teapot.obj"),
        metavar="OBJ",
        help="mesh that the camera sees (default: teapot.obj)",
    )


if __name__ == "__main__":
    run(NAME, __doc__, experiment, add_options)
