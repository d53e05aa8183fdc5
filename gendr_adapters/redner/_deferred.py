"""`render_deferred`: a G-buffer, lit."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .._autocast import full_precision
from .._untraced import untraced
from ._arguments import whole
from ._channels import channels
from ._core_shading import core_drawing
from ._g_buffer import for_each_scene
from ._integral import integrate
from ._lighting import DeferredLight
from ._scene import Scene
from ._scene_surface import SceneSurface


@full_precision
@untraced
def render_deferred(
    scene: Scene | Sequence[Scene],
    lights: Sequence[DeferredLight] | Sequence[Sequence[DeferredLight]],
    alpha: bool = False,
    aa_samples: int = 2,
    seed: Any = None,
    sample_pixel_center: bool = False,
    use_primary_edge_sampling: bool = True,
    device: torch.device | None = None,
) -> Tensor:
    """Pictures of Lambertian surfaces in the light of given lights, without shadows.

    Each sample is lit, then the pixels' means are taken; so outlines and highlights are both anti-aliased.

    Args:
        scene: a Scene, or a list of N scenes whose pictures have the same size.
        lights: a list of lights for all scenes, or for a list of scenes a list of such lists, one for each.
        alpha: add a fourth channel, the share of the pixel that surfaces cover.
        aa_samples: A, for A x A samples a pixel, and as many points on edges for each pixel of their length.
        sample_pixel_center: samples at the centres of their cells, an A x A grid, instead of anywhere in them.
        seed, use_primary_edge_sampling, device: as for `render_g_buffer`.

    Returns:
        (H, W, C) or (N, H, W, C), linear light, not clipped, 0 where there is nothing. Gradients go to vertices,
        normals, colours, textures, cameras and lights; to what moves outlines by their boundary term, too. For one seed
        they are the same bits each time.

    Raises:
        TypeError, ValueError: arguments or scenes that do not fit.
    """
    n_samples = whole("aa_samples", aa_samples, 1) ** 2
    shown_channels = [channels.diffuse_reflectance] + [channels.alpha] * bool(alpha)
    wanted = [channels.position, channels.shading_normal, *shown_channels]
    lights_of = _lights_by_scene(scene, lights)

    def picture(scene: Scene, seeds: tuple[int, int]) -> Tensor:
        surface = SceneSurface(scene, wanted, device)
        scene_lights = next(lights_of)

        def shade(seen: Tensor, face: Tensor) -> Tensor:
            position, normal, albedo, *coverage = surface.channels_of(seen, face)
            lit = torch.zeros_like(albedo)
            for light in scene_lights:
                lit = lit + light.render(position, normal, albedo)
            return torch.cat([torch.where((face >= 0)[..., None], lit, 0.0), *coverage], -1)

        shown, _ = integrate(
            surface.mesh,
            surface.positions,
            surface.features,
            shade,
            core_drawing(surface, shown_channels, scene_lights),
            n_samples=n_samples,
            edge_density=float(n_samples) if use_primary_edge_sampling else 0.0,
            seed=seeds[0],
            edge_seed=seeds[1],
            jitter=not sample_pixel_center,
        )
        return shown

    return for_each_scene(scene, seed, picture)


def _lights_by_scene(scene: Any, lights: Any) -> Any:
    """An iterator over the list of lights of each scene."""
    if not isinstance(lights, (list, tuple)):
        raise TypeError(f"lights must be a list of lights, got {type(lights).__name__}")
    n_scenes = len(scene) if isinstance(scene, (list, tuple)) else 1
    if lights and isinstance(lights[0], (list, tuple)):
        if isinstance(scene, Scene) or len(lights) != n_scenes:
            raise ValueError(f"lights must be a list for each of the {n_scenes} scenes, got {len(lights)}")
        lists = lights
    else:
        lists = [lights] * n_scenes
    for light in (light for each in lists for light in each):
        if not callable(getattr(light, "render", None)):
            raise TypeError(f"lights must have a method render, as AmbientLight has, got {type(light).__name__}")
    return iter(lists)
