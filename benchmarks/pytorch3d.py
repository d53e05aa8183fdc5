"""The PyTorch3D door: spot rendered by PyTorch3D renderers that were swapped onto our core, every face at the pixel.

Where all of PyTorch3D is installed, compiled ops included, the same renderers are timed as they were, too, with as many
faces a pixel as its tutorials ask for: 50, and 1 for hard shading. `python -m benchmarks.pytorch3d --help`
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

import pytorch3d
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
from gendr_adapters import data, load_mesh
from gendr_adapters._projected_meshes import ProjectedMeshes
from gendr_adapters.pytorch3d import GenDRRasterizer, _shaders, swap
from gendr_adapters.utils.command_line import positive_float, positive_int

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
FACES_PER_PIXEL = {"phong": 50, "gouraud": 50, "silhouette": 50, "hard": 1}  # of PyTorch3D's own
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
        picture = load_mesh(data.path("spot.obj")).texture
        assert picture is not None
        texture = TexturesUV(picture[None], faces.textures_idx[None], extra.verts_uvs[None])
    else:
        texture = TexturesVertex(0.5 + 0.4 * torch.sin(5 * verts)[None])
    return Meshes([verts], [faces.verts_idx], texture)


def renderer(kind: str, image_size: int, faces_per_pixel: int | None = None) -> MeshRenderer:
    """PyTorch3D's own, before any swap; from where the other benchmarks see her. faces_per_pixel: None, as above."""
    rotation, translation = look_at_view_transform(2.732, 30.0, 180.0)
    cameras = FoVPerspectiveCameras(R=rotation, T=translation, fov=60.0)
    blur_radius = 0.0 if kind == "hard" else BLUR_RADIUS
    settings = RasterizationSettings(
        image_size=image_size, blur_radius=blur_radius, faces_per_pixel=faces_per_pixel or FACES_PER_PIXEL[kind]
    )
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


def time_job(job: Job, seconds: float, warm_ups: int = 2, least: int = 3) -> Row:
    """Forward and backward in turn for about `seconds`, at least `least` times, after calls that do not count."""
    forward: list[float] = []
    backward: list[float] = []
    stages: list[dict[str, float]] = []
    deadline = time.perf_counter() + seconds
    with stage_clock() as clock:
        while len(forward) < warm_ups + least or time.perf_counter() < deadline:
            clock.clear()
            start = time.perf_counter()
            picture = job.forward()
            middle = time.perf_counter()
            job.backward(picture)
            end = time.perf_counter()
            forward.append(middle - start)
            backward.append(end - middle)
            stages.append(dict(clock))
            if len(forward) == warm_ups:
                deadline = time.perf_counter() + seconds
    del forward[:warm_ups], backward[:warm_ups], stages[:warm_ups]

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


def peak_memory(kind: str, image_size: int, swapped: bool) -> float:
    """MiB by which this process' peak memory rises in one forward and backward call. Linux only."""

    def job(size: int) -> Job:
        own = renderer(kind, size)
        return Job(kind, swap(own) if swapped else own)

    one, warm = job(image_size), job(1)
    warm.backward(warm.forward())  # what a process does once is not ours to count
    return rise_of_peak(lambda: one.backward(one.forward()))


def peak_memory_of_a_child(kind: str, image_size: int, swapped: bool) -> float:
    command = [sys.executable, "-m", "benchmarks.pytorch3d", "--memory", kind, "--image-size", str(image_size)]
    command += [] if swapped else ["--unswapped"]
    return round(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout), 1)


def measure_theirs(seconds: float, image_size: int) -> dict[str, Row]:
    """PyTorch3D's own, a row a shader: seconds a call, so that one call warms up and another counts."""
    rows = {}
    for kind, count in FACES_PER_PIXEL.items():
        row = time_job(Job(kind, renderer(kind, image_size)), seconds, warm_ups=1, least=1)
        del row["stages_ms"]
        rows[kind] = {"faces_per_pixel": count, **row, "peak_mib": peak_memory_of_a_child(kind, image_size, False)}
    return rows


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
        row["peak_mib"] = peak_memory_of_a_child(kind, image_size, True)
    dense = [
        {"faces_per_pixel": k, "slots": image_size**2 * k, "fragments_mib": image_size**2 * k * BYTES_PER_SLOT / 2**20}
        for k in (50, 150, most)
    ]
    return {
        "image_size": image_size,
        "fragments": count,
        "most_at_a_pixel": most,
        "swapped": rows,
        "dense": dense,
        "pytorch3d_version": pytorch3d.__version__,
        "pytorch3d": measure_theirs(seconds, image_size) if is_compiled() else {},
    }


def print_report(result: dict[str, Any]) -> None:
    n, count, most = result["image_size"], result["fragments"], result["most_at_a_pixel"]
    print(f"\nPyTorch3D renderers, swapped: spot at {n} x {n}, sigma {SIGMA:g}, all faces at the pixel\n")
    print(f"{count:,} fragments, at most {most} at a pixel; medians; peak: what a process of its own rises by\n")
    header = f"{'forward':>11} {'backward':>11} {'peak':>11} {'calls':>6}"
    theirs = result["pytorch3d"]
    print(f"{'shader':26} {header}" + (f"{'K':>5} {header} {'times':>6}" if theirs else ""))
    for kind, r in result["swapped"].items():
        line = f"{TITLES[kind]:26} {_cells(r)}"
        if theirs:
            own = theirs[kind]
            times = (own["forward_ms"] + own["backward_ms"]) / (r["forward_ms"] + r["backward_ms"])
            line += f"{own['faces_per_pixel']:5} {_cells(own)} {times:6.1f}"
        print(line)
    if theirs:
        print(
            f"on the right PyTorch3D {result['pytorch3d_version']}, at most K faces a pixel; times: their time / ours"
        )
    else:
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


def _cells(r: Row) -> str:
    return f"{r['forward_ms']:8.1f} ms {r['backward_ms']:8.1f} ms {r['peak_mib']:7.1f} MiB {r['repeats']:6}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pytorch3d", description=__doc__)
    parser.add_argument("--seconds", type=positive_float, default=1.0, help="time for each line (default: 1)")
    parser.add_argument(
        "--image-size", type=positive_int, default=256, help="side of the picture, pixels (default: 256)"
    )
    parser.add_argument("--json", type=Path, help="write the numbers here, too")
    parser.add_argument("--memory", choices=SHADERS, help=argparse.SUPPRESS)
    parser.add_argument("--unswapped", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(peak_memory(options.memory, options.image_size, swapped=not options.unswapped))
        return
    result = measure(options.seconds, options.image_size)
    print_report(result)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
