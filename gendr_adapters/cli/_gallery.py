"""Grids of images: what distributions, T-conorms and softness do to a silhouette and to its gradients, what every door
draws of one scene, and what a limit of faces a pixel leaves out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .. import Mesh, look_at
from .._meshes import ball_around
from ..cameras import PinholeCamera
from ..distributions import DISTRIBUTIONS
from ..t_conorms import T_CONORMS
from ..utils.pictures import to_uint8
from ..utils.plots import save_grid
from ..viewer._pictures import heat, picture, pull_of
from ..viewer._view import View
from ._door_pictures import DOORS, core, scene_of
from ._door_pictures import SOFTNESS as DOOR_SOFTNESS
from ._nearest_faces import LIMITS, limited

SOFTNESS = (0.5, 2.0, 6.0)  # pixels
# How the mesh is drawn that shows gradients.
_SHOWN = View(softness=0.25, gamma=1e-3)


class Grid(NamedTuple):
    """rows: the views of each row, by its name."""

    name: str
    rows: dict[str, View]


def _with_p(t_conorm: str) -> str:
    """Its name, and the parameter that a View gives it."""
    rule = T_CONORMS[t_conorm]
    p = -View().t_conorm_p if rule == "p < 0" else View().t_conorm_p
    return t_conorm if rule is None else f"{t_conorm}, p = {p:g}"


GRIDS = (
    Grid("distributions", {name: View(distribution=name) for name in DISTRIBUTIONS}),
    Grid("t_conorms", {_with_p(name): View(t_conorm=name) for name in T_CONORMS}),
)
# Rows, doors and limits, after each of which a tick comes.
TICKS = sum(len(grid.rows) for grid in GRIDS) + len(DOORS) + len(LIMITS)


def write_gallery(mesh: Mesh, out: Path, image_size: int, tick: Callable[[], None]) -> list[Path]:
    """A PNG for each of GRIDS: alpha beside |dL/dv|, L the silhouette's area, at three widths of edges; one of the
    doors, and one of limits of faces a pixel.

    tick: called TICKS times. Returns the files.
    """
    placed, camera = _placed(mesh, image_size)
    columns = [f"{what}, {softness:g} pixels" for softness in SOFTNESS for what in ("alpha", "gradient")]
    written = []
    for grid in GRIDS:
        images: list[Sequence[np.ndarray]] = []
        for view in grid.rows.values():
            images.append([image for s in SOFTNESS for image in _pair(placed, camera, replace(view, softness=s))])
            tick()
        path = out / f"gallery_{grid.name}.png"
        save_grid(path, images, list(grid.rows), columns)
        written.append(path)
    written += [out / "gallery_doors.png", out / "gallery_faces_per_pixel.png"]
    _write_doors(written[-2], placed, camera, tick)
    _write_limits(written[-1], placed, camera, tick)
    return written


@torch.no_grad()
def _write_doors(path: Path, mesh: Mesh, camera: PinholeCamera, tick: Callable[[], None]) -> None:
    scene = scene_of(mesh, camera)
    wanted = core(scene)
    images: list[np.ndarray | str] = [to_uint8(wanted.image.clamp(0, 1))]
    alphas: list[np.ndarray | str] = [_grey(wanted.alpha)]
    captions = [("", "")]
    for door, through in DOORS.items():
        try:
            drawn = through(scene)
        except ImportError:
            missing = f"{door} cannot be\nimported here"
            images.append(missing)
            alphas.append(missing)
            captions.append(("", ""))
        else:
            images.append(to_uint8(drawn.image.clamp(0, 1)))
            alphas.append(_grey(drawn.alpha))
            captions.append(drawn.differences(wanted))
        tick()
    rows = ["colour", f"alpha, {DOOR_SOFTNESS:g} pixels"]
    save_grid(path, [images, alphas], rows, ["render", *DOORS], list(zip(*captions, strict=True)))


def _write_limits(path: Path, mesh: Mesh, camera: PinholeCamera, tick: Callable[[], None]) -> None:
    whole = limited(mesh, camera, None)
    drawn = []
    for limit in LIMITS:
        drawn.append(limited(mesh, camera, limit))
        tick()
    captions = [one.said(limit, whole) for limit, one in zip(LIMITS, drawn, strict=True)] + [whole.idle()]
    drawn.append(whole)
    alphas = [_grey(one.alpha) for one in drawn]
    pulls = [picture(mesh._replace(vertex_colours=heat(one.pull, whole.pull)), camera, _SHOWN) for one in drawn]
    columns = [f"the {limit} nearest faces" for limit in LIMITS] + ["all faces"]
    save_grid(path, [alphas, pulls], ["alpha", "gradient"], columns, [[""] * len(columns), captions])


def _pair(mesh: Mesh, camera: PinholeCamera, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Alpha, and the mesh, which is the redder where a vertex changes the silhouette's area more."""
    pull = pull_of(mesh, camera, view).in_world.norm(dim=1)
    return picture(mesh, camera, replace(view, shown="alpha")), picture(
        mesh._replace(vertex_colours=heat(pull)), camera, _SHOWN
    )


def _grey(alpha: Tensor) -> np.ndarray:
    return to_uint8(alpha.clamp(0, 1).expand(3, -1, -1))


def _placed(mesh: Mesh, image_size: int) -> tuple[Mesh, PinholeCamera]:
    """The mesh in a ball of radius 1 around the origin, and a camera that sees all of it."""
    middle, radius = ball_around(mesh.vertices)
    vertices = (mesh.vertices - middle) / radius
    camera = look_at((1.6, 1.2, 2.6), field_of_view=38.0, image_size=image_size)
    return Mesh(vertices, mesh.faces, vertex_colours=torch.full_like(vertices, 0.8)), camera
