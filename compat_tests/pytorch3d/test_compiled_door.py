"""The door's Phong shader under torch.compile, whose graphs break in PyTorch3D and around the core's ops."""

import logging
from collections.abc import Iterator

import pytest
import torch
from door_scenes import cameras_of, lights_of, renderer_of, two_meshes
from pytorch3d.renderer import BlendParams
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters.pytorch3d import GenDRPhongShader, swap


@pytest.fixture(autouse=True)
def _without_the_compilers_logs() -> Iterator[None]:
    """pytest asks for all of them, which takes longer than compiling."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")  # the compiler's own
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_phong(backend: str) -> None:
    cameras = cameras_of()
    shader = GenDRPhongShader(cameras=cameras, lights=lights_of(), blend_params=BlendParams(sigma=1e-3))
    renderer = swap(renderer_of(shader, cameras))
    meshes, leaves = two_meshes()

    def picture(offset: Tensor) -> Tensor:
        return renderer(meshes.offset_verts(offset))

    offset = torch.zeros(1, 3, dtype=leaves[0].dtype).expand(meshes.verts_packed().shape[0], 3)
    torch._dynamo.reset()
    assert_close(torch.compile(picture, backend=backend, dynamic=True)(offset), picture(offset))
