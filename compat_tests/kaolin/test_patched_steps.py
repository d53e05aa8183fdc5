"""What easy_render and the lights are made of, called by itself under patched(), on a CPU, without nvdiffrast."""

from typing import Any

import pytest
import torch
from kaolin_meshes import FACES, camera, lights, materials, octahedron, random, uv_mesh
from torch import Tensor

from gendr_adapters.kaolin import patched, render_mesh

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.slow]
NAMES = ("unbatched_reduced_sg_inner_product", "mesh_rasterize_interpolate_nvdiffrast")


def unit(values: Tensor) -> Tensor:
    return torch.nn.functional.normalize(values, dim=-1)


def points(kaolin: Any, n_points: int, n_lights: int) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Lights, and what sg_diffuse_inner_product and sg_warp_specular_term take of points, float64."""
    every = lights(kaolin, n_lights)
    lamps = [getattr(every, name).double().requires_grad_() for name in ("amplitude", "direction", "sharpness")]
    normal, view = (unit(random(n_points, 3, seed=i) - 0.3).requires_grad_() for i in (1, 2))
    roughness, albedo = 0.2 + random(n_points, seed=3), random(n_points, 3, seed=4)
    return lamps, [normal, albedo], [normal, roughness, view, albedo]


@pytest.mark.parametrize("n_lights", [1, 7, 8, 9, 17])
def test_any_number_of_lights(kaolin: Any, n_lights: int) -> None:
    """As many as there are give the sum of what each gives by itself; with gradients."""
    lamps, matt, shiny = points(kaolin, 5, n_lights)
    light = kaolin.render.lighting
    for name, more in (("sg_diffuse_inner_product", matt), ("sg_warp_specular_term", shiny)):
        alone = sum(getattr(light, name)(*(x[i : i + 1] for x in lamps), *more) for i in range(n_lights))
        with patched():
            together = getattr(light, name)(*lamps, *more)
        torch.testing.assert_close(together, alone, rtol=1e-6, atol=1e-9)
        assert together.max() > 0
        wrt = [*lamps, more[0]]
        grads = (torch.autograd.grad(x.square().sum(), wrt) for x in (together, alone))
        for one, other in zip(*grads, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-8)


def test_no_points(kaolin: Any) -> None:
    lamps, matt, shiny = points(kaolin, 0, 9)
    with patched():
        assert kaolin.render.lighting.sg_diffuse_inner_product(*lamps, *matt).shape == (0, 3)
        assert kaolin.render.lighting.sg_warp_specular_term(*lamps, *shiny).shape == (0, 3)


def test_kaolins_are_put_back(kaolin: Any) -> None:
    from importlib import import_module

    homes = [import_module("kaolin.render.lighting.sg"), import_module("kaolin.render.easy_render")]
    before = [getattr(home, name) for home, name in zip(homes, NAMES, strict=True)]
    with patched():
        assert all(getattr(h, n) is not b for h, n, b in zip(homes, NAMES, before, strict=True))
    assert all(getattr(h, n) is b for h, n, b in zip(homes, NAMES, before, strict=True))


@pytest.mark.parametrize("lens", [{}, {"fov_distance": 0.7}], ids=["pinhole", "ortho"])
def test_interpolation(kaolin: Any, lens: dict[str, float]) -> None:
    """What render_mesh shows of it; normals and tangents are as long as interpolated, and not turned."""
    view, mesh = camera(kaolin, **lens), uv_mesh(kaolin)
    shown = render_mesh(view, mesh, lights(kaolin))
    with patched():
        step = kaolin.render.easy_render.mesh_rasterize_interpolate_nvdiffrast
        index, normals, tangents, uvs, features = step(mesh, view, None)
        assert step(mesh, view, None, False, False, False, False)[1:] == (None,) * 4
        assert step(mesh, view, None, normals_required=False)[1] is None
        bare = step(kaolin.rep.SurfaceMesh(octahedron(), FACES), view, None)
    assert torch.equal(index, shown["face_idx"]) and torch.equal(bare[0], index)
    assert bare[2:] == (None, None, None) and torch.equal(bare[1], normals)
    assert torch.equal(uvs, shown["uvs"]) and torch.equal(features, shown["features"])
    covered = index >= 0
    assert (normals[~covered] == 0).all() and (tangents[~covered] == 0).all() and tangents.shape == normals.shape
    turned = (normals * shown["normals"]).sum(3)[covered] / normals.norm(dim=3)[covered]
    lengths = shown["normals"].norm(dim=3)[covered]
    torch.testing.assert_close(turned.abs(), lengths, rtol=0, atol=1e-9)
    assert (turned > 0).any()


def test_textures(kaolin: Any) -> None:
    """By nvdiffrast's rule, as render_mesh has them: they repeat, and v = 0 is the first row."""
    from importlib import import_module

    material = materials(kaolin)[1].hwc()
    uvs = torch.tensor([[0.1, 0.9], [0.1, 0.5], [0.7, 0.0], [1.1, -0.1]])
    with patched():
        home = import_module("kaolin.render.easy_render.mesh")
        normals, diffuse, specular, metallic, roughness = home._texture_sample_material_nvdiffrast(
            material, uvs[None, None]
        )
    assert metallic is None and roughness is None and specular.shape == (4, 3) and normals.shape == (4, 3)
    left = material.diffuse_texture[:, 0]
    torch.testing.assert_close(diffuse[1], (left[3] + left[4]) / 2, rtol=0, atol=1e-6)
    torch.testing.assert_close(diffuse[0], diffuse[3], rtol=0, atol=1e-5)
