"""Fit a morphable face to a picture: shape, colours, camera and lights from 128 x 128 pixels; a redner program.

    python examples/fit_face.py --out out

The picture shows a face of a 3D morphable model, whose 199 + 199 coefficients are drawn at random, in the light of a
lamp and of everything around. Five hundred steps of Adam look for them, for the camera and for the lights' colours,
with what the pixels and the model know: the squared difference, and that no coefficient is likely to be large.

One picture does not tell all: dark skin from a weak light, a large face from a near one, its depth, the back of the
head. Where it does not, the prior decides for the mean; so the picture is matched far better than the coefficients.

There is no model to download: it is that of 200 made-up heads (face_model/synthetic.py). Who has the Basel model of
2017, which its makers license, fits that one: --model model2017-1_bfm_nomouth.h5 (needs h5py; its 53,149 vertices take
some minutes). And --target takes a photograph of your own, square and cropped to the face.

Needs the package's `demo` extra; takes about a minute on a CPU. Writes fit_face.gif and fit_face.png.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import imageio.v3 as imageio
import torch
import torch.nn.functional as F
from face_model.basel import read_basel
from face_model.morphable import MorphableModel
from face_model.synthetic import synthetic_model
from fitting import to_bytes, write_gif
from torch import Tensor
from tqdm import tqdm

import gendr_adapters.redner as pyredner  # was: import pyredner
from gendr_adapters.utils.command_line import positive_int
from gendr_adapters.utils.progress import frame_steps

FIELD_OF_VIEW = 30.0  # degrees
LAMP_DIRECTION = torch.tensor([-0.8, -0.5, -1.0])  # known; a free one could not be told from a deeper or flatter face
SHAPE_WEIGHT, COLOUR_WEIGHT = 1e-4, 1e-3
RATE = 0.1  # of Adam, for coefficients and lights
CAMERA_RATE = 0.003  # as a share of the distance
LAST_RATE = 0.03  # of the first; rates fall geometrically
SHOWN_SIZE = 256  # of the pictures that are written


@dataclass(frozen=True)
class Options:
    """detail: 6 detail^2 + 2 vertices of the made-up heads. model, target: files, or None."""

    steps: int = 500
    image_size: int = 128
    frames: int = 36
    seed: int = 0
    detail: int = 32
    model: Path | None = None
    target: Path | None = None


QUICK = Options(steps=60, image_size=64, frames=12, detail=16)


@dataclass(frozen=True)
class Portrait:
    """All that makes a picture of a face. shape, colour: coefficients (K,), in standard deviations. position, look_at:
    of the camera, (3,), the model's unit. ambient, lamp: light, (3,), linear."""

    shape: Tensor
    colour: Tensor
    position: Tensor
    look_at: Tensor
    ambient: Tensor
    lamp: Tensor

    def learnable(self) -> "Portrait":
        return Portrait(*(value.clone().requires_grad_() for value in vars(self).values()))


def render(model: MorphableModel, portrait: Portrait, size: int, seed: int, aa_samples: int = 2) -> Tensor:
    """(size, size, 3), linear light, black behind."""
    vertices = model.shape(portrait.shape)
    face = pyredner.Object(
        vertices=vertices,
        indices=model.faces,
        normals=pyredner.compute_vertex_normal(vertices, model.faces),
        colors=model.colour(portrait.colour),
        material=pyredner.Material(use_vertex_color=True),
    )
    camera = pyredner.Camera(
        position=portrait.position,
        look_at=portrait.look_at,
        up=torch.tensor([0.0, 1.0, 0.0]),
        fov=torch.tensor([FIELD_OF_VIEW]),
        resolution=(size, size),
    )
    lights = [pyredner.AmbientLight(portrait.ambient), pyredner.DirectionalLight(LAMP_DIRECTION, portrait.lamp)]
    scene = pyredner.Scene(camera=camera, objects=[face])
    return pyredner.render_deferred(scene, lights, aa_samples=aa_samples, seed=seed)


def plain_portrait(model: MorphableModel, azimuth: float, elevation: float, closer: float) -> Portrait:
    """The mean face, in the middle of the picture and filling it, seen from the right and from above (degrees)."""
    mean = model.shape.mean.view(-1, 3)
    low, high = mean.aminmax(dim=0)
    middle, reach = (low + high) / 2, (high - low)[:2].max().item() / 2
    distance = 1.25 * reach / math.tan(math.radians(FIELD_OF_VIEW / 2)) / closer
    a, e = math.radians(azimuth), math.radians(elevation)
    away = torch.tensor([math.cos(e) * math.sin(a), math.sin(e), math.cos(e) * math.cos(a)])
    return Portrait(
        shape=torch.zeros_like(model.shape.deviations),
        colour=torch.zeros_like(model.colour.deviations),
        position=middle + distance * away,
        look_at=middle,
        ambient=torch.full((3,), 0.5),
        lamp=torch.full((3,), 1.5),
    )


def random_portrait(model: MorphableModel, random: torch.Generator) -> Portrait:
    """What there is to find: coefficients as the model says they are distributed, in a known camera and light."""
    return replace(
        plain_portrait(model, azimuth=20.0, elevation=4.0, closer=1.0),
        shape=torch.randn(model.shape.deviations.shape, generator=random),
        colour=torch.randn(model.colour.deviations.shape, generator=random),
        ambient=torch.tensor([0.40, 0.42, 0.48]),
        lamp=torch.tensor([2.3, 2.1, 1.9]),
    )


