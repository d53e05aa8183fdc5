"""Small random scenes, and the lists of settings that tests run through."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from gendr_adapters import Rendered, RenderSettings, render
from gendr_adapters.distributions import DISTRIBUTIONS
from gendr_adapters.t_conorms import T_CONORMS

ALL_OUTPUTS = ("image", "alpha", "depth", "face_index")


class Scene(NamedTuple):
    """face_vertices (F, 3, 3), features (F, T, C), background (C,), float64."""

    face_vertices: Tensor
    features: Tensor
    background: Tensor


def random_scene(seed: int, faces: int = 4, texels: int = 3, channels: int = 2) -> Scene:
    """Triangles of either orientation around the middle of the image, some partly outside it, at depths 1.5 to 5."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)

    xy = uniform(-0.7, 0.7, faces, 1, 2) + uniform(-0.6, 0.6, faces, 3, 2)
    corners = torch.cat([xy, uniform(1.5, 5.0, faces, 3, 1)], 2)
    return Scene(corners, uniform(0.0, 1.0, faces, texels, channels), uniform(0.0, 1.0, channels))


def distribution_settings() -> list[dict[str, Any]]:
    """Every distribution, with several shapes and shifts where it has them."""
    return [
        {"distribution": name, "dist_shape": shape, "dist_shift": shift}
        for name, d in DISTRIBUTIONS.items()
        for shape in ((0.7, 1.0, 2.5) if d.uses_shape else (0.0,))
        for shift in ((0.0, 1.5) if d.uses_shift else (0.0,))
    ]


def t_conorm_settings() -> list[dict[str, Any]]:
    """Every T-conorm, with p on either side of its special values."""
    values = {None: (None,), "p >= 0": (0.0, 0.5, 1.0, 3.0), "p > 0": (0.5, 1.0, 3.0), "p < 0": (-0.5, -1.0, -3.0)}
    return [{"t_conorm": name, "t_conorm_p": p} for name, rule in T_CONORMS.items() for p in values[rule]]


def label(settings: Any) -> str | None:
    """A test id: the values that matter."""
    return "-".join(str(v) for v in settings.values() if v not in (None, 0.0)) if isinstance(settings, dict) else None


def loss(rendered: Rendered) -> Tensor:
    """A scalar in which every number of every differentiable output has its own weight."""
    generator = torch.Generator().manual_seed(7)
    total = torch.zeros((), dtype=torch.float64)
    for values in (rendered.image, rendered.alpha, rendered.depth):
        if values is not None:
            weights = torch.randn(values.shape, generator=generator, dtype=torch.float64)
            total = total + (weights * values).sum()
    return total


def render_with_gradients(
    scene: Scene,
    image_size: int | tuple[int, int],
    settings: dict[str, Any],
    dtype: torch.dtype = torch.float64,
    face_offsets: Tensor | None = None,
) -> tuple[Rendered, dict[str, Tensor]]:
    """All outputs, and the gradient of `loss` to everything that has one. dist_scale and gamma must be in settings."""
    inputs = [x.to(dtype).requires_grad_() for x in scene]
    scalars = {k: torch.tensor([settings[k]], dtype=dtype, requires_grad=True) for k in ("dist_scale", "gamma")}
    rendered = render(
        inputs[0],
        image_size,
        inputs[1],
        face_offsets,
        RenderSettings(**{**settings, **scalars}),
        inputs[2],
        ALL_OUTPUTS,
    )
    gradients = torch.autograd.grad(loss(rendered), [*inputs, *scalars.values()])
    return rendered, dict(zip((*Scene._fields, *scalars), gradients, strict=True))


def sphere(rings: int = 16, segments: int = 24, depth: float = 3.0) -> tuple[Tensor, Tensor]:
    """A bumpy sphere as an indexed mesh: projected vertices (V, 3), faces (F, 3) int64. Six faces or so share a vertex,
    `segments` those at the poles."""
    theta = torch.linspace(0, torch.pi, rings + 1, dtype=torch.float64)[:, None]
    phi = torch.arange(segments, dtype=torch.float64)[None] * (2 * torch.pi / segments)
    radius = 1 + 0.1 * torch.sin(3 * theta) * torch.cos(4 * phi)
    points = torch.stack(
        [
            radius * torch.sin(theta) * torch.cos(phi),
            radius * torch.cos(theta).expand_as(radius),
            radius * torch.sin(theta) * torch.sin(phi) + depth,
        ],
        2,
    )
    points[0], points[-1] = points[0].mean(0), points[-1].mean(0)
    vertices = points.reshape(-1, 3)
    projected = torch.cat([2 * vertices[:, :2] / vertices[:, 2:], vertices[:, 2:]], 1)
    corner = torch.arange((rings + 1) * segments).reshape(rings + 1, segments)
    corner[0], corner[-1] = corner[0, 0].clone(), corner[-1, 0].clone()  # one vertex at each pole
    a, b = corner[:-1], corner[1:]
    upper = torch.stack([a, b, b.roll(-1, 1)], 2)[:-1]
    lower = torch.stack([a, b.roll(-1, 1), a.roll(-1, 1)], 2)[1:]
    return projected, torch.cat([upper.reshape(-1, 3), lower.reshape(-1, 3)])


def floor_around(steps: int, half: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """A square of side 2 half one unit below a camera at its middle: vertices (V, 3), x right, y down, z ahead, and
    2 steps^2 faces (F, 3); steps is even, so that there are vertices at z = 0 exactly."""
    ahead = (torch.arange(steps + 1, dtype=torch.float64) - steps // 2) * (2 * half / steps)
    x, z = torch.meshgrid(ahead + 0.03 * half, ahead, indexing="ij")
    at = torch.arange((steps + 1) ** 2).view(steps + 1, steps + 1)
    a, b, c, d = (corner.flatten() for corner in (at[:-1, :-1], at[1:, :-1], at[1:, 1:], at[:-1, 1:]))
    vertices = torch.stack([x, torch.ones_like(x), z], -1).view(-1, 3)
    return vertices.to(dtype), torch.cat([torch.stack([a, b, c], 1), torch.stack([a, c, d], 1)])


def away_from_borders(covered: Tensor) -> Tensor:
    """Pixels (H, W) with all their neighbours like them, covered or not."""
    alike = torch.nn.functional.avg_pool2d(covered.double()[None, None], 3, 1, 1, count_include_pad=False)[0, 0]
    return (alike - alike.round()).abs() < 1e-6
