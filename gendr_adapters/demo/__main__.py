"""Command line of the demo: ``python -m gendr_adapters.demo --out out``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch

from ..utils.command_line import positive_int
from .fit_airplane import FitOptions, fit_airplane
from .spot import Spot, write_blur_sweep, write_turntable


def main(argv: Sequence[str] | None = None) -> None:
    """Run the jobs and say where the results are; argv stands in for the command line's arguments."""
    parser = argparse.ArgumentParser(prog="python -m gendr_adapters.demo", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the results (default: out)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sphere's first displacement (default: 0)")
    parser.add_argument(
        "--steps", type=positive_int, default=FitOptions.steps, help="steps of the fit (default: %(default)s)"
    )
    parser.add_argument(
        "--frames", type=positive_int, default=48, help="frames of each animation (default: %(default)s)"
    )
    parser.add_argument(
        "--image-size", type=positive_int, default=256, help="side of spot's pictures, pixels (default: %(default)s)"
    )
    arguments = parser.parse_args(argv)

    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    with torch.no_grad():
        spot = Spot()
        write_turntable(out / "spot.gif", spot, arguments.frames, arguments.image_size)
        write_blur_sweep(out / "spot_blur.png", spot, arguments.image_size // 2)
    hard_iou = fit_airplane(out, FitOptions(steps=arguments.steps, n_frames=arguments.frames, seed=arguments.seed))
    print("written:", *(f"{out / name}" for name in sorted(path.name for path in out.iterdir())))
    print(f"final_hard_iou={hard_iou:.3f}")


if __name__ == "__main__":
    main()
