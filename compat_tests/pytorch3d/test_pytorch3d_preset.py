"""RenderSettings.pytorch3d() is what the door asks the core for when PyTorch3D's defaults are left alone."""

from typing import Any

import pytest
from door_scenes import reach
from pytorch3d.renderer import (
    FoVPerspectiveCameras,
    MeshRasterizer,
    MeshRenderer,
    PointLights,
    RasterizationSettings,
    SoftPhongShader,
    TexturesVertex,
    look_at_view_transform,
)
from pytorch3d.structures import Meshes
from pytorch3d.utils import ico_sphere

from gendr_adapters import RenderSettings, _projected_meshes, render
from gendr_adapters.pytorch3d import swap


@pytest.mark.parametrize("blur_radius", [0.0, reach(1e-4)])
def test_pytorch3d_preset_is_what_the_door_does(blur_radius: float, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[RenderSettings] = []

    def spy(*args: Any) -> Any:
        seen.extend(x for x in args if isinstance(x, RenderSettings))
        return render(*args)

    monkeypatch.setattr(_projected_meshes, "render", spy)
    rotation, translation = look_at_view_transform(3.0)
    cameras = FoVPerspectiveCameras(R=rotation, T=translation)
    rasterizer = MeshRasterizer(cameras, RasterizationSettings(8, blur_radius=blur_radius))
    sphere = ico_sphere(1)
    mesh = Meshes(sphere.verts_list(), sphere.faces_list(), TexturesVertex(sphere.verts_padded().abs()))
    swap(MeshRenderer(rasterizer, SoftPhongShader(cameras=cameras, lights=PointLights())))(mesh)
    assert seen and {settings.packed for settings in seen} == {RenderSettings.pytorch3d(blur_radius=blur_radius).packed}
