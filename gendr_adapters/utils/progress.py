"""The progress of a fit: which steps to draw, and a frame of the animation, with the shape and its outline over the
goal's."""

import numpy as np
import torch
from torch import Tensor

from .._meshes import Mesh, vertex_normals
from .._rendering import gather_corners, render
from ..settings import RenderSettings
from .cameras import OrbitCameras, orbit, project
from .pictures import over, to_uint8
from .shading import lambert

HALF_FOV = 11.0
SIZE = 176
CLAY = (0.85, 0.78, 0.70)
BACKDROP = (1.0, 1.0, 1.0)
MISSING = (0.87, 0.35, 0.25)
TOO_MUCH = (0.30, 0.50, 0.85)
BOTH = (0.75, 0.75, 0.75)

# (elevation, azimuth): from above, from the side, from ahead and above. None of them is a training view.
VIEWS = ((80.0, 180.0), (8.0, 100.0), (25.0, 215.0))
SETTINGS = RenderSettings(dist_scale=1e-5, gamma=1e-3, near=1.4, far=4.1)


def frame_steps(steps: int, frames: int, early: bool = False) -> set[int]:
    """Choose the steps of a fit, counted from 0, after which to draw a frame: the first, the last and some between.

    Args:
        steps: number of steps.
        frames: largest number of steps to choose.
        early: choose more steps in the beginning, where most happens, instead of evenly.
    """
    last, intervals = steps - 1, max(frames - 1, 1)
    if early:
        return {round(last * (i / intervals) ** 2) for i in range(frames)}
    return {round(last * i / intervals) for i in range(frames)}


def fit_frame(mesh: Mesh, goal: Mesh) -> np.ndarray:
    """Draw a mesh, and how its outline differs from that of a goal, from three sides.

    Both meshes are inside the cube [-1, 1]^3. Returns (2 * SIZE, 3 * SIZE, 3) uint8: the shape above,
    `outline_difference` below."""
    columns = []
    for elevation, azimuth in VIEWS:
        camera = orbit(torch.tensor([2.732]), torch.tensor([elevation]), torch.tensor([azimuth]))
        outlines = outline_difference(_outline(mesh, camera), _outline(goal, camera))
        columns.append(np.concatenate([_clay(mesh, camera), outlines]))
    return np.concatenate(columns, 1)


def _clay(mesh: Mesh, camera: OrbitCameras) -> np.ndarray:
    colours = torch.tensor(CLAY) * lambert(vertex_normals(mesh.vertices, mesh.faces), camera)
    corners = gather_corners(project(mesh.vertices, camera, HALF_FOV), mesh.faces)
    features = gather_corners(colours, mesh.faces)[None]
    return to_uint8(over(render(corners, SIZE, features, settings=SETTINGS), BACKDROP)[0])


def outline_difference(learned: Tensor, wanted: Tensor) -> np.ndarray:
    """Draw how two silhouettes differ, as an (H, W, 3) uint8 picture.

    learned, wanted: (H, W) in [0, 1]. Pixels only in `wanted` are red, pixels only in `learned` are blue.
    """
    picture = torch.ones(3, *learned.shape)
    for share, colour in (
        (wanted * (1 - learned), MISSING),
        (learned * (1 - wanted), TOO_MUCH),
        (learned * wanted, BOTH),
    ):
        picture -= share * (1 - torch.tensor(colour)[:, None, None])
    return to_uint8(picture.clamp(0, 1))


def _outline(mesh: Mesh, camera: OrbitCameras) -> Tensor:
    corners = gather_corners(project(mesh.vertices, camera, HALF_FOV), mesh.faces)
    alpha = render(corners, SIZE, settings=SETTINGS, outputs=("alpha",)).alpha
    assert alpha is not None
    return alpha[0]
