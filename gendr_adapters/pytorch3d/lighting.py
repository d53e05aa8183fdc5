"""PyTorch3D's lights and materials on points of any layout, and vertex normals whose gradients repeat bit for bit."""

from typing import Any

import torch
from torch import Tensor

from ..render import gather_corners


def illuminate(points: Tensor, normals: Tensor, lights: Any, cameras: Any, materials: Any) -> tuple[Tensor, Tensor]:
    """What a surface multiplies its own colour by (ambient and diffuse light), and what it adds to it (specular light).

    Phong's reflection model with PyTorch3D's lights: (ambient + diffuse) texel + specular. points, normals: (N, ..., 3)
    in world space, or (P, 3) with properties gathered for each of the P. Colours of batch size N, of lights and
    materials, broadcast along the first axis, whatever is behind it: PyTorch3D's own function multiplies a material's
    (N, 3) with (N, H, W, K, 3) as they are, which is right for N = 1 alone.
    """

    def spread(colours: Tensor) -> Tensor:
        return colours.view(colours.shape[0], *[1] * (points.dim() - 2), colours.shape[-1])

    diffuse = lights.diffuse(normals=normals, points=points)
    specular = lights.specular(
        normals=normals, points=points, camera_position=cameras.get_camera_center(), shininess=materials.shininess
    )
    ambient = materials.ambient_color * lights.ambient_color
    return spread(ambient) + spread(materials.diffuse_color) * diffuse, spread(materials.specular_color) * specular


def gathered(properties: Any, index: Tensor) -> Any:
    """Lights, materials or cameras with their batch entries picked by index; what has batch size 1 stays."""
    return properties.clone().gather_props(index)


def vertex_normals(meshes: Any) -> Tensor:
    """(V, 3) unit normals, packed: the meshes' own where they have them, else PyTorch3D's mean of the faces' normals,
    weighted by area."""
    if meshes.has_verts_normals():
        return meshes.verts_normals_packed()  # type: ignore[no-any-return]
    verts, faces = meshes.verts_packed(), meshes.faces_packed()
    corners = face_cross_products(meshes)[:, None].expand(-1, 3, 3)
    sums = torch.ops.gendr_adapters.scatter_corners(corners[None], faces, verts.shape[0])[0]
    return torch.nn.functional.normalize(sums, eps=1e-6, dim=1)


def face_cross_products(meshes: Any) -> Tensor:
    """(F, 3): the faces' normals, of twice their areas' length."""
    a, b, c = gather_corners(meshes.verts_packed(), meshes.faces_packed()).unbind(1)
    return torch.linalg.cross(b - a, c - a)


def lit_vertices(meshes: Any, lights: Any, cameras: Any, materials: Any) -> Tensor:
    """(V, 3): the colours of a mesh's vertices under the lights, for Gouraud shading."""
    if len(meshes) > 1:
        index = meshes.verts_packed_to_mesh_idx()
        lights, cameras, materials = (gathered(x, index) for x in (lights, cameras, materials))
    light, specular = illuminate(meshes.verts_packed(), vertex_normals(meshes), lights, cameras, materials)
    return meshes.textures.verts_features_packed() * light + specular  # type: ignore[no-any-return]
