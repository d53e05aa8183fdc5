"""A batch of more faces than the CPU core prepares at once (8 MiB of them, csrc/cpu/banded_faces.h) is its images."""

import pytest
import torch
from torch import Tensor

from gendr_adapters import RenderSettings, render

OUTPUTS = ("image", "alpha", "depth", "face_index")
SETTINGS = RenderSettings(dist_scale=1e-3, gamma=1e-2)


def small_faces(n: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    centres = 2 * torch.rand((n, 1, 3), generator=generator) - 1
    return centres + 0.1 * torch.randn((n, 3, 3), generator=generator) + torch.tensor([0.0, 0.0, 3.0])


@pytest.mark.parametrize(
    "counts",
    [[9_000] * 8, [3, 20_000, 0, 25_000, 1, 2_000, 20_000], [60_000, 5]],
    ids=["alike", "packed", "one image is larger"],
)
def test_each_image_is_as_if_rendered_alone(counts: list[int]) -> None:
    meshes = [small_faces(n, seed) for seed, n in enumerate(counts)]
    faces = torch.cat(meshes)
    assert len(faces) * 144 > 8 << 20
    offsets = torch.tensor([0, *counts]).cumsum(0)
    batch = render(faces, 16, faces.cos(), offsets, SETTINGS, outputs=OUTPUTS)
    for i, mesh in enumerate(meshes):
        alone = render(mesh, 16, mesh.cos(), torch.tensor([0, len(mesh)]), SETTINGS, outputs=OUTPUTS)
        for name in OUTPUTS:
            assert torch.equal(getattr(batch, name)[i], getattr(alone, name)[0]), (name, i)
