"""The door under torch.compile: our part runs as it is, PyTorch3D's around it is compiled, in many graphs."""

from typing import Any

import pytest
import torch
from door_scenes import SIZE, cameras_of, lights_of, renderer_of, two_meshes, weighted
from pytorch3d.renderer import BlendParams
from support.compiling import holds
from torch import Tensor

import gendr_adapters.pytorch3d as door
from gendr_adapters.pytorch3d import GenDRRasterizer, rasterize_meshes, swap

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("quiet_compiler")]
SHADERS = ["Phong", "Gouraud", "Flat", "Silhouette", "Normal", "HardPhong"]


def renderer(name: str) -> Any:
    cameras = cameras_of()
    of_scene = {} if name == "Silhouette" else {"cameras": cameras, "lights": lights_of()}
    shader = getattr(door, f"GenDR{name}Shader")(blend_params=BlendParams(sigma=1e-3), **of_scene)
    settings = {"blur_radius": 0.0} if name == "HardPhong" else {}
    return swap(renderer_of(shader, cameras, **settings))


@pytest.mark.parametrize("name", SHADERS)
def test_renderers(name: str) -> None:
    render = renderer(name)
    meshes, leaves = two_meshes()
    holds(lambda meshes: weighted(render(meshes)), meshes, leaves)


def test_rasterize_meshes() -> None:
    meshes, leaves = two_meshes()
    rasterizer = GenDRRasterizer(cameras_of())

    def depths(meshes: Any) -> Tensor:
        _, zbuf, _, dists = rasterize_meshes(rasterizer.transform(meshes), SIZE, blur_radius=0.01)
        return weighted(zbuf) + weighted(dists)

    holds(depths, meshes, leaves)


def _moved(name: str) -> tuple[Any, Tensor]:
    render, (meshes, _) = renderer(name), two_meshes()
    offset = torch.zeros(meshes.verts_packed().shape, dtype=torch.float64, requires_grad=True)
    return lambda offset: weighted(render(meshes.offset_verts(offset))), offset


def test_a_step_of_fitting() -> None:
    """PyTorch3D makes the meshes inside what is compiled."""
    function, offset = _moved("Phong")
    holds(function, offset, [offset])


@pytest.mark.nightly
@pytest.mark.parametrize("dynamic", [False, True, None])
@pytest.mark.parametrize("backend", ["eager", "aot_eager", "inductor"])
@pytest.mark.parametrize("name", SHADERS)
def test_all_ways_to_compile(name: str, backend: str, dynamic: bool | None) -> None:
    function, offset = _moved(name)
    holds(function, offset, [offset], backend=backend, dynamic=dynamic)
