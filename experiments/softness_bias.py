"""Soft silhouettes are not as wide as hard ones: how far off does that make a pose that is fitted to a hard one?

A camera that is right except for its distance, or for its elevation, is fitted to the hard silhouette of a teapot (64
x 64 pixels, the poses of GenDR's section 5.2) with soft edges of one tau. Nothing is optimised by gradients: the least
IoU loss is searched on a grid that is refined three times, so what is left is the error of softness alone. Distances
are searched from half to twice the true one, elevations 30 degrees to both sides.

The tables have the mean error of the distance (above 0: too far away, so the soft silhouette is too wide) and the mean
size of the error of the elevation, by tau. The hard renderer's own errors stand beside them: it cannot tell poses apart
whose silhouettes have the same pixels.

Full: 25 poses, 6 distributions x 3 T-conorms, six tau; about half an hour on one core. --quick: 4 poses, 32 x 32
pixels, two of each, three tau. `make evidence` computes the full one.

    python experiments/softness_bias.py --distributions uniform --t-conorms max
"""

import argparse
from functools import cache
from typing import Any

import torch
from lab import grids
from lab.cells import Name
from lab.experiment import Results, Row, run
from lab.options import add_sizes, given
from lab.runs import mean_and_error
from lab.silhouettes import silhouettes
from lab.variants import HARD, Edge, TConorm, Variant, edge, t_conorm
from optimize_camera import Protocol, Task, seen_by
from torch import Tensor
from tqdm import tqdm

from gendr_adapters import RenderSettings
from gendr_adapters.utils.losses import iou

NAME = "softness_bias"
EDGES = tuple(map(edge, "uniform gaussian logistic logistic_squared cauchy exponential".split()))
T_CONORMS = tuple(map(t_conorm, "probabilistic yager:2 max".split()))
QUICK_EDGES, QUICK_T_CONORMS = (
    (Edge("uniform"), Edge("logistic", squared=True)),
    (TConorm("probabilistic"), TConorm("max")),
)
TAUS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
QUICK_TAUS = (1e-2, 1e-3, 1e-4)
# What is searched: the column of a pose, and how far to both sides; a distance is multiplied by 2^offset.
SEARCHED = {"distance": (0, 1.0), "elevation": (1, 30.0)}
COARSE, FINE, REFINED = 31, 11, 3
POSES = 200  # that are drawn, as optimize_camera draws them


def cell_of(
    what: str, variant: Variant | None, tau: float, poses: range, seed: int = 0, size: int = 64
) -> dict[str, Any]:
    """The name of a search. variant: None for the hard renderer, which has no tau (0)."""
    return {
        "searched": what,
        "distribution": "hard" if variant is None else str(variant.edge),
        "t_conorm": "hard" if variant is None else str(variant.t_conorm),
        "tau": tau,
        "poses": [poses.start, poses.stop],
        "of": POSES,
        "seed": seed,
        "image_size": size,
    }


def compute(cell: Name) -> dict[str, Any]:
    """What a cell of this name has, on the CPU: of each pose how far off the least loss is, as a share of the distance
    or in degrees."""
    return {"off": errors(_task(cell["seed"], cell["image_size"], cell["of"]).part(0, range(*cell["poses"])), cell)}


def errors(task: Task, cell: Name) -> list[float]:
    if cell["distribution"] == "hard":
        settings = HARD
    else:
        settings = Variant(edge(cell["distribution"]), t_conorm(cell["t_conorm"])).settings(cell["tau"], "exact")
    offsets = least(task, cell["searched"], settings)
    if cell["searched"] == "distance":
        offsets = 2**offsets - 1
    return [float(f"{offset:.4g}") for offset in offsets.tolist()]