class Fit:
    """One run: ``steps()`` trains, ``portrait`` is what was learned so far. truth is None for a photograph."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.model = synthetic_model(options.detail) if options.model is None else read_basel(options.model)
        self.truth = None
        if options.target is None:
            self.truth = random_portrait(self.model, torch.Generator().manual_seed(options.seed))
        self.target = self.wanted(options.image_size)
        # Some degrees from the truth's camera, a little farther off, with other lights.
        self.portrait = plain_portrait(self.model, azimuth=16.0, elevation=1.0, closer=0.99).learnable()
        self.loss = math.nan

    @torch.no_grad()
    def wanted(self, size: int) -> Tensor:
        """The target, (size, size, 3)."""
        if self.truth is not None:
            return render(self.model, self.truth, size, seed=0, aa_samples=4)
        assert self.options.target is not None
        photograph = pyredner.imread(self.options.target).permute(2, 0, 1)[None]
        if photograph.shape[2] != photograph.shape[3]:
            raise ValueError(f"{self.options.target} must be square, got {tuple(photograph.shape[2:])} pixels")
        return F.interpolate(photograph, (size, size), mode="bilinear", antialias=True)[0].permute(1, 2, 0)

    @torch.no_grad()
    def learned(self, size: int) -> Tensor:
        """What was learned so far, (size, size, 3)."""
        return render(self.model, self.portrait, size, seed=0, aa_samples=4)

    def steps(self) -> Iterator[int]:
        """Train, yielding the number of each step once it is done."""
        p = self.portrait
        distance = (p.position - p.look_at).norm().item()
        of_camera = [p.position, p.look_at]
        others = [p.shape, p.colour, p.ambient, p.lamp]
        groups = [{"params": others, "lr": RATE}, {"params": of_camera, "lr": CAMERA_RATE * distance}]
        optimizer = torch.optim.Adam(groups)
        slower = torch.optim.lr_scheduler.ExponentialLR(optimizer, LAST_RATE ** (1 / self.options.steps))
        for step in range(self.options.steps):
            picture = render(self.model, p, self.options.image_size, seed=step)
            loss = (picture - self.target).square().mean()
            loss = loss + SHAPE_WEIGHT * p.shape.square().mean() + COLOUR_WEIGHT * p.colour.square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            slower.step()
            with torch.no_grad():
                for light in (p.ambient, p.lamp):
                    light.clamp_(min=0)
            self.loss = loss.item()
            yield step

    @torch.no_grad()
    def scores(self) -> dict[str, float]:
        """picture: root mean square difference of the pixels, linear light. shape, colour: see
        `LinearModel.relative_error`; only where the truth is known."""
        found = {"picture": (self.learned(self.options.image_size) - self.target).square().mean().sqrt().item()}
        if self.truth is not None:
            found["shape"] = self.model.shape.relative_error(self.portrait.shape, self.truth.shape)
            found["colour"] = self.model.colour.relative_error(self.portrait.colour, self.truth.colour)
        return found


def side_by_side(*pictures: Tensor) -> Tensor:
    """Linear light as a screen wants it, [0, 1]."""
    return torch.cat(pictures, 1).clamp(0, 1) ** (1 / 2.2)


def fit_face(out: Path, options: Options) -> tuple[dict[str, float], dict[str, float]]:
    """Run the fit; write fit_face.gif and fit_face.png (target, start, end) to out; return first and last scores."""
    fit = Fit(options)
    out.mkdir(parents=True, exist_ok=True)
    goal, start, before = fit.wanted(SHOWN_SIZE), fit.learned(SHOWN_SIZE), fit.scores()
    shown = frame_steps(options.steps, options.frames, early=True)
    frames = [to_bytes(side_by_side(goal, start))]
    progress = tqdm(fit.steps(), total=options.steps, desc="mean to face", unit="step")
    for step in progress:
        progress.set_postfix(loss=f"{fit.loss:.5f}")
        if step in shown:
            frames.append(to_bytes(side_by_side(goal, fit.learned(SHOWN_SIZE))))
    write_gif(out / "fit_face.gif", frames)
    imageio.imwrite(out / "fit_face.png", to_bytes(side_by_side(goal, start, fit.learned(SHOWN_SIZE))))
    return before, fit.scores()


def main(argv: Sequence[str] | None = None) -> None:
    """Run the fit and say where the results are; argv stands in for the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the results (default: out)")
    parser.add_argument("--quick", action="store_true", help="a small picture, few vertices, few steps: some seconds")
    counts = {
        "steps": "steps of the fit",
        "image_size": "side of the picture that is fitted, pixels",
        "frames": "frames of the animation",
        "detail": "detail of the made-up heads: their vertices are 6 times its square",
    }
    for name, what in counts.items():
        usual, quick = getattr(Options, name), getattr(QUICK, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=positive_int, help=f"{what} (default: {usual}, with --quick {quick})"
        )
    parser.add_argument("--seed", type=int, help="seed of the face to find (default: 0)")
    parser.add_argument("--model", type=Path, help="file of the Basel face model of 2017, .h5 (default: made-up heads)")
    parser.add_argument("--target", type=Path, help="square picture to fit (default: a random face of the model)")
    arguments = vars(parser.parse_args(argv))
    out, quick = arguments.pop("out"), arguments.pop("quick")
    given = {name: value for name, value in arguments.items() if value is not None}
    before, after = fit_face(out, replace(QUICK if quick else Options(), **given))
    print("written:", out / "fit_face.gif", out / "fit_face.png")
    print(f"rms of the picture's error: {before['picture']:.4f} at the start, {after['picture']:.4f} at the end")
    if "shape" in after:
        print("coefficients' error, each weighted by its deviation, as a share of what there was to find (start: 1):")
        print(f"shape_error={after['shape']:.3f} colour_error={after['colour']:.3f}")


if __name__ == "__main__":
    main()
