"""`render_g_buffer` and `render_albedo`: what is seen at each pixel, as numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .._autocast import full_precision
from .._untraced import untraced
from ._arguments import whole
from ._channels import as_channels, channels
from ._core_shading import core_drawing
from ._integral import fresh_seed, integrate
from ._scene import Scene
from ._scene_surface import IDS, SceneSurface


@full_precision
@untraced
def render_g_buffer(
    scene: Scene | Sequence[Scene],
    channels: Sequence[channels],
    num_samples: int | Sequence[int] = (1, 1),
    seed: Any = None,
    sample_pixel_center: bool = False,
    use_primary_edge_sampling: bool = True,
    use_secondary_edge_sampling: bool = True,
    device: torch.device | None = None,
) -> Tensor:
    """What a camera sees at each pixel, in the given channels.

    Args:
        scene: a Scene, or a list of N scenes whose images have the same size.
        channels: a list of pyredner.channels; the image has them in this order.
        num_samples: (S, E): S samples a pixel, one at a random place in each of S equal cells, or at the centre if S is
            1; E points per pixel of edge length in the boundary term of the gradient. One int stands for both.
        seed: of samples and edge points: an int for both, or two; for a list of scenes a list of these. None: new ones
            in each call, from torch's global generator.
        sample_pixel_center: take one sample, at the centre.
        use_primary_edge_sampling: whether gradients have the boundary term, of what moving silhouettes hide and reveal.
        use_secondary_edge_sampling: ignored.
        device: where to compute; None: where the vertices are.

    Returns:
        (H, W, C) or (N, H, W, C), means over the samples, 0 where there is nothing. All channels except shape_id,
        triangle_id and material_id have gradients to vertices, normals, uvs, colours, textures and the camera; for one
        seed they repeat bit for bit.

    Raises:
        TypeError, ValueError: arguments or scenes that do not fit.

    Source of the gradient: Li et al., "Differentiable Monte Carlo Ray Tracing through Edge Sampling", SIGGRAPH Asia
    2018.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> vertices = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
        >>> faces = torch.tensor([[0, 1, 2]])
        >>> white = pyredner.Material(diffuse_reflectance=torch.ones(3))
        >>> eye, up = torch.tensor([0.0, 0.0, 4.0]), torch.tensor([0.0, 1.0, 0.0])
        >>> fov = torch.tensor([45.0])
        >>> camera = pyredner.Camera(position=eye, look_at=torch.zeros(3), up=up, fov=fov, resolution=(24, 32))
        >>> scene = pyredner.Scene(camera, objects=[pyredner.Object(vertices, faces, white)])
        >>> wanted = [pyredner.channels.depth, pyredner.channels.shading_normal]
        >>> buffer = pyredner.render_g_buffer(scene, wanted)
        >>> buffer.shape, round(buffer[12, 16, 0].item(), 1)  # the distance at a pixel near the middle
        (torch.Size([24, 32, 4]), 4.0)
    """
    wanted = as_channels(channels)
    n_samples, edge_density = sample_counts(num_samples)
    if sample_pixel_center:
        n_samples = 1

    def picture(scene: Scene, seeds: tuple[int, int]) -> Tensor:
        surface = SceneSurface(scene, wanted, device)

        def shade(seen: Tensor, face: Tensor) -> Tensor:
            shown = surface.channels_of(seen, face)
            return torch.cat(shown, -1) if shown else seen[..., :0]

        shown, face = integrate(
            surface.mesh,
            surface.positions,
            surface.features,
            shade,
            core_drawing(surface, [channel for channel in wanted if channel not in IDS]),
            n_samples=n_samples,
            edge_density=edge_density if use_primary_edge_sampling else 0.0,
            seed=seeds[0],
            edge_seed=seeds[1],
        )
        return _with_ids(surface, shown, face, wanted)

    return for_each_scene(scene, seed, picture)


@full_precision
@untraced
def render_albedo(
    scene: Scene | Sequence[Scene],
    alpha: bool = False,
    num_samples: int | Sequence[int] = (16, 4),
    seed: Any = None,
    sample_pixel_center: bool = False,
    use_primary_edge_sampling: bool = True,
    device: torch.device | None = None,
) -> Tensor:
    """The diffuse reflectance at each pixel, (H, W, 3) or (N, H, W, 3).

    alpha: add a fourth channel, the share of the pixel that surfaces cover. The other arguments, results and errors are
    those of `render_g_buffer`.

    Example:
        >>> import torch
        >>> import gendr_adapters.redner as pyredner
        >>> vertices = torch.tensor([[-1.0, -1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 1.0, 0.0]])
        >>> faces = torch.tensor([[0, 1, 2]])
        >>> white = pyredner.Material(diffuse_reflectance=torch.ones(3))
        >>> eye, up = torch.tensor([0.0, 0.0, 4.0]), torch.tensor([0.0, 1.0, 0.0])
        >>> fov = torch.tensor([45.0])
        >>> camera = pyredner.Camera(position=eye, look_at=torch.zeros(3), up=up, fov=fov, resolution=(24, 32))
        >>> scene = pyredner.Scene(camera, objects=[pyredner.Object(vertices, faces, white)])
        >>> pyredner.render_albedo(scene, alpha=True, num_samples=4).shape
        torch.Size([24, 32, 4])
    """
    wanted = [channels.diffuse_reflectance] + [channels.alpha] * bool(alpha)
    return render_g_buffer(
        scene, wanted, num_samples, seed, sample_pixel_center, use_primary_edge_sampling, device=device
    )


def _with_ids(surface: SceneSurface, shown: Tensor, face: Tensor, wanted: Sequence[channels]) -> Tensor:
    """The picture, with the numbers of IDS where they are wanted."""
    if not any(channel in IDS for channel in wanted):
        return shown
    parts, widths = [], iter(surface.widths())
    begin = 0
    for channel in wanted:
        if channel in IDS:
            parts.append(surface.ids_of(face, channel))
        else:
            end = begin + next(widths)
            parts.append(shown[..., begin:end])
            begin = end
    return torch.cat(parts, -1)


def sample_counts(num_samples: Any) -> tuple[int, float]:
    """S, and points a pixel of edge."""
    if not isinstance(num_samples, (list, tuple)):
        return whole("num_samples", num_samples, 1), float(num_samples)
    if len(num_samples) != 2:
        raise ValueError(f"num_samples must be a number or two, of samples and of edge points, got {num_samples!r}")
    return whole("num_samples", num_samples[0], 1), float(whole("num_samples", num_samples[1], 0))


def for_each_scene(scene: Any, seed: Any, picture: Callable[[Scene, tuple[int, int]], Tensor]) -> Tensor:
    """The picture of a scene, or of a list of scenes, stacked; each with its seeds."""
    if isinstance(scene, Scene):
        return picture(scene, _seeds(seed))
    if not isinstance(scene, (list, tuple)) or not scene or not all(isinstance(item, Scene) for item in scene):
        raise TypeError(f"scene must be a Scene or a list of at least one, got {type(scene).__name__}")
    seeds = [None] * len(scene) if seed is None else seed
    if not isinstance(seeds, (list, tuple)) or len(seeds) != len(scene):
        raise ValueError(f"seed must be a list of {len(scene)}, one for each scene, or None, got {seed!r}")
    pictures = [picture(item, _seeds(own)) for item, own in zip(scene, seeds, strict=True)]
    sizes = {tuple(item.shape[:2]) for item in pictures}
    if len(sizes) > 1:
        raise ValueError(f"the scenes of a list must have pictures of one size, got (height, width) {sorted(sizes)}")
    return torch.stack(pictures)


def _seeds(seed: Any) -> tuple[int, int]:
    if seed is None:
        seed = fresh_seed()
    pair = seed if isinstance(seed, (list, tuple)) else (seed, seed)
    if len(pair) != 2:
        raise ValueError(f"a seed must be an int or two, of samples and of edge points, got {seed!r}")
    return whole("seed", pair[0], 0), whole("seed", pair[1], 0)
