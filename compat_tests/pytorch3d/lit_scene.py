"""Two spheres under lights, each before its own camera, with a gradient to whatever has one."""

from typing import Any

import torch
from door_scenes import GAMMA, SIGMA, cameras_of, renderer_of
from pytorch3d.renderer import (
    AmbientLights,
    DirectionalLights,
    Materials,
    PointLights,
    TexturesAtlas,
    TexturesUV,
    TexturesVertex,
)
from pytorch3d.structures import Meshes
from pytorch3d.utils import ico_sphere
from torch import Tensor

from gendr_adapters.pytorch3d import GenDRBlendParams

LIGHTS = {"point": PointLights, "directional": DirectionalLights, "ambient": AmbientLights}
TEXTURES = ("vertex", "atlas", "uv", "shared map", "maps of two sizes", "grey map")


class Scene:
    """Two spheres of 80 and 20 faces, each with its own camera; whatever has a gradient is a leaf, by name.

    n_lights, n_materials: 1, or 2 for others in the second picture. uv: how maps are sampled."""

    def __init__(
        self,
        textures: str = "vertex",
        lights: str = "point",
        n_lights: int = 2,
        n_materials: int = 2,
        dtype: torch.dtype = torch.float64,
        **uv: Any,
    ) -> None:
        generator = torch.Generator().manual_seed(0)

        def leaf(low: float, high: float, *shape: int) -> Tensor:
            values = low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)
            return values.float().to(dtype).requires_grad_()

        spheres = [ico_sphere(1), ico_sphere(0)]
        self.faces = [sphere.faces_packed() for sphere in spheres]
        leaves: dict[str, Tensor] = {}
        self.leaves = leaves
        for i, sphere in enumerate(spheres):
            wobble = leaf(0.0, 0.15, len(sphere.verts_packed()), 3).detach()
            leaves[f"verts {i}"] = (0.8 * sphere.verts_packed().to(dtype) + wobble + 0.2 * i).requires_grad_()
        self.kind, self.sampling = textures, uv
        for i, verts in enumerate(list(leaves.values())):
            if textures == "vertex":
                leaves[f"colours {i}"] = leaf(0, 1, len(verts), 3)
            elif textures == "atlas":
                leaves[f"colours {i}"] = leaf(0, 1, len(self.faces[i]), 4, 4, 3)
            else:
                leaves[f"uvs {i}"] = leaf(-0.4, 1.4, len(verts), 2)
                size = {"maps of two sizes": (6 + 2 * i, 9 - i)}.get(textures, (8, 7))
                if i == 0 or textures != "shared map":
                    leaves[f"colours {i}"] = leaf(0, 1, *size, 1 if textures == "grey map" else 3)
        self.light = LIGHTS[lights]
        names = ["ambient_color"] if lights == "ambient" else ["ambient_color", "diffuse_color", "specular_color"]
        self.of_lights = {name: leaf(0, 1, n_lights, 3) for name in names}
        if lights != "ambient":
            self.of_lights["location" if lights == "point" else "direction"] = leaf(-2, 2, n_lights, 3)
        self.of_materials = {f"{name}_color": leaf(0, 1, n_materials, 3) for name in ("ambient", "diffuse", "specular")}
        self.of_materials["shininess"] = leaf(2, 8, n_materials)
        leaves |= {f"lights' {name}": x for name, x in self.of_lights.items()}
        leaves |= {f"materials' {name}": x for name, x in self.of_materials.items()}
        self.cameras = cameras_of(dtype=dtype)
        self.cameras.T = leaves["T"] = self.cameras.T.to(dtype).clone().requires_grad_()
        self.cameras.R = self.cameras.R.to(dtype)
        self.blend = {"sigma": leaf(SIGMA, 2 * SIGMA, 2), "gamma": leaf(GAMMA, 2 * GAMMA, 2)}
        leaves |= self.blend
        leaves["background"] = leaf(0, 1, 2, 3)

    def textures(self) -> Any:
        colours = [x for name, x in self.leaves.items() if name.startswith("colours")]
        if self.kind == "vertex":
            return TexturesVertex(colours)
        if self.kind == "atlas":
            return TexturesAtlas(colours)
        maps = colours[0].expand(2, -1, -1, -1) if self.kind == "shared map" else colours
        return TexturesUV(maps, self.faces, [self.leaves[f"uvs {i}"] for i in range(2)], **self.sampling)

    def draw(self, shader: Any, settings: dict[str, Any] | None = None, **call: Any) -> Tensor:
        params = GenDRBlendParams(**self.blend, background_color=self.leaves["background"])
        made = shader(**self.lighting(), blend_params=params)
        return renderer_of(made, self.cameras, **(settings or {}))(self.meshes(), **call)

    def meshes(self) -> Meshes:
        return Meshes([self.leaves[f"verts {i}"] for i in range(2)], self.faces, self.textures())

    def lighting(self) -> dict[str, Any]:
        """A shader's arguments."""
        lights, materials = self.light(**self.of_lights), Materials(**self.of_materials)
        return {"cameras": self.cameras, "lights": lights, "materials": materials}
