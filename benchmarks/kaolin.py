"""The Kaolin door: dibr_rasterization forward and backward, gradients to the vertices.

On the CPU there is nothing of Kaolin's to compare with: its rasteriser needs CUDA. Where there are both a GPU and
Kaolin, the two are timed side by side on it; that part has not run anywhere yet.
`python -m benchmarks.kaolin --help`
"""

import argparse
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.measure import time_runs
from gendr_adapters import data, gather_corners, load_mesh
from gendr_adapters.kaolin import dibr_rasterization
from gendr_adapters.utils.cameras import orbit, project
from gendr_adapters.utils.command_line import positive_float, positive_int

Row = dict[str, float | int | str]

MESHES = {"sphere of 1,280 faces": "sphere_642.obj", "spot": "spot.obj"}
BOXLEN = 0.02  # Kaolin's default
HALF_FOV = 30.0  # degrees; the cameras of the other benchmarks


class Case(NamedTuple):
    """What is drawn. scale: of the picture's sides, in units of the size asked for."""

    mesh: str
    n_views: int
    scale: int = 1
    boxlen: float = BOXLEN


# The last two: how the cost grows with the picture, and with the faces that a pixel counts.
CASES = (
    *(Case(mesh, n) for mesh in MESHES for n in (1, 8)),
    Case("spot", 16, scale=4),
    Case("spot", 8, boxlen=0.1),
)


class Job:
    """One mesh, seen from n_views sides at once, vertex colours for features; called, it rasterises."""

    def __init__(self, case: Case, image_size: int, device: str, rasterize: Callable[..., Any]) -> None:
        mesh, n_views, scale, boxlen = case
        loaded = load_mesh(data.path(MESHES[mesh]), textures=False)
        vertices, faces = loaded.vertices, loaded.faces
        self.size, self.boxlen, self.rasterize = scale * image_size, boxlen, rasterize
        self.name = f"{mesh}, batch {n_views}"
        self.name += f" at {self.size} x {self.size}" * (scale != 1) + f", boxlen {boxlen:g}" * (boxlen != BOXLEN)
        self.vertices, self.faces = vertices.clone().to(device).requires_grad_(), faces.to(device)
        azimuths = torch.arange(n_views) * 360.0 / n_views
        cameras = orbit(torch.full((n_views,), 2.732), torch.full((n_views,), 30.0), azimuths)
        self.cameras = type(cameras)(*(part.to(device) for part in cameras))
        colours = gather_corners((0.5 + 0.4 * torch.sin(5 * vertices)).to(device), self.faces)
        self.colours = colours.expand(n_views, -1, -1, -1).contiguous()

    def draw(self) -> tuple[Tensor, Tensor, Tensor]:
        """Features, soft mask and face index."""
        corners = gather_corners(project(self.vertices, self.cameras, HALF_FOV), self.faces)
        image, z = corners[..., :2].contiguous(), -corners[..., 2]
        (u_x, u_y), (v_x, v_y) = ((image[:, :, k] - image[:, :, 0]).unbind(2) for k in (1, 2))
        normals_z = (u_x * v_y - u_y * v_x).detach()
        drawn: tuple[Tensor, Tensor, Tensor] = self.rasterize(
            self.size, self.size, z.contiguous(), image, self.colours, normals_z, boxlen=self.boxlen
        )
        return drawn

    def __call__(self) -> tuple[list[Tensor], Tensor]:
        features, soft_mask, _ = self.draw()
        return [features, soft_mask], self.vertices


def time_job(job: Job, seconds: float, wait: Callable[[], None] = lambda: None) -> Row:
    timing = time_runs(job, seconds, wait)
    return {
        "scene": job.name,
        "faces": len(job.faces),
        "forward_ms": round(timing.forward, 3),
        "backward_ms": round(timing.backward, 3),
        "repeats": timing.repeats,
    }


def measure(seconds: float, image_size: int = 256) -> dict[str, Any]:
    """All numbers, for print_report and for JSON."""

    def rows(device: str, rasterize: Callable[..., Any], wait: Callable[[], None] = lambda: None) -> list[Row]:
        return [time_job(Job(case, image_size, device, rasterize), seconds, wait) for case in CASES]

    tables = {"ours, CPU": rows("cpu", dibr_rasterization)}
    theirs = kaolins()
    if torch.cuda.is_available():
        tables["ours, CUDA"] = rows("cuda", dibr_rasterization, torch.cuda.synchronize)
        if theirs is not None:
            tables["Kaolin's, CUDA"] = rows("cuda", theirs, torch.cuda.synchronize)
    return {"image_size": image_size, "has_kaolin": theirs is not None, "dibr_rasterization": tables}


def kaolins() -> Callable[..., Any] | None:
    """Its own dibr_rasterization."""
    try:
        function: Callable[..., Any] = importlib.import_module("kaolin.render.mesh").dibr_rasterization
    except ImportError:
        return None
    return function


def print_report(result: dict[str, Any]) -> None:
    n, tables = result["image_size"], result["dibr_rasterization"]
    print(
        f"\nThe Kaolin door: dibr_rasterization at {n} x {n} if nothing else is said, vertex colours, sigmainv 7000, "
        f"boxlen {BOXLEN:g}, knum 30\n"
    )
    print(f"{'':16} {'scene':34} {'faces':>6} {'forward':>12} {'backward':>12} {'calls':>6}")
    for name, rows in tables.items():
        for r in rows:
            print(
                f"{name:16} {r['scene']:34} {r['faces']:6,} {r['forward_ms']:9.2f} ms {r['backward_ms']:9.2f} ms "
                f"{r['repeats']:6}"
            )
    if len(tables) < 3:
        missing = " and ".join(["a GPU"] * ("ours, CUDA" not in tables) + ["Kaolin"] * (not result["has_kaolin"]))
        print(f"Kaolin's own rasteriser is not timed: for that {missing} would have to be here")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kaolin", description=__doc__)
    parser.add_argument("--seconds", type=positive_float, default=1.0, help="time for each line (default: 1)")
    parser.add_argument(
        "--image-size", type=positive_int, default=256, help="side of the picture, pixels (default: 256)"
    )
    parser.add_argument("--json", type=Path, help="write the numbers here, too")
    options = parser.parse_args()
    result = measure(options.seconds, options.image_size)
    print_report(result)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
