"""`python -m compat_tests.accuracy --write`: docs/accuracy.md, how far float32 is from float64, setting for setting."""

import argparse
import math
import random
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from compat_tests.support.sweep_scenes import faces_of
from gendr_adapters import RenderSettings, render
from gendr_adapters.distributions import DISTRIBUTIONS
from gendr_adapters.t_conorms import T_CONORMS

PAGE = Path(__file__).parent.parent / "docs" / "accuracy.md"
SIZE, SCENES = (24, 32), 40
BASE: dict[str, Any] = {"near": 1.0, "far": 6.0, "gamma": 0.1, "dist_squared": False, "dist_scale": 1e-2}
P: dict[str | None, tuple[float | None, ...]] = {
    None: (None,),
    "p >= 0": (0.0, 1e-3, 0.5, 4.0, 1e3),
    "p > 0": (1e-3, 0.5, 2.0, 5.0, 1e3),
    "p < 0": (-1e-3, -0.5, -2.0, -5.0, -1e3),
}


class Errors(NamedTuple):
    """Of one scene: the largest of any pixel, of 1; and of a gradient the norm, relative to that of float64's."""

    image: float
    alpha: float
    gradient: float


def tables() -> Iterator[tuple[str, list[tuple[str, dict[str, Any]]]]]:
    """Titles, and rows: what is in the first column, and the settings."""
    distributions = []
    for name, d in DISTRIBUTIONS.items():
        for shape in (0.5, 2.0, 15.0) if d.uses_shape else (0.0,):
            shift = 1.0 if d.uses_shift else 0.0
            more = (f", shape {shape:g}" if shape else "") + (f", shift {shift:g}" if shift else "")
            distributions.append((name + more, {"distribution": name, "dist_shape": shape, "dist_shift": shift}))
    yield "Distribution", distributions
    conorms = [
        (name if p is None else f"{name}, p = {p:g}", {"t_conorm": name, "t_conorm_p": p, "dist_scale": 0.1})
        for name, rule in T_CONORMS.items()
        for p in P[rule]
    ]
    yield "T-conorm (dist_scale = 0.1, so that most pixels are near all faces)", conorms
    for squared, unit in ((False, "NDC"), (True, "NDC squared")):
        decades = [(f"1e{k}", {"dist_scale": 10.0**k, "dist_squared": squared}) for k in range(-7, 2)]
        yield f"dist_scale, {unit}", decades
    yield "gamma", [(f"1e{k}", {"gamma": 10.0**k}) for k in range(-6, 3)]


def scene(seed: int, settings: Mapping[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
    """Corners, colours and background, numbers of float32: half of the faces large, the others with an edge as far from
    some pixel's centre as the coverage changes in."""
    choose, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    kinds = ("ordinary", "beside pixels")
    made = [
        faces_of(
            {"geometry": kind, "half_extent": None, "dist_squared": settings["dist_squared"], "depths": "within"},
            SIZE,
            settings["dist_scale"],
            choose,
            generator,
        )
        for kind in kinds
    ]
    faces = torch.cat(made).float()
    colours = torch.rand((len(faces), 3, 3), generator=generator)
    return faces, colours, torch.rand(3, generator=generator)


def errors(seed: int, settings: Mapping[str, Any]) -> Errors:
    given = scene(seed, settings)
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn((4, *SIZE), generator=generator, dtype=torch.float64)

    def draw(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        faces, colours, background = (x.to(dtype) for x in given)
        faces.requires_grad_()
        drawn = render(faces, SIZE, colours, torch.tensor([0, len(faces)]), RenderSettings(**settings), background)
        assert drawn.image is not None and drawn.alpha is not None
        picture = torch.cat([drawn.image[0], drawn.alpha])
        (gradient,) = torch.autograd.grad(picture, faces, weights.to(dtype))
        return drawn.image.detach().double(), drawn.alpha.detach().double(), gradient.double()

    single, double = draw(torch.float32), draw(torch.float64)
    image, alpha = ((a - b).abs().max().item() for a, b in zip(single[:2], double[:2], strict=True))
    size = double[2].norm().item()
    return Errors(image, alpha, (single[2] - double[2]).norm().item() / size if size else 0.0)


def row(name: str, settings: Mapping[str, Any], scenes: int = SCENES) -> str:
    found = [errors(seed, {**BASE, **settings}) for seed in range(scenes)]
    assert all(math.isfinite(x) for e in found for x in e)
    cells = []
    for values in zip(*found, strict=True):
        cells += [f"{statistics.median(values):.0e}", f"{max(values):.0e}"]
    return f"| {name} | {' | '.join(cells)} |"


HEAD = """# How far float32 is from float64

This page helps to decide whether float32 is accurate enough for your settings. `python -m compat_tests.accuracy
--write` makes it. Other machines round differently, so only the order of magnitude of a number is meaningful.

Each row is {scenes} scenes of {height} x {width} pixels. The CPU core draws them in float32 and in float64, from
the same float32 numbers. A scene has 2 to 12 faces at depths of 1.5 to 5. Half of the faces are large; the others
have an edge near the centre of a pixel, within three times the distance at which coverage changes. Colours are in
[0, 1]. Unless the row says otherwise: {base}.

`image` and `alpha` are the largest difference at any pixel. `gradient` is the gradient of a random sum over image
and alpha to the corners: the norm of the difference divided by the norm. Each has the median and the worst of the
scenes.

A distance in float32 is accurate to about 1e-7 of the size of a face. If `dist_scale` (its square root, if
`dist_squared`) is near that, no digits are correct: use float64. The same holds for depths, whose error is
multiplied by a small `gamma`.

In float64 the core agrees with `gendr_adapters/reference.py` as closely as the rounding of the inputs allows;
`compat_tests/support/sweep.py` says how that is measured.
"""


def page() -> str:
    base = ", ".join(f"{name} = {value}" for name, value in BASE.items())
    parts = [HEAD.format(scenes=SCENES, height=SIZE[0], width=SIZE[1], base=base)]
    for title, rows in tables():
        parts.append(f"\n## {title}\n")
        heads = (title.partition(" (")[0], *("image", "worst", "alpha", "worst", "gradient", "worst"))
        parts.append(f"| {' | '.join(heads)} |\n|{7 * '---|'}")
        parts += [row(name, settings) for name, settings in rows]
    return "\n".join(parts) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m compat_tests.accuracy", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write to {PAGE.name}, not to the screen")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    text = page()
    if options.write:
        PAGE.write_text(text)
    else:
        print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
