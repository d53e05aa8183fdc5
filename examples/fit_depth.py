"""Fit a scene to the point cloud that a depth camera saw of it.

    python examples/fit_depth.py --out out

Two triangles hang before a square. A depth camera of 64 x 48 pixels sees them, with some noise, and where the
triangles are is then forgotten: they are put somewhere else, and moved back by stochastic gradient descent on the
difference of the point clouds, with a few samples a pixel, others at each step. What pulls them sideways is the
boundary term of the gradient: inside its outline a triangle looks the same wherever it is. `--edge-samples 0` leaves it
out, and the triangles do not find back.

Needs the package's `demo` extra; takes some seconds on a CPU. Writes fit_depth.png, the point clouds from the camera
and from the side.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from tqdm import tqdm

from gendr_adapters.redner import get_depth_renderer
from gendr_adapters.utils.command_line import non_negative_float, positive_int

WIDTH, HEIGHT = DIMS = (64, 48)
INTRINSICS = (60.0, 60.0, 32.0, 24.0)  # fx, fy, cx, cy, pixels
# In the camera's frame: x right, y down, z ahead; metres.
TRIANGLES = torch.tensor(
    [
        [[-0.75, -0.45, 2.2], [-0.05, -0.3, 1.9], [-0.5, 0.4, 2.1]],
        [[0.1, 0.15, 2.6], [0.85, -0.25, 2.3], [0.75, 0.6, 2.5]],
    ]
)
SQUARE = torch.tensor([[-2.0, -2.0, 3.5], [2.0, -2.0, 3.5], [2.0, 2.0, 3.5], [-2.0, 2.0, 3.5]])
FACES = torch.tensor([[0, 1, 2], [3, 4, 5], [6, 7, 8], [6, 8, 9]])
# Where the fit starts: each triangle moved, and its corners separately, by these metres.
MOVED = torch.tensor([[[0.22, 0.15, 0.25]], [[-0.2, 0.12, -0.2]]])
CORNERS_MOVED = 0.05


@dataclass(frozen=True)
class Options:
    """samples: a pixel and step. edge_samples: points for each pixel of the edges' length. noise: of the observed
    depth, metres. The learning rate falls to a tenth of learning_rate."""

    steps: int = 400
    samples: int = 4
    edge_samples: float = 4.0
    learning_rate: float = 0.01
    noise: float = 0.01
    seed: int = 0


class Fit:
    """One run: ``steps()`` trains; ``points()`` is the point cloud of what was found so far, ``observed`` the goal."""

    def __init__(self, options: Options) -> None:
        torch.manual_seed(options.seed)
        self.options = options
        self.sharp = get_depth_renderer(64, seed=0)
        self.stochastic = get_depth_renderer(options.samples, edge_samples=options.edge_samples)
        clean = self.picture(TRIANGLES)
        self.observed = clean * (1 + options.noise * torch.randn(HEIGHT, WIDTH, 1) / clean[..., 2:])
        start = TRIANGLES + MOVED + CORNERS_MOVED * torch.randn(TRIANGLES.shape)
        self.triangles = start.requires_grad_()

    @torch.no_grad()
    def picture(self, triangles: Tensor) -> Tensor:
        return self.sharp(_vertices(triangles), FACES, INTRINSICS, DIMS)

    def points(self) -> Tensor:
        """(HEIGHT, WIDTH, 3)"""
        return self.picture(self.triangles)

    def steps(self) -> Iterator[float]:
        """Train, yielding the loss of each step."""
        optimizer = torch.optim.Adam([self.triangles], lr=self.options.learning_rate)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.1 ** (1 / self.options.steps))
        for _ in range(self.options.steps):
            seen = self.stochastic(_vertices(self.triangles), FACES, INTRINSICS, DIMS)
            loss = (seen - self.observed).square().sum(2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            yield loss.item()

    def errors(self) -> tuple[float, float]:
        """Mean absolute differences: of the depth picture from the one observed, and of corners from where they were;
        metres."""
        depth = (self.points() - self.observed)[..., 2].abs().mean().item()
        return depth, (self.triangles.detach() - TRIANGLES).abs().mean().item()


def _vertices(triangles: Tensor) -> Tensor:
    return torch.cat([triangles.flatten(0, 1), SQUARE])


def write_picture(path: Path, clouds: dict[str, Tensor]) -> None:
    """Above depth as the camera sees it, below the points from the side, coloured by depth."""
    figure = plt.figure(figsize=(3.4 * len(clouds) + 0.8, 5.6))
    grid = figure.add_gridspec(
        2,
        len(clouds) + 1,
        width_ratios=[1] * len(clouds) + [0.04],
        height_ratios=(3, 4),
        left=0.01,
        right=0.94,
        top=0.94,
        bottom=0.02,
        wspace=0.05,
        hspace=0.02,
    )
    nearest, farthest = (float(f(clouds["observed"][..., 2])) for f in (torch.min, torch.max))
    colours = {"cmap": "viridis", "vmin": nearest, "vmax": farthest}
    for i, (name, points) in enumerate(clouds.items()):
        flat = figure.add_subplot(grid[0, i])
        shown = flat.imshow(points[..., 2], **colours)
        flat.set_title(name)
        flat.set(xticks=[], yticks=[])
        x, y, z = points.flatten(0, 1).unbind(1)
        space = figure.add_subplot(grid[1, i], projection="3d")
        space.scatter(x, z, -y, c=z, s=3, **colours)
        space.set(xticklabels=[], yticklabels=[], zticklabels=[], xlim=(-2, 2), ylim=(1.6, 3.6), zlim=(-1.5, 1.5))
        space.view_init(elev=25, azim=-60)
    figure.colorbar(shown, cax=figure.add_subplot(grid[0, -1]), label="depth, m")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def fit_depth(out: Path, options: Options) -> tuple[tuple[float, float], tuple[float, float]]:
    """Run the fit; write fit_depth.png to out; return `Fit.errors` before and after."""
    out.mkdir(parents=True, exist_ok=True)
    fit = Fit(options)
    clouds, before = {"observed": fit.observed, "start": fit.points()}, fit.errors()
    progress = tqdm(fit.steps(), total=options.steps, desc="triangles to point cloud", unit="step")
    for loss in progress:
        progress.set_postfix(loss=f"{loss:.4f}")
    clouds["end"] = fit.points()
    write_picture(out / "fit_depth.png", clouds)
    return before, fit.errors()


def main(argv: Sequence[str] | None = None) -> None:
    """Run the fit and say how it went; argv stands in for the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the results (default: out)")
    arguments: dict[str, tuple[Callable[[str], float], str]] = {
        "steps": (positive_int, "steps of the fit"),
        "samples": (positive_int, "samples in each pixel and step"),
        "edge_samples": (
            non_negative_float,
            "points for each pixel of the edges' length; 0: without the boundary term",
        ),
        "learning_rate": (non_negative_float, "learning rate of Adam, at the beginning"),
        "noise": (non_negative_float, "noise of the observed depth, metres"),
        "seed": (int, "seed of everything random"),
    }
    for name, (kind, what) in arguments.items():
        flag, default = f"--{name.replace('_', '-')}", getattr(Options, name)
        parser.add_argument(flag, type=kind, default=default, help=f"{what} (default: %(default)s)")
    given = vars(parser.parse_args(argv))
    out = given.pop("out")
    before, after = fit_depth(out, Options(**given))
    print("written:", out / "fit_depth.png")
    print(f"depth_error={before[0]:.4f} at the start, {after[0]:.4f} at the end, metres")
    print(f"corner_error={before[1]:.4f} at the start, {after[1]:.4f} at the end, metres")


if __name__ == "__main__":
    main()
