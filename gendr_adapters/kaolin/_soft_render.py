"""`soft_render`: the generalized soft renderer on Kaolin's cameras, meshes, materials and lights."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, cat

from .._inputs import background_rows
from .._pieces import Piece
from .._shading_in_pieces import pieces_for, shade_in_pieces, tensors_in
from .._untraced import untraced
from ..fragments import Fragments
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
    max_memory: int | None = None,
) -> Tensor:
    """Soft images of meshes with PBR materials, with gradients to every face in reach of a pixel, hidden ones too.

    Every face in reach of a pixel is shaded there as `render_mesh` shades the nearest face. A T-conorm combines the
    coverages into alpha, and a softmax over depth blends the colours.

    Args:
        camera, mesh, lighting, custom_materials, custom_material_assignments: as for `render_mesh`.
        settings: distribution, T-conorm, dist_scale, gamma and so on, in NDC (both axes of the image span [-1, 1]).
            near, far, near_clip, projection, half_extent and perspective_correct are replaced by the camera's; depth in
            the softmax runs from its near to its far plane unless softmax_range is given. With an orthographic camera
            clip 'unit' is 'nonnegative'.
        background: colour behind everything, (3,) or (N, 3); None: black.
        max_memory: bytes that shading may take at a time, at least 1. An image that needs more (0.7 kB a fragment with
            one light) is shaded in pieces (whole images, rows or pixels of a row), and again in backward; one pixel may
            take more. None: a quarter of the device's free memory, rounded down to a power of two.

    Returns:
        (N, height, width, 4): red, green, blue, not clamped, and alpha in [0, 1]. Gradients go to vertices, normals,
        uvs, materials, lights, cameras, background, dist_scale and gamma.

    Raises:
        TypeError, ValueError: types, shapes, dtypes, numbers or names that do not fit; blend 'hard' (use `render_mesh`
            instead). ImportError: Kaolin is not installed.

    Source: as `gendr_adapters.render`; lights and materials as `render_mesh`.

    Example:
        >>> from kaolin.render.easy_render import default_camera
        >>> from kaolin.rep import SurfaceMesh
        >>> from gendr_adapters import RenderSettings, data, load_mesh
        >>> from gendr_adapters.kaolin import soft_render
        >>> mesh = load_mesh(data.path("airplane.obj"))
        >>> settings = RenderSettings(dist_scale=1e-4, gamma=1e-3)
        >>> soft_render(default_camera(32), SurfaceMesh(mesh.vertices, mesh.faces), settings).shape
        torch.Size([1, 32, 32, 4])
    """
    if not isinstance(settings, RenderSettings):
        raise TypeError(f"settings must be a RenderSettings, got {type(settings).__name__}")
    check_camera(camera)
    seen = settings_for(camera, settings, clipped=True, perspective_correct=is_pinhole(camera))
    scene = mesh_scene(
        camera, mesh, lighting, custom_materials, custom_material_assignments, smooth=True, settings=seen
    )
    return _picture(scene, background, max_memory)


def _picture(scene: MeshScene, background: Tensor | Sequence[float] | None, max_memory: int | None) -> Tensor:
    meshes = scene.meshes
    n_pixels = meshes.n_pixels
    behind = background_rows(background, 3, len(meshes), meshes.face_vertices)

    def shade(piece: Piece, found: Fragments) -> Tensor:
        image = found.pixel.div(n_pixels, rounding_mode="floor")
        shaded = scene.shade(Points(image, found.pixel % n_pixels, found.face, found.weights))
        blended = meshes.blend_fragments(found, shaded.diffuse + shaded.specular, piece, behind)
        assert blended.image is not None and blended.alpha is not None
        return cat([blended.image, blended.alpha[:, None]], 1).permute(0, 2, 3, 1).flatten(0, 2)

    counted = meshes.count_fragments()
    pieces = pieces_for(counted, meshes.image_size, shade, max_memory)
    if len(pieces) == 1:
        picture = shade(pieces[0], counted.find())
    else:
        made_of = tensors_in(scene, meshes, meshes.settings, behind)
        picture = shade_in_pieces(counted, pieces, shade, made_of)
    return picture.view(len(meshes), *meshes.image_size, 4)
