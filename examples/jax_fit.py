"""Fit a sphere to silhouettes of an airplane with jax and optax: the whole fit is one compiled program.

    python examples/jax_fit.py --out out

Silhouettes from all around are all that is known of the airplane. The steps of the fit are a `lax.scan`, so that jax
compiles the step once and Python is not asked again before the last one. The softness of edges is an array of the scan:
it begins wide and ends sharp without another compilation. No torch is imported.

Needs the package's `demo` and `jax` extras, and optax; takes about ten seconds on a CPU. Writes jax_fit.png, the
silhouettes of the airplane, of the sphere and of what became of it.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax

from gendr_adapters import Anneal, RenderSettings, data
from gendr_adapters.jax import gather_corners, render
from gendr_adapters.utils.command_line import non_negative_float, positive_float, positive_int

FIELD_OF_VIEW = 24.0  # degrees
DISTANCE = 2.732
ELEVATIONS = (-30.0, 0.0, 30.0, 60.0)  # degrees, in turn
SOFT, SHARP = RenderSettings(alpha_range="all"), RenderSettings.sharp(alpha_range="all")


@dataclass(frozen=True)
class Options:
    """soft_start, soft_end: softness of edges, pixels, in the first and the last step. smoothness: weight of the
    Laplacian."""

    steps: int = 250
    views: int = 12
    image_size: int = 64
    soft_start: float = 1.0
    soft_end: float = 0.1
    learning_rate: float = 0.03
    smoothness: float = 0.03


def read_mesh(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and triangles (F, 3) of one of the package's meshes."""
    lines = [line.split() for line in data.path(name).read_text().splitlines()]
    vertices = [line[1:4] for line in lines if line[:1] == ["v"]]
    faces = [[corner.split("/")[0] for corner in line[1:4]] for line in lines if line[:1] == ["f"]]
    return np.array(vertices, np.float32), np.array(faces, np.int32) - 1


def eye_at(distance: Any, elevation: Any, azimuth: Any) -> Any:
    """(..., 3), a place around the origin; degrees, y is up."""
    elevation, azimuth = jnp.deg2rad(elevation), jnp.deg2rad(azimuth)
    around = jnp.stack(
        [jnp.cos(elevation) * jnp.sin(azimuth), jnp.sin(elevation), jnp.cos(elevation) * jnp.cos(azimuth)], -1
    )
    return jnp.asarray(distance)[..., None] * around


def seen_from(eye: Any, vertices: Any, field_of_view: float = FIELD_OF_VIEW) -> Any:
    """(V, 3): x and y in NDC and depth, by a camera that looks from `eye` at the origin."""
    forward = -eye / jnp.linalg.norm(eye)
    right = jnp.cross(forward, jnp.array([0.0, 1.0, 0.0]))
    right /= jnp.linalg.norm(right)
    x, y, z = jnp.stack([right, jnp.cross(right, forward), forward]) @ (vertices - eye).T
    focal = 1 / jnp.tan(jnp.deg2rad(field_of_view / 2))
    return jnp.stack([focal * x / z, focal * y / z, z], -1)


def silhouettes(vertices: Any, faces: Any, eyes: Any, image_size: int, settings: RenderSettings) -> Any:
    """(B, H, W), of one mesh from B places."""
    corners = gather_corners(jax.vmap(seen_from, (0, None))(eyes, vertices), faces)
    return render(corners, image_size, settings=settings, outputs=("alpha",)).alpha


def overlap(seen: Any, wanted: Any) -> Any:
    """Mean intersection over union of silhouettes (B, H, W)."""
    both = (seen * wanted).sum((1, 2))
    return (both / (seen + wanted - seen * wanted).sum((1, 2))).mean()


def laplacian_loss(faces: np.ndarray, n_vertices: int) -> Callable[[Any], Any]:
    """Sum of the squared distances of vertices from the mean of their neighbours."""
    edges = np.unique(np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1), axis=0)
    one, other = np.concatenate([edges, edges[:, ::-1]]).T
    counts = np.bincount(one, minlength=n_vertices)[:, None]

    def loss(vertices: Any) -> Any:
        sums = jax.ops.segment_sum(vertices[other], one, n_vertices)
        return ((vertices - sums / counts) ** 2).sum()

    return loss


