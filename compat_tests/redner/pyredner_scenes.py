"""Scenes of objects, and what redner's channels hold there, computed by the ray caster one point at a time."""

import functools
from typing import Any, NamedTuple

import numpy as np
import torch
from ray_caster import Hit, LookAtCamera, cast
from redner_scenes import cube
from torch import Tensor

import gendr_adapters.redner as pyredner

SIZE = (10, 14)
POSITION, LOOK_AT, UP = [0.7, 0.9, -3.0], [0.1, 0.1, 0.3], [0.1, 1.0, 0.2]
FOV = 40.0


def tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def camera(**changed: Any) -> pyredner.Camera:
    arguments: dict[str, Any] = {
        "position": tensor(POSITION),
        "look_at": tensor(LOOK_AT),
        "up": tensor(UP),
        "fov": tensor([FOV]),
        "resolution": SIZE,
    }
    return pyredner.Camera(**{**arguments, **changed})


def slow_camera() -> LookAtCamera:
    return LookAtCamera(np.array(POSITION), np.array(LOOK_AT), np.array(UP), FOV, SIZE)


def picture_texture(channels: int = 3) -> Tensor:
    return torch.rand(3, 4, channels, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def objects() -> list[pyredner.Object]:
    """A cube with colours and smooth normals, a wall with a texture, a triangle with neither, of a plain colour."""
    box = cube(0.4, (-0.3, 0.2, 0.0))
    generator = torch.Generator().manual_seed(0)
    colours = torch.rand(8, 3, generator=generator, dtype=torch.float64)
    painted = pyredner.Material(
        use_vertex_color=True, specular_reflectance=tensor([0.1, 0.2, 0.3]), generic_texture=tensor([0.5, 0.25])
    )
    wall = tensor([[-2.0, -1.0, 1.5], [2.0, -1.2, 1.2], [2.0, 1.5, 1.0], [-2.0, 1.0, 2.0]])
    uvs = tensor([[-0.2, 0.1], [1.3, 0.0], [1.4, 0.9], [0.0, 1.2]])
    paper = pyredner.Material(
        pyredner.Texture(picture_texture(), tensor([1.0, 2.0])),
        roughness=tensor([0.3]),
        generic_texture=picture_texture(4),
    )
    return [
        pyredner.Object(
            box.vertices,
            box.faces.int(),
            painted,
            normals=pyredner.compute_vertex_normal(box.vertices, box.faces),
            colors=colours,
        ),
        pyredner.Object(wall, torch.tensor([[0, 1, 2], [0, 2, 3]]), paper, uvs=uvs),
        pyredner.Object(
            tensor([[0.4, -0.6, -0.2], [1.1, -0.5, 0.4], [0.6, 0.5, 0.1]]),
            torch.tensor([[0, 1, 2]]),
            pyredner.Material(tensor([0.2, 0.7, 0.4])),
        ),
    ]


def scene(dtype: torch.dtype = torch.float64, **camera_changes: Any) -> pyredner.Scene:
    """dtype: of the vertices, and so of what is computed."""
    world = pyredner.Scene(camera(**camera_changes), objects=objects())
    for shape in world.shapes:
        shape.vertices = shape.vertices.to(dtype)
    return world


class Seen(NamedTuple):
    """At a point of the picture; None of it where nothing is seen."""

    shape: int
    triangle: int
    weights: np.ndarray
    position: np.ndarray


def look(world: pyredner.Scene, u: float, v: float, near: float = 1e-4) -> Seen | None:
    corners = [shape.vertices[shape.indices.long()].detach().double().numpy() for shape in world.shapes]
    origin, direction = slow_camera().ray(u, v)
    hit = _first_hit(u, v, np.concatenate(corners).tobytes(), near)
    if hit is None:
        return None
    face = hit.face
    for shape, own in enumerate(corners):
        if face < len(own):
            return Seen(shape, face, hit.weights, origin + hit.along * direction)
        face -= len(own)
    raise AssertionError


@functools.cache  # many tests look at the same points of the same scene
def _first_hit(u: float, v: float, triangles: bytes, near: float) -> Hit | None:
    return cast(*slow_camera().ray(u, v), np.frombuffer(triangles).reshape(-1, 3, 3), near)


def texture_value(texels: np.ndarray, u: float, v: float) -> np.ndarray:
    """Between the four nearest texels, repeated without end."""
    if texels.ndim == 1:
        return texels
    height, width = texels.shape[:2]
    x, y = u * width - 0.5, v * height - 0.5
    column, row = int(np.floor(x)), int(np.floor(y))
    value = np.zeros(texels.shape[2])
    for down in (0, 1):
        for right in (0, 1):
            share = (x - column if right else column + 1 - x) * (y - row if down else row + 1 - y)
            value += share * texels[(row + down) % height, (column + right) % width]
    return value


def channel_value(world: pyredner.Scene, name: str, seen: Seen) -> np.ndarray:
    shape = world.shapes[seen.shape]
    material = world.materials[shape.material_id]
    face = shape.indices[seen.triangle].long()
    corners = shape.vertices[face].detach().numpy()
    cross = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    flat = cross / np.linalg.norm(cross)
    smooth = flat
    if shape.normals is not None:
        smooth = seen.weights @ shape.normals[face].detach().numpy()
        smooth = smooth / np.linalg.norm(smooth)
    uvs = np.array([[0, 0], [1, 0], [1, 1]]) if shape.uvs is None else shape.uvs[face].numpy()
    u, v = seen.weights @ uvs
    colour = np.zeros(3) if shape.colors is None else seen.weights @ shape.colors[face].detach().numpy()

    def reflectance(texture: pyredner.Texture) -> np.ndarray:
        scale = [1.0, 1.0] if texture.uv_scale is None else texture.uv_scale.tolist()
        return texture_value(texture.texels.numpy(), u * scale[0], v * scale[1])

    if name == "diffuse_reflectance":
        return colour if material.use_vertex_color else reflectance(material.diffuse_reflectance)
    if name in ("specular_reflectance", "roughness"):
        return reflectance(getattr(material, name))
    if name == "generic_texture":
        value = np.zeros(4)
        if material.generic_texture is not None:
            own = reflectance(material.generic_texture)
            value[: len(own)] = own
        return value
    return {
        "alpha": np.ones(1),
        "depth": np.array([np.linalg.norm(seen.position - np.array(POSITION))]),
        "position": seen.position,
        "geometry_normal": flat if flat @ smooth >= 0 else -flat,
        "shading_normal": smooth,
        "uv": np.array([u, v]),
        "barycentric_coordinates": seen.weights[1:],
        "vertex_color": colour,
        "shape_id": np.array([seen.shape]),
        "triangle_id": np.array([seen.triangle]),
        "material_id": np.array([shape.material_id]),
    }[name]
