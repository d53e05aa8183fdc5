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
    """Images of Lambertian surfaces under the given lights, without shadows.

    Each sample is lit before the mean over a pixel is taken, so silhouettes and shading are both anti-aliased.

    Args:
        scene: a Scene, or a list of N scenes whose images have the same size.
        lights: a list of lights for all scenes; or, for a list of scenes, a list of N lists of lights.
        alpha: add a fourth channel, the share of the pixel that surfaces cover.
        aa_samples: A: each pixel gets A x A samples, and the boundary term of the gradient A x A points per pixel of
            edge length.
        sample_pixel_center: True: samples are at the centres of an A x A grid; False: at random places in its cells.
        seed, use_primary_edge_sampling, device: as for `render_g_buffer`.

    Returns:
        (H, W, C) or (N, H, W, C), C = 3 or 4: linear light, not clipped, 0 where there is nothing. Gradients go to
        vertices, normals, colours, textures, cameras and lights; those of vertices and cameras include the boundary
        term of moving silhouettes. For one seed, gradients repeat bit for bit.

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
        >>> light = pyredner.PointLight(position=torch.tensor([2.0, 2.0, 4.0]), intensity=torch.full((3,), 20.0))
        >>> pyredner.render_deferred(scene, [light], alpha=True).shape
        torch.Size([24, 32, 4])
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
