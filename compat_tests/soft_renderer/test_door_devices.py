"""Everything is computed where the tensors are: cameras and lights, without a GPU, on torch's meta device; pictures and
their gradients on a GPU, beside the CPU core's."""

from typing import Any

import pytest
import torch
from soft_scenes import FACES, numbers
from support.devices import cpu_core
from torch import Tensor

import gendr_adapters.gendr as gendr
import gendr_adapters.softras as sr
from gendr_adapters import TextureMaps


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cameras_and_lights_stay_on_the_device(dtype: torch.dtype) -> None:
    points = torch.empty(2, 6, 3, dtype=dtype, device="meta")
    P = numbers(0, 2, 3, 4)  # on the CPU, float64
    f = sr.functional
    results = [
        f.look_at(points, [0, 0, -2], numbers(1, 2, 3), numbers(2, 3).numpy(), only_rotate=True),
        f.look(points, (0, 0, -2), [0, 0, 1]),
        f.perspective(points, numbers(3, 2)),
        f.orthogonal(points, numbers(3, 2).numpy()),
        f.projection(points, P, [0.1] * 5, 512),
        f.ambient_lighting(torch.empty_like(points), numbers(3, 2), (1, 0, 1)),
        f.directional_lighting(torch.empty_like(points), points, 0.5, numbers(1, 2, 3), [0, 1, 0]),
        sr.LookAt(eye=(0, 0, -3))(points),
        sr.Look(eye=(0, 0, -3), perspective=False)(points),
        sr.Projection(P.numpy())(points),
    ]
    for result in results:
        assert result.device.type == "meta" and result.dtype == dtype and result.shape == points.shape


def test_torchs_default_device_is_ignored() -> None:
    points, up = numbers(0, 2, 6, 3), numbers(2, 3).numpy()
    expected = sr.functional.look_at(points, sr.functional.get_points_from_angles(3, 20, 40), (0, 0, 0), up)
    with torch.device("meta"):
        got = sr.functional.look_at(points, sr.functional.get_points_from_angles(3, 20, 40), (0, 0, 0), up)
    assert torch.equal(got, expected)


def softras_picture(vertices: Tensor, colours: Tensor) -> Tensor:
    renderer = sr.SoftRenderer(32, far=6, sigma_val=1e-3, gamma_val=0.1, camera_mode="look_at", gradient="exact")
    renderer.transform.set_eyes_from_angles(3, 20, 40)
    return renderer(vertices, FACES.to(vertices.device).expand(2, -1, -1), colours, texture_type="vertex")


def gendr_picture(vertices: Tensor, colours: Tensor) -> Tensor:
    camera = gendr.LookAt()
    camera.set_eyes_from_angles(torch.tensor([3.0, 2.8]), torch.tensor([20.0, -10.0]), torch.tensor([40.0, 190.0]))
    mesh = gendr.Mesh(vertices, FACES.to(vertices.device).expand(2, -1, -1), colours, texture_type="vertex")
    renderer = gendr.GenDR(
        32, dist_func="laplace", aggr_rgb_gamma=0.1, far=6, texture_type="vertex", anti_aliasing=True
    )
    return renderer(camera(gendr.Lighting()(mesh)))


def uv_picture(vertices: Tensor, colours: Tensor) -> Tensor:
    textures = TextureMaps(colours.reshape(2, 2, 3, 3), numbers(13, 5, 3, 2).to(colours), padding="repeat")
    mesh = gendr.Mesh(vertices, FACES.to(vertices.device).expand(2, -1, -1), textures, texture_type="uv")
    camera = gendr.LookAt(eye=(1.5, 1.0, -2.0))
    return gendr.GenDR(32, aggr_rgb_gamma=0.1, far=6, texture_type="uv")(camera(gendr.Lighting()(mesh)))


@pytest.mark.cuda
@pytest.mark.parametrize("draw", [softras_picture, gendr_picture, uv_picture])
def test_pictures_and_gradients_on_a_gpu(draw: Any, device: str) -> None:
    def results(device: str) -> list[Tensor]:
        inputs = [x.to(device).requires_grad_() for x in (numbers(10, 2, 6, 3), numbers(11, 2, 6, 3).abs())]
        image = draw(*inputs)
        assert image.device.type == device
        gradients = torch.autograd.grad((image * numbers(12, *image.shape).to(device)).sum(), inputs)
        return [x.detach().cpu() for x in (image, *gradients)]

    with cpu_core():
        expected = results("cpu")
    for got, wanted in zip(results(device), expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-8, atol=1e-8 * float(wanted.abs().max()))
