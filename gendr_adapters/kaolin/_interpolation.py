"""What kaolin.render.easy_render does with nvdiffrast besides `render_mesh`, for programs that call it in steps."""

from typing import Any

from torch import Tensor

from .._untraced import untraced
from ..settings import RenderSettings
from ._autocast import geometry
from ._cameras import check_camera, is_pinhole, settings_for
from ._materials import Map
from ._mesh_scene import mesh_scene, nearest_points


@geometry
@untraced
def mesh_rasterize_interpolate_nvdiffrast(
    mesh: Any,
    camera: Any,
    nvdiffrast_context: Any,
    normals_required: bool = True,
    uvs_required: bool = True,
    tangents_required: bool = True,
    features_required: bool = True,
) -> tuple[Tensor, Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
    """The nearest faces and what their corners carry, interpolated as by `render_mesh` with backend 'nvdiffrast':
    kaolin.render.easy_render.mesh_rasterize_interpolate_nvdiffrast, on any device, for batches too.

    Args:
        mesh, camera: as for `render_mesh`. nvdiffrast_context: accepted, and without effect.
        normals_required, uvs_required, tangents_required, features_required: what is asked for.

    Returns:
        face_idx (N, height, width) int64, -1 where there is none; normals (N, height, width, 3), not normalised, not
        turned to the camera; tangents (3 channels); uvs (2), in [0, 1]; features. All are 0 where there is no face,
        and None if not asked for, or if the mesh has none.

    Raises:
        TypeError, ValueError: as `render_mesh`.
    """
    check_camera(camera)
    settings = settings_for(camera, RenderSettings(), clipped=True, perspective_correct=is_pinhole(camera))
    scene = mesh_scene(camera, mesh, None, None, None, smooth=True, settings=settings)
    drawn, points = nearest_points(scene)
    normals, uvs, tangents, features = scene.interpolate(points)

    def picture(values: Tensor | None, required: bool) -> Tensor | None:
        return scene.picture(values, points) if required and values is not None else None

    assert drawn.face_index is not None
    return (
        drawn.face_index,
        picture(normals, normals_required),
        picture(tangents, tangents_required),
        picture(uvs, uvs_required),
        picture(features, features_required),
    )


def _texture_sample_material_nvdiffrast(material: Any, texcoords: Tensor) -> tuple[Tensor | None, ...]:
    """The maps of a material of pictures (h, w, C) at texcoords (1, 1, P, 2), (P, C) each, None for those it has not;
    in the order of kaolin.render.easy_render's function of this name."""
    uvs = texcoords[0, 0] - texcoords[0, 0].detach().floor()
    names = ("normals", "diffuse", "specular", "metallic", "roughness")
    maps = (getattr(material, f"{name}_texture") for name in names)
    return tuple(None if m is None else Map.of(m.to(uvs).permute(2, 0, 1), wrap=True).at(uvs) for m in maps)
