"""One frame of the deformation's animation: the learned shape as clay, and its outline against the goal's."""

import numpy as np
import torch
from torch import Tensor

from gendr_adapters import RenderSettings, gather_corners, render

from .cameras import Cameras, look_at_origin, project
from .meshes import Mesh, vertex_normals
from .pictures import over, to_bytes
from .shading import light

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


def frame(mesh: Mesh, goal: Mesh) -> np.ndarray:
    """Draw (2 * SIZE, 3 * SIZE, 3) uint8: above the shape, below where its outline lacks (red) or exceeds (blue)."""
    columns = []
    for elevation, azimuth in VIEWS:
        camera = look_at_origin(torch.tensor([2.732]), torch.tensor([elevation]), torch.tensor([azimuth]))
        outlines = difference(_outline(mesh, camera), _outline(goal, camera))
        columns.append(np.concatenate([_clay(mesh, camera), outlines]))
    return np.concatenate(columns, 1)


def _clay(mesh: Mesh, camera: Cameras) -> np.ndarray:
    colours = torch.tensor(CLAY) * light(vertex_normals(mesh), camera)
    corners = gather_corners(project(mesh.vertices, camera, HALF_FOV), mesh.faces)
    features = gather_corners(colours, mesh.faces)[None]
    return to_bytes(over(render(corners, SIZE, features, settings=SETTINGS), BACKDROP)[0])


def difference(learned: Tensor, wanted: Tensor) -> np.ndarray:
    """What a silhouette (H, W) lacks of the one that is wanted is red, what it has too much blue: (H, W, 3) uint8."""
    picture = torch.ones(3, *learned.shape)
    for share, colour in (
        (wanted * (1 - learned), MISSING),
        (learned * (1 - wanted), TOO_MUCH),
        (learned * wanted, BOTH),
    ):
        picture -= share * (1 - torch.tensor(colour)[:, None, None])
    return to_bytes(picture.clamp(0, 1))


def _outline(mesh: Mesh, camera: Cameras) -> Tensor:
    corners = gather_corners(project(mesh.vertices, camera, HALF_FOV), mesh.faces)
    alpha = render(corners, SIZE, settings=SETTINGS, outputs=("alpha",)).alpha
    assert alpha is not None
    return alpha[0]
