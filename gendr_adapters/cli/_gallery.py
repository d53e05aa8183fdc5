"""Grids of images: what distributions, T-conorms and softness do to a silhouette and to its gradients."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from .. import Mesh, look_at
from ..cameras import PinholeCamera
from ..distributions import DISTRIBUTIONS
from ..t_conorms import T_CONORMS
from ..utils.plots import save_grid
from ..viewer._pictures import heat, picture, pull_of
from ..viewer._view import View

SOFTNESS = (0.5, 2.0, 6.0)  # pixels


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


def write_gallery(mesh: Mesh, out: Path, image_size: int, tick: Callable[[], None]) -> list[Path]:
    """A PNG for each of GRIDS: alpha beside |dL/dv|, L the silhouette's area, at three widths of edges.

    tick: called after each row. Returns the files.
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
    return written


def _pair(mesh: Mesh, camera: PinholeCamera, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Alpha, and the mesh, which is the redder where a vertex changes the silhouette's area more."""
    pull = pull_of(mesh, camera, view).in_world.norm(dim=1)
    shown = View(softness=0.25, gamma=1e-3)
    return picture(mesh, camera, replace(view, shown="alpha")), picture(
        mesh._replace(vertex_colours=heat(pull)), camera, shown
    )


def _placed(mesh: Mesh, image_size: int) -> tuple[Mesh, PinholeCamera]:
    """The mesh in a ball of radius 1 around the origin, and a camera that sees all of it."""
    low, high = mesh.vertices.amin(0), mesh.vertices.amax(0)
    vertices = mesh.vertices - (low + high) / 2
    vertices = vertices / vertices.norm(dim=1).max().clamp(min=1e-12)
    camera = look_at((1.6, 1.2, 2.6), field_of_view=38.0, image_size=image_size)
    return Mesh(vertices, mesh.faces, vertex_colours=torch.full_like(vertices, 0.8)), camera
