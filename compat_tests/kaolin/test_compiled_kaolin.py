"""The functions of Kaolin's meshes and cameras under torch.compile. Those of corners: test_compiled.py."""

from typing import Any

import pytest
import torch
from kaolin_meshes import ASSIGNMENTS, camera, lights, materials, octahedron, uv_mesh
from support.compiling import holds
from torch import Tensor

from gendr_adapters import RenderSettings
from gendr_adapters.kaolin import render_mesh, soft_render

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quiet_compiler")]


@pytest.mark.parametrize("name", ["render_mesh", "soft_render"])
def test_compiled_with_graph_breaks(kaolin: Any, name: str) -> None:
    view, lighting = camera(kaolin), lights(kaolin)
    settings = RenderSettings(dist_scale=3e-3, gamma=3e-3)

    def picture(vertices: Tensor) -> Tensor:
        mesh = uv_mesh(kaolin, vertices, materials=materials(kaolin), material_assignments=ASSIGNMENTS)
        if name == "soft_render":
            return soft_render(view, mesh, settings, lighting).square().sum()
        pictures = render_mesh(view, mesh, lighting, extra_passes=("alpha", "depth"))
        return torch.stack([pictures[key].square().sum() for key in ("render", "normals", "alpha", "depth")]).sum()

    vertices = octahedron().requires_grad_()
    holds(picture, vertices, [vertices])
