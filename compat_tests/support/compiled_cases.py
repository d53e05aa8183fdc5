"""Functions to be compiled: every public one, and the doors' (not those that need PyTorch3D or Kaolin)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from support.scenes import sphere
from torch import Tensor

import gendr_adapters.gendr as gendr
import gendr_adapters.redner as redner
import gendr_adapters.softras as softras
from gendr_adapters import RenderSettings, TextureMaps, blend_fragments, find_fragments, gather_corners, render
from gendr_adapters.kaolin import dibr_rasterization, dibr_soft_mask, rasterize

SIZE = 24
SETTINGS = RenderSettings(dist_scale=1e-2, gamma=1e-1, near=1, far=10)


# Numbers that Dynamo lets vary, with dynamic=True, as it does defaults of arguments.
NUMBERS = {"scale": 1e-2, "p": 2.5}


class Case(NamedTuple):
    """A function of one tensor, (F, 3, 3), whose value is a number; and whether it can be one graph."""

    function: Callable[[Tensor], Tensor]
    one_graph: bool = True


def corners(n: int = 60, dtype: torch.dtype = torch.float32) -> Tensor:
    """n small faces here and there in the picture, at depths of 2 to 3: (n, 3, 3)."""
    generator = torch.Generator().manual_seed(n)
    middle = torch.rand(n, 1, 2, generator=generator, dtype=dtype) * 1.2 - 0.6
    x_y = middle + torch.rand(n, 3, 2, generator=generator, dtype=dtype) * 0.6 - 0.3
    return torch.cat([x_y, torch.rand(n, 3, 1, generator=generator, dtype=dtype) + 2], 2)


_SCENES = {dtype: corners(dtype=dtype) for dtype in (torch.float32, torch.float64)}


def total(*pictures: Any) -> Tensor:
    """A sum in which no pixel counts as much as another."""
    wave = [(x * torch.sin(torch.arange(x.numel(), dtype=x.dtype).reshape(x.shape))).sum() for x in pictures]
    return torch.stack(wave).sum()


def _render(x: Tensor) -> Tensor:
    drawn = render(x, SIZE, x, settings=SETTINGS, background=[0.1, 0.2, 0.3], outputs=("image", "alpha", "depth"))
    return total(drawn.image, drawn.alpha, drawn.depth)


def _scales(x: Tensor) -> Tensor:
    settings = RenderSettings(dist_scale=x[0, 0, :1].abs() * 0.01 + 1e-3, gamma=0.1, near=1, far=10)
    return total(render(x, SIZE, x, settings=settings).image)


def _packed(x: Tensor) -> Tensor:
    offsets = torch.tensor([0, 2, x.shape[0]])
    return total(render(x, (SIZE, 17), x, offsets, SETTINGS).image)


def _find(x: Tensor) -> Tensor:
    found = find_fragments(x, SIZE, settings=SETTINGS)
    return total(found.weights, found.depth, found.distance2)


def _find_and_blend(x: Tensor) -> Tensor:
    found = find_fragments(x, SIZE, settings=SETTINGS)
    shown = (found.weights[..., None] * x[found.face]).sum(1)
    blended = blend_fragments(found, shown, SIZE, SETTINGS)
    return total(blended.image, blended.alpha)


def _blend(x: Tensor) -> Tensor:
    found = find_fragments(_SCENES[x.dtype], SIZE, settings=SETTINGS)
    blended = blend_fragments(found._replace(depth=found.depth + x.sum() * 1e-3), found.weights, SIZE, SETTINGS)
    return total(blended.image, blended.alpha)


def _gather(x: Tensor) -> Tensor:
    return total(gather_corners(x[:, 0], torch.arange(12).reshape(4, 3)))


def _dibr(x: Tensor) -> Tensor:
    features, mask, _ = dibr_rasterization(
        SIZE, SIZE, -x[None, ..., 2], x[None, ..., :2], x[None], torch.ones(1, x.shape[0], dtype=x.dtype)
    )
    return total(features, mask)


def _dibr_soft(x: Tensor) -> Tensor:
    features, mask, _ = dibr_rasterization(
        SIZE,
        SIZE,
        -x[None, ..., 2],
        x[None, ..., :2],
        [x[None], x[None, ..., :1]],
        torch.ones(1, x.shape[0], dtype=x.dtype),
        occlusion="soft",
    )
    return total(*features, mask)


def _rasterize(x: Tensor) -> Tensor:
    return total(rasterize(SIZE, SIZE, -x[None, ..., 2], x[None, ..., :2], x[None])[0])


def _soft_mask(x: Tensor) -> Tensor:
    return total(dibr_soft_mask(x[None, ..., :2], torch.full((1, SIZE, SIZE), -1)))


def _soft_rasterize(x: Tensor) -> Tensor:
    return total(softras.functional.soft_rasterize(x[None], x[None], SIZE, sigma_val=1e-3, texture_type="vertex"))


def _gendr_render(x: Tensor) -> Tensor:
    return total(gendr.functional.render(x[None], x[None], SIZE, texture_type="vertex"))


def _t_conorm(x: Tensor) -> Tensor:
    drawn = gendr.functional.render(
        x[None], x[None], SIZE, texture_type="vertex", dist_scale=NUMBERS["scale"], aggr_alpha_func="yager",
        aggr_alpha_t_conorm_p=NUMBERS["p"],
    )  # fmt: skip
    return total(drawn)


def _softras_renderer(x: Tensor) -> Tensor:
    vertices, faces = sphere(4, 6)
    mesh = softras.Mesh(vertices.to(x.dtype)[None] + x[:1, :1].mean() * 0.1, faces[None])
    return total(softras.SoftRenderer(image_size=SIZE, sigma_val=1e-3, camera_mode="look_at").render_mesh(mesh))


def _gendr_renderer(x: Tensor) -> Tensor:
    vertices, faces = sphere(4, 6)
    mesh = gendr.Mesh(vertices.to(x.dtype)[None] + x[:1, :1].mean() * 0.1, faces[None])
    mesh = gendr.LookAt(viewing_angle=30)(gendr.Lighting()(mesh))
    return total(gendr.GenDR(image_size=SIZE)(mesh))


def _uv_textures(x: Tensor) -> Tensor:
    vertices, faces = sphere(4, 6)
    uvs = vertices.to(x.dtype)[faces][..., :2] / 2 + 0.5
    textures = TextureMaps(x[:20, 0].reshape(4, 5, 3), uvs)
    mesh = gendr.Mesh(vertices.to(x.dtype)[None] + x[:1, :1].mean() * 0.1, faces[None], textures, texture_type="uv")
    mesh = gendr.LookAt(viewing_angle=30)(gendr.Lighting()(mesh))
    return total(gendr.GenDR(image_size=SIZE, texture_type="uv")(mesh))


def _depth_renderer(x: Tensor, settings: RenderSettings | None = None) -> Tensor:
    vertices, faces = x.reshape(-1, 3), torch.arange(3 * x.shape[0]).reshape(-1, 3)
    renderer = redner.get_depth_renderer(2, False, seed=1, settings=settings)
    return total(renderer(vertices, faces, (20.0, 20.0, 8.0, 6.0), (16, 12)))


def _soft_depth_renderer(x: Tensor) -> Tensor:
    return _depth_renderer(x, SETTINGS)


CASES = {
    "render": Case(_render),
    "scales": Case(_scales),
    "packed": Case(_packed),
    "find": Case(_find, one_graph=False),
    "find_and_blend": Case(_find_and_blend, one_graph=False),
    "blend": Case(_blend, one_graph=False),
    "gather": Case(_gather),
    "dibr": Case(_dibr, one_graph=False),
    "dibr_soft": Case(_dibr_soft, one_graph=False),
    "rasterize": Case(_rasterize, one_graph=False),
    "soft_mask": Case(_soft_mask, one_graph=False),
    "soft_rasterize": Case(_soft_rasterize),
    "gendr_render": Case(_gendr_render),
    "t_conorm": Case(_t_conorm),
    "softras_renderer": Case(_softras_renderer),
    "gendr_renderer": Case(_gendr_renderer),
    "uv_textures": Case(_uv_textures),
    "depth_renderer": Case(_depth_renderer, one_graph=False),
    "soft_depth_renderer": Case(_soft_depth_renderer, one_graph=False),
}
