"""Folders of silhouettes with a transforms.json, for tests: a mesh seen from around it."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gendr_adapters import Mesh, RenderSettings, data, gather_corners, load_mesh, orbit, render, save_image
from gendr_adapters.cameras import PinholeCamera


def posed(camera: PinholeCamera, number: int) -> list[list[float]]:
    """The transform_matrix of one of the cameras, made from where it stands and where its axes point."""
    right, down, ahead = camera.rotation[number].double()
    eye = -camera.rotation[number].double().T @ camera.translation[number].double()
    return [*torch.stack([right, -down, -ahead, eye], 1).tolist(), [0.0, 0.0, 0.0, 1.0]]


def cameras_around(mesh: Mesh, count: int, image_size: int | tuple[int, int]) -> PinholeCamera:
    low, high = mesh.vertices.amin(0), mesh.vertices.amax(0)
    distance = 3.2 * float((high - low).norm()) / 2
    elevations = [(-40.0, 0.0, 40.0, 75.0, -15.0, 20.0)[i % 6] for i in range(count)]
    azimuths = [360.0 * i / count for i in range(count)]
    middle = ((low + high) / 2).tolist()
    return orbit(distance, elevations, azimuths, at=middle, field_of_view=40.0, image_size=image_size)


def silhouettes(mesh: Mesh, cameras: PinholeCamera) -> Tensor:
    """(N, H, W), 0 or 1."""
    corners = gather_corners(cameras.project(mesh.vertices), mesh.faces)
    settings = RenderSettings.sharp(alpha_range="all")
    alpha = render(corners, cameras.image_size, settings=settings, outputs=("alpha",)).alpha
    assert alpha is not None
    return alpha


def write_set(
    folder: Path, name: str = "spot.obj", count: int = 24, image_size: int | tuple[int, int] = 64, alpha: bool = True
) -> dict[str, Any]:
    """PNGs of a mesh of gendr_adapters.data and their transforms.json, which is also returned."""
    mesh = load_mesh(data.path(name), textures=False)
    cameras = cameras_around(mesh, count, image_size)
    folder.mkdir(parents=True, exist_ok=True)
    frames = []
    for i, silhouette in enumerate(silhouettes(mesh, cameras)):
        picture = f"r_{i}.png"
        if alpha:
            save_image(folder / picture, torch.full((3, *silhouette.shape), 0.5), silhouette)
        else:
            save_image(folder / picture, silhouette[None])
        frames.append({"file_path": f"./{picture}", "transform_matrix": posed(cameras, i)})
    _, width = cameras.image_size
    content = {
        "camera_angle_x": 2 * float(torch.atan(width / 2 / cameras.focal[0, 0].double())),
        "frames": frames,
    }
    (folder / "transforms.json").write_text(json.dumps(content))
    return content
