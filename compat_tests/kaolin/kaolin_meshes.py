"""Small meshes, cameras, materials and lights of Kaolin's types, float64 but for what Kaolin keeps in float32."""

import math
from typing import Any

import torch
from torch import Tensor

HEIGHT, WIDTH = 11, 14
# The first is seen from behind.
FACES = torch.tensor([[2, 0, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
CORNERS = [[1.0, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]


def random(*shape: int, seed: int) -> Tensor:
    """In [0, 1)."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def octahedron(seed: int = 0) -> Tensor:
    """Vertices of a bent one."""
    return 0.7 * torch.tensor(CORNERS, dtype=torch.float64) + 0.3 * (random(6, 3, seed=seed) - 0.5)


def camera(kaolin: Any, eye: tuple[float, float, float] = (1.3, 0.9, 1.9), **lens: Any) -> Any:
    """A pinhole with the principal point off the middle, unless lens says otherwise; no two numbers are equal."""
    lens = lens or {"fov": math.radians(27.0), "x0": 0.7, "y0": -0.4}
    lens = {"near": 0.2, "far": 40.0, **lens}
    return kaolin.render.camera.Camera.from_args(
        eye=torch.tensor(eye, dtype=torch.float64),
        at=torch.tensor([0.1, 0.0, -0.05], dtype=torch.float64),
        up=torch.tensor([0.1, 1.0, 0.0], dtype=torch.float64),
        width=WIDTH,
        height=HEIGHT,
        dtype=torch.float64,
        **lens,
    )


def uv_mesh(kaolin: Any, vertices: Tensor | None = None, seed: int = 0, **more: Any) -> Any:
    """With texture coordinates beyond [0, 1] and a feature of four channels a vertex."""
    vertices = octahedron(seed) if vertices is None else vertices
    uvs = 3 * random(24, 2, seed=seed + 10) - 1
    return kaolin.rep.SurfaceMesh(
        vertices,
        FACES,
        uvs=uvs,
        face_uvs_idx=torch.arange(24).view(8, 3),
        vertex_features=random(6, 4, seed=seed + 20),
        **more,
    )


def materials(kaolin: Any, seed: int = 0) -> list[Any]:
    """Metallic with maps of different sizes; specular with maps; plain metallic; specular of colours alone."""
    make = kaolin.render.materials.PBRMaterial

    def picture(height: int, width: int, channels: int, n: int) -> Tensor:
        return random(height, width, channels, seed=100 * seed + n).float()

    return [
        make(
            diffuse_texture=picture(5, 6, 3, 30), metallic_texture=picture(5, 6, 1, 31),
            roughness_texture=picture(7, 8, 1, 32),
        ),
        make(
            diffuse_texture=picture(8, 5, 4, 33), specular_texture=picture(6, 6, 3, 34), roughness_value=0.3,
            normals_texture=picture(5, 7, 3, 35), is_specular_workflow=True,
        ),
        make(diffuse_color=(0.8, 0.3, 0.1), metallic_value=0.6, roughness_value=0.0),
        make(diffuse_color=(0.2, 0.3, 0.9), specular_color=(0.5, 0.4, 0.3), is_specular_workflow=True),
    ]  # fmt: skip


ASSIGNMENTS = torch.tensor([0, 1, 2, 3, 1, 0, 3, 2])


def lights(kaolin: Any, n: int = 2) -> Any:
    return kaolin.render.lighting.SgLightingParameters(
        amplitude=0.5 + 2 * random(n, 3, seed=40).float(),
        direction=random(n, 3, seed=41).float() - torch.tensor([0.2, 0.1, 0.2]),
        sharpness=1 + 5 * random(n, seed=42).float(),
    )