class Fit:
    """One run: ``run()`` is the fit; ``eyes`` and ``wanted`` are what is known of the airplane."""

    def __init__(self, options: Options) -> None:
        self.options = options
        views = np.arange(options.views)
        self.eyes = eye_at(
            np.full(options.views, DISTANCE), np.resize(ELEVATIONS, options.views), 360 * views / options.views
        )
        self.wanted = silhouettes(*read_mesh("airplane.obj"), self.eyes, options.image_size, SHARP)
        sphere, self.faces = read_mesh("sphere_642.obj")
        self.start = jnp.asarray(0.5 * sphere)
        self.smoothness = laplacian_loss(self.faces, len(sphere))

    def shape(self, moved: Any) -> Any:
        """Vertices, which stay in [-1, 1] and in their octant, so that the mesh does not turn inside out."""
        size = jnp.clip(jnp.abs(self.start), 1e-6, 1 - 1e-6)
        return jax.nn.sigmoid(jnp.log(size / (1 - size)) + moved) * jnp.sign(self.start)

    def loss(self, moved: Any, dist_scale: Any) -> Any:
        vertices = self.shape(moved)
        settings = SOFT.replace(dist_scale=dist_scale)
        seen = silhouettes(vertices, self.faces, self.eyes, self.options.image_size, settings)
        return 1 - overlap(seen, self.wanted) + self.options.smoothness * self.smoothness(vertices)

    def run(self) -> tuple[Any, Any]:
        """The vertices that were found, and the loss of each step."""
        options = self.options
        anneal = Anneal(options.soft_start, options.soft_end, options.steps, options.image_size)
        optimizer = optax.adam(options.learning_rate, b1=0.5, b2=0.95)

        def step(state: tuple[Any, Any], dist_scale: Any) -> tuple[tuple[Any, Any], Any]:
            moved, moments = state
            loss, gradient = jax.value_and_grad(self.loss)(moved, dist_scale)
            change, moments = optimizer.update(gradient, moments)
            return (optax.apply_updates(moved, change), moments), loss

        @jax.jit
        def whole(moved: Any, scales: Any) -> tuple[Any, Any]:
            (moved, _), losses = jax.lax.scan(step, (moved, optimizer.init(moved)), scales)
            return self.shape(moved), losses

        scales = jnp.array([anneal(i) for i in range(options.steps)], jnp.float32)
        return whole(jnp.zeros_like(self.start), scales)

    def sharp(self, vertices: Any) -> Any:
        return silhouettes(vertices, self.faces, self.eyes, self.options.image_size, SHARP)

    def score(self, vertices: Any) -> float:
        """Intersection over union of sharp silhouettes."""
        return float(overlap(self.sharp(vertices), self.wanted))


def write_picture(path: Path, rows: dict[str, Any]) -> None:
    """A row of silhouettes for each name."""
    n = len(next(iter(rows.values())))
    figure, axes = plt.subplots(len(rows), n, figsize=(n, 1.15 * len(rows)), layout="constrained", squeeze=False)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, images, strict=True):
            axis.imshow(image, cmap="gray_r", interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        line[0].set_title(name, fontsize="small", loc="left")
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the fit and say how it went; argv stands in for the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the results (default: out)")
    arguments: dict[str, tuple[Callable[[str], float], str]] = {
        "steps": (positive_int, "steps of the fit"),
        "views": (positive_int, "silhouettes of the airplane"),
        "image_size": (positive_int, "pixels of their sides"),
        "soft_start": (positive_float, "softness of edges in the first step, pixels"),
        "soft_end": (positive_float, "and in the last one"),
        "learning_rate": (non_negative_float, "learning rate of Adam"),
        "smoothness": (non_negative_float, "weight of the Laplacian"),
    }
    for name, (kind, what) in arguments.items():
        flag, default = f"--{name.replace('_', '-')}", getattr(Options, name)
        parser.add_argument(flag, type=kind, default=default, help=f"{what} (default: %(default)s)")
    given = vars(parser.parse_args(argv))
    out = given.pop("out")
    out.mkdir(parents=True, exist_ok=True)
    fit = Fit(Options(**given))
    found, losses = fit.run()
    write_picture(out / "jax_fit.png", {"wanted": fit.wanted, "start": fit.sharp(fit.start), "end": fit.sharp(found)})
    print("written:", out / "jax_fit.png")
    print(f"loss={losses[0]:.3f} in the first step, {losses[-1]:.3f} in the last")
    print(f"silhouette_iou={fit.score(fit.start):.3f} at the start, {fit.score(found):.3f} at the end")


if __name__ == "__main__":
    main()
