"""The PyTorch3D door: spot rendered by PyTorch3D renderers that were swapped onto our core, every face at the pixel.

Where all of PyTorch3D is installed, compiled ops included, the same renderers are timed as they were, too.
`python -m benchmarks.pytorch3d --help`
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from pytorch3d import _C
from pytorch3d.io import load_obj
from pytorch3d.renderer import (
    BlendParams,
    FoVPerspectiveCameras,
    HardPhongShader,
    MeshRasterizer,
    MeshRenderer,
    PointLights,
    RasterizationSettings,
    SoftGouraudShader,
    SoftPhongShader,
    SoftSilhouetteShader,
    TexturesUV,
    TexturesVertex,
    look_at_view_transform,
)
from pytorch3d.structures import Meshes
from torch import Tensor

from benchmarks.measure import rise_of_peak
from gendr_adapters import data
from gendr_adapters._projected_meshes import ProjectedMeshes
from gendr_adapters.pytorch3d import GenDRRasterizer, _shaders, swap
from gendr_adapters.utils.meshes import load_texture

Row = dict[str, Any]

SIGMA = 1e-4
BLUR_RADIUS = math.log(1 / 1e-4 - 1) * SIGMA  # where D falls to 1e-4
# Of PyTorch3D's Fragments: pix_to_face int64, zbuf, three of bary_coords and dists float32.
BYTES_PER_SLOT = 8 + 4 + 12 + 4
SHADERS = {
    "phong": SoftPhongShader,
    "gouraud": SoftGouraudShader,
    "silhouette": SoftSilhouetteShader,
    "hard": HardPhongShader,
}
TITLES = {
    "phong": "Phong, TexturesUV",
    "gouraud": "Gouraud, TexturesVertex",
    "silhouette": "silhouette",
    "hard": "hard Phong, TexturesUV",
}
# What a Phong shader's forward pass consists of, and the functions whose time that is.
STAGES = {
    "project": (GenDRRasterizer, "forward"),
    "translate": (_shaders, "show"),
    "render": (ProjectedMeshes, "render"),
}


def is_compiled() -> bool:
    """Is it a build of all of PyTorch3D, or its Python layer alone (compat_tests/pytorch3d/install.py)?"""
    return not hasattr(_C, "IS_STUB")


def spot(textures: str) -> Meshes:
    """textures: 'uv', her texture of 1024 x 1024, or 'vertex', some colours."""
    verts, faces, extra = load_obj(data.path("spot.obj"), load_textures=False)
    if textures == "uv":
        texture = TexturesUV(
            load_texture(data.path("spot_texture.png"))[None], faces.textures_idx[None], extra.verts_uvs[None]
        )
    else:
        texture = TexturesVertex(0.5 + 0.4 * torch.sin(5 * verts)[None])
    return Meshes([verts], [faces.verts_idx], texture)


def renderer(kind: str, image_size: int, faces_per_pixel: int = 50) -> MeshRenderer:
    """PyTorch3D's own, before any swap; from where the other benchmarks see her."""
    rotation, translation = look_at_view_transform(2.732, 30.0, 180.0)
    cameras = FoVPerspectiveCameras(R=rotation, T=translation, fov=60.0)
    blur_radius = 0.0 if kind == "hard" else BLUR_RADIUS
    settings = RasterizationSettings(image_size=image_size, blur_radius=blur_radius, faces_per_pixel=faces_per_pixel)
    blend = BlendParams(sigma=SIGMA)
    if kind == "silhouette":
        shader = SoftSilhouetteShader(blend)
    else:
        shader = SHADERS[kind](cameras=cameras, lights=PointLights(location=((0.0, 2.0, -3.0),)), blend_params=blend)
    return MeshRenderer(MeshRasterizer(cameras, settings), shader)


class Job:
    """One mesh and one renderer; `forward` gives a picture that `backward` takes to the vertices."""

    def __init__(self, kind: str, render: MeshRenderer) -> None:
        self.mesh = spot("uv" if kind in ("phong", "hard") else "vertex")
        self.render = render
        self.offsets = torch.zeros_like(self.mesh.verts_packed(), requires_grad=True)

    def forward(self) -> Tensor:
        return self.render(self.mesh.offset_verts(self.offsets))

    def backward(self, picture: Tensor) -> None:
        self.offsets.grad = None
        picture.backward(torch.ones_like(picture))


def time_job(job: Job, seconds: float) -> Row:
    """Forward and backward in turn for about `seconds`, at least 3 times, after two calls that do not count."""
    forward: list[float] = []
    backward: list[float] = []
    stages: list[dict[str, float]] = []
    deadline = math.inf
    with stage_clock() as clock:
        while len(forward) < 5 or time.perf_counter() < deadline:
            clock.clear()
            start = time.perf_counter()
            picture = job.forward()
            middle = time.perf_counter()
            job.backward(picture)
            end = time.perf_counter()
            forward.append(middle - start)
            backward.append(end - middle)
            stages.append(dict(clock))
            if len(forward) == 2:
                deadline = time.perf_counter() + seconds
    del forward[:2], backward[:2], stages[:2]

    def median(values: list[float]) -> float:
        return round(1e3 * statistics.median(values), 3)

    return {
        "forward_ms": median(forward),
        "backward_ms": median(backward),
        "repeats": len(forward),
        "stages_ms": {name: median([times.get(name, 0.0) for times in stages]) for name in STAGES},
    }


