"""Textures, light and soft masks on spot, from world vertices, as programs that fit shapes and textures have them."""

from dataclasses import replace
from functools import cache
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.gpu.timing import Work
from benchmarks.shading import SETTINGS, lamp
from gendr_adapters import Mesh, TextureMaps, gather_corners, load_mesh, render, vertex_normals
from gendr_adapters.data import path
from gendr_adapters.kaolin import dibr_soft_mask
from gendr_adapters.utils.cameras import orbit, project

BOXLEN = 0.2


class ShadedCase(NamedTuple):
    """shading: Phong's light on a texture map, every face at the pixel or the nearest alone; the same light on vertex
    colours, at the vertices; or Kaolin's soft mask, with knum 30 and boxlen 0.2. map_size: of the map, in texels."""

    shading: Literal["Phong", "hard Phong", "Gouraud", "soft mask"] = "Phong"
    image_size: int = 256
    map_size: int = 1024

    @property
    def name(self) -> str:
        textured = f", map {self.map_size}^2" if "Phong" in self.shading else ""
        return f"{self.shading} {self.image_size}^2{textured}"


PHONG = ShadedCase()


def shaded_cases() -> list[ShadedCase]:
    return [
        PHONG,
        ShadedCase(image_size=1024),
        ShadedCase("hard Phong"),
        ShadedCase("Gouraud"),
        ShadedCase("soft mask"),
    ]


def quick_shaded_cases() -> list[ShadedCase]:
    """Small enough for a CPU: for the test of the benchmark itself."""
    return [case._replace(image_size=24, map_size=16) for case in shaded_cases() if case.image_size == 256]


def shaded(case: ShadedCase, device: torch.device) -> Work:
    """One view, the same in every run. Gradients go to the vertices, and to the map or the vertices' colours."""
    mesh = _spot().to(device)
    assert mesh.uvs is not None
    corner_uvs = mesh.uvs
    cameras = orbit(torch.tensor([2.732]), torch.tensor([30.0]), torch.tensor([180.0]))
    cameras = type(cameras)(*(part.to(device) for part in cameras))
    vertices = mesh.vertices.clone().requires_grad_()
    random = torch.Generator().manual_seed(0)
    n_colours = (len(vertices),) if case.shading == "Gouraud" else (case.map_size, case.map_size)
    colours = torch.rand(*n_colours, 3, generator=random).to(device).requires_grad_()

    def corners() -> Tensor:
        return gather_corners(project(vertices, cameras, 30.0), mesh.faces)

    def of_corners(values: Tensor) -> Tensor:
        return gather_corners(values, mesh.faces)

    def normals() -> Tensor:
        return vertex_normals(vertices, mesh.faces)

    def phong() -> tuple[Tensor, ...]:
        settings = replace(SETTINGS, blend="hard") if case.shading == "hard Phong" else SETTINGS
        textures = TextureMaps(colours, corner_uvs, align_corners=True)
        lighting = lamp(of_corners(vertices), of_corners(normals()))
        drawn = render(corners(), case.image_size, textures, settings=settings, lighting=lighting)
        assert drawn.image is not None and drawn.alpha is not None
        return drawn.image, drawn.alpha

    def gouraud() -> tuple[Tensor, ...]:
        lit = of_corners(_lit(colours, vertices, normals()))[None]
        drawn = render(corners(), case.image_size, lit, settings=SETTINGS)
        assert drawn.image is not None and drawn.alpha is not None
        return drawn.image, drawn.alpha

    if case.shading == "soft mask":
        size = (case.image_size, case.image_size)
        with torch.no_grad():
            selected = render(corners(), size, settings=SETTINGS, outputs=("face_index",)).face_index
        assert selected is not None
        return Work(lambda: (dibr_soft_mask(corners()[..., :2].contiguous(), selected, boxlen=BOXLEN),), vertices)
    return Work(gouraud if case.shading == "Gouraud" else phong, (vertices, colours))


def _lit(colours: Tensor, positions: Tensor, normals: Tensor) -> Tensor:
    """Phong's formula with torch, at the vertices."""
    light = lamp(positions, normals)
    assert light.light_positions is not None and light.diffuse is not None and light.specular is not None
    towards = F.normalize(light.light_positions[0, :3] - positions, dim=1)
    view = F.normalize(light.camera_position - positions, dim=1)
    cosine = (normals * towards).sum(1, keepdim=True)
    mirrored = ((2 * cosine * normals - towards) * view).sum(1, keepdim=True)
    shine = torch.where(cosine > 0, mirrored, 0.0).clamp(min=0) ** light.shininess
    return colours * (light.ambient + light.diffuse * cosine.clamp(min=0)) + light.specular * shine


@cache
def _spot() -> Mesh:
    return load_mesh(path("spot.obj"), textures=False)
