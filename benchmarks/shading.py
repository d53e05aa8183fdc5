"""`python -m benchmarks.shading`: what textures and light cost beside a silhouette of the same scene, spot.

Every face at the pixel, sigma 1e-4; gradients to vertices, and to the map where there is one.
"""

import argparse
import math
import subprocess
import sys
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.measure import rise_of_peak, time_runs
from gendr_adapters import (
    Lighting,
    RenderSettings,
    TextureMaps,
    data,
    find_fragments,
    gather_corners,
    load_mesh,
    render,
    vertex_normals,
)
from gendr_adapters.utils.cameras import orbit, project
from gendr_adapters.utils.command_line import positive_float, positive_int

SETTINGS = RenderSettings(
    dist_scale=1e-4,
    gamma=1e-4,
    reach=math.sqrt(9.21e-4),
    min_coverage=0.0,
    background_floor=1e-10,
    background_eps=1e-10,
)
KINDS = ("silhouette", "vertex colours", "map", "vertex colours, Phong", "map, Phong")
Run = Callable[[], tuple[list[Tensor], Tensor]]


def lamp(positions: Tensor, normals: Tensor) -> Lighting:
    """A point light before and above spot, half of it ambient. positions, normals: of corners, in the world."""
    white = positions.new_ones(1, 3)
    return Lighting(
        positions, normals, positions.new_tensor([0.0, 1.4, -2.4]), 0.5 * white[0],
        positions.new_tensor([[0.0, 2.0, -3.0, 1.0]]), 0.3 * white, 0.2 * white,
    )  # fmt: skip


def spot(kind: str, size: int) -> Run:
    """A function that renders; returns the pictures and the faces that gradients go to. The map is of 1024 x 1024."""
    mesh = load_mesh(data.path("spot.obj"))
    uvs = mesh.uvs
    assert mesh.texture is not None and uvs is not None
    camera = orbit(torch.tensor([2.732]), torch.tensor([30.0]), torch.tensor([180.0]))
    faces = gather_corners(project(mesh.vertices, camera, 30.0), mesh.faces)[0].requires_grad_()
    positions, normals = mesh.vertices[mesh.faces], vertex_normals(mesh.vertices, mesh.faces)[mesh.faces]
    maps = mesh.texture.requires_grad_()
    light = lamp(positions, normals)

    def run() -> tuple[list[Tensor], Tensor]:
        if kind == "silhouette":
            alpha = render(faces, size, settings=SETTINGS, outputs=("alpha",)).alpha
            assert alpha is not None
            return [alpha], faces
        features = TextureMaps(maps, uvs, align_corners=True) if kind.startswith("map") else positions
        shown = render(faces, size, features, settings=SETTINGS, lighting=light if "Phong" in kind else None)
        assert shown.image is not None and shown.alpha is not None
        maps.grad = None
        return [shown.image, shown.alpha], faces

    return run


def peak_memory(kind: str, size: int) -> float:
    """MiB by which this process' peak memory rises in one forward and backward call. Linux only."""

    def once(run: Run) -> None:
        pictures, _ = run()
        torch.autograd.backward(pictures, [torch.ones_like(picture) for picture in pictures])

    once(spot(kind, 1))  # what a process does once is not ours to count
    run = spot(kind, size)
    return rise_of_peak(lambda: once(run))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.shading", description=__doc__)
    parser.add_argument("--seconds", type=positive_float, default=1.0, help="time for each line (default: 1)")
    parser.add_argument(
        "--image-sizes",
        type=positive_int,
        nargs="+",
        default=[256, 1024],
        help="sides of the pictures, pixels (default: 256 1024)",
    )
    parser.add_argument("--memory", choices=KINDS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(peak_memory(options.memory, options.image_sizes[0]))
        return
    for size in options.image_sizes:
        with torch.no_grad():
            faces = spot("silhouette", size)()[1]
        count = find_fragments(faces.detach(), size, settings=SETTINGS).face.shape[0]
        print(f"\nspot at {size} x {size}: {count:,} fragments; medians; peak: what a process of its own rises by\n")
        for kind in KINDS:
            timing = time_runs(spot(kind, size), options.seconds)
            command = [sys.executable, "-m", "benchmarks.shading", "--memory", kind, "--image-sizes", str(size)]
            peak = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            print(f"{kind:24} {timing.forward:9.2f} ms {timing.backward:9.2f} ms {peak:8.1f} MiB", flush=True)


if __name__ == "__main__":
    main()