@contextmanager
def stage_clock() -> Iterator[dict[str, float]]:
    """Seconds spent in each of STAGES' functions, summed until the dict is cleared."""
    spent: dict[str, float] = {}

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            result = function(*args, **kwargs)
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - start
            return result

        return call

    with ExitStack() as stack:
        for name, (owner, attribute) in STAGES.items():
            stack.enter_context(patch.object(owner, attribute, timed(name, getattr(owner, attribute))))
        yield spent


def peak_memory(kind: str, image_size: int) -> float:
    """MiB by which this process' peak memory rises in one forward and backward call. Linux only."""
    job = Job(kind, swap(renderer(kind, image_size)))
    warm = Job(kind, swap(renderer(kind, 1)))
    warm.backward(warm.forward())  # what a process does once is not ours to count
    return rise_of_peak(lambda: job.backward(job.forward()))


def peak_memory_of_a_child(kind: str, image_size: int) -> float:
    command = [sys.executable, "-m", "benchmarks.pytorch3d", "--memory", kind, "--size", str(image_size)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def count_fragments(image_size: int) -> tuple[int, int]:
    """How many fragments there are, and how many at the pixel that has most."""
    with torch.no_grad():
        found = swap(renderer("silhouette", image_size)).rasterizer(spot("vertex")).found
    return found.face.shape[0], int(torch.diff(found.offsets).max())


def measure(seconds: float, image_size: int = 256) -> dict[str, Any]:
    """All numbers, for print_report and for JSON."""
    count, most = count_fragments(image_size)
    rows = {kind: time_job(Job(kind, swap(renderer(kind, image_size))), seconds) for kind in SHADERS}
    for kind, row in rows.items():
        row["peak_mib"] = round(peak_memory_of_a_child(kind, image_size), 1)
    dense = [
        {"faces_per_pixel": k, "slots": image_size**2 * k, "fragments_mib": image_size**2 * k * BYTES_PER_SLOT / 2**20}
        for k in (50, 150, most)
    ]
    theirs = {}
    if is_compiled():
        theirs = {
            f"{kind}, K={k}": time_job(Job(kind, renderer(kind, image_size, k)), seconds)
            for kind in SHADERS
            for k in ((1,) if kind == "hard" else (8, 50))
        }
    return {
        "image_size": image_size,
        "fragments": count,
        "most_at_a_pixel": most,
        "swapped": rows,
        "dense": dense,
        "pytorch3d": theirs,
    }


def print_report(result: dict[str, Any]) -> None:
    n, count, most = result["image_size"], result["fragments"], result["most_at_a_pixel"]
    print(f"\nPyTorch3D renderers, swapped: spot at {n} x {n}, sigma {SIGMA:g}, all faces at the pixel\n")
    print(f"{count:,} fragments, at most {most} at a pixel; medians; peak: what a process of its own rises by\n")
    print(f"{'shader':26} {'forward':>11} {'backward':>11} {'peak':>10} {'calls':>6}")
    for kind, r in result["swapped"].items():
        print(
            f"{TITLES[kind]:26} {r['forward_ms']:8.1f} ms {r['backward_ms']:8.1f} ms {r['peak_mib']:6.1f} MiB "
            f"{r['repeats']:6}"
        )
    for name, r in result["pytorch3d"].items():
        print(f"PyTorch3D, {name:15} {r['forward_ms']:8.1f} ms {r['backward_ms']:8.1f} ms {r['repeats']:>17}")
    if not result["pytorch3d"]:
        print("PyTorch3D's own rasteriser is not installed here: its times are not measured")

    phong = result["swapped"]["phong"]
    stages = {**phong["stages_ms"], "the rest": phong["forward_ms"] - sum(phong["stages_ms"].values())}
    print("\nPhong, stage by stage (the rest: vertex normals, copies)\n")
    for name, value in {**stages, "backward": phong["backward_ms"]}.items():
        print(f"    {name:12} {value:8.1f} ms")

    print(f"\nWith K slots a pixel: PyTorch3D's four fragment tensors, {BYTES_PER_SLOT} B a slot\n")
    for row in result["dense"]:
        full = "" if row["faces_per_pixel"] < most else ", which leaves none out"
        print(
            f"    K = {row['faces_per_pixel']:4}: {row['slots']:11,} slots, {row['slots'] / count:5.1f} a fragment, "
            f"{row['fragments_mib']:8.1f} MiB{full}"
        )
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pytorch3d", description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each line (default: 1)")
    parser.add_argument("--size", type=int, default=256, help="of the picture, pixels (default: 256)")
    parser.add_argument("--json", type=Path, help="write the numbers here, too")
    parser.add_argument("--memory", choices=SHADERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(peak_memory(options.memory, options.size))
        return
    result = measure(options.seconds, options.size)
    print_report(result)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
