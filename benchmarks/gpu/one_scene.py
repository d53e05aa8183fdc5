"""`python -m benchmarks.gpu.one_scene SCENE`: forward and backward of one scene, three times, for a profiler."""

import argparse

import torch

from benchmarks.gpu.ours import from_corners
from benchmarks.gpu.scenes import BASE, SPHERE_300K, SPOT_COLOUR, Case, view
from benchmarks.gpu.shaded import PHONG, ShadedCase, shaded
from benchmarks.gpu.timing import Repeated, Work

SCENES: dict[str, Case | ShadedCase] = {
    "silhouette": BASE,
    "colour": SPOT_COLOUR,
    "300k": SPHERE_300K,
    "phong": PHONG,
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.one_scene", description=__doc__)
    parser.add_argument("scene", choices=SCENES, help="scene to render")
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, ... or cpu (default: cuda)")
    options = parser.parse_args(arguments)
    device = torch.device(options.device)
    case = SCENES[options.scene]

    def make() -> Work:
        return shaded(case, device) if isinstance(case, ShadedCase) else from_corners(view(case, device))

    work = Repeated(make, copies=1)
    for _ in range(3):
        work.both(0)
    if device.type == "cuda":
        torch.cuda.synchronize()
    print(f"{options.scene}: rendered")


if __name__ == "__main__":
    main()
