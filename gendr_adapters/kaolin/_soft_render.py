"""`soft_render`: the generalized soft renderer on Kaolin's cameras, meshes, materials and lights."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, cat

from .._untraced import untraced
from ..settings import RenderSettings
from ._autocast import geometry
from ._cameras import check_camera, is_pinhole, settings_for
from ._mesh_scene import MeshScene, Points, mesh_scene


@geometry
@untraced
def soft_render(
    camera: Any,
    mesh: Any,
    settings: RenderSettings = RenderSettings(),  # noqa: B008 (frozen)
    lighting: Any = None,
    custom_materials: Any = None,
    custom_material_assignments: Any = None,
    *,
    background: Tensor | Sequence[float] | None = None,
) -> Tensor:
    """Soft pictures of meshes with PBR materials, with gradients to every face in reach of a pixel, hidden ones too.

    Each pair of a pixel and a face is shaded on its own, as `render_mesh` shades the nearest; a T-conorm unites the
    coverages, a softmax over depth mixes the colours.

    Args:
        camera, mesh, lighting, custom_materials, custom_material_assignments: as for `render_mesh`.
        settings: any distribution and T-conorm, dist_scale, gamma and so on, in NDC (both axes of the picture span
            [-1, 1]). The camera decides on near, far, near_clip, projection, half_extent and perspective_correct; depth
            in the softmax runs from its near to its far plane unless softmax_range says otherwise. With an orthographic
            camera clip 'unit' is 'nonnegative'.
        background: colour behind everything, (3,) or (N, 3); None: black.

    Returns:
        (N, height, width, 4): red, green, blue, not clamped, and alpha in [0, 1]. Gradients go to vertices, normals,
        uvs, materials, lights, cameras, background, dist_scale and gamma.

    Raises:
        TypeError, ValueError: types, shapes, dtypes, numbers or names that do not fit, blend 'hard' (`render_mesh`
        is that). ImportError: no Kaolin.

    Source: as `gendr_adapters.render`; lights and materials as `render_mesh`.
    """
    if not isinstance(settings, RenderSettings):
        raise TypeError(f"settings must be a RenderSettings, got {type(settings).__name__}")
    check_camera(camera)
    seen = settings_for(camera, settings, clipped=True, perspective_correct=is_pinhole(camera))
    scene = mesh_scene(
        camera, mesh, lighting, custom_materials, custom_material_assignments, smooth=True, settings=seen
    )
    return _picture(scene, background)


def _picture(scene: MeshScene, background: Tensor | Sequence[float] | None) -> Tensor:
    meshes = scene.meshes
    found = meshes.find_fragments()
    n_pixels = meshes.image_size[0] * meshes.image_size[1]
    image = found.pixel.div(n_pixels, rounding_mode="floor")
    shaded = scene.shade(Points(image, found.pixel % n_pixels, found.face, found.weights))
    blended = meshes.blend_fragments(found, shaded.diffuse + shaded.specular, background)
    assert blended.image is not None and blended.alpha is not None
    return cat([blended.image, blended.alpha[:, None]], 1).permute(0, 2, 3, 1)
