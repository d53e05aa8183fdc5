"""swap(renderer, faces_per_pixel='honoured'): soft shaders blend the K nearest faces, as in PyTorch3D."""

from typing import Any

import pytest
import torch
from door_scenes import SIGMA, cameras_of, gradients, lights_of, settings_of, two_meshes
from pytorch3d.renderer import (
    BlendParams,
    HardPhongShader,
    MeshRasterizer,
    MeshRenderer,
    SoftGouraudShader,
    SoftPhongShader,
    SoftSilhouetteShader,
    blending,
)
from pytorch3d.renderer.mesh.shader import SoftDepthShader
from real_pytorch3d import has_compiled_ops
from torch import Tensor

from gendr_adapters.pytorch3d import (
    GenDRBlendParams,
    GenDRHardPhongShader,
    GenDRNormalShader,
    GenDRRasterizer,
    swap,
)

PARAMS = BlendParams(SIGMA, 0.1, (0.2, 0.4, 0.9))
SOFT = [SoftPhongShader, SoftGouraudShader, SoftDepthShader, SoftSilhouetteShader]


@pytest.fixture(autouse=True)
def sigmoid_alpha(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch3D's own is compiled code."""

    def blend(dists: Tensor, pix_to_face: Tensor, sigma: float) -> Tensor:
        return 1 - (1 - torch.sigmoid(-dists / sigma) * (pix_to_face >= 0)).prod(-1)

    if not has_compiled_ops():
        monkeypatch.setattr(blending, "_sigmoid_alpha", blend)


def renderer_of(shader: Any, k: int, params: Any = PARAMS, **settings: Any) -> MeshRenderer:
    """PyTorch3D's, with a camera for both meshes: its SoftDepthShader takes no two of them."""
    cameras = cameras_of("fov", 1, dtype=torch.float32)
    scene = {} if shader is SoftSilhouetteShader else {"cameras": cameras, "lights": lights_of(torch.float32)}
    rasterizer = MeshRasterizer(cameras, settings_of(faces_per_pixel=k, **settings))
    return MeshRenderer(rasterizer, shader(blend_params=params, **scene))


@pytest.mark.parametrize("k", [1, 2, 8, 50])
@pytest.mark.parametrize("shader", SOFT)
def test_pictures_are_those_of_pytorch3d(shader: Any, k: int, slow_rasterizer: None) -> None:
    """With its own rasteriser. Where few faces count, all of them make another picture."""
    renderer = renderer_of(shader, k, image_size=(6, 7))
    meshes, leaves = two_meshes(dtype=torch.float32)
    image, expected = swap(renderer, faces_per_pixel="honoured")(meshes), renderer(meshes)
    torch.testing.assert_close(image, expected, rtol=0, atol=1e-4)
    for a, b in zip(gradients(image, leaves), gradients(expected, leaves), strict=True):
        assert b.any() and (a - b).abs().max() <= 1e-3 * b.abs().max()
    every = swap(renderer)(meshes)
    assert bool(((every - expected).abs() > 0.01).any()) == (k < 8)


@pytest.mark.parametrize("shader", SOFT)
def test_honoured_swap_keeps_the_shader(shader: Any) -> None:
    renderer = renderer_of(shader, 2)
    swapped = swap(renderer, faces_per_pixel="honoured")
    assert swapped.shader is renderer.shader and type(swapped.rasterizer) is GenDRRasterizer
    twice = swap(swapped, faces_per_pixel="honoured")
    assert twice.shader is swapped.shader and twice.rasterizer is swapped.rasterizer


def test_hard_shaders_are_replaced_in_honoured_mode() -> None:
    once = swap(renderer_of(HardPhongShader, 1), faces_per_pixel="honoured")
    assert type(once.shader) is GenDRHardPhongShader
    assert swap(once, faces_per_pixel="honoured").shader is once.shader


@pytest.mark.parametrize("value", ["honored", "ALL", 8, None, True])
def test_other_words(value: Any) -> None:
    with pytest.raises(ValueError, match=f"must be 'all' or 'honoured', got {value!r}"):
        swap(renderer_of(SoftPhongShader, 2), faces_per_pixel=value)


def test_shaders_that_take_every_face() -> None:
    ours = swap(renderer_of(SoftPhongShader, 2))
    normals = MeshRenderer(ours.rasterizer, GenDRNormalShader())
    for renderer, named in ((ours, "GenDRPhongShader"), (normals, "GenDRNormalShader")):
        with pytest.raises(ValueError, match=f"got {named}, which takes every face"):
            swap(renderer, faces_per_pixel="honoured")


@pytest.mark.parametrize("shader", SOFT)
def test_blend_params_that_pytorch3d_does_not_know(shader: Any) -> None:
    same = renderer_of(shader, 2, GenDRBlendParams(*PARAMS))
    assert swap(same, faces_per_pixel="honoured").shader is same.shader
    with pytest.raises(ValueError, match="uses only sigma, gamma and background_color.*t_conorm='einstein'"):
        swap(
            renderer_of(shader, 2, GenDRBlendParams(*PARAMS)._replace(t_conorm="einstein")), faces_per_pixel="honoured"
        )