def least(task: Task, what: str, settings: RenderSettings) -> Tensor:
    """The offsets (N,) of the least loss. Of offsets with the same loss it is the middle one."""
    column, reach = SEARCHED[what]
    middle, spacing = task.truth.new_zeros(len(task.truth)), 2 * reach / (COARSE - 1)
    around = torch.linspace(-reach, reach, COARSE).to(middle)
    for _ in range(REFINED + 1):
        offsets = middle[:, None] + around
        losses = losses_of(task, column, offsets, settings)
        best = losses <= losses.amin(1, keepdim=True) + 1e-7
        middle = (offsets * best).sum(1) / best.sum(1)
        around = torch.linspace(-spacing, spacing, FINE).to(middle)
        spacing = 2 * spacing / (FINE - 1)
    return middle


def losses_of(task: Task, column: int, offsets: Tensor, settings: RenderSettings) -> Tensor:
    """IoU losses (N, M) of N poses with M offsets each."""
    n, m = offsets.shape
    poses = task.truth.repeat_interleave(m, 0)
    poses[:, column] = poses[:, 0] * 2 ** offsets.flatten() if column == 0 else poses[:, column] + offsets.flatten()
    with torch.no_grad():
        seen = silhouettes(
            seen_by(poses, task.turned.repeat_interleave(m, 0)), task.faces, task.protocol.image_size, settings
        )
        return (1 - iou(seen, task.silhouettes.repeat_interleave(m, 0))).unflatten(0, (n, m))


@cache
def _task(seed: int, size: int, of: int) -> Task:
    return Task(Protocol(poses=of, seed=seed, image_size=size), torch.device("cpu"))


def experiment(options: argparse.Namespace) -> Results:
    size, poses = given(options.image_size, options.quick, 32, 64), range(given(options.poses, options.quick, 4, 25))
    taus = QUICK_TAUS if options.quick else TAUS
    edges = options.distributions or (QUICK_EDGES if options.quick else EDGES)
    t_conorms = options.t_conorms or (QUICK_T_CONORMS if options.quick else T_CONORMS)
    variants = [Variant(e, t) for e in edges for t in t_conorms]
    task = Task(Protocol(poses=POSES, seed=options.seed, image_size=size), options.device).part(0, poses)
    cells = grids.opened(options)
    progress = tqdm(total=len(SEARCHED) * (1 + len(variants) * len(taus)), desc=NAME, unit="search")

    def off(what: str, variant: Variant | None, tau: float) -> Tensor:
        cell = cell_of(what, variant, tau, poses, options.seed, size)
        result = cells.get(cell, lambda: {"off": errors(task, cell)})
        progress.update()
        return torch.tensor(result["off"])

    tables: dict[str, list[Row]] = {}
    for title, what, measure in (
        (f"Mean error of the distance, percent, of {len(poses)} poses (above 0: too far away)", "distance", percent),
        (f"Mean size of the error of the elevation, degrees, of {len(poses)} poses", "elevation", torch.abs),
    ):
        hard = mean_and_error(measure(off(what, None, 0.0)))[0]
        tables[title] = [
            {
                "distribution": str(variant),
                **{f"{tau:g}": mean_and_error(measure(off(what, variant, tau)))[0] for tau in taus},
                "hard": hard,
            }
            for variant in variants
        ]
    progress.close()
    picture = options.out / "errors.png"
    distance, elevation = tables.values()
    grids.write_heat_maps(picture, {"distance, percent": distance}, best="low")
    widest, narrowest = (f"{tau:g}" for tau in (taus[0], taus[-1]))
    return Results(
        headline={
            **{
                f"largest error of the distance at tau {name}, percent": max((row[name] for row in distance), key=_size)
                for name in (widest, narrowest)
            },
            "hard, percent": distance[0]["hard"],
            f"largest error of the elevation at tau {widest}, degrees": max(row[widest] for row in elevation),
        },
        tables=tables,
        pictures=[picture],
    )


def percent(share: Tensor) -> Tensor:
    return 100 * share


def _size(value: float | int | str) -> float:
    return abs(float(value))


def add_options(parser: argparse.ArgumentParser) -> None:
    grids.add_variants(parser)
    add_sizes(
        parser,
        poses="number of poses (default: 25; --quick: 4)",
        image_size="side of the silhouettes, pixels (default: 64; --quick: 32)",
    )


if __name__ == "__main__":
    run(NAME, __doc__, experiment, add_options)
