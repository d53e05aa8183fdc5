"""`render_mesh`, as kaolin.render.easy_render.render_mesh."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .._inputs import output_names
from .._untraced import untraced
from ..settings import RenderSettings
from ._autocast import geometry
from ._cameras import check_camera, is_pinhole, settings_for
from ._mesh_scene import MeshScene, mesh_scene, nearest_points

_BACKENDS = ("nvdiffrast", "cuda")
_EXTRA = ("alpha", "depth", "normals_camera")
# The mask of DIB-R's functions, without their boxes.
_ALPHA = RenderSettings(distribution="exponential_rev", dist_scale=1 / 7000)


@geometry
@untraced
def render_mesh(
    camera: Any,
    mesh: Any,
    lighting: Any = None,
    custom_materials: Any = None,
    custom_material_assignments: Any = None,
    backend: str | None = None,
    nvdiffrast_context: Any = None,
    *,
    extra_passes: Sequence[str] = (),
    settings: RenderSettings | None = None,
) -> dict[str, Tensor]:
    """Images of meshes with PBR materials under spherical Gaussian lights: kaolin.render.easy_render.render_mesh on any
    device, and for batches.

    Args:
        camera: kaolin.render.camera.Camera, pinhole or orthographic, C cameras.
        mesh: kaolin.rep.SurfaceMesh of B meshes, batched in any way. C and B are equal, or one of them is 1; N is the
            larger.
        lighting: kaolin.render.lighting.SgLightingParameters, for all meshes; None: Kaolin's default light.
        custom_materials: replaces the meshes' materials: a list of kaolin.render.materials.PBRMaterial for all meshes,
            or a list of such lists, one a mesh. Meshes without materials get Kaolin's default material.
        custom_material_assignments: the number of each face's material, (F,) integers for all meshes, (B, F), or a
            list; None: the meshes' own, or the first material for all faces. A face whose number names no material is
            black.
        backend: None or 'nvdiffrast': perspective-correct, cut at the camera's near and far planes, smooth normals,
            textures that repeat, as Kaolin with nvdiffrast; 'cuda': interpolation on the screen, no planes, flat
            normals unless the mesh has others, as Kaolin without.
        nvdiffrast_context: ignored.
        extra_passes: images that Kaolin does not have: any of 'alpha', 'depth' and 'normals_camera'.
        settings: RenderSettings of the extra pass 'alpha', and an error without it: distribution, dist_*, reach,
            t_conorm and so on; settings of colour, depth, perspective, near and far are ignored. None: alpha is
            exp(-7000 d^2) outside a face and 1 inside, d the distance in NDC (both axes of the image span [-1, 1]).

    Returns:
        A dict of images (N, height, width, channels), 0 where there is no mesh, not clamped:
        'render': 'diffuse' + 'specular'; 'albedo'; 'normals' (in world space, towards the camera, with the normal map);
        'uvs' and 'features' if the mesh has them; 'face_idx' (N, height, width) int64, the face's number within its
        mesh, -1 where there is none. Of extra_passes: 'alpha' (1 channel), the soft silhouette of all faces; 'depth'
        (1), the distance along the camera's axis, > 0 except with backend 'cuda' and an orthographic camera;
        'normals_camera', the normals in the camera's axes.
        Gradients go to vertices, normals, uvs, features, materials, lights and cameras.

    Raises:
        TypeError, ValueError: types, shapes, dtypes, numbers or names that do not fit. ImportError: Kaolin is not
            installed.

    Source: Wang et al., "All-Frequency Rendering of Dynamic, Spatially-Varying Reflectance", SIGGRAPH Asia 2009 (the
    lights); Chen et al., "DIB-R++", NeurIPS 2021.

    Example:
        >>> from kaolin.render.easy_render import default_camera
        >>> from kaolin.rep import SurfaceMesh
        >>> from gendr_adapters import data, load_mesh
        >>> from gendr_adapters.kaolin import render_mesh
        >>> mesh = load_mesh(data.path("airplane.obj"))
        >>> images = render_mesh(default_camera(32), SurfaceMesh(mesh.vertices, mesh.faces), extra_passes=("depth",))
        >>> images["render"].shape, images["depth"].shape
        (torch.Size([1, 32, 32, 3]), torch.Size([1, 32, 32, 1]))
    """
    if backend is not None and backend not in _BACKENDS:
        raise ValueError(f"unknown backend {backend!r}; allowed: {', '.join(_BACKENDS)}, both of which are our core")
    extra = output_names(extra_passes, _EXTRA, "extra_passes")
    if settings is not None and not isinstance(settings, RenderSettings):
        raise TypeError(f"settings must be a RenderSettings, got {type(settings).__name__}")
    if settings is not None and "alpha" not in extra:
        raise ValueError("settings are those of 'alpha', which is not among extra_passes: ask for it, e.g. ('alpha',)")
    check_camera(camera)
    as_nvdiffrast = backend != "cuda"
    seen = settings_for(camera, settings or _ALPHA, as_nvdiffrast, as_nvdiffrast and is_pinhole(camera))
    scene = mesh_scene(camera, mesh, lighting, custom_materials, custom_material_assignments, as_nvdiffrast, seen)
    return _pictures(scene, extra)


def _pictures(scene: MeshScene, extra: Sequence[str]) -> dict[str, Tensor]:
    drawn, points = nearest_points(scene, [name for name in ("alpha", "depth") if name in extra])
    assert drawn.face_index is not None
    face_idx = drawn.face_index
    shaded = scene.shade(points)
    surface = shaded.surface

    def picture(values: Tensor) -> Tensor:
        return scene.picture(values, points)

    pictures = {
        "face_idx": face_idx,
        "render": picture(shaded.diffuse + shaded.specular),
        "albedo": picture(surface.albedo),
        "normals": picture(surface.normals),
        "diffuse": picture(shaded.diffuse),
        "specular": picture(shaded.specular),
    }
    for name in ("uvs", "features"):
        if (values := getattr(shaded, name)) is not None:
            pictures[name] = picture(values)
    if drawn.alpha is not None:
        pictures["alpha"] = drawn.alpha[..., None]
    if drawn.depth is not None:
        pictures["depth"] = drawn.depth[..., None]
    if "normals_camera" in extra:
        rotation = scene.rays.view[:, :3, :3]
        which = points.image if rotation.shape[0] > 1 else torch.zeros_like(points.image)
        turned = rotation.index_select(0, which)
        pictures["normals_camera"] = picture((turned @ surface.normals[:, :, None])[:, :, 0])
    return pictures
