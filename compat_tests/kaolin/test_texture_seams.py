"""A face that ends where its texture does: the picture does not hang on the last bit of uvs or vertices."""

from typing import Any

import pytest
import torch
from torch import Tensor

from gendr_adapters import RenderSettings
from gendr_adapters.kaolin import render_mesh, soft_render

SIZE = 9
# Quads on the left and on the right of x = 0, which is the middle column of pixels, as y = 0 is the middle row.
VERTICES = torch.tensor([[-1.0, -1, 0], [0, -1, 0], [0, 0, 0], [-1, 0, 0], [1, -1, 0], [1, 0, 0]])
FACES = torch.tensor([[0, 1, 2], [0, 2, 3], [1, 4, 2], [4, 5, 2]])
PICTURE = torch.arange(48.0).view(4, 4, 3) / 47


def mesh(kaolin: Any, vertices: Tensor, edge: float, far: float) -> Any:
    """The texture's edge, u = `edge`, is at x = 0, and its v = `edge` at y = 0; faces go from there to `far`."""
    u_v = [[far, far], [edge, far], [edge, edge], [far, edge], [far, far], [far, edge]]
    material = kaolin.render.materials.PBRMaterial(diffuse_texture=PICTURE)
    uvs = torch.tensor(u_v, dtype=torch.float64).to(vertices.dtype)
    return kaolin.rep.SurfaceMesh(vertices, FACES, uvs=uvs, face_uvs_idx=FACES, materials=[material])


def camera(kaolin: Any, dtype: torch.dtype) -> Any:
    eye, at, up = torch.tensor([[0.0, 0, 2], [0, 0, 0], [0, 1, 0]], dtype=dtype)
    return kaolin.render.camera.Camera.from_args(
        eye=eye, at=at, up=up, width=SIZE, height=SIZE, fov=1.2, near=0.1, far=10.0, dtype=dtype
    )


def pictures(kaolin: Any, vertices: Tensor, edge: float, far: float) -> list[Tensor]:
    view, shown = camera(kaolin, vertices.dtype), mesh(kaolin, vertices, edge, far)
    hard = [render_mesh(view, shown, backend=backend) for backend in ("cuda", "nvdiffrast")]
    soft = soft_render(view, shown, RenderSettings(dist_scale=1e-2, gamma=1e-1))
    return [*(found[name] for found in hard for name in ("albedo", "uvs")), soft]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("edge", "far"), [(1.0, 0.5), (0.0, 0.5), (1.0, 1.5), (2.0, 1.2), (-1.0, -1.9)])
def test_texel_does_not_depend_on_the_last_bit(kaolin: Any, edge: float, far: float, dtype: torch.dtype) -> None:
    expected = pictures(kaolin, VERTICES.to(dtype), edge, far)
    # At the edge is the side of the texture that is in the faces.
    column = expected[1][0, SIZE // 2 + 1, SIZE // 2]
    assert (column[0] - (1.0 if far < edge else 0.0)).abs() < 1e-5
    bit = torch.finfo(dtype).eps
    for step in (-bit, bit):
        generator = torch.Generator().manual_seed(0)
        moved = VERTICES.to(dtype) + bit * torch.randn(6, 3, generator=generator).to(dtype)
        for vertices in (VERTICES.to(dtype), moved):
            for found, picture in zip(pictures(kaolin, vertices, edge + step, far), expected, strict=True):
                seen = (found != 0).any(-1) == (picture != 0).any(-1)  # at outlines rounding decides
                torch.testing.assert_close(found[seen], picture[seen], rtol=0, atol=1e-4)
                assert seen.sum() >= SIZE * SIZE - 8
