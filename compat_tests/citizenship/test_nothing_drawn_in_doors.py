"""Every public function that draws says so when it draws nothing, and says nothing otherwise."""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from public_cases import Case, params
from support.compiled_cases import corners

from gendr_adapters import NothingDrawnWarning, _nothing_drawn, redner

pytestmark = pytest.mark.cpu_core

# A camera that looks at where the mesh is, wherever that is.
LOOKS_AT_IT = ("redner.render_albedo", "redner.render_g_buffer", "redner.render_deferred")
# Those that draw have to be named, so that one that stops to warn is seen.
DRAWING = {
    "render",
    "RenderSettings",
    "TextureMaps",
    "find_fragments",
    "blend_fragments",
    "softras.functional.soft_rasterize",
    "softras.SoftRasterizer",
    "softras.SoftRenderer",
    "softras.Renderer",
    "gendr.functional.render",
    "gendr.GenDR",
    "kaolin.dibr_rasterization",
    "kaolin.rasterize",
    "kaolin.dibr_soft_mask",
    "kaolin.render_mesh",
    "kaolin.soft_render",
    "redner.get_depth_renderer",
    "pytorch3d.GenDRDepthShader",
    "pytorch3d.GenDRFlatShader",
    "pytorch3d.GenDRGouraudShader",
    "pytorch3d.GenDRNormalShader",
    "pytorch3d.GenDRPhongShader",
    "pytorch3d.GenDRSilhouetteShader",
    "pytorch3d.GenDRHardDepthShader",
    "pytorch3d.GenDRHardGouraudShader",
    "pytorch3d.GenDRHardPhongShader",
    "pytorch3d.GenDRRasterizer",
    "pytorch3d.rasterize_meshes",
    "pytorch3d.swap",
}


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nothing_drawn, "_told", set())


@params(core=True, without=LOOKS_AT_IT)
def test_public_functions_warn_when_they_draw_nothing(public: Case) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        public(corners(12) + torch.tensor([500.0, 0, 0]))
    found = {type(w.message) for w in caught} & {NothingDrawnWarning}
    assert bool(found) == (public.names[0] in DRAWING)


@params(core=True)
def test_public_functions_do_not_warn_when_they_draw(public: Case) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", NothingDrawnWarning)
        public(corners(12))


@pytest.mark.parametrize(
    "draw",
    [
        lambda scene: redner.render_albedo(scene, num_samples=(1, 1), seed=1),
        lambda scene: redner.render_deferred(scene, [redner.AmbientLight(torch.ones(3))], seed=1),
    ],
)
def test_redner_warns_when_its_camera_looks_past_the_scene(draw: Callable[[redner.Scene], Any]) -> None:
    x = corners(12)
    camera = redner.Camera(
        torch.tensor([0.0, 0, -4]),
        torch.tensor([0.0, 0, -9]),
        torch.tensor([0.0, 1, 0]),
        torch.tensor([40.0]),
        resolution=(8, 8),
    )
    item = redner.Object(x.reshape(-1, 3), torch.arange(36).view(-1, 3), redner.Material(), colors=x.reshape(-1, 3))
    scene = redner.Scene(camera, objects=[item])
    with pytest.warns(NothingDrawnWarning, match="nearer than near_clip=0.0001"):
        draw(scene)
